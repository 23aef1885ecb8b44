package nethttp

import (
	"context"
	"io"
	"iter"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/redact"
	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/opentracing/opentracing-go"
)

// WrapHandler returns a handler that does what h does and draws each request as a server's span:
// a child of the client's, where the headers tell of one, else the start of a trace. The
// request's context carries the span. A nil h is http.DefaultServeMux.
//
// Time in which h is blocked reading a slow client's body, or writing to a slow client, is drawn as
// children of the server's span, so that it is not taken for work. If h was returned by
// WrapHandler, its options are replaced.
//
// If h was made by golang.org/x/net/http2/h2c, WrapHandler returns a copy of h whose inner handler
// is wrapped instead. h2c takes over a connection, and only the inner handler sees the requests on
// it.
func WrapHandler(h http.Handler, opts ...gaptrace.Option) http.Handler {
	if h == nil {
		h = http.DefaultServeMux
	}
	if outer, within := h2cHandler(h); within != nil {
		return outer(WrapHandler(within, opts...))
	}
	if wrapped, ok := h.(*handler); ok {
		h = wrapped.next
	}
	return &handler{spanutil.New(opts), h}
}

type handler struct {
	wrapper *spanutil.Wrapper
	next    http.Handler
}

func (h *handler) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if w == nil || req == nil || isPreface(req) {
		h.next.ServeHTTP(w, req)
		return
	}
	name := operation(req.Method)
	call := h.wrapper.Serve(req.Context(), gaptrace.Call{Component: component, Operation: name, Request: req},
		opentracing.HTTPHeaders, opentracing.HTTPHeadersCarrier(req.Header))
	if call == nil { // filtered out
		h.next.ServeHTTP(w, req)
		return
	}
	sampled := call.Sampled()
	if sampled {
		describeServed(call, req)
	}
	served := req.WithContext(call.Open(req.Context()))
	body := newBody(req, served)
	if !sampled { // the decision still reaches the calls that h makes
		defer call.Finish(nil)
		defer giveBack(req, served, body)
		if !ofNetHTTP(w) { // a shape may lack some of its methods: h must not find them in unsampled requests only
			x := &exchange{req: req, call: call}
			w = x.show(&x.first, w)
		}
		h.next.ServeHTTP(w, served)
		return
	}
	x := &exchange{req: req, call: call, body: body, writes: call.Writes(spanutil.Bytes)}
	if body != nil {
		x.reads = call.Reads(spanutil.Bytes)
		body.ReadCloser = spanutil.WatchReader(x.reads, body.original)
		body.x = x
	}
	shown := x.show(&x.first, w)

	spanutil.RunHandler(func() { h.next.ServeHTTP(shown, served) }, func(returned bool, failure any) {
		call.Served()
		giveBack(req, served, body) // its pattern, too, for the hook that names spans
		if path := patternPath(served.Pattern); path != "" {
			call.Rename(name + " " + path)
		}
		switch {
		case failure != nil && failure != http.ErrAbortHandler:
			call.Fail(spanutil.PanicError(failure))
		case failure == nil && !returned: // by runtime.Goexit
			call.Fail(spanutil.ErrUnwound)
		case returned && x.status == 0 && !x.hijacked:
			x.status = http.StatusOK // what net/http sends for a handler that wrote nothing
		}
		x.finish()
	})
}

// finish draws the request, and the handler's waits, when the frame of its span has ended.
func (x *exchange) finish() {
	x.reads.Finish(nil)
	x.writes.Finish(nil)
	if x.status != 0 {
		x.call.Tag("http.status_code", x.status)
	}
	if x.status >= 500 {
		x.call.Fail(StatusError(x.status))
	}
	tagSize(x.call, "request_size", x.reads)
	if x.req.Method != http.MethodHead { // net/http sends none of its body
		tagSize(x.call, "response_size", x.writes)
	}
	// Until the handler returns, net/http cancels the context only if the connection is lost or no
	// longer read. It does not check what the kernel still has to send. A client that has
	// everything may hang up.
	if (x.lost || x.req.Context().Err() == context.Canceled) && !x.complete() {
		x.call.Tag("client_gone", true)
	}
	x.call.Finish(nil)
}

func describeServed(call *spanutil.Call, req *http.Request) {
	call.Tag("http.method", req.Method)
	u := requestURL(req)
	call.Tag("http.url", redact.URL(&u))
	if host, port, err := net.SplitHostPort(req.RemoteAddr); err == nil {
		tagPeer(call, host, port)
	}
	if id := req.Header.Get("X-Request-Id"); id != "" {
		call.Tag("guid:x-request-id", id) // Envoy's name for it: its spans and ours are found together
	}
}

// tagSize records how much came or went, under the name that Envoy gives it on its spans.
func tagSize(call *spanutil.Call, key string, of *spanutil.Call) {
	if n := of.Amount(); n > 0 {
		call.Tag(key, n)
	}
}

// giveBack tells req what h did to the copy that it was given: a mux leaves its pattern there for
// those outside, net/http removes the files of a form that was parsed, and some handlers correct what they were told. It
// touches what has changed and no more, since others may be reading the rest.
func giveBack(req, served *http.Request, body *requestBody) {
	if body != nil {
		body.part()
	}
	if req.Pattern != served.Pattern {
		req.Pattern = served.Pattern
		for name := range wildcards(served.Pattern) {
			req.SetPathValue(name, served.PathValue(name))
		}
	}
	if served.MultipartForm != nil {
		req.MultipartForm = served.MultipartForm
	}
	if served.Form != nil {
		req.Form, req.PostForm = served.Form, served.PostForm
	}
	if b, ours := served.Body.(*requestBody); body == nil && served.Body != req.Body || body != nil && (!ours || b != body) {
		req.Body = served.Body // one that h put there
	}
	update(&req.Method, served.Method)
	update(&req.Host, served.Host)
	update(&req.RemoteAddr, served.RemoteAddr)
	update(&req.RequestURI, served.RequestURI)
	update(&req.URL, served.URL)
	update(&req.ContentLength, served.ContentLength)
	if reflect.ValueOf(req.Header).Pointer() != reflect.ValueOf(served.Header).Pointer() {
		req.Header = served.Header
	}
}

func update[T comparable](to *T, value T) {
	if *to != value {
		*to = value
	}
}

// requestBody is the body of a request that was copied.
type requestBody struct {
	io.ReadCloser // original, perhaps with its waits recorded
	original      io.ReadCloser

	x         *exchange    // nil if the request is not sampled
	refusable atomic.Bool  // a limit that cannot be read may have been exceeded
	unlimited atomic.Int32 // Reads that filled their buffer and were not a MaxBytesReader's

	mu          sync.Mutex
	req, served *http.Request // nil when the handler has returned: a goroutine that it left may read on
}

// newBody gives served its body; it returns nil where there is nothing to read.
func newBody(req, served *http.Request) *requestBody {
	if req.Body == nil || req.Body == http.NoBody {
		return nil
	}
	b := &requestBody{ReadCloser: req.Body, original: req.Body, req: req, served: served}
	served.Body = b
	return b
}

// Read hands on the trailers too: net/http sets them on the request it made.
func (b *requestBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case b.x == nil:
	case n > 0 && n == len(p):
		b.filled(p, err)
	case b.refusable.Load():
		b.refusable.Store(false)
	}
	if err == io.EOF {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.req != nil && b.req.Trailer != nil && b.served.Trailer == nil {
			b.served.Trailer = b.req.Trailer
		}
	}
	return n, err
}

func (b *requestBody) part() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.req, b.served = nil, nil
}

// requestURL is the URL as the client wrote it.
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

// patternPath is a ServeMux pattern, "[METHOD ][HOST]/[PATH]", without the method.
func patternPath(pattern string) string {
	if _, path, ok := strings.Cut(pattern, " "); ok {
		return strings.TrimLeft(path, " \t")
	}
	return pattern
}

// wildcards are the names in a ServeMux pattern, such as id in "/books/{id}".
func wildcards(pattern string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for {
			_, rest, found := strings.Cut(pattern, "{")
			if !found {
				return
			}
			name, after, _ := strings.Cut(rest, "}")
			name, _, _ = strings.Cut(name, ":") // as other muxes write it: {id:[0-9]+}
			if name = strings.TrimSuffix(name, "..."); name != "$" && !yield(name) {
				return
			}
			pattern = after
		}
	}
}
