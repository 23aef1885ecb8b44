package nethttp

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/gaptrace/gaptrace/internal/spanutil"
)

// Get sends a GET request with ctx, and records it as a span. It returns what client.Get returns,
// except that the end of ctx also ends the request and the reading of the response's body. A nil
// client means http.DefaultClient. A nil ctx is an error.
//
// The request is recorded even if client is not wrapped: Get sends it through a copy of client, and
// the options are the defaults. If the client's transport was returned by [Wrap], or one that it
// wraps was, the request is recorded once, with that transport's options. Wrapped transports are
// found through methods Unwrap and WrappedRoundTripper. A transport that has neither, around one
// returned by Wrap, makes two spans.
//
// Get, [Head], [Post] and [PostForm] stand for the functions and methods of net/http with these
// names. Those take no context, so their requests have no parent span. For other options, wrap the
// client with [WrapClient].
func Get(ctx context.Context, client *http.Client, url string) (*http.Response, error) {
	return send(ctx, client, http.MethodGet, url, "", nil)
}

// Head sends a HEAD request. It returns what client.Head returns, and is otherwise like [Get].
func Head(ctx context.Context, client *http.Client, url string) (*http.Response, error) {
	return send(ctx, client, http.MethodHead, url, "", nil)
}

// Post sends a POST request. It returns what client.Post returns, and is otherwise like [Get]. If
// body is an io.Closer, it is closed after the request.
func Post(ctx context.Context, client *http.Client, url, contentType string, body io.Reader) (*http.Response, error) {
	return send(ctx, client, http.MethodPost, url, contentType, body)
}

// PostForm sends a POST request whose body is data, encoded as a form. It returns what
// client.PostForm returns, and is otherwise like [Get].
func PostForm(ctx context.Context, client *http.Client, url string, data url.Values) (*http.Response, error) {
	return Post(ctx, client, url, "application/x-www-form-urlencoded", strings.NewReader(data.Encode()))
}

func send(
	ctx context.Context, client *http.Client, method, url, contentType string, body io.Reader,
) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, err
	}
	if method == http.MethodPost { // net/http sends an empty Content-Type as well
		req.Header.Set("Content-Type", contentType)
	}
	if client == nil {
		client = http.DefaultClient
	}
	rt := client.Transport
	if rt == nil {
		rt = http.DefaultTransport
	}
	if rt == nil || records(rt) {
		return client.Do(req)
	}
	c := copies.Get().(*clientCopy)
	c.client, c.transport.next = *client, rt
	c.client.Transport = &c.transport
	resp, err := c.client.Do(req)
	c.client, c.transport.next = http.Client{}, nil
	copies.Put(c)
	return resp, err
}

// records reports whether rt, or a transport that it wraps, was returned by Wrap.
func records(rt http.RoundTripper) bool {
	for range 32 { // a wrapper may return itself
		switch outer := rt.(type) {
		case interface{ unwrapOurs() http.RoundTripper }:
			return true
		case interface{ Unwrap() http.RoundTripper }:
			rt = outer.Unwrap()
		case interface {
			WrappedRoundTripper() http.RoundTripper
		}:
			rt = outer.WrappedRoundTripper()
		default:
			return false
		}
	}
	return false
}

// clientCopy is a copy of a client, with a wrapped transport. After Do has returned, nothing uses
// them: a response has no reference to its client, and a client with a Timeout only asks for the
// type of its transport.
type clientCopy struct {
	client    http.Client
	transport transport
}

// copies saves an allocation for each request. A copy that was wrapped once for each client would
// miss later changes of the client, and would have to be forgotten with it.
var copies = sync.Pool{New: func() any { return &clientCopy{transport: transport{wrapper: defaults()}} }}

// defaults returns the Wrapper of all clients that are not wrapped.
var defaults = sync.OnceValue(func() *spanutil.Wrapper { return spanutil.NewClient(component, nil) })
