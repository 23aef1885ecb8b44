// Package query asks servers for traces: Jaeger by its old API and its API v3, Zipkin, Tempo, and a
// program's own /debug/gaps/. It finds out by itself which one a URL leads to:
//
//	URL → its path, such as /api/v3/… or /debug/gaps/ → a Server
//	    → otherwise a request for each kind, until one is answered as this kind does → a Server
package query
