// Package gin has the names of gin that the tests use.
package gin

import (
	"net"
	"net/http"
)

type Context struct{ Request *http.Request }

type HandlerFunc func(*Context)

type (
	OptionFunc  func(*Engine)
	IRoutes     interface{}
	RouterGroup struct{}
	Engine      struct{ RouterGroup }
)

func (*RouterGroup) GET(path string, handlers ...HandlerFunc) IRoutes { return nil }

func New(opts ...OptionFunc) *Engine                         { return nil }
func Default(opts ...OptionFunc) *Engine                     { return nil }
func (*Engine) Use(handlers ...HandlerFunc) IRoutes          { return nil }
func (*Engine) ServeHTTP(http.ResponseWriter, *http.Request) {}
func (*Engine) Handler() http.Handler                        { return nil }
func (*Engine) Run(addr ...string) error                     { return nil }
func (*Engine) RunTLS(addr, certFile, keyFile string) error  { return nil }
func (*Engine) RunListener(net.Listener) error               { return nil }
func (*Engine) RunUnix(file string) error                    { return nil }
func (*Engine) RunFd(fd int) error                           { return nil }
