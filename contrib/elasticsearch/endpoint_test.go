package gapes_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/elastic/go-elasticsearch/v8/esapi"
	"github.com/elastic/go-elasticsearch/v8/esutil"
)

func TestNameOfEndpoint(t *testing.T) {
	for want, call := range map[string]func(c *elasticsearch.Client, ctx context.Context) error{
		"search": func(c *elasticsearch.Client, ctx context.Context) error {
			res, err := c.Search(c.Search.WithContext(ctx), c.Search.WithIndex("a", "b"))
			return errors.Join(err, res.Body.Close())
		},
		"indices.create": func(c *elasticsearch.Client, ctx context.Context) error {
			res, err := c.Indices.Create("a", c.Indices.Create.WithContext(ctx))
			return errors.Join(err, res.Body.Close())
		},
		"get": func(c *elasticsearch.Client, ctx context.Context) error {
			_, err := typedOf(t, c).Get("a", "_1").Do(ctx)
			return err
		},
		"cluster.health": func(c *elasticsearch.Client, ctx context.Context) error {
			_, err := typedOf(t, c).Cluster.Health().Do(ctx)
			return err
		},
		"POST _search": func(c *elasticsearch.Client, ctx context.Context) error {
			res, err := esapi.SearchRequest{Index: []string{"a"}}.Do(ctx, c) // no Instrument
			return errors.Join(err, res.Body.Close())
		},
	} {
		t.Run(want, func(t *testing.T) {
			c, ctx, tracer := recorded(t, always(200, "{}"))
			if err := call(c, ctx); err != nil {
				t.Error(err)
			}
			if got := only(t, tracer).Operation; got != "elasticsearch "+want {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestNameOfRequestMadeByHand(t *testing.T) {
	for request, want := range map[string]string{
		"GET /":                                 "GET /",
		"GET ":                                  "GET /",
		"HEAD /books":                           "HEAD {index}",
		"PUT /books/":                           "PUT {index}",
		"POST /_search":                         "POST _search",
		"POST /books,films/_search":             "POST _search",
		"POST /_all/_search":                    "POST _search",
		"GET /books/_doc/_7":                    "GET _doc",
		"GET /_cluster/health/books":            "GET _cluster",
		"DELETE /_snapshot/mine/2026":           "DELETE _snapshot",
		"GET /%3Cbooks-%7Bnow%2Fd%7D%3E/_count": "GET _count",
		"GET /books/title/7":                    "GET {index}",
	} {
		t.Run(request, func(t *testing.T) {
			c, ctx, tracer := recorded(t, always(200, "{}"))
			method, path, _ := strings.Cut(request, " ")
			res, err := perform(t, c, ctx, method, path, nil)
			if err != nil {
				t.Fatal(err)
			}
			consume(t, res.Body)
			if got := only(t, tracer).Operation; got != "elasticsearch "+want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestBulkIndexerUsesSpanOfOnFlushStart(t *testing.T) {
	for name, wantSpans := range map[string]int{"with": 1, "without": 0} {
		t.Run(name, func(t *testing.T) {
			c, ctx, tracer := recorded(t, always(200, `{"items":[{"index":{"status":201}}]}`))
			cfg := esutil.BulkIndexerConfig{Client: c, Index: "a", NumWorkers: 1}
			if name == "with" {
				cfg.OnFlushStart = func(context.Context) context.Context { return ctx }
			}
			indexer, err := esutil.NewBulkIndexer(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if err := indexer.Add(ctx, esutil.BulkIndexerItem{Action: "index", Body: strings.NewReader("{}")}); err != nil {
				t.Error(err)
			}
			if err := indexer.Close(ctx); err != nil {
				t.Error(err)
			}
			if got := len(named(tracer, "elasticsearch bulk")); got != wantSpans {
				t.Errorf("recorded %d spans, want %d:\n%s", got, wantSpans, tracer.Tree())
			}
		})
	}
}
