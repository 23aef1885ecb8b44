package main

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/elastic/go-elasticsearch/v8/esapi"
	"github.com/gaptrace/gaptrace/bench/internal/peer"
)

func elasticsearchCases() []Case {
	const (
		question = `{"query":{"match":{"title":"gaps"}}}`
		found    = `{"took":1,"timed_out":false,` +
			`"hits":{"total":{"value":0,"relation":"eq"},"max_score":null,"hits":[]}}`
		action = `{"index":{"_index":"books"}}` + "\n" + `{"title":"The law of the gap","price":12}` + "\n"
		item   = `{"index":{"_index":"books","_id":"7","_version":1,"result":"created","status":201}}`
	)
	actions := strings.Repeat(action, 100)
	indexed := `{"took":3,"errors":false,"items":[` + strings.Repeat(item+",", 99) + item + `]}`
	search := func(ctx context.Context, c *elasticsearch.Client, body string) (*esapi.Response, error) {
		return c.Search(c.Search.WithContext(ctx), c.Search.WithIndex("books"), c.Search.WithSize(10),
			c.Search.WithBody(strings.NewReader(body)))
	}
	same := func(ctx context.Context, c *elasticsearch.Client) (*esapi.Response, error) {
		return search(ctx, c, question)
	}
	n := 1_000_000
	another := func(ctx context.Context, c *elasticsearch.Client) (*esapi.Response, error) {
		n++
		return search(ctx, c, `{"query":{"match":{"title":"`+strconv.Itoa(n)+`"}}}`)
	}
	bulk := func(ctx context.Context, c *elasticsearch.Client) (*esapi.Response, error) {
		return c.Bulk(strings.NewReader(actions), c.Bulk.WithContext(ctx))
	}
	return []Case{
		{Library: "go-elasticsearch", Name: "search", Woven: true, Waits: true, Make: withElasticsearch(found, same)},
		{
			// gaptrace remembers how a span shows a body.
			Library: "go-elasticsearch", Name: "search, each different", Woven: true, Waits: true,
			Make: withElasticsearch(found, another),
		},
		{Library: "go-elasticsearch", Name: "bulk of 100", Woven: true, Waits: true, Make: withElasticsearch(indexed, bulk)},
	}
}

// contenders returns all peers. go-elasticsearch's own instrumentation is there twice: by default,
// it does not record the bodies of searches, as gaptrace and dd-trace-go do.
func contenders() []peer.Peer {
	all := peer.All()
	at := slices.IndexFunc(all, func(p peer.Peer) bool { return p.Name == "go-elasticsearch" })
	p := all[at]
	p.Name += " with bodies"
	p.Elasticsearch = func(cfg elasticsearch.Config) (*elasticsearch.Client, error) {
		cfg.Instrumentation = elasticsearch.NewOpenTelemetryInstrumentation(nil, true)
		return elasticsearch.NewClient(cfg)
	}
	return slices.Insert(all, at+1, p)
}

var product = http.Header{"X-Elastic-Product": {"Elasticsearch"}, "Content-Type": {"application/json"}}

func withElasticsearch(
	answer string, call func(context.Context, *elasticsearch.Client) (*esapi.Response, error),
) func(peer.Peer, cleanup) func(context.Context) {
	return func(p peer.Peer, _ cleanup) func(context.Context) {
		if p.Elasticsearch == nil {
			return nil
		}
		client := must(p.Elasticsearch(elasticsearch.Config{Transport: fromMemory(func() *http.Response {
			return &http.Response{
				StatusCode: http.StatusOK, Header: product,
				Body: io.NopCloser(strings.NewReader(answer)), ContentLength: int64(len(answer)),
			}
		})}))
		buf := make([]byte, 4<<10)
		return func(ctx context.Context) {
			res := must(call(ctx, client))
			drain(res.Body, buf, stopwatchIn(ctx))
		}
	}
}
