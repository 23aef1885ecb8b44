// Package typedapi has one endpoint of go-elasticsearch v8.
package typedapi

import "context"

type API struct{ Search NewSearch }

type NewSearch func() *Search

type Search struct{}

func (s *Search) Index(string) *Search          { return s }
func (*Search) Do(context.Context) (any, error) { return nil, nil }
