package httpserver

import (
	"net/http"
	"time"

	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/labstack/echo/v4"
)

func wrappedWithin(h http.Handler) {
	http.ListenAndServe(":80", http.TimeoutHandler(nethttp.WrapHandler(h), time.Second, ""))
	http.ListenAndServe(":81", http.StripPrefix("/a", nethttp.WrapHandler(h)))
}

func methodOfWrapped(h http.Handler) {
	m := http.NewServeMux()
	m.HandleFunc("/", nethttp.WrapHandler(h).ServeHTTP)
	http.ListenAndServe(":80", m)
}

func closureOfWrapped(h http.Handler) {
	wrapped := nethttp.WrapHandler(h)
	http.ListenAndServe(":80", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wrapped.ServeHTTP(w, r)
	}))
}

func echoAsHandler() {
	e := echo.New()
	e.Use(echo.WrapMiddleware(func(h http.Handler) http.Handler { return nethttp.WrapHandler(h) }))
	http.ListenAndServe(":80", e)
}

func spans(h http.Handler) http.Handler { return nethttp.WrapHandler(h) }

func namedMiddleware() {
	e := echo.New()
	e.Use(echo.WrapMiddleware(spans))
	e.Start(":80")
}

type embedding struct{ *http.Server }

func embedded(h http.Handler) {
	s := embedding{&http.Server{Addr: ":80"}}
	s.Handler = nethttp.WrapHandler(h)
	s.ListenAndServe()
}

type config struct{ handler http.Handler }

func configured(c config) { http.ListenAndServe(":80", c.handler) }

func wrappedByConfig(h http.Handler) { configured(config{handler: nethttp.WrapHandler(h)}) }

func inGo(h http.Handler) {
	errs := make(chan error, 1)
	s := &http.Server{Handler: nethttp.WrapHandler(h)}
	go func() { errs <- s.ListenAndServe() }()
}
