// Package api serves the handler that it gets.
package api

import "net/http"

func Serve(h http.Handler) error {
	return http.ListenAndServe(":80", h)
}

// Run serves what another function of the package gets.
func Run(h http.Handler) error {
	s := &http.Server{Addr: ":80", Handler: h}
	return s.ListenAndServe()
}
