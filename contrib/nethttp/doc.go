// Package nethttp records the requests of net/http, client and server, as OpenTracing spans.
//
//	client := nethttp.WrapClient(http.DefaultClient) // or nethttp.Wrap(transport)
//	server := &http.Server{Handler: nethttp.WrapHandler(mux)}
//
// The functions [Get], [Head], [Post] and [PostForm] take a context, unlike those of net/http. They
// record requests of clients that are not wrapped, too:
//
//	resp, err := nethttp.Get(ctx, http.DefaultClient, "http://stock:8080/items/7")
//
// The tracer is the global one, unless gaptrace.WithTracer gives another. A client's request is
// recorded if its context carries a span, or with gaptrace.WithRoots. So in a handler, pass the
// context of its request to http.NewRequestWithContext. The client sends the span's context in the
// request's headers, so that the server's span becomes a child of the client's.
//
// # Spans
//
// A client's spans cover exactly the time in which its caller was blocked. A server's span covers
// the handler. What none of its children covers is the handler's self time.
//
//	client  |---HTTP GET---|          |-HTTP GET wait-|
//	         until RoundTrip           until Read or Close
//	         has returned              of the body has returned
//
//	server  |------------------HTTP POST /orders------------------|
//	            |-HTTP POST read-|          |-HTTP POST write-|
//	             the request's body          the client reads slowly
//	             comes slowly
//
// The spans are:
//
//	span             covers
//	HTTP GET         client: RoundTrip, with the wait for a connection, DNS, dial and TLS
//	HTTP GET wait    client: a Read or Close of the response's body that blocked
//	HTTP GET         server: the handler
//	HTTP POST read   server: the handler's waits for the request's body
//	HTTP GET write   server: the handler's waits for a client that reads slowly
//
// If a handler waits several times, the later spans are named "HTTP POST read wait" and so on.
//
// A server's span is named "HTTP GET /books/{id}" if an http.ServeMux has matched a pattern. A
// method that net/http does not define is named "HTTP OTHER". A redirect is a request of its own.
//
// # Tags
//
//	tag                 value
//	component           net/http
//	span.kind           client or server
//	http.method         the request's method
//	http.url            without userinfo and fragment; secrets read "hidden"
//	http.status_code    the response's status
//	peer.hostname       client: the URL's host; server: the client's address
//	peer.port           client: the URL's port, if it has one; server: the client's port
//	bytes               client: read of the response's body; server's waits: read or written
//	guid:x-request-id   server: the request's X-Request-Id, if it has one
//	request_size        server: bytes of the request's body that the handler read
//	response_size       server: bytes of the response's body that the handler wrote
//	client_gone         server: true if the client left before it had the whole response
//	error               true if the request failed
//	wait.*, abandoned   see package gaptrace
//
// Other headers are only recorded with gaptrace.WithHeaders, and bodies never. docs/secrets.md says
// which parts of a URL are redacted.
//
// # More
//
// docs/nethttp.md says which requests fail, and describes phases and the few differences between a
// wrapped and a raw client or server. docs/options.md lists what each option does here. The Request
// of a gaptrace.Call is the *http.Request that the wrapper was given.
package nethttp
