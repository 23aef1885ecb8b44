// Package nethttp draws the requests of net/http, client and server, as OpenTracing spans. A
// client's spans cover exactly the time its caller was blocked, reading the body included; a
// server's span is the frame in which the gaps are the handler's own time.
//
//	client := nethttp.WrapClient(http.DefaultClient)        // or nethttp.Wrap(transport)
//	server := &http.Server{Handler: nethttp.WrapHandler(mux)}
//
// # Spans
//
//	span              what it covers
//	HTTP GET          client: from RoundTrip until it returned: waiting for a connection, DNS,
//	                  dial, TLS, sending the request, waiting for the answer's headers
//	HTTP GET wait     client: a later wait, in the body's Read or Close
//	HTTP GET          server: the handler; "HTTP GET /books/{id}" where http.ServeMux matched a pattern
//	HTTP POST read    server: the handler blocked on the request's body
//	HTTP GET write    server: the handler blocked writing the response
//
// Methods that are not standard are named "HTTP OTHER". A redirect is a request of its own.
//
// # Tags
//
//	component             net/http
//	span.kind             client or server
//	http.method           as sent
//	http.url              without userinfo and fragment; "hidden" stands for the values of keys that
//	                      name secrets (token, password, key, signature and the like), and for
//	                      segments of the path after such a word: docs/secrets.md
//	http.status_code      the answer's; informational answers are not the answer
//	peer.hostname, .port  client: as in the URL; server: the client's address
//	guid:x-request-id     server: the request's X-Request-Id, where it has one
//	request_size          server: bytes of the request's body that the handler read; Envoy's name
//	response_size         server: bytes of the response's body that the handler wrote, but for HEAD; Envoy's name
//	client_gone           server: true if the connection was lost, or the request's context cancelled, while
//	                      the handler ran and before it had written all that its Content-Length
//	                      announces: the client hung up or will send no more, or was slower than a
//	                      deadline allows, or the server is being stopped. It is no failure.
//	bytes                 of the response's body (client), of what was read or written (server's waits)
//	wait.*, abandoned     see package gaptrace
//
// Headers and bodies are never recorded.
//
// # Failures
//
// A failure is an error of RoundTrip or of reading the body, a status of 500 or above (as a
// [StatusError]), and a panic of a handler, unless it is http.ErrAbortHandler. An answer of 4xx is none. Where the client
// fails to send or to take what the handler reads or writes, the span of that wait has the error.
// The Request of a gaptrace.Call is the *http.Request, as the wrapper was given it.
//
// # Phases
//
// With gaptrace.WithPhases a client's span logs dns_start, dns_done, connect_start, connect_done,
// tls_start, tls_done, got_conn, wrote_request and first_byte. What net/http tells when the call's first wait is over,
// as of a dial that lost against a connection which became idle, is not logged.
//
// # Limits of the client
//
// The response of a recorded call is a copy of the wrapped transport's. The copy lets a body that
// is never closed become garbage, which reports the call. Its body has only Read and Close, except
// after 101 Switching Protocols.
//
// Configure a transport first and wrap it last: code that sets a CA bundle, a proxy or HTTP/2 on a
// client often accepts only an *http.Transport. Kubernetes' libraries reach the wrapped transport
// by WrappedRoundTripper; other code can call Unwrap.
//
// Cancel a request through its context or its Cancel channel. The wrapper does not have the
// deprecated CancelRequest. Calling that method of the wrapped transport does nothing, since a
// recorded request is sent as a copy, which it does not find. Code that then waits for the request
// to end hangs.
//
// A request whose Header is nil gets no trace headers. net/http refuses it, and other transports
// get it with a nil Header.
//
// http.Client words a few errors, such as that of its Timeout, differently if its transport is not
// an *http.Transport. errors.Is(err, context.DeadlineExceeded) and Timeout() give the same answers.
//
// What the request's body does in its Read, while it is sent, is covered: the caller is blocked all the while. A request's
// body that is still being sent when the answer has come is nobody's wait.
//
// After 101 Switching Protocols the traffic is not seen: the time that a program waits for it looks like its own.
//
// # Limits of the server
//
// A handler's ResponseWriter has exactly those of the following that the server's writer has:
// http.Flusher, http.Hijacker, http.Pusher, http.CloseNotifier, io.ReaderFrom, io.StringWriter, and
// the methods that an http.ResponseController looks for. It cannot be asserted to the server's own
// type, nor to an interface of a middleware outside WrapHandler. If such a middleware's writer has
// an unusual set of methods, WriteString, Push and the methods for deadlines are absent, and so is
// ReadFrom if the set has FlushError; an http.ResponseController still sets deadlines, through Unwrap.
//
// An http.MaxBytesReader that meets its limit closes the connection, as it does without the
// wrapper, if the handler assigns it to the Body of its request. There are four differences:
//
//   - A MaxBytesReader in a copy of the request, such as that of http.MaxBytesHandler, closes the
//     connection only if the handler answers 400 or above once the limit is met, and through no
//     other writer than ours. It does not if its limit is one byte less than the reader's buffer.
//   - In such a copy, one whose ResponseWriter is nil closes the connection as well.
//   - One that limits what a decompressor or another reader makes of the body never closes it.
//   - Nor does one that is set after 16 small Reads of the body.
//
// WrapHandler of an h2c handler (golang.org/x/net/http2/h2c) wraps the handler inside it, so each
// request on an HTTP/2 connection is a span. If another handler is between the two, wrap the
// innermost one yourself. Otherwise HTTP/2 requests are not seen, and the span of a request that
// upgrades ends with status 101. The preface of an HTTP/2 connection draws nothing.
//
// What a writer outside of ours does in Write, such as compressing, is covered as if it were
// waiting. So put WrapHandler outside of middlewares that compress.
//
// If the request or the ResponseWriter is nil, the handler is called with it and nothing is drawn.
//
// net/http logs who calls WriteHeader superfluously. It names the handler's line. If a middleware
// outside WrapHandler has written the header, it names this package.
//
// A handler is given a copy of the request, for its context. When it returns, those outside are told what it changed: the
// pattern and path values, forms, the body, and the plain fields, but no others of a mux's own making.
//
// Deadlines are set and informational answers sent by whom they were before. After Hijack the traffic is not seen, and the
// time that a handler waits for it looks like its own. What net/http still has in its buffers when the handler returns is
// written after the span has ended.
package nethttp
