package nethttp

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/redact"
	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/opentracing/opentracing-go"
)

// WrapHandler returns a new handler that calls h and records each request as a server's span. The
// span is a child of the client's span that the request's headers name. Without such headers it
// starts a trace. The request's context carries the span. A nil h means http.DefaultServeMux.
//
// While h waits for a slow client, to read the request's body or to write the response, a child of
// the span covers the wait. If h was returned by WrapHandler, opts replace its options.
//
// If h was made by golang.org/x/net/http2/h2c, WrapHandler returns a copy of h whose inner handler
// is wrapped, since only the inner handler sees the requests on an HTTP/2 connection.
func WrapHandler(h http.Handler, opts ...gaptrace.Option) http.Handler {
	if h == nil {
		h = http.DefaultServeMux
	}
	if withInner, inner := h2cHandler(h); inner != nil {
		return withInner(WrapHandler(inner, opts...))
	}
	if ours, ok := h.(*handler); ok {
		h = ours.next
	}
	return &handler{spanutil.NewServer(opts), h}
}

type handler struct {
	wrapper *spanutil.Wrapper
	next    http.Handler
}

// exchange is a request and its response.
type exchange struct {
	req           *http.Request  // as the server passed it
	call          *spanutil.Call // the server's span
	reads, writes *spanutil.Call // the handler's waits
	body          *requestBody   // nil if there is none
	writer        textWriter     // the handler's

	headers  []string // of WithHeaders
	status   int      // 0 until the response's status is known
	hijacked bool     // the handler has taken the connection over
	lost     bool     // a write failed because the connection is gone
}

func (h *handler) ServeHTTP(w http.ResponseWriter, req *http.Request) { h.ServeThrough(h.next, w, req) }

// ServeThrough is ServeHTTP with another handler. Package weave/nethttp calls it, so that all
// servers of a program share one wrapper.
func (h *handler) ServeThrough(next http.Handler, w http.ResponseWriter, req *http.Request) {
	if w == nil || req == nil || isPreface(req) {
		next.ServeHTTP(w, req)
		return
	}
	name := operation(req.Method)
	call := h.wrapper.Serve(req.Context(), gaptrace.Call{Component: component, Operation: name, Request: req},
		opentracing.HTTPHeaders, opentracing.HTTPHeadersCarrier(req.Header))
	if call == nil { // not recorded
		next.ServeHTTP(w, req)
		return
	}
	sampled := call.MaySample()
	if sampled {
		tagServed(call, req)
		tagHeaders(call, "http.request.header.", req.Header, h.wrapper.Options.Headers)
	}
	served := req.WithContext(call.Open(req.Context()))
	body := newBody(req, served)
	if !sampled { // the span is not kept, but its context reaches the calls of h
		defer call.Finish(nil)
		defer copyBack(req, served, body)
		if !ofNetHTTP(w) { // its shape may lack methods, which must not depend on sampling
			x := &exchange{req: req, call: call}
			w = x.wrap(&x.writer, w)
		}
		next.ServeHTTP(w, served)
		return
	}
	x := &exchange{
		req: req, call: call, body: body, writes: call.Writes(spanutil.Bytes), headers: h.wrapper.Options.Headers,
	}
	if body != nil {
		x.reads = call.Reads(spanutil.Bytes)
		body.ReadCloser = spanutil.WatchReader(x.reads, body.original)
		body.x = x
	}
	wrapped := x.wrap(&x.writer, w)

	spanutil.RunHandler(func() { next.ServeHTTP(wrapped, served) }, func(returned bool, failure any) {
		call.Served()
		copyBack(req, served, body) // before Rename, whose hook may look at the request's pattern
		defer x.finish()            // deferred, as below, since hooks may call Goexit
		if path := patternPath(served.Pattern); path != "" {
			call.Rename(name + " " + path)
		}
		switch {
		case failure != nil && failure != http.ErrAbortHandler:
			call.Fail(spanutil.PanicError(failure))
		case failure == nil && !returned: // runtime.Goexit
			call.Fail(spanutil.ErrUnwound)
		case returned && x.status == 0 && !x.hijacked:
			x.status = http.StatusOK // net/http sends it for a handler that wrote nothing
			x.tagResponseHeaders()
		}
	})
}

// finish reports the span, which has ended, and the handler's waits.
func (x *exchange) finish() {
	defer x.call.Finish(nil)
	defer x.describe()
	defer x.writes.Finish(nil)
	x.reads.Finish(nil)
}

// describe tags the span of a handler that has returned.
func (x *exchange) describe() {
	if x.status != 0 {
		x.call.Tag("http.status_code", x.status)
		x.call.Fail(failureOf(x.call, x.status))
	}
	tagSize(x.call, "request_size", x.reads)
	if x.req.Method != http.MethodHead { // whose body net/http does not send
		tagSize(x.call, "response_size", x.writes)
	}
	// While the handler runs, net/http cancels the context only if the connection is lost or no
	// longer read. A client that has the whole response may close the connection, so this means
	// nothing if the handler has written everything.
	if (x.lost || x.req.Context().Err() == context.Canceled) && !x.complete() {
		x.call.Tag("client_gone", true)
	}
}

// tagResponseHeaders records those headers of the response that WithHeaders lists. It is called
// when they are written: what the handler adds to them later is not sent.
func (x *exchange) tagResponseHeaders() {
	if len(x.headers) > 0 {
		tagHeaders(x.call, "http.response.header.", x.writer.inner.Header(), x.headers)
	}
}

// complete reports whether the response has no body, or the handler has written all that its
// Content-Length announces.
func (x *exchange) complete() bool {
	if x.status != 0 && bodiless(x.req.Method, x.status) {
		return true
	}
	length, err := strconv.ParseInt(x.writer.inner.Header().Get("Content-Length"), 10, 64)
	return err == nil && x.writes.Amount() >= length
}

// handlerErrors are errors of a write that do not mean that the client is gone.
var handlerErrors = []error{
	http.ErrBodyNotAllowed, http.ErrContentLength, http.ErrHandlerTimeout, http.ErrHijacked, errors.ErrUnsupported,
}

// endWrite ends a wait for the client, in which n bytes were written. err fails the " write" span.
func (x *exchange) endWrite(n int64, err error) {
	x.writes.Leave(n)
	x.writes.Fail(err)
	if err != nil && !slices.ContainsFunc(handlerErrors, func(target error) bool { return errors.Is(err, target) }) {
		x.lost = true
	}
}

func tagServed(call *spanutil.Call, req *http.Request) {
	call.TagText("http.method", methods.Text(req.Method))
	u := requestURL(req)
	call.Tag("http.url", redact.URL(&u))
	if host, port, err := net.SplitHostPort(req.RemoteAddr); err == nil {
		if host != "" {
			call.Tag("peer.hostname", host)
		}
		tagPort(call, port)
	}
	if id := req.Header.Get("X-Request-Id"); id != "" {
		call.Tag("guid:x-request-id", id) // Envoy's name, so that one search finds its spans and ours
	}
}

// tagSize sets key to the number of bytes that were read or written, unless it is 0.
func tagSize(call *spanutil.Call, key string, waits *spanutil.Call) {
	if n := waits.Amount(); n > 0 {
		call.Tag(key, n)
	}
}

// requestURL returns the absolute URL of a request that is served.
func requestURL(req *http.Request) url.URL {
	var u url.URL
	if req.URL != nil {
		u = *req.URL
	}
	u.Host = req.Host
	u.Scheme = "http"
	if req.TLS != nil {
		u.Scheme = "https"
	}
	return u
}

// patternPath returns a ServeMux pattern, "[METHOD ][HOST]/[PATH]", without the method.
func patternPath(pattern string) string {
	if _, path, ok := strings.Cut(pattern, " "); ok {
		return strings.TrimLeft(path, " \t")
	}
	return pattern
}
