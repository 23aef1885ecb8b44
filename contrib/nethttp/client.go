package nethttp

import (
	"maps"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/opentracing/opentracing-go"
)

const component = "net/http"

// Wrap returns a RoundTripper that does what rt does and draws each request as a span under the
// span of the request's context. A nil rt is http.DefaultTransport. The request goes out with
// the span's context in its headers, on a copy: the caller's request is not touched.
//
// CloseIdleConnections reaches rt, and Unwrap() http.RoundTripper returns it. Of an rt that Wrap returned
// the options are replaced: a request is one span.
func Wrap(rt http.RoundTripper, opts ...gaptrace.Option) http.RoundTripper {
	if rt == nil {
		rt = http.DefaultTransport
	}
	if wrapped, ok := rt.(*transport); ok {
		rt = wrapped.next
	}
	return &transport{spanutil.New(opts), rt}
}

// WrapClient returns a copy of c whose transport is wrapped, as by [Wrap]. The argument is not
// touched; a nil c is http.DefaultClient. A redirect is a request, and a span, of its own.
func WrapClient(c *http.Client, opts ...gaptrace.Option) *http.Client {
	if c == nil {
		c = http.DefaultClient
	}
	wrapped := *c
	wrapped.Transport = Wrap(c.Transport, opts...)
	return &wrapped
}

type transport struct {
	*spanutil.Wrapper
	next http.RoundTripper
}

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if !t.Wants(ctx) { // no parent
		return t.next.RoundTrip(req)
	}
	call := t.Send(ctx, gaptrace.Call{Component: component, Operation: operation(req.Method), Request: req})
	if call == nil { // filtered out
		return t.next.RoundTrip(req)
	}
	describe(call, req)
	sent := req.WithContext(call.Open(ctx)) // a RoundTripper must not touch the caller's request, nor its headers
	sent.Header = maps.Clone(req.Header)    // carrier replaces values and never extends one
	if sent.Header == nil {
		sent.Header = http.Header{}
	}
	call.Inject(opentracing.HTTPHeaders, carrier(sent.Header))
	if t.Phases && call.Sampled() {
		sent = withPhases(sent, call)
	}

	returned := false
	defer call.Unwound(&returned)
	resp, err := t.next.RoundTrip(sent)
	returned = true

	if resp == nil {
		call.Finish(err)
		return resp, err
	}
	call.Tag("http.status_code", resp.StatusCode)
	failure := err // where there is one it is against the interface's contract; both are the caller's to see
	if err == nil && resp.StatusCode >= 500 {
		failure = StatusError(resp.StatusCode)
	}
	switch {
	case err != nil,
		resp.StatusCode == http.StatusSwitchingProtocols, // what comes now is another protocol's traffic, both ways
		bodiless(req.Method, resp.StatusCode),            // not everybody's empty body is http.NoBody
		resp.Body == nil, resp.Body == http.NoBody:
		call.Finish(failure)
	default:
		resp = spanutil.Response(call, resp)
		call.Fail(failure) // behind the wait: WithExpected is asked about it
	}
	resp.Request = asAsked(resp.Request, sent, req)
	return resp, err
}

// asAsked is a response's request without what was added to it. Over HTTP/2 net/http may answer with a copy.
func asAsked(answered, sent, req *http.Request) *http.Request {
	switch {
	case answered == sent:
		return req
	case answered == nil || reflect.ValueOf(answered.Header).Pointer() != reflect.ValueOf(sent.Header).Pointer():
		return answered // the wrapped transport's own affair
	}
	answered = answered.WithContext(req.Context())
	answered.Header = req.Header
	return answered
}

// bodiless reports whether HTTP knows of no body there (RFC 9110, 6.4.1).
func bodiless(method string, status int) bool {
	return method == http.MethodHead || status == http.StatusNoContent || status == http.StatusNotModified
}

// CloseIdleConnections does what it does on the wrapped transport: http.Client looks for it.
func (t *transport) CloseIdleConnections() {
	if next, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		next.CloseIdleConnections()
	}
}

// Unwrap returns the wrapped transport.
func (t *transport) Unwrap() http.RoundTripper { return t.next }

// describe sets the tags that are known of a request before it is answered.
func describe(call *spanutil.Call, req *http.Request) {
	if !call.Sampled() {
		return
	}
	method := req.Method
	if method == "" {
		method = http.MethodGet
	}
	call.Tag("http.method", method)
	call.Tag("http.url", spanutil.URL(req.URL))
	if req.URL != nil {
		host := req.URL.Hostname()
		tagPeer(call, host[strings.LastIndexByte(host, '@')+1:], req.URL.Port())
	}
}

func tagPeer(call *spanutil.Call, hostname, port string) {
	if hostname != "" {
		call.Tag("peer.hostname", hostname)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err == nil {
		call.Tag("peer.port", uint16(n))
	}
}
