package gapredis_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace"
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
	"github.com/go-redis/redis/v8"
)

func TestPubSub(t *testing.T) {
	c := connect(t, servers.Redis(t))
	tracer, ctx, parent := spantest.Under(t)
	sub := gapredis.WrapPubSub(c.Subscribe(ctx), gaptrace.WithTracer(tracer))
	defer sub.Close()
	check(t, sub.Subscribe(ctx, "news", "rumours"))
	for range 2 {
		if got, err := sub.Receive(ctx); err != nil || got.(*redis.Subscription).Kind != "subscribe" {
			t.Errorf("received %v, %v", got, err)
		}
	}
	// ReceiveMessage skips the answer to PSubscribe, which comes first.
	check(t, sub.PSubscribe(ctx, "n*"))
	const late = 30 * time.Millisecond
	time.AfterFunc(late, func() { c.Publish(t.Context(), "rumours", "hunter2") })
	if got, err := sub.ReceiveMessage(ctx); err != nil || got.Payload != "hunter2" {
		t.Errorf("received %v, %v", got, err)
	}
	got, err := sub.ReceiveTimeout(ctx, time.Millisecond)
	if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() || got != nil {
		t.Errorf("received %v, %v", got, err)
	}
	check(t, sub.Ping(ctx, "hunter2"))
	if got, err := sub.Receive(ctx); err != nil || got.(*redis.Pong).Payload != "hunter2" {
		t.Errorf("received %v, %v", got, err)
	}
	check(t, sub.Unsubscribe(ctx, "news"), sub.PUnsubscribe(ctx, "n*"))
	check(t, sub.Close())
	if _, err := sub.Receive(ctx); err == nil {
		t.Error("Receive returned no error after Close")
	}
	spantest.WantUnder(t, tracer, parent, `
  redis subscribe component=go-redis db.statement="subscribe ? ?" db.type=redis span.kind=client
  redis receive component=go-redis db.type=redis span.kind=client
  redis receive component=go-redis db.type=redis span.kind=client
  redis psubscribe component=go-redis db.statement="psubscribe ?" db.type=redis span.kind=client
  redis receive component=go-redis db.type=redis span.kind=client
  redis receive component=go-redis db.type=redis span.kind=client
  redis ping component=go-redis db.statement="ping ?" db.type=redis span.kind=client
  redis receive component=go-redis db.type=redis span.kind=client
  redis unsubscribe component=go-redis db.statement="unsubscribe ?" db.type=redis span.kind=client
  redis punsubscribe component=go-redis db.statement="punsubscribe ?" db.type=redis span.kind=client
  redis receive component=go-redis db.type=redis error=true span.kind=client
    * event=error error.kind=*errors.errorString message="redis: client is closed"
`)
	if d := tracer.Named("redis receive")[2].Duration(); d < late/2 {
		t.Errorf("waited %v, want about %v", d, late)
	}
}

func TestPubSubIsRecordedUnderSpan(t *testing.T) {
	peer := newPeer(t)
	tracer, ctx, _ := spantest.Under(t)
	var requests []any
	rejectAll := func(c gaptrace.Call) bool { requests = append(requests, c.Request); return false }
	sub := gapredis.WrapPubSub(connect(t, peer.addr).Subscribe(t.Context()),
		gaptrace.WithTracer(tracer), gaptrace.WithFilter(rejectAll))
	defer sub.Close()
	check(t, sub.Ping(t.Context()))
	check(t, sub.Ping(ctx))
	if _, err := sub.ReceiveTimeout(ctx, time.Nanosecond); err == nil {
		t.Error("ReceiveTimeout returned no error")
	}
	if len(tracer.Spans()) != 0 || len(requests) != 2 {
		t.Errorf("the filter got %v; recorded:\n%s", requests, tracer.Tree())
	}
	if cmd, ok := requests[0].(redis.Cmder); !ok || cmd.Name() != "ping" || requests[1] != any(sub.PubSub) {
		t.Errorf("the filter got %v", requests)
	}
}

func TestPubSubPanics(t *testing.T) {
	c := redis.NewClient(&redis.Options{
		Dialer:             func(context.Context, string, string) (net.Conn, error) { panic("mine") },
		IdleCheckFrequency: -1,
	})
	tracer, ctx, _ := spantest.Under(t)
	sub := gapredis.WrapPubSub(c.Subscribe(ctx), gaptrace.WithTracer(tracer))
	defer func() {
		if got := recover(); got != "mine" || len(tracer.Spans()) != 1 || tracer.Spans()[0].Tags["error"] != true {
			t.Errorf("recovered %v, recorded:\n%s", got, tracer.Tree())
		}
	}()
	_ = sub.Subscribe(ctx, "news")
}

// TestReceiveTimeout checks that it is a failure only of the context if nothing comes in time.
func TestReceiveTimeout(t *testing.T) {
	silent := func(context.Context, string, string) (net.Conn, error) { conn, _ := net.Pipe(); return conn, nil }
	slowDial := func(context.Context, string, string) (net.Conn, error) {
		time.Sleep(time.Minute)
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}
	}
	for _, tt := range []struct {
		name     string
		dialer   func(context.Context, string, string) (net.Conn, error)
		timeout  time.Duration // of the call
		deadline time.Duration // of its context
		failed   bool
	}{
		{"nothing comes", silent, time.Second, time.Hour, false},
		{"the context ends first", silent, time.Hour, time.Second, true},
		{"both at once", silent, time.Second, time.Second, true},
		{"without a timeout", silent, 0, time.Second, true},
		{"no connection", slowDial, time.Second, time.Hour, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tracer := spantest.NewTracer()
				c := redis.NewClient(&redis.Options{Dialer: tt.dialer, IdleCheckFrequency: -1})
				defer c.Close()
				sub := gapredis.WrapPubSub(c.Subscribe(t.Context()), gaptrace.WithTracer(tracer), gaptrace.WithRoots())
				defer sub.Close()
				ctx, cancel := context.WithTimeout(t.Context(), tt.deadline)
				defer cancel()
				if _, err := sub.ReceiveTimeout(ctx, tt.timeout); err == nil {
					t.Error("ReceiveTimeout returned no error")
				}
				if span := tracer.Only(t, "redis receive"); (span.Tags["error"] == true) != tt.failed {
					t.Errorf("recorded:\n%s", tracer.Tree())
				}
			})
		})
	}
}

// subscriber is a *redis.PubSub, wrapped or not.
type subscriber interface {
	Subscribe(context.Context, ...string) error
	Unsubscribe(context.Context, ...string) error
	Ping(context.Context, ...string) error
	Receive(context.Context) (any, error)
	ReceiveTimeout(context.Context, time.Duration) (any, error)
	ReceiveMessage(context.Context) (*redis.Message, error)
	Close() error
}

func TestPubSubTransparent(t *testing.T) {
	peer := newPeer(t)
	observe := func(ctx context.Context, sub subscriber) string {
		var b strings.Builder
		note := func(results ...any) { fmt.Fprintln(&b, results...) }
		note(sub.Subscribe(ctx, "news"))
		note(sub.Receive(ctx))
		note(sub.ReceiveMessage(ctx))
		note(sub.Ping(ctx), sub.Ping(ctx, "a"), sub.Ping(ctx, "a", "b"))
		_, err := sub.ReceiveTimeout(ctx, time.Nanosecond)
		note(fmt.Sprintf("%T", err))
		note(sub.Unsubscribe(ctx, "news"), sub.Close(), sub.Close())
		note(sub.Receive(ctx))
		return b.String()
	}
	raw := observe(t.Context(), connect(t, peer.addr).Subscribe(t.Context()))
	tracer, ctx, _ := spantest.Under(t)
	rejectAll := gaptrace.WithFilter(func(gaptrace.Call) bool { return false })
	for name, opts := range map[string][]gaptrace.Option{
		"recorded": {gaptrace.WithTracer(tracer), gaptrace.WithPhases()},
		"filtered": {gaptrace.WithTracer(tracer), rejectAll},
	} {
		sub := gapredis.WrapPubSub(connect(t, peer.addr).Subscribe(t.Context()), opts...)
		if wrapped := observe(ctx, sub); wrapped != raw {
			t.Errorf("raw:\n%s\n%s:\n%s", raw, name, wrapped)
		}
	}
	t.Run("nil context", func(t *testing.T) {
		var none context.Context
		observe := func(sub subscriber) (seen string) {
			defer func() { seen += fmt.Sprint(recover()) }()
			seen = fmt.Sprint(sub.Ping(none))
			_, err := sub.ReceiveTimeout(none, time.Nanosecond)
			return seen + fmt.Sprint(err)
		}
		raw := observe(connect(t, peer.addr).Subscribe(t.Context()))
		wrapped := observe(gapredis.WrapPubSub(connect(t, peer.addr).Subscribe(t.Context()),
			gaptrace.WithRoots(), gaptrace.WithPhases(), gaptrace.WithTracer(spantest.NewTracer())))
		if raw != wrapped {
			t.Errorf("raw %s, wrapped %s", raw, wrapped)
		}
	})
}

func TestPubSubErrorIsRedacted(t *testing.T) {
	tracer := spantest.NewTracer()
	dialer := dialed(answering("-ERR unknown command 'hunter2'"))
	c := redis.NewClient(&redis.Options{Dialer: dialer, IdleCheckFrequency: -1})
	defer c.Close()
	sub := gapredis.WrapPubSub(c.Subscribe(t.Context()), gaptrace.WithTracer(tracer), gaptrace.WithRoots())
	defer sub.Close()
	if _, err := sub.Receive(t.Context()); err == nil || !strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the caller got %v", err)
	}
	if tree := tracer.Tree(); strings.Contains(tree, "hunter2") || !strings.Contains(tree, "error=true") {
		t.Error(tree)
	}
}
