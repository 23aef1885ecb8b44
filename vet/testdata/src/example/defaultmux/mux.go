// Package defaultmux serves http.DefaultServeMux, whose handlers are wrapped.
package defaultmux

import (
	"net/http"

	"github.com/gaptrace/gaptrace/contrib/nethttp"
)

func setUp() { http.Handle("/", nethttp.WrapHandler(http.NotFoundHandler())) }

func serve() {
	http.ListenAndServe(":80", nil)
	(&http.Server{Addr: ":81"}).ListenAndServe()
}

func serveByName() { http.ListenAndServe(":80", http.DefaultServeMux) }
