package nethttp

import (
	"cmp"
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

// Wrap returns a new RoundTripper that sends requests through rt and records each as a span. The
// parent is the span in the request's context. A nil rt means http.DefaultTransport.
//
// The wrapper sends a copy of the request, with the span's context in the headers. The caller's
// request is not changed. If rt was returned by Wrap, its options are replaced by opts, and a
// request is still recorded once.
//
// The result has CloseIdleConnections if rt has it. Its methods Unwrap and WrappedRoundTripper
// return rt; Kubernetes' libraries find a transport's TLS configuration by the latter.
func Wrap(rt http.RoundTripper, opts ...gaptrace.Option) http.RoundTripper {
	if rt == nil {
		rt = http.DefaultTransport
	}
	if ours, ok := rt.(interface{ unwrapOurs() http.RoundTripper }); ok {
		rt = ours.unwrapOurs()
	}
	t := &transport{spanutil.NewClient(component, opts), rt}
	if c, ok := rt.(idleCloser); ok {
		return &idleTransport{t, c}
	}
	return t
}

// WrapClient returns a copy of c whose transport is wrapped by [Wrap]. It does not change c. A nil
// c means http.DefaultClient. Each redirect is a request, and a span, of its own.
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

// idleTransport adds CloseIdleConnections, for a wrapped transport that has it. Some code unwraps
// transports until it finds the method, so a transport must not have one that does nothing.
type idleTransport struct {
	*transport
	idleCloser
}

type idleCloser interface{ CloseIdleConnections() }

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	return t.RoundTripThrough(t.next, req)
}

// RoundTripThrough is RoundTrip with another transport. Package weave/nethttp calls it, so that all
// transports of a program share one wrapper.
func (t *transport) RoundTripThrough(next http.RoundTripper, req *http.Request) (*http.Response, error) {
	if req == nil { // for the wrapped transport to refuse
		return next.RoundTrip(req)
	}
	ctx := req.Context()
	call := t.wrapper.Start(ctx, spanutil.Injected, func() gaptrace.Call {
		return gaptrace.Call{Component: component, Operation: routed(ctx, operation(req.Method)), Request: req}
	})
	if call == nil {
		return t.unrecorded(next, req)
	}
	defer call.Unwound()
	tagRequest(call, req, t.wrapper.Options.Headers)
	// A copy, with its own Header, since a RoundTripper must not change the caller's request.
	sent := req.WithContext(call.Open(ctx))
	if req.Header != nil { // net/http refuses a request with nil, and so does the wrapper
		sent.Header = maps.Clone(req.Header) // a shallow copy: carrier never changes a value in place
		call.Inject(opentracing.HTTPHeaders, carrier(sent.Header))
	}
	if t.wrapper.Options.Phases && call.Sampled() {
		sent = withPhases(sent, call)
	}

	resp, err := next.RoundTrip(sent)
	if resp == nil {
		call.Finish(err)
		return resp, err
	}
	tagResponse(call, resp, t.wrapper.Options.Headers)
	switch {
	case err != nil: // a response with an error breaks the contract; the caller gets both
		call.Finish(err)
	case resp.StatusCode == http.StatusSwitchingProtocols, // the body is a connection of another protocol
		bodiless(req.Method, resp.StatusCode), // other transports' empty bodies are not http.NoBody
		resp.Body == nil, resp.Body == http.NoBody:
		call.Finish(failureOf(call, resp.StatusCode))
	default:
		resp = spanutil.WatchResponse(call, resp, nil)
		call.Fail(failureOf(call, resp.StatusCode)) // after the wait, since it calls hooks
	}
	resp.Request = originalRequest(resp.Request, sent, req)
	return resp, err
}

// unrecorded sends a request that has no span.
func (t *transport) unrecorded(next http.RoundTripper, req *http.Request) (*http.Response, error) {
	ctx, differs := t.wrapper.Unrecorded(req.Context())
	if !differs {
		return next.RoundTrip(req)
	}
	sent := req.WithContext(ctx)
	resp, err := next.RoundTrip(sent)
	if resp != nil {
		resp.Request = originalRequest(resp.Request, sent, req)
	}
	return resp, err
}

// originalRequest returns the Request of the caller's response. got is that of the wrapped
// transport's response: sent, a copy of it (net/http over HTTP/2), or another request, which stays.
// The changes that were made to original for sending it are undone.
func originalRequest(got, sent, original *http.Request) *http.Request {
	switch {
	case got == sent:
		return original
	case got == nil || sent.Header == nil || !sameHeader(got.Header, sent.Header):
		return got
	}
	got = got.WithContext(original.Context())
	got.Header = original.Header
	return got
}

// sameHeader reports whether a and b are the same map, not only equal ones.
func sameHeader(a, b http.Header) bool {
	return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
}

// bodiless reports whether a response cannot have a body (RFC 9110, 6.4.1).
func bodiless(method string, status int) bool {
	return method == http.MethodHead || status == http.StatusNoContent || status == http.StatusNotModified
}

// Unwrap returns the wrapped transport.
func (t *transport) Unwrap() http.RoundTripper { return t.next }

// WrappedRoundTripper returns the wrapped transport, under the name that Kubernetes' libraries use.
func (t *transport) WrappedRoundTripper() http.RoundTripper { return t.next }

// unwrapOurs is Unwrap for Wrap. Wrappers of other packages may have the exported methods.
func (t *transport) unwrapOurs() http.RoundTripper { return t.next }

// methods and hosts are values of the tags http.method and peer.hostname.
var methods, hosts spanutil.Texts

// tagRequest sets the tags that are known before the response.
func tagRequest(call *spanutil.Call, req *http.Request, headers []string) {
	if !call.Sampled() {
		return
	}
	if route := routeIn(req.Context()); route != "" {
		call.Tag("http.route", route)
	}
	tagHeaders(call, "http.request.header.", req.Header, headers)
	call.TagText("http.method", methods.Text(cmp.Or(req.Method, http.MethodGet)))
	call.Tag("http.url", redact.URL(req.URL))
	if req.URL != nil {
		host := req.URL.Hostname()
		if host = host[strings.LastIndexByte(host, '@')+1:]; host != "" {
			call.TagText("peer.hostname", hosts.Text(host))
		}
		tagPort(call, req.URL.Port())
	}
}

func tagResponse(call *spanutil.Call, resp *http.Response, headers []string) {
	call.Tag("http.status_code", resp.StatusCode)
	tagHeaders(call, "http.response.header.", resp.Header, headers)
}

func tagPort(call *spanutil.Call, port string) {
	if n, err := strconv.ParseUint(port, 10, 16); err == nil {
		call.Tag("peer.port", uint16(n))
	}
}
