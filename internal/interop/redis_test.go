package interop_test

import (
	"context"
	"testing"

	"github.com/go-redis/redis/extra/redisotel/v8"
	"github.com/go-redis/redis/v8"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/gaptrace/gaptrace"
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
)

// contextLosingHook returns a new context instead of the caller's.
type contextLosingHook struct{}

func (contextLosingHook) BeforeProcess(context.Context, redis.Cmder) (context.Context, error) {
	return context.Background(), nil
}

func (contextLosingHook) BeforeProcessPipeline(context.Context, []redis.Cmder) (context.Context, error) {
	return context.Background(), nil
}

func (contextLosingHook) AfterProcess(context.Context, redis.Cmder) error { return nil }

func (contextLosingHook) AfterProcessPipeline(context.Context, []redis.Cmder) error { return nil }

func TestRedisHookNextToOthers(t *testing.T) {
	addr := servers.Redis(t)
	ended := tracetest.NewSpanRecorder()
	otel := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(ended))
	defer otel.Shutdown(context.Background())
	redisotelHook := redisotel.NewTracingHook(redisotel.WithTracerProvider(otel))
	for name, c := range map[string]struct {
		other     redis.Hook
		last      bool // ours is added after the other
		otelSpans int
	}{
		"before redisotel":      {other: redisotelHook, otelSpans: 4},
		"after redisotel":       {other: redisotelHook, last: true, otelSpans: 4},
		"before a lost context": {other: contextLosingHook{}},
	} {
		t.Run(name, func(t *testing.T) {
			tracer, ctx, parent := spantest.Under(t)
			client := redis.NewClient(&redis.Options{Addr: addr})
			defer client.Close()
			hooks := []redis.Hook{gapredis.NewHook(gaptrace.WithTracer(tracer)), c.other}
			if c.last {
				hooks[0], hooks[1] = hooks[1], hooks[0]
			}
			client.AddHook(hooks[0])
			client.AddHook(hooks[1])

			ended.Reset()
			ctx, request := otel.Tracer("test").Start(ctx, "request")
			client.Set(ctx, "k", "v", 0)
			client.Get(ctx, "none")
			client.LPush(ctx, "k", "v") // the wrong type
			_, _ = client.Pipelined(ctx, func(p redis.Pipeliner) error { return p.Get(ctx, "k").Err() })
			if !request.IsRecording() {
				t.Error("a hook ended the caller's OpenTelemetry span")
			}
			request.End()

			spantest.WantUnder(t, tracer, parent, `
  redis set component=go-redis db.statement="set k ?" db.type=redis span.kind=client
  redis get component=go-redis db.statement="get none" db.type=redis span.kind=client
  redis lpush component=go-redis db.statement="lpush k ?" db.type=redis error=true span.kind=client
    * event=error error.kind=proto.RedisError message="$WRONGTYPE"
  redis pipeline component=go-redis db.statement="get k" db.type=redis redis.commands=1 span.kind=client
`, "WRONGTYPE Operation against a key holding the wrong kind of value", "$WRONGTYPE")
			if n := len(ended.Ended()); n != c.otelSpans+1 { // and the caller's
				t.Errorf("%d OpenTelemetry spans, want %d", n, c.otelSpans+1)
			}
		})
	}
}
