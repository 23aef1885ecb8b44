package searchcontext

import (
	"context"

	"github.com/elastic/go-elasticsearch/v8"
)

func newClient() *elasticsearch.Client { return nil }

func ofResult(ctx context.Context) {
	newClient().Search() // want `GT304: newClient\(\).Search: the call has no context$`
}

type service struct{ es *elasticsearch.Client }

func (s *service) search(ctx context.Context) {
	s.es.Search() // want `GT304: s.es.Search: .*; add s.es.Search.WithContext`
}
