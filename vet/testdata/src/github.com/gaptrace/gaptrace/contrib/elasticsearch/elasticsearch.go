// Package gapes has the names of the wrapper that the tests use.
package gapes

import (
	"github.com/elastic/go-elasticsearch/v8"
	"github.com/gaptrace/gaptrace"
)

func Wrap(c *elasticsearch.Client, opts ...gaptrace.Option) *elasticsearch.Client { return c }
func WrapTyped(c *elasticsearch.TypedClient, opts ...gaptrace.Option) *elasticsearch.TypedClient {
	return c
}
