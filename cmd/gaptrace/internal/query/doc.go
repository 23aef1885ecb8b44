// Package query asks servers for traces: Jaeger by its old API and its API v3, Zipkin, Tempo, and a
// program's own /debug/gaps/. It detects the kind of server that a URL leads to:
//
//	URL → its path, such as /api/v3/… or /debug/gaps/ → a Server
//	    → otherwise a request for each kind, until a server of that kind answers → a Server
//
// It also reads the spans that Jaeger stores in Elasticsearch, by slices.
package query
