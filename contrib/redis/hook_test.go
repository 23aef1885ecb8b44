package gapredis_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/go-redis/redis/v8"
	"github.com/opentracing/opentracing-go"
)

func TestWrap(t *testing.T) {
	const tags = `component=go-redis db.instance=3 db.statement="get greeting" db.type=redis `
	for kind, want := range map[string]string{
		"Client":        "  redis get " + tags + "peer.address=PEER span.kind=client\n",
		"Ring":          "  redis get " + tags + "span.kind=client\n",
		"ClusterClient": "  redis get " + strings.Replace(tags, "db.instance=3 ", "", 1) + "span.kind=client\n",
	} {
		t.Run(kind, func(t *testing.T) {
			peer := newPeer(t)
			tracer, ctx, parent := spantest.Under(t)
			raw := clients[kind](peer.addr)
			defer raw.Close()
			c := gapredis.Wrap(raw, gaptrace.WithTracer(tracer))
			if c != raw {
				t.Errorf("Wrap returned %v, want its argument", c)
			}
			c.Get(ctx, "greeting")
			spantest.WantUnder(t, tracer, parent, want, peer.addr, "PEER")
		})
	}
	t.Run("Conn", func(t *testing.T) {
		peer := newPeer(t)
		tracer, ctx, parent := spantest.Under(t)
		c := gapredis.Wrap(connect(t, peer.addr), gaptrace.WithTracer(tracer))
		bare := c.Conn(ctx)
		bare.Ping(ctx)
		bare.Close()
		conn := gapredis.Wrap(c.Conn(ctx), gaptrace.WithTracer(tracer))
		conn.Ping(ctx)
		conn.Close()
		spantest.WantUnder(t, tracer, parent,
			"  redis ping component=go-redis db.statement=ping db.type=redis span.kind=client\n")
	})
	t.Run("failover client has no address", func(t *testing.T) {
		tracer, ctx, parent := spantest.Under(t)
		failover := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: "m", MaxRetries: -1})
		c := gapredis.Wrap(failover, gaptrace.WithTracer(tracer))
		c.Close()
		c.Ping(ctx)
		spantest.WantUnder(t, tracer, parent, `
  redis ping component=go-redis db.instance=0 db.statement=ping db.type=redis error=true span.kind=client
    * event=error error.kind=*errors.errorString message="redis: client is closed"
`)
	})
	t.Run("anything with AddHook", func(t *testing.T) {
		for _, client := range []interface{ AddHook(redis.Hook) }{
			&hooked{}, hooked{}, hookFunc(func(redis.Hook) {}), &struct{ hooked }{},
		} {
			gapredis.Wrap(client)
			gapredis.Wrap(client)
		}
	})
}

// hooked is a client that is not go-redis's. Its field has the same name as go-redis's, but another
// type.
type hooked struct{ hooks int }

func (h hooked) AddHook(redis.Hook) { _ = h.hooks }

type hookFunc func(redis.Hook)

func (f hookFunc) AddHook(h redis.Hook) { f(h) }

func TestWrapTwice(t *testing.T) {
	peer := newPeer(t)
	for name, client := range map[string]redis.UniversalClient{
		"Client":        connect(t, peer.addr),
		"ClusterClient": redis.NewClusterClient(clusterOf(peer)),
		"Ring":          redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": peer.addr}}),
	} {
		t.Run(name, func(t *testing.T) {
			defer client.Close()
			first, second := spantest.NewTracer(), spantest.NewTracer()
			gapredis.Wrap(client, gaptrace.WithTracer(first), gaptrace.WithRoots())
			if again := gapredis.Wrap(client, gaptrace.WithTracer(second), gaptrace.WithRoots()); again != client {
				t.Errorf("Wrap returned a %T", again)
			}
			if got, err := client.Get(t.Context(), "greeting").Result(); got != "hello" || err != nil {
				t.Error(got, err)
			}
			if len(second.Spans()) != 0 || len(first.Named("redis get")) != 1 || first.Problems() != nil {
				t.Errorf("the first options recorded\n%sthe second\n%s", first.Tree(), second.Tree())
			}
		})
	}
	t.Run("NewHook, clones and Conn", func(t *testing.T) {
		tracer := spantest.NewTracer()
		c := connect(t, peer.addr)
		c.AddHook(gapredis.NewHook(gaptrace.WithTracer(tracer), gaptrace.WithRoots()))
		gapredis.Wrap(gapredis.Wrap(c.WithTimeout(time.Second)).WithContext(t.Context())).Ping(t.Context())
		conn := c.Conn(t.Context())
		defer conn.Close()
		gapredis.Wrap(gapredis.Wrap(conn, gaptrace.WithTracer(tracer), gaptrace.WithRoots())).Ping(t.Context())
		if n := len(tracer.Named("redis ping")); n != 2 {
			t.Errorf("%d spans of two pings:\n%s", n, tracer.Tree())
		}
	})
	t.Run("Tx, by many goroutines", wrapTxConcurrently)
}

func wrapTxConcurrently(t *testing.T) {
	peer := newPeer(t)
	tracer, ctx, parent := spantest.Under(t)
	c := gapredis.Wrap(connect(t, peer.addr), gaptrace.WithTracer(tracer),
		gaptrace.WithTags(func(gaptrace.Call) opentracing.Tags { return opentracing.Tags{"of": "the client"} }))
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() {
			get := func(tx *redis.Tx) error { return gapredis.Wrap(tx).Get(ctx, "greeting").Err() }
			if err := c.Watch(ctx, get, "greeting"); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	parent.Finish()
	tree := tracer.Tree()
	gets, tagged := strings.Count(tree, "redis get"), strings.Count(tree, `of="the client"`)
	if gets != 8 || tagged != 3*8 || tracer.Problems() != nil {
		t.Error(tree)
	}
}

func TestNil(t *testing.T) {
	for name, wrap := range map[string]func(){
		"pointer":              func() { gapredis.Wrap((*redis.Client)(nil)) },
		"interface":            func() { gapredis.Wrap(redis.UniversalClient(nil)) },
		"pointer in interface": func() { gapredis.Wrap(redis.UniversalClient((*redis.Ring)(nil))) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if got := recover(); got != "gapredis.Wrap: client is nil" {
					t.Errorf("panicked with %v", got)
				}
			}()
			wrap()
		})
	}
	t.Run("option", func(*testing.T) { gapredis.NewHook(nil) })
	t.Run("context", func(t *testing.T) {
		hook := gapredis.NewHook(gaptrace.WithRoots(), gaptrace.WithTracer(spantest.NewTracer()))
		cmd := redis.NewCmd(t.Context(), "ping")
		var none context.Context
		if ctx, err := hook.BeforeProcess(none, cmd); ctx != nil || err != nil {
			t.Error(ctx, err)
		}
		if err := hook.AfterProcess(none, cmd); err != nil {
			t.Error(err)
		}
	})
	t.Run("pipeline", func(t *testing.T) {
		hook := gapredis.NewHook(gaptrace.WithRoots(), gaptrace.WithTracer(spantest.NewTracer()))
		ctx, err := hook.BeforeProcessPipeline(t.Context(), nil)
		if err := errors.Join(err, hook.AfterProcessPipeline(ctx, nil)); err != nil {
			t.Error(err)
		}
	})
}

func TestFailures(t *testing.T) {
	for name, test := range map[string]struct {
		err    error
		failed bool
	}{
		"success":           {nil, false},
		"nil":               {redis.Nil, false},
		"wrapped nil":       {fmt.Errorf("cache: %w", redis.Nil), false},
		"tx failed":         {redis.TxFailedErr, false},
		"closed":            {redis.ErrClosed, true},
		"canceled":          {context.Canceled, true},
		"dial":              {errors.New("no way through"), true},
		"expected":          {net.ErrClosed, false},
		"expected, wrapped": {fmt.Errorf("read: %w", net.ErrClosed), false},
	} {
		t.Run(name, func(t *testing.T) {
			tracer := spantest.NewTracer()
			expected := func(_ gaptrace.Call, err error) bool { return errors.Is(err, net.ErrClosed) }
			hook := gapredis.NewHook(
				gaptrace.WithRoots(), gaptrace.WithTracer(tracer), gaptrace.WithExpected(expected))
			cmd := redis.NewCmd(t.Context(), "ping")
			ctx, _ := hook.BeforeProcess(t.Context(), cmd)
			cmd.SetErr(test.err)
			_ = hook.AfterProcess(ctx, cmd)
			if got := tracer.Only(t, "redis ping").Tags["error"]; (got == true) != test.failed {
				t.Errorf("error=%v, want %v", got, test.failed)
			}
		})
	}
}

func TestPipelineFailures(t *testing.T) {
	peer := newPeer(t)
	tracer, ctx, parent := spantest.Under(t)
	hook := gapredis.NewHook(gaptrace.WithTracer(tracer))
	c := connect(t, peer.addr)
	c.AddHook(hook)
	failing := func(p redis.Pipeliner) error {
		p.Get(ctx, "none")
		p.Incr(ctx, "greeting")
		p.Do(ctx, "no.such", "greeting", "argument")
		return nil
	}
	_, _ = c.Pipelined(ctx, failing)
	_, _ = c.TxPipelined(ctx, failing)
	_, _ = c.Pipelined(ctx, func(p redis.Pipeliner) error { // fails in EXEC only
		p.Do(ctx, "MULTI")
		p.Do(ctx, "exec", "too many")
		return nil
	})
	exec := redis.NewCmd(ctx, "exec")
	exec.SetErr(redis.TxFailedErr)
	cmds := []redis.Cmder{redis.NewCmd(ctx, "multi"), redis.NewCmd(ctx, "ping"), exec}
	with, _ := hook.BeforeProcessPipeline(ctx, cmds)
	_ = hook.AfterProcessPipeline(with, cmds)
	exec.SetErr(errors.New("no"))
	with, _ = hook.BeforeProcessPipeline(ctx, cmds)
	_ = hook.AfterProcessPipeline(with, cmds)
	spantest.WantUnder(t, tracer, parent, `
  redis pipeline … statement="get none\nincr greeting\nno.such ? ?" db.type=redis error=true redis.commands=3 redis.errors=2 redis.failed=incr span.kind=client
    * event=error error.kind=proto.RedisError message="ERR value is not an integer or out of range"
  redis tx … statement="get none\nincr greeting\nno.such ? ?" db.type=redis error=true redis.commands=3 redis.errors=3 redis.failed=get span.kind=client
    * event=error error.kind=proto.RedisError message="EXECABORT Transaction discarded because of previous errors."
  redis tx … type=redis redis.commands=0 span.kind=client
  redis tx … statement=ping db.type=redis redis.commands=1 span.kind=client
  redis tx … statement=ping db.type=redis error=true redis.commands=1 redis.errors=1 redis.failed=exec span.kind=client
    * event=error error.kind=*errors.errorString message=no
`, " component=go-redis db.", " … ")
}

// TestRequest checks the Request of a call.
func TestRequest(t *testing.T) {
	peer, tracer := newPeer(t), spantest.NewTracer()
	var requests []any
	c := gapredis.Wrap(connect(t, peer.addr), gaptrace.WithTracer(tracer), gaptrace.WithRoots(),
		gaptrace.WithTags(func(call gaptrace.Call) opentracing.Tags {
			requests = append(requests, call.Request)
			return nil
		}))
	c.Ping(t.Context())
	_, _ = c.TxPipelined(t.Context(), func(p redis.Pipeliner) error { return p.Ping(t.Context()).Err() })
	if cmd, ok := requests[0].(redis.Cmder); !ok || cmd.Name() != "ping" {
		t.Errorf("the Request of a command is %v", requests[0])
	}
	if cmds, ok := requests[1].([]redis.Cmder); !ok || len(cmds) != 3 { // with MULTI and EXEC
		t.Errorf("the Request of a transaction is %v", requests[1])
	}
}

// unsampled is a tracer whose contexts say that their spans will not be kept.
type unsampled struct{ opentracing.NoopTracer }

type (
	unsampledSpan    struct{ opentracing.Span }
	unsampledContext struct{ opentracing.SpanContext }
)

func (unsampled) StartSpan(string, ...opentracing.StartSpanOption) opentracing.Span {
	return unsampledSpan{opentracing.NoopTracer{}.StartSpan("")}
}

func (s unsampledSpan) Context() opentracing.SpanContext { return unsampledContext{s.Span.Context()} }

func (s unsampledSpan) SetTag(key string, _ any) opentracing.Span { panic("SetTag " + key) }

func (unsampledContext) IsSampled() bool { return false }

func TestUnsampledCallIsNotDescribed(t *testing.T) {
	hook := gapredis.NewHook(gaptrace.WithRoots(), gaptrace.WithTracer(unsampled{}),
		gaptrace.WithStatement(func(_ gaptrace.Call, s string) string {
			t.Error("a statement was built for an unsampled call:", s)
			return s
		}))
	cmd := redis.NewCmd(t.Context(), "get", "key")
	ctx, _ := hook.BeforeProcess(t.Context(), cmd)
	_ = hook.AfterProcess(ctx, cmd)
	if _, ok := opentracing.SpanFromContext(ctx).(unsampledSpan); !ok {
		t.Error("the call's context does not carry its span")
	}
	allocs := func(cmd redis.Cmder) float64 {
		return testing.AllocsPerRun(100, func() {
			ctx, _ := hook.BeforeProcess(t.Context(), cmd)
			_ = hook.AfterProcess(ctx, cmd)
		})
	}
	short := allocs(redis.NewCmd(t.Context(), "ping"))
	long := allocs(redis.NewCmd(t.Context(), "get", strings.Repeat("x", 4000)))
	if short != long {
		t.Errorf("%v allocations, %v for a longer statement", short, long)
	}
}
