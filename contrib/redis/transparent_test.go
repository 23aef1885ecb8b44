package gapredis_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/wrap/wraptest"
	"github.com/go-redis/redis/v8"
	"github.com/opentracing/opentracing-go"
)

// clients make each kind of client for one server.
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

// wrapping is a way of wrapping a client. The client must behave as the raw one.
type wrapping struct {
	name   string
	parent func(ctx context.Context, tracer opentracing.Tracer) context.Context
	twice  bool
}

func (w wrapping) wrap(ctx context.Context, c redis.UniversalClient) context.Context {
	tracer := spantest.NewTracer()
	gapredis.Wrap(c, gaptrace.WithTracer(tracer))
	if w.twice {
		gapredis.Wrap(c, gaptrace.WithTracer(tracer))
	}
	return w.parent(ctx, tracer)
}

func parentSpan(ctx context.Context, tracer opentracing.Tracer) context.Context {
	return opentracing.ContextWithSpan(ctx, tracer.StartSpan("parent"))
}

func foreignParent(ctx context.Context, _ opentracing.Tracer) context.Context {
	return opentracing.ContextWithSpan(ctx, opentracing.NoopTracer{}.StartSpan("foreign"))
}

func raw(ctx context.Context, _ redis.UniversalClient) context.Context { return ctx }

func TestTransparent(t *testing.T) {
	wrappings := []wrapping{
		{"twice", parentSpan, true},
		{"under a span of another tracer", foreignParent, false},
	}
	for kind, client := range clients {
		t.Run(kind, func(t *testing.T) {
			want := observe(t, client, raw)
			for _, w := range wrappings {
				wantObserved(t, w.name, observe(t, client, w.wrap), want)
			}
			wraptest.Compare(t, func(t *testing.T, ctx context.Context, opts ...gaptrace.Option) string {
				return observe(t, client, func(_ context.Context, c redis.UniversalClient) context.Context {
					if opts != nil {
						gapredis.Wrap(c, opts...)
					}
					return ctx
				})
			})
		})
	}
}

func wantObserved(t *testing.T, name, wrapped, raw string) {
	t.Helper()
	if wrapped != raw {
		raw, wrapped := differing(raw, wrapped)
		t.Errorf("%s: raw:\n%s\nwrapped:\n%s", name, raw, wrapped)
	}
}

// observer notes what a caller sees.
type observer struct{ strings.Builder }

func (o *observer) note(what string, value any, err error) {
	identity := slices.Index(knownErrors, err) // errors are compared by ==
	fmt.Fprintf(o, "%s: %v, error %d %T %v\n", what, value, identity, err, err)
}

func (o *observer) cmd(what string, cmd redis.Cmder) {
	s := cmd.String()
	o.note(what, s[:min(len(s), 100)], cmd.Err())
}

func (o *observer) exec(what string, cmds []redis.Cmder, err error) {
	o.note(what, len(cmds), err)
	for _, c := range cmds {
		o.cmd("  "+what, c)
	}
}

// Keys of one slot, so that commands reach the server in order.
const greeting, none, n, watched = "greeting{1}", "none{1}", "n{1}", "watched{1}"

// observe runs all that a caller can do, and returns what the caller and the server saw.
func observe(
	t *testing.T, newClient func(addr string) redis.UniversalClient,
	wrap func(context.Context, redis.UniversalClient) context.Context,
) string {
	peer, o := newPeer(t), &observer{}
	c := newClient(peer.addr)
	defer c.Close()
	ctx := wrap(t.Context(), c)
	observeCommands(ctx, o, c)
	observePipelines(ctx, o, c)
	for _, meddle := range []bool{false, true} {
		observeWatch(ctx, o, c, meddle)
	}
	observeShards(ctx, o, c)
	observeEnds(ctx, o, c)
	return strings.ReplaceAll(o.String()+peer.commands(), peer.addr, "PEER")
}

func observeCommands(ctx context.Context, o *observer, c redis.UniversalClient) {
	o.cmd("get", c.Get(ctx, greeting))
	o.cmd("get of none", c.Get(ctx, none))
	o.cmd("set", c.Set(ctx, n, "41", time.Hour))
	o.cmd("failure", c.Incr(ctx, greeting))
	o.cmd("do", c.Do(ctx, []byte("GET"), greeting))
	o.cmd("unknown", c.Do(ctx, "no.such", "argument"))
	o.cmd("not to be marshaled", c.Do(ctx, "get", struct{}{}))
	o.cmd("large", c.Set(ctx, "large\xff", strings.Repeat("x", 10<<20), 0))
}

// several returns the commands of a pipeline; the second fails.
func several(ctx context.Context) func(redis.Pipeliner) error {
	return func(p redis.Pipeliner) error {
		p.Get(ctx, none)
		p.Incr(ctx, greeting)
		p.Incr(ctx, n)
		return nil
	}
}

var errMine = errors.New("mine")

func observePipelines(ctx context.Context, o *observer, c redis.UniversalClient) {
	cmds, err := c.Pipelined(ctx, func(redis.Pipeliner) error { return nil })
	o.exec("empty pipeline", cmds, err)
	_, err = c.Pipelined(ctx, func(redis.Pipeliner) error { return errMine })
	o.note("abandoned pipeline", err == errMine, err)
	cmds, err = c.Pipelined(ctx, several(ctx))
	o.exec("pipeline", cmds, err)
	cmds, err = c.TxPipelined(ctx, several(ctx))
	o.exec("tx", cmds, err)
	cmds, err = c.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Do(ctx, "no.such", n)
		return nil
	})
	o.exec("tx refused", cmds, err)
}

// observeWatch runs a transaction on a watched key, which another client changes if meddle is true.
func observeWatch(ctx context.Context, o *observer, c redis.UniversalClient, meddle bool) {
	name := fmt.Sprint("watch, meddling ", meddle)
	err := c.Watch(ctx, func(tx *redis.Tx) error {
		if meddle {
			o.cmd("meddling", c.Set(ctx, watched, "0", 0))
		}
		cmds, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.Incr(ctx, watched)
			return nil
		})
		o.exec(name, cmds, err)
		return err
	}, watched)
	o.note(name, nil, err)
}

func observeShards(ctx context.Context, o *observer, c redis.UniversalClient) {
	shards, ok := c.(interface {
		ForEachShard(context.Context, func(context.Context, *redis.Client) error) error
	})
	if !ok {
		return
	}
	err := shards.ForEachShard(ctx, func(ctx context.Context, shard *redis.Client) error {
		o.cmd("of a shard", shard.Get(ctx, none))
		cmds, err := shard.TxPipelined(ctx, several(ctx))
		o.exec("tx of a shard", cmds, err)
		return errMine
	})
	o.note("each shard", err == errMine, err)
}

// observeEnds uses contexts that have ended, and closes the client.
func observeEnds(ctx context.Context, o *observer, c redis.UniversalClient) {
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	o.cmd("canceled", c.Get(canceled, greeting))
	cmds, err := c.Pipelined(canceled, several(ctx))
	o.exec("canceled pipeline", cmds, err)
	late, cancel := context.WithDeadline(ctx, time.Now())
	defer cancel()
	o.cmd("late", c.Get(late, greeting))

	c.Close()
	o.cmd("closed", c.Get(ctx, greeting))
	if _, ring := c.(*redis.Ring); !ring { // a closed Ring panics, raw as well
		cmds, err = c.Pipelined(ctx, several(ctx))
		o.exec("closed pipeline", cmds, err)
	}
}

// knownErrors are errors whose identity callers compare.
var knownErrors = []error{
	redis.Nil, redis.TxFailedErr, redis.ErrClosed, context.Canceled, context.DeadlineExceeded,
}

// differing removes what two texts have in common at their ends.
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

func TestConnectionErrorsAreTheSame(t *testing.T) {
	unwrapped := func(c *redis.Client) *redis.Client { return c }
	wrapped := func(c *redis.Client) *redis.Client {
		return gapredis.Wrap(c, gaptrace.WithTracer(spantest.NewTracer()), gaptrace.WithRoots())
	}
	wantObserved(t, "dial", dialError(t, wrapped), dialError(t, unwrapped))
	wantObserved(t, "timeouts", timeoutErrors(t, wrapped), timeoutErrors(t, unwrapped))
}

// dialError observes the error of a Dialer.
func dialError(t *testing.T, wrap func(*redis.Client) *redis.Client) string {
	errDial := errors.New("no way through")
	c := wrap(redis.NewClient(&redis.Options{
		MaxRetries: -1,
		Dialer:     func(context.Context, string, string) (net.Conn, error) { return nil, errDial },
	}))
	defer c.Close()
	return fmt.Sprint(ping(t.Context(), c) == errDial, pipelinedPing(t.Context(), c) == errDial)
}

// timeoutErrors observes the errors of the pool's timeout and of a read timeout.
func timeoutErrors(t *testing.T, wrap func(*redis.Client) *redis.Client) string {
	ctx := t.Context()
	c := wrap(redis.NewClient(&redis.Options{
		Addr: newPeer(t).addr, PoolSize: 1, PoolTimeout: time.Millisecond, MaxRetries: -1, IdleCheckFrequency: -1,
	}))
	defer c.Close()
	conn := c.Conn(ctx)
	conn.Ping(ctx) // holds the only connection
	pool := ping(ctx, c)
	conn.Close()
	read := c.WithTimeout(time.Millisecond).Do(ctx, "blpop", "queue", 0).Err()
	var timeout net.Error
	return fmt.Sprintf("%T %v; %T %t", pool, pool, read, errors.As(read, &timeout) && timeout.Timeout())
}
