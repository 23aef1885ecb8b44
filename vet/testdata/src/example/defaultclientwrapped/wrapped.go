// Package defaultclientwrapped wraps http.DefaultClient in place.
package defaultclientwrapped

import (
	"net/http"

	"github.com/gaptrace/gaptrace/contrib/nethttp"
)

func init() {
	http.DefaultClient.Transport = nethttp.Wrap(nil)
}

func do(r *http.Request) {
	http.DefaultClient.Do(r)
	http.Get("http://example.com")
}
