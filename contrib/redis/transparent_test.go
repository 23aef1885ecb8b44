package gapredis_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/go-redis/redis/v8"
	"github.com/opentracing/opentracing-go"
)

// clients make each kind of client there is for one server.
var clients = map[string]func(addr string) redis.UniversalClient{
	"Client": func(addr string) redis.UniversalClient {
		return redis.NewClient(&redis.Options{Addr: addr, DB: 3, Password: "hunter2", ReadTimeout: time.Minute})
	},
	"Ring": func(addr string) redis.UniversalClient {
		return redis.NewRing(&redis.RingOptions{
			Addrs: map[string]string{"a": addr}, DB: 3, HeartbeatFrequency: time.Hour, ReadTimeout: time.Minute,
		})
	},
	"ClusterClient": func(addr string) redis.UniversalClient {
		return redis.NewClusterClient(&redis.ClusterOptions{
			MinRetryBackoff: -1, MaxRetryBackoff: -1, ReadTimeout: time.Minute,
			ClusterSlots: func(context.Context) ([]redis.ClusterSlot, error) {
				return []redis.ClusterSlot{{End: 16383, Nodes: []redis.ClusterNode{{Addr: addr}}}}, nil
			},
		})
	},
}

// wrappings are the states in which a wrapped client must be as the raw one.
var wrappings = map[string]func(context.Context, redis.UniversalClient) context.Context{
	"no parent": func(ctx context.Context, c redis.UniversalClient) context.Context {
		gapredis.Wrap(c, gaptrace.WithTracer(spantest.NewTracer()))
		return ctx
	},
	"under a parent": func(ctx context.Context, c redis.UniversalClient) context.Context {
		tracer := spantest.NewTracer()
		gapredis.Wrap(c, gaptrace.WithTracer(tracer))
		return opentracing.ContextWithSpan(ctx, tracer.StartSpan("parent"))
	},
	"with phases": func(ctx context.Context, c redis.UniversalClient) context.Context {
		tracer := spantest.NewTracer()
		gapredis.Wrap(c, gaptrace.WithTracer(tracer), gaptrace.WithPhases())
		return opentracing.ContextWithSpan(ctx, tracer.StartSpan("parent"))
	},
	"twice": func(ctx context.Context, c redis.UniversalClient) context.Context {
		tracer := spantest.NewTracer()
		gapredis.Wrap(gapredis.Wrap(c, gaptrace.WithTracer(tracer)), gaptrace.WithTracer(tracer))
		return opentracing.ContextWithSpan(ctx, tracer.StartSpan("parent"))
	},
	"filtered": func(ctx context.Context, c redis.UniversalClient) context.Context {
		gapredis.Wrap(c, gaptrace.WithRoots(), gaptrace.WithFilter(func(gaptrace.Call) bool { return false }))
		return ctx
	},
	"a tracer with foreign contexts": func(ctx context.Context, c redis.UniversalClient) context.Context {
		gapredis.Wrap(c, gaptrace.WithTracer(spantest.NewTracer()))
		return opentracing.ContextWithSpan(ctx, opentracing.NoopTracer{}.StartSpan("foreign"))
	},
	"hooks that panic": func(ctx context.Context, c redis.UniversalClient) context.Context {
		gapredis.Wrap(c, gaptrace.WithRoots(), gaptrace.WithTracer(spantest.NewTracer()),
			gaptrace.WithOperation(func(gaptrace.Call) string { panic("operation") }),
			gaptrace.WithTags(func(gaptrace.Call) opentracing.Tags { panic("tags") }),
			gaptrace.WithStatement(func(gaptrace.Call, string) string { panic("statement") }),
			gaptrace.WithExpected(func(gaptrace.Call, error) bool { panic("expected") }))
		return ctx
	},
}

func TestAWrappedClientBehavesAsTheRawOne(t *testing.T) {
	for kind, client := range clients {
		t.Run(kind, func(t *testing.T) {
			raw := observe(t, client, func(ctx context.Context, _ redis.UniversalClient) context.Context { return ctx })
			for name, wrap := range wrappings {
				if wrapped := observe(t, client, wrap); raw != wrapped {
					raw, wrapped := differing(raw, wrapped)
					t.Errorf("%s: raw:\n%s\nwrapped:\n%s", name, raw, wrapped)
				}
			}
			inner := spantest.NewTracer()
			for name, tracer := range spantest.Hostile(inner) {
				wrapped := observe(t, client, func(ctx context.Context, c redis.UniversalClient) context.Context {
					gapredis.Wrap(c, gaptrace.WithRoots(), gaptrace.WithTracer(tracer))
					return ctx
				})
				if raw != wrapped {
					raw, wrapped := differing(raw, wrapped)
					t.Errorf("%s: raw:\n%s\nwrapped:\n%s", name, raw, wrapped)
				}
				if problems := inner.Problems(); problems != nil {
					t.Errorf("%s: %v", name, problems)
				}
				inner.Reset()
			}
		})
	}
}

// observe runs everything a caller can do and writes down what came of it.
func observe(
	t *testing.T, newClient func(addr string) redis.UniversalClient,
	wrap func(context.Context, redis.UniversalClient) context.Context,
) string {
	peer := newPeer(t)
	c := newClient(peer.addr)
	defer c.Close()
	ctx := wrap(t.Context(), c)
	const greeting, none, n, watched = "greeting{1}", "none{1}", "n{1}", "watched{1}" // of one slot, to be in order
	var b strings.Builder
	note := func(what string, value any, err error) {
		identity := -1 // errors are compared by ==
		for i, known := range []error{redis.Nil, redis.TxFailedErr, redis.ErrClosed, context.Canceled, context.DeadlineExceeded} {
			if err == known {
				identity = i
			}
		}
		fmt.Fprintf(&b, "%s: %v, error %d %T %v\n", what, value, identity, err, err)
	}
	cmd := func(what string, cmd redis.Cmder) {
		s := cmd.String()
		note(what, s[:min(len(s), 100)], cmd.Err())
	}
	exec := func(what string, cmds []redis.Cmder, err error) {
		note(what, len(cmds), err)
		for _, c := range cmds {
			cmd("  "+what, c)
		}
	}

	cmd("get", c.Get(ctx, greeting))
	cmd("get of none", c.Get(ctx, none))
	cmd("set", c.Set(ctx, n, "41", time.Hour))
	cmd("failure", c.Incr(ctx, greeting))
	cmd("do", c.Do(ctx, []byte("GET"), greeting))
	cmd("unknown", c.Do(ctx, "no.such", "argument"))
	cmd("not to be marshalled", c.Do(ctx, "get", struct{}{}))
	cmd("large", c.Set(ctx, "large\xff", strings.Repeat("x", 10<<20), 0))

	cmds, err := c.Pipelined(ctx, func(redis.Pipeliner) error { return nil })
	exec("empty pipeline", cmds, err)
	errMine := errors.New("mine")
	_, err = c.Pipelined(ctx, func(redis.Pipeliner) error { return errMine })
	note("abandoned pipeline", err == errMine, err)
	several := func(p redis.Pipeliner) error {
		p.Get(ctx, none)
		p.Incr(ctx, greeting)
		p.Incr(ctx, n)
		return nil
	}
	cmds, err = c.Pipelined(ctx, several)
	exec("pipeline", cmds, err)
	cmds, err = c.TxPipelined(ctx, several)
	exec("tx", cmds, err)
	cmds, err = c.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Do(ctx, "no.such", n)
		return nil
	})
	exec("tx refused", cmds, err)

	for _, meddle := range []bool{false, true} {
		name := fmt.Sprint("watch, meddling ", meddle)
		err = c.Watch(ctx, func(tx *redis.Tx) error {
			if meddle {
				cmd("meddling", c.Set(ctx, watched, "0", 0))
			}
			cmds, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
				p.Incr(ctx, watched)
				return nil
			})
			exec(name, cmds, err)
			return err
		}, watched)
		note(name, nil, err)
	}

	if shards, ok := c.(interface {
		ForEachShard(context.Context, func(context.Context, *redis.Client) error) error
	}); ok {
		err = shards.ForEachShard(ctx, func(ctx context.Context, shard *redis.Client) error {
			cmd("of a shard", shard.Get(ctx, none))
			cmds, err := shard.TxPipelined(ctx, several)
			exec("tx of a shard", cmds, err)
			return errMine
		})
		note("each shard", err == errMine, err)
	}

	canceled, cancel := context.WithCancel(ctx)
	cancel()
	cmd("canceled", c.Get(canceled, greeting))
	cmds, err = c.Pipelined(canceled, several)
	exec("canceled pipeline", cmds, err)
	late, cancel := context.WithDeadline(ctx, time.Now())
	defer cancel()
	cmd("late", c.Get(late, greeting))

	c.Close()
	cmd("closed", c.Get(ctx, greeting))
	if _, ring := c.(*redis.Ring); !ring { // a closed Ring panics, raw as well
		cmds, err = c.Pipelined(ctx, several)
		exec("closed pipeline", cmds, err)
	}
	return strings.ReplaceAll(b.String()+peer.commands(), peer.addr, "PEER")
}

// differing cuts what two texts have in common at their ends.
func differing(a, b string) (string, string) {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for len(x) > 0 && len(y) > 0 && x[0] == y[0] {
		x, y = x[1:], y[1:]
	}
	for len(x) > 0 && len(y) > 0 && x[len(x)-1] == y[len(y)-1] {
		x, y = x[:len(x)-1], y[:len(y)-1]
	}
	return strings.Join(x, "\n"), strings.Join(y, "\n")
}

func TestErrorsOfTheConnectionAreTheSame(t *testing.T) {
	errDial := errors.New("no way through")
	for name, use := range map[string]func(*testing.T, context.Context, bool) string{
		"dial": func(t *testing.T, ctx context.Context, wrapped bool) string {
			c := redis.NewClient(&redis.Options{
				MaxRetries: -1,
				Dialer:     func(context.Context, string, string) (net.Conn, error) { return nil, errDial },
			})
			defer c.Close()
			if wrapped {
				gapredis.Wrap(c, gaptrace.WithTracer(spantest.NewTracer()), gaptrace.WithRoots())
			}
			err := c.Ping(ctx).Err()
			_, pipeErr := c.Pipelined(ctx, func(p redis.Pipeliner) error { return p.Ping(ctx).Err() })
			return fmt.Sprint(err == errDial, pipeErr == errDial)
		},
		"pool timeout and read timeout": func(t *testing.T, ctx context.Context, wrapped bool) string {
			peer := newPeer(t)
			c := redis.NewClient(&redis.Options{
				Addr: peer.addr, PoolSize: 1, PoolTimeout: time.Millisecond, MaxRetries: -1, IdleCheckFrequency: -1,
			})
			defer c.Close()
			if wrapped {
				gapredis.Wrap(c, gaptrace.WithTracer(spantest.NewTracer()), gaptrace.WithRoots())
			}
			conn := c.Conn(ctx)
			conn.Ping(ctx) // has the only connection
			pool := c.Ping(ctx).Err()
			conn.Close()
			read := c.WithTimeout(time.Millisecond).Do(ctx, "blpop", "queue", 0).Err()
			var timeout net.Error
			return fmt.Sprintf("%T %v; %T %t", pool, pool, read, errors.As(read, &timeout) && timeout.Timeout())
		},
	} {
		t.Run(name, func(t *testing.T) {
			if raw, wrapped := use(t, t.Context(), false), use(t, t.Context(), true); raw != wrapped {
				t.Errorf("raw:\n%s\nwrapped:\n%s", raw, wrapped)
			}
		})
	}
}
