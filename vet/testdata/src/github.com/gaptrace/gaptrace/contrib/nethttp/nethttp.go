// Package nethttp has the names of the wrapper that the tests use.
package nethttp

import (
	"context"
	"io"
	"net/http"
	"net/url"

	"github.com/gaptrace/gaptrace"
)

func Wrap(rt http.RoundTripper, opts ...gaptrace.Option) http.RoundTripper { return rt }
func WrapClient(c *http.Client, opts ...gaptrace.Option) *http.Client      { return c }
func WrapHandler(h http.Handler, opts ...gaptrace.Option) http.Handler     { return h }

func Get(ctx context.Context, client *http.Client, url string) (*http.Response, error) {
	return nil, nil
}
func Head(ctx context.Context, client *http.Client, url string) (*http.Response, error) {
	return nil, nil
}
func Post(ctx context.Context, client *http.Client, url, contentType string, body io.Reader) (*http.Response, error) {
	return nil, nil
}
func PostForm(ctx context.Context, client *http.Client, url string, data url.Values) (*http.Response, error) {
	return nil, nil
}
