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

func TestWhatIsPublishedIsWaitedFor(t *testing.T) {
	addr := servers.Redis(t)
	c, tracer := connect(t, addr), spantest.NewTracer()
	ctx, drawn := under(t, tracer)
	sub := gapredis.WrapPubSub(c.Subscribe(ctx), gaptrace.WithTracer(tracer))
	defer sub.Close()
	must(t, sub.Subscribe(ctx, "news", "rumours"))
	for range 2 {
		if got, err := sub.Receive(ctx); err != nil || got.(*redis.Subscription).Kind != "subscribe" {
			t.Errorf("received %v, %v", got, err)
		}
	}
	// PSubscribe's own answer comes first, and is no message.
	must(t, sub.PSubscribe(ctx, "n*"))
	const late = 30 * time.Millisecond
	time.AfterFunc(late, func() { c.Publish(t.Context(), "rumours", "hunter2") })
	if got, err := sub.ReceiveMessage(ctx); err != nil || got.Payload != "hunter2" {
		t.Errorf("received %v, %v", got, err)
	}
	got, err := sub.ReceiveTimeout(ctx, time.Millisecond)
	if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() || got != nil {
		t.Errorf("received %v, %v", got, err)
	}
	must(t, sub.Ping(ctx, "hunter2"))
	if got, err := sub.Receive(ctx); err != nil || got.(*redis.Pong).Payload != "hunter2" {
		t.Errorf("received %v, %v", got, err)
	}
	must(t, sub.Unsubscribe(ctx, "news"), sub.PUnsubscribe(ctx, "n*"))
	must(t, sub.Close())
	if _, err := sub.Receive(ctx); err == nil {
		t.Error("received from what is closed")
	}
	want(t, drawn(), `
parent
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
		t.Errorf("waited %v, want some %v", d, late)
	}
}

func TestOnlyPubSubsCallsUnderASpanAreDrawn(t *testing.T) {
	peer, tracer := newPeer(t), spantest.NewTracer()
	var asked []any
	sub := gapredis.WrapPubSub(connect(t, peer.addr).Subscribe(t.Context()), gaptrace.WithTracer(tracer),
		gaptrace.WithFilter(func(c gaptrace.Call) bool { asked = append(asked, c.Request); return false }))
	defer sub.Close()
	must(t, sub.Ping(t.Context()))
	ctx, _ := under(t, tracer)
	must(t, sub.Ping(ctx))
	if _, err := sub.ReceiveTimeout(ctx, time.Nanosecond); err == nil {
		t.Error("received")
	}
	if len(tracer.Spans()) != 0 || len(asked) != 2 {
		t.Errorf("asked about %v, drew:\n%s", asked, tracer.Tree())
	}
	if cmd, ok := asked[0].(redis.Cmder); !ok || cmd.Name() != "ping" || asked[1] != any(sub.PubSub) {
		t.Errorf("asked about %v", asked)
	}
}

func TestAPanicOfPubSubEndsTheSpan(t *testing.T) {
	tracer := spantest.NewTracer()
	c := redis.NewClient(&redis.Options{Dialer: func(context.Context, string, string) (net.Conn, error) { panic("mine") }, IdleCheckFrequency: -1})
	ctx, _ := under(t, tracer)
	sub := gapredis.WrapPubSub(c.Subscribe(ctx), gaptrace.WithTracer(tracer))
	defer func() {
		if got := recover(); got != "mine" || len(tracer.Spans()) != 1 || tracer.Spans()[0].Tags["error"] != true {
			t.Errorf("recovered %v, drew:\n%s", got, tracer.Tree())
		}
	}()
	_ = sub.Subscribe(ctx, "news")
}

func TestThatNothingCameInTimeIsAFailureOnlyOfTheContext(t *testing.T) {
	late := &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}
	silent := func(context.Context, string, string) (net.Conn, error) { conn, _ := net.Pipe(); return conn, nil }
	for name, tt := range map[string]struct {
		dialer   func(context.Context, string, string) (net.Conn, error)
		timeout  time.Duration // of the call
		deadline time.Duration // of its context
		failed   bool
	}{
		"nothing came":               {silent, time.Second, time.Hour, false},
		"the context is over before": {silent, time.Hour, time.Second, true},
		"both at once":               {silent, time.Second, time.Second, true},
		"without a timeout":          {silent, 0, time.Second, true},
		"no connection came about":   {func(context.Context, string, string) (net.Conn, error) { time.Sleep(time.Minute); return nil, late }, time.Second, time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tracer := spantest.NewTracer()
				c := redis.NewClient(&redis.Options{Dialer: tt.dialer, IdleCheckFrequency: -1})
				defer c.Close()
				sub := gapredis.WrapPubSub(c.Subscribe(t.Context()), gaptrace.WithTracer(tracer), gaptrace.WithRoots())
				defer sub.Close()
				ctx, cancel := context.WithTimeout(t.Context(), tt.deadline)
				defer cancel()
				if _, err := sub.ReceiveTimeout(ctx, tt.timeout); err == nil {
					t.Error("received")
				}
				if span := tracer.Named("redis receive")[0]; (span.Tags["error"] == true) != tt.failed {
					t.Errorf("drew:\n%s", tracer.Tree())
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

func TestAWrappedPubSubBehavesAsTheRawOne(t *testing.T) {
	peer := newPeer(t)
	observe := func(ctx context.Context, sub subscriber) string {
		var b strings.Builder
		tell := func(results ...any) { fmt.Fprintln(&b, results...) }
		tell(sub.Subscribe(ctx, "news"))
		tell(sub.Receive(ctx))
		tell(sub.ReceiveMessage(ctx))
		tell(sub.Ping(ctx), sub.Ping(ctx, "a"), sub.Ping(ctx, "a", "b"))
		_, err := sub.ReceiveTimeout(ctx, time.Nanosecond)
		tell(fmt.Sprintf("%T", err))
		tell(sub.Unsubscribe(ctx, "news"), sub.Close(), sub.Close())
		tell(sub.Receive(ctx))
		return b.String()
	}
	raw := observe(t.Context(), connect(t, peer.addr).Subscribe(t.Context()))
	tracer := spantest.NewTracer()
	ctx, _ := under(t, tracer)
	for name, opts := range map[string][]gaptrace.Option{
		"recorded": {gaptrace.WithTracer(tracer), gaptrace.WithPhases()},
		"filtered": {gaptrace.WithTracer(tracer), gaptrace.WithFilter(func(gaptrace.Call) bool { return false })},
	} {
		if wrapped := observe(ctx, gapredis.WrapPubSub(connect(t, peer.addr).Subscribe(t.Context()), opts...)); wrapped != raw {
			t.Errorf("raw:\n%s\n%s:\n%s", raw, name, wrapped)
		}
	}
}

func TestWhatAServerRepeatsToAPubSubIsNotRecorded(t *testing.T) {
	tracer := spantest.NewTracer()
	c := redis.NewClient(&redis.Options{Dialer: dialled(answering{answers: answer("-ERR unknown command 'hunter2'")}), IdleCheckFrequency: -1})
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

func TestAPubSubWithoutAContextIsGoRedissToRefuse(t *testing.T) {
	peer := newPeer(t)
	var none context.Context
	refused := func(sub subscriber) (seen string) {
		defer func() { seen += fmt.Sprint(recover()) }()
		seen = fmt.Sprint(sub.Ping(none))
		_, err := sub.ReceiveTimeout(none, time.Nanosecond)
		return seen + fmt.Sprint(err)
	}
	raw := refused(connect(t, peer.addr).Subscribe(t.Context()))
	wrapped := refused(gapredis.WrapPubSub(connect(t, peer.addr).Subscribe(t.Context()), gaptrace.WithRoots(), gaptrace.WithPhases(), gaptrace.WithTracer(spantest.NewTracer())))
	if raw != wrapped {
		t.Errorf("raw %s, wrapped %s", raw, wrapped)
	}
}
