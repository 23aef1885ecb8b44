package searchcontext

import (
	"context"
	"strings"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/elastic/go-elasticsearch/v8/esapi"
)

func raw(ctx context.Context, es *elasticsearch.Client) {
	es.Search()                                                          // want `GT304: es.Search: the call has no context; add es.Search.WithContext`
	es.Search(es.Search.WithIndex("a"))                                  // want `GT304: .*; add es.Search.WithContext`
	es.Index("a", strings.NewReader("{}"))                               // want `GT304: .*; add es.Index.WithContext`
	es.Index("a", strings.NewReader("{}"), es.Index.WithRefresh("true")) // want `GT304: .*; add es.Index.WithContext`
	es.Indices.Create("a")                                               // want `GT304: .*; add es.Indices.Create.WithContext`
	es.Search(                                                           // want `GT304: .*; add es.Search.WithContext`
		es.Search.WithIndex("a"),
	)
}

func withContext(ctx context.Context, es *elasticsearch.Client) {
	es.Search(es.Search.WithContext(ctx))
	es.Search(es.Search.WithIndex("a"), es.Search.WithContext(ctx))
}

func spread(ctx context.Context, es *elasticsearch.Client) {
	options := []func(*esapi.SearchRequest){es.Search.WithContext(ctx)}
	es.Search(options...)
}

func variable(ctx context.Context, es *elasticsearch.Client) {
	withContext := es.Search.WithContext(ctx)
	es.Search(withContext)
}

func noContext(es *elasticsearch.Client) { es.Search() }
