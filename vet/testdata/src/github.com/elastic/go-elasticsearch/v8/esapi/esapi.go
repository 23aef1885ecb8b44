// Package esapi has two endpoints of go-elasticsearch v8.
package esapi

import (
	"context"
	"io"
)

type API struct {
	Search  Search
	Index   Index
	Indices *Indices
}

type Indices struct{ Create IndicesCreate }

type Response struct{}

type (
	SearchRequest        struct{}
	IndexRequest         struct{ Index string }
	IndicesCreateRequest struct{}
)

func (IndexRequest) Do(context.Context, any) (*Response, error) { return nil, nil }

type (
	Search        func(o ...func(*SearchRequest)) (*Response, error)
	Index         func(index string, body io.Reader, o ...func(*IndexRequest)) (*Response, error)
	IndicesCreate func(index string, o ...func(*IndicesCreateRequest)) (*Response, error)
)

func (Search) WithContext(context.Context) func(*SearchRequest)               { return nil }
func (Search) WithIndex(...string) func(*SearchRequest)                       { return nil }
func (Index) WithContext(context.Context) func(*IndexRequest)                 { return nil }
func (Index) WithRefresh(string) func(*IndexRequest)                          { return nil }
func (IndicesCreate) WithContext(context.Context) func(*IndicesCreateRequest) { return nil }
