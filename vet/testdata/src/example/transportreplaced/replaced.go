// Package transportreplaced replaces the default transport of net/http by a wrapped one.
package transportreplaced

import (
	"net/http"

	"github.com/gaptrace/gaptrace/contrib/nethttp"
)

func setUp() { http.DefaultTransport = nethttp.Wrap(http.DefaultTransport) }

func call(r *http.Request) { http.DefaultClient.Do(r) }

func callWithout(r *http.Request) { (&http.Client{}).Do(r) }

func callWith(r *http.Request, t *http.Transport) {
	(&http.Client{Transport: t}).Do(r) // want `GT101: http.Client`
}
