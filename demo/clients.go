package main

import (
	"database/sql"
	"io"
	"net/http"

	goelasticsearch "github.com/elastic/go-elasticsearch/v8"
	goredis "github.com/go-redis/redis/v8"

	"github.com/gaptrace/gaptrace"
	gapes "github.com/gaptrace/gaptrace/contrib/elasticsearch"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	gapmysql "github.com/gaptrace/gaptrace/contrib/sql/mysql"
	"github.com/gaptrace/gaptrace/demo/internal/bookshop"
	"github.com/gaptrace/gaptrace/tracer"
)

// This file has all the lines that gaptrace needs in a program: one for the tracer, one for each
// client, one for each handler. Usually a process passes its tracer to opentracing.SetGlobalTracer
// once, and no option to the wrappers. Here three services share a process, so each passes its own.

// openTracer opens the tracer of a service. The option makes a wrapper use it.
func openTracer(service string, reportTo ...tracer.Option) (gaptrace.Option, io.Closer, error) {
	t, closer, err := tracer.New(service, reportTo...)
	return gaptrace.WithTracer(t), closer, err
}

// connect opens the bookshop's clients.
func connect(at addresses, traced gaptrace.Option) (bookshop.Clients, error) {
	db, err := database(at, traced)
	if err != nil {
		return bookshop.Clients{}, err
	}
	search, err := goelasticsearch.NewClient(goelasticsearch.Config{Addresses: []string{at.elasticsearch}})
	if err != nil {
		return bookshop.Clients{}, err
	}
	return bookshop.Clients{
		SQL:           db,
		Redis:         gapredis.Wrap(goredis.NewClient(at.redis), traced),
		Elasticsearch: gapes.Wrap(search, traced),
		HTTP:          nethttp.WrapClient(&http.Client{Transport: &http.Transport{}}, traced),
	}, nil
}

// database opens the shop's database, which the supplier reads, too.
func database(at addresses, traced gaptrace.Option) (*sql.DB, error) {
	return gapmysql.Open(at.mysql.FormatDSN(), traced)
}

// serve wraps the handler of a service, so that it continues the traces of its callers.
func serve(h http.Handler, traced gaptrace.Option) http.Handler {
	return nethttp.WrapHandler(h, traced)
}

// browser returns the client that calls the bookshop. It has no parent span, so its calls start
// traces. It also logs when it got a connection, had written the request, and received the first
// byte.
func browser(traced gaptrace.Option) *http.Client {
	client := &http.Client{Transport: &http.Transport{}}
	return nethttp.WrapClient(client, traced, gaptrace.WithRoots(), gaptrace.WithPhases())
}
