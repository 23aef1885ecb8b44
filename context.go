package gaptrace

import (
	"context"

	"github.com/gaptrace/gaptrace/internal/options"
	"github.com/opentracing/opentracing-go"
)

// ContextWithTags returns a context whose calls have these tags, next to those of ctx. They override
// the tags of [WithTags], and follow the same rules:
//
//	ctx = gaptrace.ContextWithTags(ctx, opentracing.Tags{"tenant": tenant})
//	rows, err := db.QueryContext(ctx, "SELECT …")
//
// Every wrapper looks at the context of a call. A server's span has the tags of the context that the
// server gives to the request; for others, ask the span.
func ContextWithTags(ctx context.Context, tags opentracing.Tags) context.Context {
	return options.ContextWithTags(ctx, tags)
}
