package gapredis_test

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/go-redis/redis/v8"
	"github.com/opentracing/opentracing-go"
)

// clusterOf returns the options of a cluster whose first peer has all slots.
func clusterOf(peers ...*peer) *redis.ClusterOptions {
	var nodes []redis.ClusterNode
	for _, p := range peers {
		nodes = append(nodes, redis.ClusterNode{Addr: p.addr})
	}
	return &redis.ClusterOptions{
		MinRetryBackoff: -1, MaxRetryBackoff: -1, ReadTimeout: time.Minute,
		ClusterSlots: func(context.Context) ([]redis.ClusterSlot, error) {
			return []redis.ClusterSlot{{End: 16383, Nodes: nodes}}, nil
		},
	}
}

// ringOf returns a Ring of peers without a heartbeat.
func ringOf(peers ...*peer) *redis.Ring {
	addrs := map[string]string{}
	for _, p := range peers {
		addrs[p.addr] = p.addr
	}
	return redis.NewRing(&redis.RingOptions{Addrs: addrs, HeartbeatFrequency: time.Hour})
}

// operations returns the operations of the finished spans, in order.
func operations(tracer *spantest.Tracer) (names []string) {
	for _, s := range tracer.Spans() {
		names = append(names, s.Operation)
	}
	return names
}

func TestWatch(t *testing.T) {
	for kind, client := range clients {
		t.Run(kind, func(t *testing.T) {
			peer := newPeer(t)
			tracer, ctx, parent := spantest.Under(t)
			c := gapredis.Wrap(client(peer.addr), gaptrace.WithTracer(tracer))
			defer c.Close()
			err := c.Watch(ctx, func(tx *redis.Tx) error {
				tx.Get(ctx, "greeting")
				_, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
					return p.Set(ctx, "greeting", "hi", 0).Err()
				})
				return err
			}, "greeting")
			check(t, err)
			db := "3"
			if kind == "ClusterClient" {
				db = "0"
			}
			spantest.WantUnder(t, tracer, parent, `
  redis watch … statement="watch greeting" db.type=redis peer.address=PEER span.kind=client
  redis get … statement="get greeting" db.type=redis peer.address=PEER span.kind=client
  redis tx … statement="set greeting ?" db.type=redis peer.address=PEER redis.commands=1 span.kind=client
  redis unwatch … statement=unwatch db.type=redis peer.address=PEER span.kind=client
`, peer.addr, "PEER", " component=go-redis db.instance="+db+" db.", " … ")
		})
	}
}

func TestCommandsSentToNodes(t *testing.T) {
	master, replica, tracer := newPeer(t), newPeer(t), spantest.NewTracer()
	cluster := gapredis.Wrap(redis.NewClusterClient(clusterOf(master, replica)), gaptrace.WithTracer(tracer))
	defer cluster.Close()
	ring := gapredis.Wrap(ringOf(master, replica), gaptrace.WithTracer(tracer))
	defer ring.Close()
	ping := func(ctx context.Context, c *redis.Client) error { return c.Ping(ctx).Err() }
	for _, test := range []struct {
		name  string
		use   func(context.Context) error
		pings int
	}{
		{"ClusterClient.ForEachShard", func(ctx context.Context) error { return cluster.ForEachShard(ctx, ping) }, 2},
		{"ClusterClient.ForEachMaster", func(ctx context.Context) error { return cluster.ForEachMaster(ctx, ping) }, 1},
		{"ClusterClient.ForEachSlave", func(ctx context.Context) error { return cluster.ForEachSlave(ctx, ping) }, 1},
		{"ClusterClient.MasterForKey", func(ctx context.Context) error {
			return ping(ctx, spantest.Must(cluster.MasterForKey(ctx, "k"))(t))
		}, 1},
		{"Ring.ForEachShard", func(ctx context.Context) error { return ring.ForEachShard(ctx, ping) }, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			tracer.Reset()
			parent := tracer.StartSpan("parent")
			check(t, test.use(opentracing.ContextWithSpan(t.Context(), parent)))
			parent.Finish()
			pings := len(tracer.Named("redis ping"))
			if pings != test.pings || len(tracer.Spans()) != test.pings+1 || tracer.Problems() != nil {
				t.Error(tracer.Tree())
			}
		})
	}
}

// TestCommandOfClusterOrRingIsOneSpan checks that a command, a pipeline and a transaction are one
// span each, whatever they ask the nodes for.
func TestCommandOfClusterOrRingIsOneSpan(t *testing.T) {
	const all = "parent, redis get, redis pipeline, redis tx"
	t.Run("recorded", func(t *testing.T) { oneSpanOnEachKind(t, all, nil, nil) })
	t.Run("with roots", func(t *testing.T) { oneSpanOnEachKind(t, all, gaptrace.WithRoots, nil) })
	t.Run("with a filter that accepts every second call", func(t *testing.T) {
		everySecond := func() gaptrace.Option {
			calls := 0
			return gaptrace.WithFilter(func(gaptrace.Call) bool { calls++; return calls%2 == 0 })
		}
		oneSpanOnEachKind(t, "parent, redis pipeline", everySecond, nil)
	})
	t.Run("with a hook that replaces the context", func(t *testing.T) {
		detach := &otherHook{before: func(ctx context.Context) (context.Context, error) {
			other := opentracing.SpanFromContext(ctx).Tracer().StartSpan("other")
			defer other.Finish()
			return opentracing.ContextWithSpan(context.Background(), other), nil
		}}
		oneSpanOnEachKind(t, "parent, redis get, other, redis pipeline, other, redis tx, other", nil, detach)
	})
}

// oneSpanOnEachKind runs a command, a pipeline and a transaction on a Ring and on ClusterClients,
// and compares the operations of their spans. option and hook may be nil.
func oneSpanOnEachKind(t *testing.T, want string, option func() gaptrace.Option, hook redis.Hook) {
	for _, kind := range []struct{ name, redirected string }{
		{"Ring", ""}, {"ClusterClient", ""}, {"ClusterClient", "MOVED"}, {"ClusterClient", "ASK"},
	} {
		t.Run(strings.TrimSpace(kind.name+" "+kind.redirected), func(t *testing.T) {
			peers := []*peer{newPeer(t), newPeer(t)}
			tracer, ctx, parent := spantest.Under(t)
			var c redis.UniversalClient = redis.NewClusterClient(clusterOf(peers...))
			if kind.name == "Ring" {
				c = ringOf(peers...)
			}
			defer c.Close()
			options := []gaptrace.Option{gaptrace.WithTracer(tracer)}
			if option != nil {
				options = append(options, option())
			}
			gapredis.Wrap(c, options...)
			if hook != nil {
				c.AddHook(hook)
			}
			if kind.redirected != "" {
				peers[0].sendTo(peers[1], kind.redirected)
			}
			check(t, c.Get(ctx, "greeting").Err())
			two := func(p redis.Pipeliner) error {
				p.Set(ctx, "a", "1", 0)
				p.Set(ctx, "b", "2", 0)
				return nil
			}
			_, err := c.Pipelined(ctx, two)
			check(t, err)
			expected := want
			if kind.redirected == "" {
				_, err = c.TxPipelined(ctx, two)
				check(t, err)
			} else { // go-redis itself has a data race if it gives up
				expected = strings.Replace(strings.Replace(expected, ", redis tx, other", "", 1), ", redis tx", "", 1)
			}
			parent.Finish()
			if kind.name == "Ring" {
				expected = strings.Replace(expected, "redis tx", "redis pipeline", 1)
			}
			if got := strings.Join(operations(tracer), ", "); got != expected || tracer.Problems() != nil {
				t.Errorf("recorded: %s, want %s\n%s", got, expected, tracer.Tree())
			}
		})
	}
}

func TestOneHookOnClusterAndNodes(t *testing.T) {
	for _, redirected := range []string{"MOVED", "ASK"} {
		t.Run(redirected, func(t *testing.T) {
			peers := []*peer{newPeer(t), newPeer(t)}
			tracer, ctx, parent := spantest.Under(t)
			peers[0].sendTo(peers[1], redirected)
			hook := gapredis.NewHook(gaptrace.WithTracer(tracer))
			opt := clusterOf(peers...)
			opt.NewClient = func(opt *redis.Options) *redis.Client {
				c := redis.NewClient(opt)
				c.AddHook(hook)
				return c
			}
			c := redis.NewClusterClient(opt)
			defer c.Close()
			c.AddHook(hook)
			_, err := c.Pipelined(ctx, func(p redis.Pipeliner) error { return p.Set(ctx, "a", "1", 0).Err() })
			check(t, err, c.Get(ctx, "greeting").Err())
			parent.Finish()
			got := operations(tracer)
			if !slices.Equal(got, []string{"parent", "redis pipeline", "redis get"}) || tracer.Problems() != nil {
				t.Errorf("%v\n%s", got, tracer.Tree())
			}
		})
	}
}

// TestBackgroundCommands checks that what a ClusterClient or a Ring sends in the background is not
// recorded: nobody waits for it.
func TestBackgroundCommands(t *testing.T) {
	peer, tracer := newPeer(t), spantest.NewTracer()
	options := []gaptrace.Option{gaptrace.WithTracer(tracer), gaptrace.WithRoots()}
	ring := gapredis.Wrap(redis.NewRing(&redis.RingOptions{
		Addrs: map[string]string{"a": peer.addr}, HeartbeatFrequency: time.Millisecond,
	}), options...)
	defer ring.Close()
	cluster := gapredis.Wrap(redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: []string{peer.addr}, RouteByLatency: true,
	}), options...)
	defer cluster.Close()
	check(t, ring.Get(t.Context(), "greeting").Err(), cluster.Get(t.Context(), "greeting").Err())
	cluster.ReloadState(t.Context())
	spantest.Await(t, "heartbeats and a reload", func() bool {
		received := peer.commands()
		return strings.Count(received, "ping") > 30 && strings.Count(received, "cluster slots") > 1
	})
	if got := operations(tracer); !slices.Equal(got, []string{"redis get", "redis get"}) {
		t.Error(got)
	}
	ping := func(ctx context.Context, c *redis.Client) error { return c.Ping(ctx).Err() }
	check(t, ring.ForEachShard(t.Context(), ping))
	if n := len(tracer.Named("redis ping")); n != 1 {
		t.Errorf("%d spans of the caller's own ping", n)
	}
}

func TestWrapDoesNotChangeOptions(t *testing.T) {
	peer := newPeer(t)
	tracer, ctx, parent := spantest.Under(t)
	var made []*redis.Client
	var hooked int
	newClient := func(opt *redis.Options) *redis.Client {
		if opt.Addr != peer.addr {
			t.Errorf("NewClient is called for %q", opt.Addr)
		}
		c := redis.NewClient(opt)
		c.AddHook(&otherHook{before: func(ctx context.Context) (context.Context, error) {
			hooked++
			return ctx, nil
		}})
		made = append(made, c)
		return c
	}
	opt := clusterOf(peer)
	opt.NewClient = newClient
	raw := redis.NewClusterClient(opt)
	cluster := gapredis.Wrap(raw, gaptrace.WithTracer(tracer))
	defer cluster.Close()
	second := redis.NewClusterClient(opt) // not wrapped
	defer second.Close()
	if cluster.Options() != opt {
		t.Error("Wrap replaced the client's options")
	}
	watch := func(c redis.UniversalClient) {
		check(t, c.Watch(ctx, func(*redis.Tx) error { return nil }, "greeting"))
	}
	watch(cluster)
	if len(made) != 1 || hooked != 2 {
		t.Errorf("%d clients made, other hook called %d times", len(made), hooked)
	}
	check(t, cluster.ForEachShard(ctx, func(_ context.Context, c *redis.Client) error {
		if c != made[0] {
			t.Error("the node's client is not the one that NewClient made")
		}
		return nil
	}))
	watch(second)
	if len(made) != 2 || hooked != 4 {
		t.Errorf("%d clients made, other hook called %d times", len(made), hooked)
	}
	parent.Finish()
	if got := operations(tracer); !slices.Equal(got, []string{"parent", "redis watch", "redis unwatch"}) {
		t.Errorf("of a wrapped client and a raw one with the same options: %v", got)
	}
}

func TestWrapKeepsNodesThatAreWrapped(t *testing.T) {
	peer, ours, theirs := newPeer(t), spantest.NewTracer(), spantest.NewTracer()
	opt := clusterOf(peer)
	opt.NewClient = func(opt *redis.Options) *redis.Client {
		return gapredis.Wrap(redis.NewClient(opt), gaptrace.WithTracer(theirs), gaptrace.WithRoots())
	}
	cluster := gapredis.Wrap(redis.NewClusterClient(opt), gaptrace.WithTracer(ours), gaptrace.WithRoots())
	defer cluster.Close()
	ring := gapredis.Wrap(redis.NewRing(&redis.RingOptions{
		Addrs: map[string]string{"a": peer.addr}, HeartbeatFrequency: time.Hour,
		NewClient: func(_ string, o *redis.Options) *redis.Client { return opt.NewClient(o) },
	}), gaptrace.WithTracer(ours), gaptrace.WithRoots())
	defer ring.Close()
	for _, c := range []redis.UniversalClient{cluster, ring} {
		ours.Reset()
		theirs.Reset()
		check(t, c.Get(t.Context(), "greeting").Err(), watchNothing(t.Context(), c))
		if got := operations(ours); !slices.Equal(got, []string{"redis get"}) {
			t.Error(got)
		}
		asksWhereKeysAre := func(name string) bool { return name == "redis command" } // of a Ring
		got := slices.DeleteFunc(operations(theirs), asksWhereKeysAre)
		if !slices.Equal(got, []string{"redis get", "redis watch", "redis unwatch"}) {
			t.Error(got)
		}
	}
}

func TestUnrecordedCommandOfClusterAllocatesNothing(t *testing.T) {
	opt := redis.ClusterOptions{
		ClusterSlots: func(context.Context) ([]redis.ClusterSlot, error) {
			return []redis.ClusterSlot{{End: 16383, Nodes: []redis.ClusterNode{{Addr: "node:1"}}}}, nil
		},
		Dialer: func(context.Context, string, string) (net.Conn, error) {
			return &memoryConn{answer: []byte("$-1\r\n")}, nil
		},
		PoolSize: 1, ReadTimeout: -1, WriteTimeout: -1,
	}
	allocations := func(c *redis.ClusterClient) float64 {
		defer c.Close()
		c.Get(t.Context(), "k") // makes the node
		return testing.AllocsPerRun(100, func() { c.Get(t.Context(), "k") })
	}
	raw := allocations(redis.NewClusterClient(&opt))
	wrapped := allocations(gapredis.Wrap(redis.NewClusterClient(&opt)))
	if wrapped != raw {
		t.Errorf("%v allocations, raw %v", wrapped, raw)
	}
}

func TestWrapOddClients(t *testing.T) {
	t.Run("ClusterOptions.NewClient returns nil", func(t *testing.T) {
		opt := clusterOf(newPeer(t))
		opt.NewClient = func(*redis.Options) *redis.Client { return nil }
		cluster := gapredis.Wrap(redis.NewClusterClient(opt))
		if c, err := cluster.MasterForKey(t.Context(), "k"); c != nil || err != nil {
			t.Error(c, err)
		}
	})
	t.Run("RingOptions.NewClient returns nil", func(*testing.T) {
		gapredis.Wrap(redis.NewRing(&redis.RingOptions{
			Addrs: map[string]string{"a": "x"}, HeartbeatFrequency: time.Hour,
			NewClient: func(string, *redis.Options) *redis.Client { return nil },
		}))
	})
	t.Run("closed ring", func(t *testing.T) {
		dialer := func(context.Context, string, string) (net.Conn, error) { return nil, net.ErrClosed }
		closed := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": "x"}, Dialer: dialer})
		check(t, closed.Close())
		gapredis.Wrap(closed)
		gapredis.Wrap(closed)
	})
	t.Run("zero ClusterClient", func(*testing.T) { gapredis.Wrap(&redis.ClusterClient{}) })
}
