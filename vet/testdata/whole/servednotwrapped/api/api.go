// Package api serves the handler that it gets.
package api

import "net/http"

func Serve(h http.Handler) error {
	return http.ListenAndServe(":80", h) // whole `GT201: http.ListenAndServe`
}

func Run(h http.Handler) error {
	s := &http.Server{Addr: ":80", Handler: h} // whole `GT201: http.Server`
	return s.ListenAndServe()
}
