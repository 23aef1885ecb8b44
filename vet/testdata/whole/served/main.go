package main

import (
	"net/http"

	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/tracer"

	"example.com/whole/served/api"
)

func main() {
	tracer.New("test")
	api.Serve(nethttp.WrapHandler(http.NotFoundHandler()))
	h := nethttp.WrapHandler(http.NewServeMux())
	api.Run(h)
}
