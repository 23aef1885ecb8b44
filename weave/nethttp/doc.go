// Package nethttp records the HTTP requests of a program that gaptrace build has built, as package
// contrib/nethttp does. It covers every request that an http.Server serves or an http.Transport
// sends. A client or handler that is also wrapped by hand is recorded by that wrapper alone.
package nethttp
