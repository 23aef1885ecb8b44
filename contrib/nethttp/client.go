package nethttp

import (
	"maps"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/redact"
	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/opentracing/opentracing-go"
)

const component = "net/http"

// Wrap returns a RoundTripper that does what rt does and draws each request as a span under the
// span of the request's context. A nil rt is http.DefaultTransport. The request goes out with
// the span's context in its headers, on a copy: the caller's request is not touched.
//
// The result's methods Unwrap and WrappedRoundTripper return rt. Kubernetes' libraries use the
// latter to find the TLS configuration and the dialer. The result has CloseIdleConnections if rt
// has it. If rt was returned by Wrap, its options are replaced: a request is one span.
func Wrap(rt http.RoundTripper, opts ...gaptrace.Option) http.RoundTripper {
	if rt == nil {
		rt = http.DefaultTransport
	}
	if wrapped, ok := rt.(interface{ wrapped() http.RoundTripper }); ok {
		rt = wrapped.wrapped()
	}
	t := &transport{spanutil.New(opts), rt}
	if c, ok := rt.(closer); ok {
		return &closing{t, c}
	}
	return t
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
	wrapper *spanutil.Wrapper
	next    http.RoundTripper
}

// closing is a transport with CloseIdleConnections. A transport has it only if the wrapped one
// does: otherwise code that searches through Unwrap would stop at ours.
type closing struct {
	*transport
	closer
}

type closer interface{ CloseIdleConnections() }

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req == nil { // the wrapped transport refuses it
		return t.next.RoundTrip(req)
	}
	ctx := req.Context()
	call := t.wrapper.Start(ctx, spanutil.Injected, func() gaptrace.Call {
		return gaptrace.Call{Component: component, Operation: operation(req.Method), Request: req}
	})
	if call == nil { // not recorded
		return t.next.RoundTrip(req)
	}
	defer call.Unwound()
	describe(call, req)
	sent := req.WithContext(call.Open(ctx)) // a RoundTripper must not touch the caller's request, nor its headers
	if req.Header != nil {                  // net/http refuses a request without a Header
		sent.Header = maps.Clone(req.Header) // carrier replaces values and never extends one
		call.Inject(opentracing.HTTPHeaders, carrier(sent.Header))
	}
	if t.wrapper.Options.Phases && call.Sampled() {
		sent = withPhases(sent, call)
	}

	resp, err := t.next.RoundTrip(sent)
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
		resp = spanutil.WatchResponse(call, resp, nil)
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
	case answered == nil || sent.Header == nil || reflect.ValueOf(answered.Header).Pointer() != reflect.ValueOf(sent.Header).Pointer():
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

// Unwrap returns the wrapped transport.
func (t *transport) Unwrap() http.RoundTripper { return t.next }

// WrappedRoundTripper returns the wrapped transport, under the name that Kubernetes' libraries use.
func (t *transport) WrappedRoundTripper() http.RoundTripper { return t.next }

func (t *transport) wrapped() http.RoundTripper { return t.next } // marks our type: others may have the methods above

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
	call.Tag("http.url", redact.URL(req.URL))
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
