package httpserver

import (
	"net/http"

	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gin-gonic/gin"
	khttp "github.com/go-kratos/kratos/v2/transport/http"
	"github.com/labstack/echo/v4"
)

func wrappedFunction(h http.Handler) {
	http.ListenAndServe(":80", nethttp.WrapHandler(h))
	wrapped := nethttp.WrapHandler(h)
	http.ListenAndServe(":80", wrapped)
}

func wrappedServer(h http.Handler) {
	(&http.Server{Handler: nethttp.WrapHandler(h)}).ListenAndServe()
	s := &http.Server{}
	s.Handler = nethttp.WrapHandler(h)
	s.ListenAndServe()
	var v http.Server
	v.Handler = nethttp.WrapHandler(h)
	v.ListenAndServe()
}

func functionValue(h http.Handler) {
	wrap := nethttp.WrapHandler
	http.ListenAndServe(":80", wrap(h))
}

func routes() http.Handler {
	m := http.NewServeMux()
	m.Handle("/", nethttp.WrapHandler(http.NotFoundHandler()))
	return m
}

func wrappedRoutes() { http.ListenAndServe(":80", routes()) }

func logged(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(w, r) })
}

type middleware func(http.Handler) http.Handler

func use(h http.Handler, all ...middleware) http.Handler {
	for _, m := range all {
		h = m(h)
	}
	return h
}

func wrappedByMiddleware(h http.Handler) {
	http.ListenAndServe(":80", use(h, logged, func(h http.Handler) http.Handler { return nethttp.WrapHandler(h) }))
}

type api struct{ handler http.Handler }

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

func wrappedBelow(h http.Handler) {
	http.ListenAndServe(":80", &api{handler: nethttp.WrapHandler(h)})
}

func wrappedGin(e *gin.Engine) { http.ListenAndServe(":80", nethttp.WrapHandler(e)) }

func wrappedEcho() {
	e := echo.New()
	e.Use(echo.WrapMiddleware(func(h http.Handler) http.Handler { return nethttp.WrapHandler(h) }))
	e.Start(":80")
}

func wrappedKratos() {
	khttp.NewServer(khttp.Filter(func(h http.Handler) http.Handler { return nethttp.WrapHandler(h) }))
}
