// Package echo has the names of echo v4 that the tests use.
package echo

import "net/http"

type Context interface {
	Request() *http.Request
	String(code int, s string) error
}

type (
	HandlerFunc    func(Context) error
	MiddlewareFunc func(HandlerFunc) HandlerFunc
)

type Route struct{}

type Echo struct{ Server *http.Server }

func New() *Echo                                                         { return nil }
func WrapMiddleware(func(http.Handler) http.Handler) MiddlewareFunc      { return nil }
func (*Echo) Use(...MiddlewareFunc)                                      {}
func (*Echo) GET(path string, h HandlerFunc, m ...MiddlewareFunc) *Route { return nil }
func (*Echo) ServeHTTP(http.ResponseWriter, *http.Request)               {}
func (*Echo) Start(address string) error                                 { return nil }
func (*Echo) StartTLS(address string, certFile, keyFile any) error       { return nil }
func (*Echo) StartAutoTLS(address string) error                          { return nil }
func (*Echo) StartH2CServer(address string, h2s any) error               { return nil }
