package gapredis_test

import (
	"context"
	"testing"

	"github.com/gaptrace/gaptrace"
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/go-redis/redis/v8"
	"github.com/uber/jaeger-client-go"
)

func TestCallsAreNotMixed(t *testing.T) {
	spans := jaeger.NewInMemoryReporter()
	tracer := spantest.Jaeger(t, true, spans)
	client := gapredis.Wrap(inMemory(t, 1), gaptrace.WithTracer(tracer))
	spantest.Mixed(t, tracer, spans, func(ctx context.Context, text string) {
		first, second := client.Get(ctx, text), client.Get(ctx, text)
		if first.Err() != redis.Nil || second.Err() != redis.Nil || first.Args()[1] != text {
			t.Errorf("%v, %v", first, second)
		}
	})
}
