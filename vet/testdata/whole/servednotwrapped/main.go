package main

import (
	"net/http"

	"github.com/gaptrace/gaptrace/tracer"

	"example.com/whole/servednotwrapped/api"
)

func main() {
	tracer.New("test")
	api.Serve(http.NotFoundHandler()) // modular `GT201: api.Serve: the handler is not wrapped; wrap it with nethttp.WrapHandler`
	h := http.NewServeMux()
	api.Run(h) // modular `GT201: api.Run: the handler is not wrapped; wrap it with nethttp.WrapHandler`
}
