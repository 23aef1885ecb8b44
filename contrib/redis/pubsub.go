package gapredis

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/go-redis/redis/v8"
	"github.com/opentracing/opentracing-go/ext"
)

// PubSub is a *redis.PubSub whose Receive methods are recorded, as "redis receive", and so are those that subscribe and
// ping. Its channels are go-redis's: a goroutine of their own reads for them, and nobody knows when the caller waits.
type PubSub struct {
	*redis.PubSub
	wrapper *spanutil.Wrapper
}

// WrapPubSub records what p does, which no hook sees. Client.Subscribe subscribes before it returns, where nobody can look
// on: call it without channels, wrap what it answers, and subscribe then. WrapPubSub panics when p is nil.
//
// The Request of a [gaptrace.Call] is p or, where a command is sent, a redis.Cmder.
func WrapPubSub(p *redis.PubSub, opts ...gaptrace.Option) *PubSub {
	if p == nil {
		panic("gapredis.WrapPubSub: p is nil")
	}
	return &PubSub{p, spanutil.New(opts)}
}

// Receive is [redis.PubSub.Receive].
func (p *PubSub) Receive(ctx context.Context) (any, error) { return p.ReceiveTimeout(ctx, 0) }

// ReceiveTimeout is [redis.PubSub.ReceiveTimeout]. That nothing came in time is no failure, unless it was ctx that set the time.
func (p *PubSub) ReceiveTimeout(ctx context.Context, timeout time.Duration) (received any, err error) {
	begun := time.Now()
	nothing := func(err error) bool {
		late, ok := errors.AsType[*net.OpError](err) // a dial is no "read", even one that took too long
		if !ok || late.Op != "read" || !late.Timeout() || timeout <= 0 || time.Since(begun) < timeout {
			return false
		}
		// go-redis gives the connection the earlier of the two, and does not say which it was.
		deadline, ok := ctx.Deadline()
		return !ok || deadline.After(begun.Add(timeout))
	}
	err = record(ctx, p.wrapper, "receive", p.PubSub, nothing, func(ctx context.Context) error {
		received, err = p.PubSub.ReceiveTimeout(ctx, timeout)
		return err
	})
	return received, err
}

// ReceiveMessage is [redis.PubSub.ReceiveMessage]: one span, whatever else comes before the message.
func (p *PubSub) ReceiveMessage(ctx context.Context) (message *redis.Message, err error) {
	err = record(ctx, p.wrapper, "receive", p.PubSub, nil, func(ctx context.Context) error {
		message, err = p.PubSub.ReceiveMessage(ctx)
		return err
	})
	return message, err
}

// Subscribe is [redis.PubSub.Subscribe].
func (p *PubSub) Subscribe(ctx context.Context, channels ...string) error {
	return p.send(ctx, "subscribe", channels, p.PubSub.Subscribe)
}

// PSubscribe is [redis.PubSub.PSubscribe].
func (p *PubSub) PSubscribe(ctx context.Context, patterns ...string) error {
	return p.send(ctx, "psubscribe", patterns, p.PubSub.PSubscribe)
}

// Unsubscribe is [redis.PubSub.Unsubscribe].
func (p *PubSub) Unsubscribe(ctx context.Context, channels ...string) error {
	return p.send(ctx, "unsubscribe", channels, p.PubSub.Unsubscribe)
}

// PUnsubscribe is [redis.PubSub.PUnsubscribe].
func (p *PubSub) PUnsubscribe(ctx context.Context, patterns ...string) error {
	return p.send(ctx, "punsubscribe", patterns, p.PubSub.PUnsubscribe)
}

// Ping is [redis.PubSub.Ping].
func (p *PubSub) Ping(ctx context.Context, payload ...string) error {
	if len(payload) > 1 { // of several go-redis sends none
		return p.send(ctx, "ping", nil, func(ctx context.Context, _ ...string) error { return p.PubSub.Ping(ctx, payload...) })
	}
	return p.send(ctx, "ping", payload, p.PubSub.Ping)
}

// send records one of PubSub's methods that send a command and do not wait for its answer.
func (p *PubSub) send(ctx context.Context, name string, args []string, send func(context.Context, ...string) error) error {
	if !p.wrapper.MayRecord(ctx) {
		return send(ctx, args...)
	}
	words := []any{name}
	for _, arg := range args {
		words = append(words, arg)
	}
	return record(ctx, p.wrapper, name, redis.NewCmd(ctx, words...), nil, func(ctx context.Context) error { return send(ctx, args...) })
}

// record records do, whose error is no failure if expected says so.
func record(ctx context.Context, w *spanutil.Wrapper, name string, request any, expected func(error) bool, do func(context.Context) error) error {
	var call *spanutil.Call
	if ctx != nil {
		call = w.Start(ctx, spanutil.Local, func() gaptrace.Call {
			return gaptrace.Call{Component: component, Operation: "redis " + name, Request: request}
		})
	}
	if call == nil {
		return do(ctx)
	}
	defer call.Unwound()
	if call.Sampled() {
		call.Tag(string(ext.DBType), "redis")
		if cmd, ok := request.(redis.Cmder); ok {
			call.Statement(string(commandOf(cmd).AppendTo(nil, cmd.Args())))
		}
	}
	err := do(begun(ctx, w, call))
	if call.Answered(spanutil.Uncounted) && err != nil && (expected == nil || !expected(err)) {
		call.Fail(reworded(err, false))
	}
	call.Finish(nil)
	return err
}
