package httpclient

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/gaptrace/gaptrace/contrib/nethttp"
)

func functions(ctx context.Context) {
	http.Get("http://example.com")                                       // want `GT101: http.Get: .*; use nethttp.Get`
	http.Head("http://example.com")                                      // want `GT101: http.Head: .*; use nethttp.Head`
	http.Post("http://example.com", "text/plain", strings.NewReader("")) // want `GT101: http.Post: .*; use nethttp.Post`
	http.PostForm("http://example.com", url.Values{})                    // want `GT101: http.PostForm: .*; use nethttp.PostForm`
}

func noContext() {
	http.Get("http://example.com") // want `GT101: http.Get: its calls are not wrapped; take a context as a parameter, and use nethttp.Get`
}

func methods(ctx context.Context, c *http.Client, s *service) {
	c.Get("http://example.com")                                       // want `GT101: c.Get: the call has no context; use nethttp.Get`
	c.Head("http://example.com")                                      // want `GT101: c.Head: .*; use nethttp.Head`
	c.Post("http://example.com", "text/plain", strings.NewReader("")) // want `GT101: c.Post: .*; use nethttp.Post`
	c.PostForm("http://example.com", nil)                             // want `GT101: c.PostForm: .*; use nethttp.PostForm`
	s.client.Get("http://example.com")                                // want `GT101: s.client.Get: .*; use nethttp.Get`
}

func inHandler(w http.ResponseWriter, r *http.Request) {
	http.Get("http://example.com") // want `GT101: .*; use nethttp.Get`
}

type api struct{ *http.Client }

type httpClient = http.Client

type value struct{ httpClient } // want `GT101: httpClient: .*; set its Transport to nethttp.Wrap\(nil\)`

func embedded(ctx context.Context, a *api, v *value) {
	a.Get("http://example.com")        // want `GT101: a.Get: .*; use nethttp.Get`
	a.Client.Get("http://example.com") // want `GT101: a.Client.Get: .*; use nethttp.Get`
	v.Get("http://example.com")        // want `GT101: v.Get: .*; use nethttp.Get`
}

func newClient() *http.Client { return nethttp.WrapClient(nil) }

func ofResult(ctx context.Context) {
	newClient().Get("http://example.com") // want `GT101: newClient\(\).Get: .*; use nethttp.Get`
}
