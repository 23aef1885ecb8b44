//go:build gaptrace_woven

package nethttp

import (
	"net/http"

	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/options"
)

// The wrappers of contrib/nethttp.
type (
	transport interface {
		RoundTripThrough(next http.RoundTripper, req *http.Request) (*http.Response, error)
	}
	handler interface {
		ServeThrough(next http.Handler, w http.ResponseWriter, req *http.Request)
	}
)

// One wrapper records for all transports, and one for all servers: a wrapper for each request would
// allocate.
func init() {
	http.GaptraceRoundTrip = nethttp.Wrap(nil, options.Woven).(transport).RoundTripThrough

	server := nethttp.WrapHandler(nil, options.Woven).(handler)
	http.GaptraceServe = func(h, next http.Handler, w http.ResponseWriter, req *http.Request) {
		if _, byHand := h.(handler); byHand {
			next.ServeHTTP(w, req)
			return
		}
		server.ServeThrough(next, w, req)
	}
}
