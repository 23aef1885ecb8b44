package gapredis_test

import (
	"context"
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

// TestWait checks that a span covers exactly the time in which its caller was blocked.
func TestWait(t *testing.T) {
	t.Run("covers dial, answer and back-off", waitCoversRetry)
	t.Run("covers the pool", waitCoversPool)
	t.Run("does not cover users' hooks", waitExcludesHooks)
}

func waitCoversRetry(t *testing.T) {
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
		check(t, c.Ping(t.Context()).Err())
		blocked := time.Since(start)
		span := tracer.Only(t, "redis ping")
		if !span.Start.Equal(start) || span.Duration() != blocked || blocked < 2*(dial+answer) {
			t.Errorf("span from %v for %v, want from %v for %v", span.Start, span.Duration(), start, blocked)
		}
	})
}

func waitCoversPool(t *testing.T) {
	peer, tracer := newPeer(t), spantest.NewTracer()
	c := redis.NewClient(&redis.Options{
		Addr: peer.addr, PoolSize: 1, PoolTimeout: time.Minute, IdleCheckFrequency: -1,
	})
	defer c.Close()
	gapredis.Wrap(c, gaptrace.WithTracer(tracer), gaptrace.WithRoots())
	waiting := make(chan struct{})
	c.AddHook(&otherHook{before: func(ctx context.Context) (context.Context, error) {
		close(waiting)
		return ctx, nil
	}})
	conn := c.Conn(t.Context())
	conn.Ping(t.Context()) // holds the only connection
	var call sync.WaitGroup
	call.Go(func() { c.Ping(t.Context()) })
	<-waiting
	released := time.Now()
	conn.Close()
	call.Wait()
	if span := tracer.Only(t, "redis ping"); span.Start.After(released) || span.End.Before(released) {
		t.Errorf("span from %v to %v, want it around %v", span.Start, span.End, released)
	}
}

func waitExcludesHooks(t *testing.T) {
	const hook, answer = 50 * time.Millisecond, 30 * time.Millisecond
	work := func() { time.Sleep(hook) }
	for name, option := range map[string]gaptrace.Option{
		"filter":    gaptrace.WithFilter(func(gaptrace.Call) bool { work(); return true }),
		"statement": gaptrace.WithStatement(func(_ gaptrace.Call, s string) string { work(); return s }),
		"tags":      gaptrace.WithTags(func(gaptrace.Call) opentracing.Tags { work(); return nil }),
		"operation": gaptrace.WithOperation(func(gaptrace.Call) string { work(); return "" }),
		"expected":  gaptrace.WithExpected(func(gaptrace.Call, error) bool { work(); return true }),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tracer, under, _ := spantest.Under(t)
				h := gapredis.NewHook(gaptrace.WithTracer(tracer), option)
				cmd := redis.NewCmd(under, "ping")
				cmds := []redis.Cmder{cmd}
				ctx, _ := h.BeforeProcess(under, cmd)
				time.Sleep(answer)
				cmd.SetErr(redis.ErrClosed)
				_ = h.AfterProcess(ctx, cmd)
				ctx, _ = h.BeforeProcessPipeline(under, cmds)
				time.Sleep(answer)
				_ = h.AfterProcessPipeline(ctx, cmds)
				for _, span := range tracer.Spans() {
					if span.Duration() != answer {
						t.Errorf("%s: span of %v, want %v", span.Operation, span.Duration(), answer)
					}
				}
				if got := len(tracer.Spans()); got != 2 {
					t.Errorf("%d spans, want 2", got)
				}
			})
		})
	}
}

// TestConcurrentCalls shares a client, a hook and the arguments between a hundred goroutines.
func TestConcurrentCalls(t *testing.T) {
	peer := newPeer(t)
	tracer, ctx, parent := spantest.Under(t)
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
	parent.Finish()
	tree := tracer.Tree()
	got := strings.Count(tree, "redis get ") + strings.Count(tree, "redis pipeline ")
	if got != 2000 || strings.Contains(tree, "PROBLEM") {
		t.Errorf("%d spans, want 2000:\n%.2000s", got, tree)
	}
}
