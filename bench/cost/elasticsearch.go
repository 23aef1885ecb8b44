package main

import (
	"context"
	"io"
	"net/http"
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
	search := func(ctx context.Context, c *elasticsearch.Client) (*esapi.Response, error) {
		return c.Search(c.Search.WithContext(ctx), c.Search.WithIndex("books"), c.Search.WithSize(10),
			c.Search.WithBody(strings.NewReader(question)))
	}
	bulk := func(ctx context.Context, c *elasticsearch.Client) (*esapi.Response, error) {
		return c.Bulk(strings.NewReader(actions), c.Bulk.WithContext(ctx))
	}
	return []Case{
		{Library: "go-elasticsearch", Name: "search", Woven: true, Waits: true, Make: withElasticsearch(found, search)},
		{Library: "go-elasticsearch", Name: "bulk of 100", Woven: true, Waits: true, Make: withElasticsearch(indexed, bulk)},
	}
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
