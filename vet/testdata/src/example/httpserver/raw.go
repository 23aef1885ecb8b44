package httpserver

import (
	"net"
	"net/http"
)

func functions(l net.Listener, h http.Handler) {
	http.ListenAndServe(":80", h)                    // want `GT201: http.ListenAndServe: the handler is not wrapped; wrap it with nethttp.WrapHandler`
	http.ListenAndServe(":80", nil)                  // want `GT201: .*; wrap it with nethttp.WrapHandler`
	http.ListenAndServeTLS(":443", "cert", "key", h) // want `GT201: http.ListenAndServeTLS: .*; wrap it with nethttp.WrapHandler`
	http.Serve(l, h)                                 // want `GT201: http.Serve: .*; wrap it with nethttp.WrapHandler`
	http.ServeTLS(l, h, "cert", "key")               // want `GT201: http.ServeTLS: .*; wrap it with nethttp.WrapHandler`
}

func mux() {
	m := http.NewServeMux()
	m.HandleFunc("/", func(http.ResponseWriter, *http.Request) {})
	http.ListenAndServe(":80", m) // want `GT201: .*; wrap it with nethttp.WrapHandler`
}

func handlerFunc() {
	http.ListenAndServe(":80", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})) // want `GT201: .*; wrap it with nethttp.WrapHandler`
}

func server(h http.Handler) {
	s := &http.Server{Addr: ":80", Handler: h} // want `GT201: http.Server: .*; wrap its Handler with nethttp.WrapHandler`
	s.ListenAndServe()
}

func serverWithoutHandler() {
	s := &http.Server{Addr: ":80"} // want `GT201: .*; set its Handler to nethttp.WrapHandler\(nil\)`
	s.ListenAndServe()
}

func serverValue(h http.Handler) {
	s := http.Server{Handler: h} // want `GT201: .*; wrap its Handler with nethttp.WrapHandler`
	s.ListenAndServe()
}

func serverVariable() {
	var s http.Server // want `GT201: s: .*; set its Handler to nethttp.WrapHandler\(nil\)`
	s.ListenAndServe()
}

func handlerSetLater(h http.Handler) {
	s := &http.Server{}
	s.Handler = h // want `GT201: .*; wrap the Handler that is assigned to it with nethttp.WrapHandler`
	s.ListenAndServe()
}
