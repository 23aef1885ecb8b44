package gapredis

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/wrap"
	"github.com/gaptrace/gaptrace/wrap/redact"
	"github.com/go-redis/redis/v8"
	"github.com/opentracing/opentracing-go/ext"
)

// PubSub is a *redis.PubSub that records its methods that receive, subscribe, unsubscribe and ping.
// Messages from Channel, ChannelSize and ChannelWithSubscriptions are not recorded: a goroutine of
// go-redis receives them, so it is unknown when the caller waits for one.
type PubSub struct {
	*redis.PubSub
	wrapper *wrap.Wrapper
}

// WrapPubSub returns a new PubSub that records what p does, which no hook sees. p itself does not
// change. WrapPubSub panics if p is nil.
//
// A client's Subscribe and PSubscribe send their command before they return p. To record the
// command, call them without channels, and subscribe with the result of WrapPubSub:
//
//	sub := gapredis.WrapPubSub(client.Subscribe(ctx))
//	err := sub.Subscribe(ctx, "news")
//
// The Request of a [gaptrace.Call] is the redis.Cmder that is sent, or p for a Receive method.
func WrapPubSub(p *redis.PubSub, opts ...gaptrace.Option) *PubSub {
	if p == nil {
		panic("gapredis.WrapPubSub: p is nil")
	}
	return &PubSub{p, wrap.New("", opts...)}
}

// Receive is [redis.PubSub.Receive].
func (p *PubSub) Receive(ctx context.Context) (any, error) { return p.ReceiveTimeout(ctx, 0) }

// ReceiveTimeout is [redis.PubSub.ReceiveTimeout]. It is not a failure if nothing comes within
// timeout, unless the deadline of ctx comes first.
func (p *PubSub) ReceiveTimeout(ctx context.Context, timeout time.Duration) (received any, err error) {
	start := time.Now()
	nothingCame := func(err error) bool {
		late, ok := errors.AsType[*net.OpError](err)
		if !ok || late.Op != "read" || !late.Timeout() || timeout <= 0 || time.Since(start) < timeout {
			return false // a dial that took too long is not a "read"
		}
		// The connection's deadline is the earlier of the two. The error does not say which.
		deadline, ok := ctx.Deadline()
		return !ok || deadline.After(start.Add(timeout))
	}
	err = run(ctx, p.wrapper, "receive", p.PubSub, nothingCame, func(ctx context.Context) error {
		received, err = p.PubSub.ReceiveTimeout(ctx, timeout)
		return err
	})
	return received, err
}

// ReceiveMessage is [redis.PubSub.ReceiveMessage]. It is one span, even if answers to Subscribe or
// Ping come before the message.
func (p *PubSub) ReceiveMessage(ctx context.Context) (message *redis.Message, err error) {
	err = run(ctx, p.wrapper, "receive", p.PubSub, nil, func(ctx context.Context) error {
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
	if len(payload) > 1 { // go-redis sends no payload then
		return p.send(ctx, "ping", nil, func(ctx context.Context, _ ...string) error {
			return p.PubSub.Ping(ctx, payload...)
		})
	}
	return p.send(ctx, "ping", payload, p.PubSub.Ping)
}

// send records a method of PubSub that sends a command and does not wait for its answer.
func (p *PubSub) send(
	ctx context.Context, name string, args []string, send func(context.Context, ...string) error,
) error {
	if !p.wrapper.MayRecord(ctx) {
		return send(ctx, args...)
	}
	words := []any{name}
	for _, arg := range args {
		words = append(words, arg)
	}
	return run(ctx, p.wrapper, name, redis.NewCmd(ctx, words...), nil, func(ctx context.Context) error {
		return send(ctx, args...)
	})
}

// run calls do and records it as "redis " plus name. The error of do is a failure, unless expected
// is not nil and returns true.
func run(
	ctx context.Context, w *wrap.Wrapper, name string, request any,
	expected func(error) bool, do func(context.Context) error,
) error {
	var call *wrap.Call
	if ctx != nil {
		call = w.Start(ctx, func() gaptrace.Call {
			return gaptrace.Call{Component: component, Operation: "redis " + name, Request: request}
		})
	}
	if call == nil {
		return do(ctx)
	}
	defer call.Unwound()
	if call.Sampled() {
		call.Tag(string(ext.DBType), redisType)
		if cmd, ok := request.(redis.Cmder); ok {
			call.Statement(string(commandOf(cmd).AppendTo(nil, cmd.Args())))
		}
	}
	with, _ := openWithPhases(ctx, call)
	err := do(with)
	if call.Answered("") && err != nil && (expected == nil || !expected(err)) {
		call.Fail(redactError(err, redact.Redis([]any{"subscribe"})))
	}
	call.Finish(nil)
	return err
}
