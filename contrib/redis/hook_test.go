package gapredis_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace"
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/go-redis/redis/v8"
	"github.com/opentracing/opentracing-go"
)

// under returns a context with a span in it, and what was drawn by the time that span ends.
func under(t *testing.T, tracer *spantest.Tracer) (ctx context.Context, drawn func(replace ...string) string) {
	parent := tracer.StartSpan("parent")
	return opentracing.ContextWithSpan(t.Context(), parent), func(replace ...string) string {
		parent.Finish() // a hook that finished it before made that a problem
		return tracer.Tree(replace...)
	}
}

func connect(t *testing.T, addr string) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1, IdleCheckFrequency: -1})
	t.Cleanup(func() { c.Close() })
	return c
}

func want(t *testing.T, got, want string) {
	t.Helper()
	if want = strings.TrimPrefix(want, "\n"); got != want {
		t.Errorf("drawn:\n%s\nwant:\n%s", got, want)
	}
}

func TestEveryKindOfClientIsWrapped(t *testing.T) {
	const tags = "component=go-redis db.instance=3 db.statement=\"get greeting\" db.type=redis "
	for kind, spans := range map[string]string{
		"Client":        "parent\n  redis get " + tags + "peer.address=PEER span.kind=client\n",
		"Ring":          "parent\n  redis get " + tags + "span.kind=client\n",
		"ClusterClient": "parent\n  redis get " + strings.Replace(tags, "db.instance=3 ", "", 1) + "span.kind=client\n",
	} {
		t.Run(kind, func(t *testing.T) {
			peer, tracer := newPeer(t), spantest.NewTracer()
			ctx, drawn := under(t, tracer)
			raw := clients[kind](peer.addr)
			defer raw.Close()
			c := gapredis.Wrap(raw, gaptrace.WithTracer(tracer))
			if c != raw {
				t.Errorf("Wrap returned %v, want the client it was given", c)
			}
			c.Get(ctx, "greeting")
			want(t, drawn(peer.addr, "PEER"), spans)
		})
	}
}

func TestAConnIsWrappedByItself(t *testing.T) {
	peer, tracer := newPeer(t), spantest.NewTracer()
	ctx, drawn := under(t, tracer)
	c := gapredis.Wrap(connect(t, peer.addr), gaptrace.WithTracer(tracer))
	bare := c.Conn(ctx)
	bare.Ping(ctx)
	bare.Close()
	conn := gapredis.Wrap(c.Conn(ctx), gaptrace.WithTracer(tracer))
	conn.Ping(ctx)
	conn.Close()
	want(t, drawn(), `
parent
  redis ping component=go-redis db.statement=ping db.type=redis span.kind=client
`)
}

func TestFailoverClientHasNoAddress(t *testing.T) {
	tracer := spantest.NewTracer()
	ctx, drawn := under(t, tracer)
	c := gapredis.Wrap(redis.NewFailoverClient(&redis.FailoverOptions{MasterName: "m", MaxRetries: -1}), gaptrace.WithTracer(tracer))
	c.Close()
	c.Ping(ctx)
	want(t, drawn(), `
parent
  redis ping component=go-redis db.instance=0 db.statement=ping db.type=redis error=true span.kind=client
    * event=error error.kind=*errors.errorString message="redis: client is closed"
`)
}

func TestNilArguments(t *testing.T) {
	for name, wrap := range map[string]func(){
		"pointer":   func() { gapredis.Wrap((*redis.Client)(nil)) },
		"interface": func() { gapredis.Wrap(redis.UniversalClient(nil)) },
		"in it":     func() { gapredis.Wrap(redis.UniversalClient((*redis.Ring)(nil))) },
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

func TestOnlyFailuresAreErrors(t *testing.T) {
	errDial := errors.New("no way through")
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
		"dial":              {errDial, true},
		"expected":          {net.ErrClosed, false},
		"expected, wrapped": {fmt.Errorf("read: %w", net.ErrClosed), false},
	} {
		t.Run(name, func(t *testing.T) {
			tracer := spantest.NewTracer()
			hook := gapredis.NewHook(gaptrace.WithRoots(), gaptrace.WithTracer(tracer),
				gaptrace.WithExpected(func(_ gaptrace.Call, err error) bool { return errors.Is(err, net.ErrClosed) }))
			cmd := redis.NewCmd(t.Context(), "ping")
			ctx, _ := hook.BeforeProcess(t.Context(), cmd)
			cmd.SetErr(test.err)
			_ = hook.AfterProcess(ctx, cmd)
			if got := tracer.Named("redis ping")[0].Tags["error"]; (got == true) != test.failed {
				t.Errorf("error=%v, want %v", got, test.failed)
			}
		})
	}
}

func TestPipelinesNameTheirFirstFailure(t *testing.T) {
	peer, tracer := newPeer(t), spantest.NewTracer()
	ctx, drawn := under(t, tracer)
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
	_, _ = c.Pipelined(ctx, func(p redis.Pipeliner) error { // no failure but EXEC's
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
	want(t, drawn(), `
parent
  redis pipeline component=go-redis db.statement="get none\nincr greeting\nno.such ? ?" db.type=redis error=true redis.commands=3 redis.errors=2 redis.failed=incr span.kind=client
    * event=error error.kind=proto.RedisError message="ERR value is not an integer or out of range"
  redis tx component=go-redis db.statement="get none\nincr greeting\nno.such ? ?" db.type=redis error=true redis.commands=3 redis.errors=3 redis.failed=get span.kind=client
    * event=error error.kind=proto.RedisError message="EXECABORT Transaction discarded because of previous errors."
  redis tx component=go-redis db.type=redis redis.commands=0 span.kind=client
  redis tx component=go-redis db.statement=ping db.type=redis redis.commands=1 span.kind=client
  redis tx component=go-redis db.statement=ping db.type=redis error=true redis.commands=1 redis.errors=1 redis.failed=exec span.kind=client
    * event=error error.kind=*errors.errorString message=no
`)
}

// The hook's window is the call's whole wait: the dial, the answer, and what lies between two tries.
func TestTheSpanCoversTheWholeWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const dial, answer, backoff = 30 * time.Millisecond, 50 * time.Millisecond, 20 * time.Millisecond
		dials := 0
		c := redis.NewClient(&redis.Options{
			IdleCheckFrequency: -1, MinRetryBackoff: backoff, MaxRetryBackoff: backoff,
			Dialer: func(context.Context, string, string) (net.Conn, error) {
				time.Sleep(dial)
				client, server := net.Pipe()
				dials++
				first := dials == 1
				go func() {
					_, _ = server.Read(make([]byte, 100))
					time.Sleep(answer)
					if !first {
						_, _ = server.Write([]byte("+PONG\r\n"))
					}
					server.Close()
				}()
				return client, nil
			},
		})
		defer c.Close()
		tracer := spantest.NewTracer()
		gapredis.Wrap(c, gaptrace.WithTracer(tracer), gaptrace.WithRoots())
		start := time.Now()
		if err := c.Ping(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		blocked := time.Since(start)
		span := tracer.Named("redis ping")[0]
		if !span.Start.Equal(start) || span.Duration() != blocked || blocked < 2*(dial+answer) {
			t.Errorf("span from %v for %v, want from %v for %v", span.Start, span.Duration(), start, blocked)
		}
	})
}

// What the user's hooks take is work, not waiting.
func TestDescribingACallIsNoWait(t *testing.T) {
	const hook, answer = 50 * time.Millisecond, 30 * time.Millisecond
	for name, option := range map[string]gaptrace.Option{
		"filter":    gaptrace.WithFilter(func(gaptrace.Call) bool { time.Sleep(hook); return true }),
		"statement": gaptrace.WithStatement(func(_ gaptrace.Call, s string) string { time.Sleep(hook); return s }),
		"tags":      gaptrace.WithTags(func(gaptrace.Call) opentracing.Tags { time.Sleep(hook); return nil }),
		"operation": gaptrace.WithOperation(func(gaptrace.Call) string { time.Sleep(hook); return "" }),
		"expected":  gaptrace.WithExpected(func(gaptrace.Call, error) bool { time.Sleep(hook); return true }),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tracer := spantest.NewTracer()
				h := gapredis.NewHook(gaptrace.WithTracer(tracer), option)
				parent, _ := under(t, tracer)
				cmd := redis.NewCmd(parent, "ping")
				cmds := []redis.Cmder{cmd}
				ctx, _ := h.BeforeProcess(parent, cmd)
				time.Sleep(answer)
				cmd.SetErr(redis.ErrClosed)
				_ = h.AfterProcess(ctx, cmd)
				ctx, _ = h.BeforeProcessPipeline(parent, cmds)
				time.Sleep(answer)
				_ = h.AfterProcessPipeline(ctx, cmds)
				for _, span := range tracer.Spans() {
					if got := span.Tags["wait.us"]; got != answer.Microseconds() || span.Duration() != answer {
						t.Errorf("%s: wait.us=%v in a span of %v, want %v", span.Operation, got, span.Duration(), answer)
					}
				}
				if got := len(tracer.Spans()); got != 2 {
					t.Errorf("%d spans, want 2", got)
				}
			})
		})
	}
}

func TestWaitingForThePoolIsCovered(t *testing.T) {
	peer, tracer := newPeer(t), spantest.NewTracer()
	c := redis.NewClient(&redis.Options{Addr: peer.addr, PoolSize: 1, PoolTimeout: time.Minute, IdleCheckFrequency: -1})
	defer c.Close()
	gapredis.Wrap(c, gaptrace.WithTracer(tracer), gaptrace.WithRoots())
	waiting := make(chan struct{})
	c.AddHook(&otherHook{before: func(ctx context.Context) (context.Context, error) {
		close(waiting)
		return ctx, nil
	}})
	conn := c.Conn(t.Context())
	conn.Ping(t.Context()) // has the only connection
	var call sync.WaitGroup
	call.Go(func() { c.Ping(t.Context()) })
	<-waiting
	released := time.Now()
	conn.Close()
	call.Wait()
	if span := tracer.Named("redis ping")[0]; span.Start.After(released) || span.End.Before(released) {
		t.Errorf("span from %v to %v, want it around %v", span.Start, span.End, released)
	}
}

// A hundred goroutines share a client, a hook and even the arguments.
func TestManyCallsAtOnce(t *testing.T) {
	peer, tracer := newPeer(t), spantest.NewTracer()
	ctx, drawn := under(t, tracer)
	c := gapredis.Wrap(connect(t, peer.addr), gaptrace.WithTracer(tracer))
	args := []any{"get", "greeting"}
	var callers sync.WaitGroup
	for range 100 {
		callers.Go(func() {
			for range 10 {
				c.Do(ctx, args...)
				_, _ = c.Pipelined(ctx, func(p redis.Pipeliner) error { return p.Do(ctx, args...).Err() })
			}
		})
	}
	callers.Wait()
	tree := drawn()
	if got := strings.Count(tree, "redis get ") + strings.Count(tree, "redis pipeline "); got != 2000 || strings.Contains(tree, "PROBLEM") {
		t.Errorf("%d spans, want 2000:\n%.2000s", got, tree)
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

func (s unsampledSpan) Context() opentracing.SpanContext          { return unsampledContext{s.Span.Context()} }
func (s unsampledSpan) SetTag(key string, _ any) opentracing.Span { panic("SetTag " + key) }
func (unsampledContext) IsSampled() bool                          { return false }

func TestUnsampledCallsAreNotDescribed(t *testing.T) {
	hook := gapredis.NewHook(gaptrace.WithRoots(), gaptrace.WithTracer(unsampled{}),
		gaptrace.WithStatement(func(_ gaptrace.Call, s string) string {
			t.Error("statement built:", s)
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
	short, long := allocs(redis.NewCmd(t.Context(), "ping")), allocs(redis.NewCmd(t.Context(), "get", strings.Repeat("x", 4000)))
	if short != long {
		t.Errorf("%v allocations, %v for a longer statement", short, long)
	}
}
