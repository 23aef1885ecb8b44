// Package defaultmuxwrapped serves http.DefaultServeMux, whose handlers are wrapped.
package defaultmuxwrapped

import (
	"net/http"

	"github.com/gaptrace/gaptrace/contrib/nethttp"
)

func serve(h http.Handler) {
	http.DefaultServeMux.Handle("/", nethttp.WrapHandler(h))
	http.ListenAndServe(":80", nil)
}
