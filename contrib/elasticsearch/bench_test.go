package gapes_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/elastic/go-elasticsearch/v8"
	gapes "github.com/gaptrace/gaptrace/contrib/elasticsearch"
	"github.com/gaptrace/gaptrace/internal/spantest/cost"
)

// fromMemory answers without a network.
type fromMemory struct{}

var productHeader = http.Header{"X-Elastic-Product": {"Elasticsearch"}, "Content-Type": {"application/json"}}

func (fromMemory) RoundTrip(req *http.Request) (*http.Response, error) {
	const found = `{"took":1,"hits":{"total":{"value":0},"hits":[]}}`
	return &http.Response{
		StatusCode: http.StatusOK, Header: productHeader,
		Body: io.NopCloser(strings.NewReader(found)), ContentLength: int64(len(found)), Request: req,
	}, nil
}

func BenchmarkSearch(b *testing.B) {
	search := func(wrap bool) func(context.Context) {
		c, err := elasticsearch.NewClient(elasticsearch.Config{Transport: fromMemory{}})
		if err != nil {
			b.Fatal(err)
		}
		if wrap {
			gapes.Wrap(c)
		}
		buf := make([]byte, 512)
		return func(ctx context.Context) {
			res, err := c.Search(c.Search.WithContext(ctx), c.Search.WithIndex("books"), c.Search.WithSize(10),
				c.Search.WithBody(strings.NewReader(`{"query":{"match":{"title":"gaps"}}}`)))
			if err != nil {
				b.Fatal(err)
			}
			for err == nil {
				_, err = res.Body.Read(buf)
			}
			if err != io.EOF {
				b.Fatal(err)
			}
			if err := res.Body.Close(); err != nil {
				b.Fatal(err)
			}
		}
	}
	cost.Run(b, search(false), search(true), nil)
}
