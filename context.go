package gaptrace

import (
	"context"

	"github.com/gaptrace/gaptrace/internal/options"
	"github.com/opentracing/opentracing-go"
)

// ContextWithTags returns a context whose calls have these tags, next to those of ctx. They
// override the tags of [WithTags], and follow the same rules:
//
//	ctx = gaptrace.ContextWithTags(ctx, opentracing.Tags{"tenant": "acme"})
//	rows, err := db.QueryContext(ctx, "SELECT …")
//
// A server's wrapper looks at the context that the request came with, before the handler runs. A
// handler sets tags on the span itself.
func ContextWithTags(ctx context.Context, tags opentracing.Tags) context.Context {
	return options.ContextWithTags(ctx, tags)
}
