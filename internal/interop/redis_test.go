package interop_test

import (
	"context"
	"testing"

	"github.com/go-redis/redis/extra/redisotel/v8"
	"github.com/go-redis/redis/v8"
	"github.com/opentracing/opentracing-go"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/gaptrace/gaptrace"
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
)

// detach is a hook that loses the context, as one that makes its own does.
type detach struct{}

func (detach) BeforeProcess(context.Context, redis.Cmder) (context.Context, error) {
	return context.Background(), nil
}

func (detach) BeforeProcessPipeline(context.Context, []redis.Cmder) (context.Context, error) {
	return context.Background(), nil
}
func (detach) AfterProcess(context.Context, redis.Cmder) error           { return nil }
func (detach) AfterProcessPipeline(context.Context, []redis.Cmder) error { return nil }

func TestBesideTheHookOfGoRedisEachDrawsItsOwn(t *testing.T) {
	addr := servers.Redis(t)
	ended := tracetest.NewSpanRecorder()
	otel := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(ended))
	defer otel.Shutdown(context.Background())
	for name, hooks := range map[string]func(c *redis.Client, ours redis.Hook, theirs redis.Hook){
		"ours first":                     func(c *redis.Client, ours, theirs redis.Hook) { c.AddHook(ours); c.AddHook(theirs) },
		"ours last":                      func(c *redis.Client, ours, theirs redis.Hook) { c.AddHook(theirs); c.AddHook(ours) },
		"ours first, and one that loses": func(c *redis.Client, ours, _ redis.Hook) { c.AddHook(ours); c.AddHook(detach{}) },
	} {
		t.Run(name, func(t *testing.T) {
			before := len(ended.Ended())
			tracer := spantest.NewTracer()
			c := redis.NewClient(&redis.Options{Addr: addr})
			defer c.Close()
			hooks(c, gapredis.NewHook(gaptrace.WithTracer(tracer)), redisotel.NewTracingHook(redisotel.WithTracerProvider(otel)))

			ctx, request := otel.Tracer("test").Start(t.Context(), "request")
			parent := tracer.StartSpan("caller")
			ctx = opentracing.ContextWithSpan(ctx, parent)
			c.Set(ctx, "k", "v", 0)
			c.Get(ctx, "none")
			c.LPush(ctx, "k", "v") // the wrong type
			_, _ = c.Pipelined(ctx, func(p redis.Pipeliner) error { return p.Get(ctx, "k").Err() })
			if !request.IsRecording() {
				t.Error("the caller's span of OpenTelemetry was ended")
			}
			request.End()
			parent.Finish()

			const tags = " component=go-redis db.statement="
			want := "caller\n" +
				"  redis set" + tags + "\"set k ?\" db.type=redis span.kind=client\n" +
				"  redis get" + tags + "\"get none\" db.type=redis span.kind=client\n" +
				"  redis lpush" + tags + "\"lpush k ?\" db.type=redis error=true span.kind=client\n" +
				"    * event=error error.kind=proto.RedisError message=\"WRONGTYPE Operation against a key holding the wrong kind of value\"\n" +
				"  redis pipeline" + tags + "\"get k\" db.type=redis redis.commands=1 span.kind=client\n"
			if got := tracer.Tree(); got != want {
				t.Errorf("drawn:\n%swant:\n%s", got, want)
			}
			theirs := 5 // four, and the caller's
			if name == "ours first, and one that loses" {
				theirs = 1
			}
			if n := len(ended.Ended()) - before; n != theirs {
				t.Errorf("%d spans of OpenTelemetry, want %d", n, theirs)
			}
		})
	}
}
