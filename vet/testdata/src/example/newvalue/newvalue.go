// Package newvalue makes clients and servers by new with a value.
package newvalue

import (
	"net/http"
	"time"

	"github.com/gaptrace/gaptrace/contrib/nethttp"
)

func wrappedClient() *http.Client { return new(http.Client{Transport: nethttp.Wrap(nil)}) }

func wrappedServer(h http.Handler) *http.Server {
	return new(http.Server{Addr: ":80", Handler: nethttp.WrapHandler(h)})
}

func client() *http.Client {
	return new(http.Client{Timeout: time.Second}) // want `GT101: .*; set its Transport to nethttp.Wrap`
}

func server(h http.Handler) *http.Server {
	return new(http.Server{Addr: ":80", Handler: h}) // want `GT201: .*; wrap its Handler with nethttp.WrapHandler`
}

func wrappedLater() *http.Client {
	c := new(http.Client{Timeout: time.Second})
	return nethttp.WrapClient(c)
}
