package options

import (
	"context"
	"maps"
	"sync/atomic"

	"github.com/opentracing/opentracing-go"
)

type tagsKey struct{}

// usesTags is set once a context has tags, so that a program without them looks up none.
var usesTags atomic.Bool

// ContextWithTags returns ctx with tags for its calls, next to those that ctx has.
func ContextWithTags(ctx context.Context, tags opentracing.Tags) context.Context {
	usesTags.Store(true)
	all := opentracing.Tags{}
	maps.Copy(all, TagsIn(ctx))
	maps.Copy(all, tags)
	return context.WithValue(ctx, tagsKey{}, all)
}

// TagsIn returns the tags of ctx, or nil.
func TagsIn(ctx context.Context) opentracing.Tags {
	if ctx == nil || !usesTags.Load() {
		return nil
	}
	tags, _ := ctx.Value(tagsKey{}).(opentracing.Tags)
	return tags
}
