// Package owntypes has wrappers that values of the program's own types call.
package owntypes

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"net/http"

	"github.com/gaptrace/gaptrace/contrib/nethttp"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
)

type app struct{ handler http.Handler }

func newApp(mux *http.ServeMux) *app {
	a := &app{}
	a.handler = nethttp.WrapHandler(mux)
	return a
}

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

func serveApp(mux *http.ServeMux) { http.ListenAndServe(":80", newApp(mux)) }

type router map[string]http.Handler

func (r router) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r[req.URL.Path].ServeHTTP(w, req)
}

type late struct{ routes router }

func (l *late) ServeHTTP(w http.ResponseWriter, req *http.Request) { l.serve(w, req) }

func (l *late) serve(w http.ResponseWriter, req *http.Request) {
	nethttp.WrapHandler(l.routes).ServeHTTP(w, req)
}

func serveLate() { http.ListenAndServe(":80", &late{}) }

func serveRouter() { http.ListenAndServe(":80", router{}) } // want `GT201: .*; wrap it with nethttp.WrapHandler`

type auth struct{ base http.RoundTripper }

func (t *auth) RoundTrip(r *http.Request) (*http.Response, error) { return t.base.RoundTrip(r) }

func newClient() *http.Client {
	t := new(auth)
	t.base = nethttp.Wrap(nil)
	return &http.Client{Transport: t}
}

var base = nethttp.Wrap(nil)

type global struct{}

func (global) RoundTrip(r *http.Request) (*http.Response, error) { return base.RoundTrip(r) }

var throughVariable global

func newGlobalClient() *http.Client { return &http.Client{Transport: throughVariable} }

type plain struct{ base http.RoundTripper }

func (p plain) RoundTrip(r *http.Request) (*http.Response, error) { return p.base.RoundTrip(r) }

func newPlainClient() *http.Client {
	return &http.Client{Transport: plain{http.DefaultTransport}} // want `GT101: .*; wrap it with nethttp.WrapClient`
}

type lazy struct{ make func() driver.Connector }

func (l lazy) Connect(ctx context.Context) (driver.Conn, error) { // want Connect:"flows"
	return gapsql.Wrap(l.make()).Connect(ctx)
}

func (l lazy) Driver() driver.Driver { return nil }

func openLazy(m func() driver.Connector) *sql.DB { return sql.OpenDB(lazy{m}) }

var name = "wrapped"

func openRegistered(d driver.Driver) (*sql.DB, error) {
	sql.Register(name, gapsql.WrapDriver(d))
	return sql.Open("wrapped", "dsn")
}

func recovered(f func()) {
	defer func() { _ = recover() }()
	f()
}

func serveInLiteral(inner http.Handler) {
	wrapped := nethttp.WrapHandler(inner)
	http.ListenAndServe(":80", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		recovered(func() { wrapped.ServeHTTP(w, r) })
	}))
}

// A file server is not wrapped, though a method of its files calls a wrapped handler.
type files struct{ http.FileSystem }

func (f files) index(w http.ResponseWriter, r *http.Request, h http.Handler) {
	nethttp.WrapHandler(h).ServeHTTP(w, r)
}

func serveFiles(fs http.FileSystem) {
	http.ListenAndServe(":80", http.FileServer(files{fs})) // want `GT201: .*; wrap it with nethttp.WrapHandler`
}
