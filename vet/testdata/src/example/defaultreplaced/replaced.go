// Package defaultreplaced replaces the default client of net/http by a wrapped one.
package defaultreplaced

import (
	"context"
	"net/http"

	"github.com/gaptrace/gaptrace/contrib/nethttp"
)

func setUp() { http.DefaultClient = nethttp.WrapClient(http.DefaultClient) }

func call(r *http.Request) { http.DefaultClient.Do(r) }

func get() { http.Get("http://example.com") }

func getWithContext(ctx context.Context, c *http.Client) {
	c.Get("http://example.com") // want `GT101: c.Get: the call has no context`
}
