package gapredis_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/go-redis/redis/v8"
	"github.com/opentracing/opentracing-go"
)

// clusterOf returns options of a cluster whose first peer has all slots.
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

func operations(tracer *spantest.Tracer) (names []string) {
	for _, s := range tracer.Spans() {
		names = append(names, s.Operation)
	}
	return names
}

func TestWatchDrawsTheSameOnEveryClient(t *testing.T) {
	for kind, client := range clients {
		t.Run(kind, func(t *testing.T) {
			peer, tracer := newPeer(t), spantest.NewTracer()
			ctx, drawn := under(t, tracer)
			c := gapredis.Wrap(client(peer.addr), gaptrace.WithTracer(tracer))
			defer c.Close()
			err := c.Watch(ctx, func(tx *redis.Tx) error {
				tx.Get(ctx, "greeting")
				_, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error { return p.Set(ctx, "greeting", "hi", 0).Err() })
				return err
			}, "greeting")
			must(t, err)
			db := "3"
			if kind == "ClusterClient" {
				db = "0"
			}
			tags := " component=go-redis db.instance=" + db + " db."
			want(t, strings.ReplaceAll(drawn(peer.addr, "PEER"), tags, " … "), `
parent
  redis watch … statement="watch greeting" db.type=redis peer.address=PEER span.kind=client
  redis get … statement="get greeting" db.type=redis peer.address=PEER span.kind=client
  redis tx … statement="set greeting ?" db.type=redis peer.address=PEER redis.commands=1 span.kind=client
  redis unwatch … statement=unwatch db.type=redis peer.address=PEER span.kind=client
`)
		})
	}
}

func TestNodesThatAreAskedDirectlyAreDrawn(t *testing.T) {
	master, replica, tracer := newPeer(t), newPeer(t), spantest.NewTracer()
	cluster := gapredis.Wrap(redis.NewClusterClient(clusterOf(master, replica)), gaptrace.WithTracer(tracer))
	defer cluster.Close()
	ring := gapredis.Wrap(redis.NewRing(&redis.RingOptions{
		Addrs: map[string]string{"a": master.addr, "b": replica.addr}, HeartbeatFrequency: time.Hour,
	}), gaptrace.WithTracer(tracer))
	defer ring.Close()
	ping := func(ctx context.Context, c *redis.Client) error { return c.Ping(ctx).Err() }
	for name, test := range map[string]struct {
		use   func(context.Context) error
		pings int
	}{
		"ClusterClient.ForEachShard":  {func(ctx context.Context) error { return cluster.ForEachShard(ctx, ping) }, 2},
		"ClusterClient.ForEachMaster": {func(ctx context.Context) error { return cluster.ForEachMaster(ctx, ping) }, 1},
		"ClusterClient.ForEachSlave":  {func(ctx context.Context) error { return cluster.ForEachSlave(ctx, ping) }, 1},
		"ClusterClient.MasterForKey": {func(ctx context.Context) error {
			c, err := cluster.MasterForKey(ctx, "k")
			must(t, err)
			return ping(ctx, c)
		}, 1},
		"Ring.ForEachShard": {func(ctx context.Context) error { return ring.ForEachShard(ctx, ping) }, 2},
	} {
		tracer.Reset()
		ctx, drawn := under(t, tracer)
		must(t, test.use(ctx))
		if tree := drawn(); strings.Count(tree, "redis ping") != test.pings || len(tracer.Spans()) != test.pings+1 || tracer.Problems() != nil {
			t.Errorf("%s:\n%s", name, tree)
		}
	}
}

// A command of a ClusterClient or a Ring is one span, whatever it asks its nodes for.
func TestACommandOfAClusterOrARingIsOneSpan(t *testing.T) {
	detached := &otherHook{before: func(ctx context.Context) (context.Context, error) {
		other := opentracing.SpanFromContext(ctx).Tracer().StartSpan("other")
		defer other.Finish()
		return opentracing.ContextWithSpan(context.Background(), other), nil
	}}
	unsteady := func() gaptrace.Option { // a filter that accepts every second call
		asked := 0
		return gaptrace.WithFilter(func(gaptrace.Call) bool { asked++; return asked%2 == 0 })
	}
	for name, test := range map[string]struct {
		option gaptrace.Option
		hook   redis.Hook
		want   string
	}{
		"recorded":                      {want: "parent, redis get, redis pipeline, redis tx"},
		"with roots":                    {option: gaptrace.WithRoots(), want: "parent, redis get, redis pipeline, redis tx"},
		"filtered":                      {want: "parent, redis pipeline"},
		"another hook replaces context": {hook: detached, want: "parent, redis get, other, redis pipeline, other, redis tx, other"},
	} {
		for kind, redirected := range map[string]string{"Ring": "", "ClusterClient": "", "ClusterClient, MOVED": "MOVED", "ClusterClient, ASK": "ASK"} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				if name == "filtered" {
					test.option = unsteady()
				}
				peers, tracer := []*peer{newPeer(t), newPeer(t)}, spantest.NewTracer()
				var c redis.UniversalClient = redis.NewClusterClient(clusterOf(peers...))
				if kind == "Ring" {
					c = redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": peers[0].addr, "b": peers[1].addr}, HeartbeatFrequency: time.Hour})
				}
				defer c.Close()
				options := []gaptrace.Option{gaptrace.WithTracer(tracer)}
				if test.option != nil {
					options = append(options, test.option)
				}
				gapredis.Wrap(c, options...)
				if test.hook != nil {
					c.AddHook(test.hook)
				}
				if redirected != "" {
					peers[0].sendTo(peers[1], redirected)
				}
				ctx, drawn := under(t, tracer)
				must(t, c.Get(ctx, "greeting").Err())
				two := func(p redis.Pipeliner) error {
					p.Set(ctx, "a", "1", 0)
					p.Set(ctx, "b", "2", 0)
					return nil
				}
				_, err := c.Pipelined(ctx, two)
				must(t, err)
				expected := test.want
				if redirected == "" {
					_, err = c.TxPipelined(ctx, two)
					must(t, err)
				} else { // go-redis itself has a data race if it gives up
					expected = strings.Replace(strings.Replace(expected, ", redis tx, other", "", 1), ", redis tx", "", 1)
				}
				drawn()
				if kind == "Ring" {
					expected = strings.Replace(expected, "redis tx", "redis pipeline", 1)
				}
				if got := strings.Join(operations(tracer), ", "); got != expected || tracer.Problems() != nil {
					t.Errorf("drawn: %s, want %s\n%s", got, expected, tracer.Tree())
				}
			})
		}
	}
}

func TestOneHookRecordsARedirectedCommandOnce(t *testing.T) {
	for _, redirected := range []string{"MOVED", "ASK"} {
		peers, tracer := []*peer{newPeer(t), newPeer(t)}, spantest.NewTracer()
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
		ctx, drawn := under(t, tracer)
		_, err := c.Pipelined(ctx, func(p redis.Pipeliner) error { return p.Set(ctx, "a", "1", 0).Err() })
		must(t, err, c.Get(ctx, "greeting").Err())
		drawn()
		if got := operations(tracer); !slices.Equal(got, []string{"parent", "redis pipeline", "redis get"}) || tracer.Problems() != nil {
			t.Errorf("%s: %v\n%s", redirected, got, tracer.Tree())
		}
	}
}

// A ClusterClient and a Ring also send commands in the background, where nobody waits for them.
func TestBackgroundCommandsDrawNothing(t *testing.T) {
	peer, tracer := newPeer(t), spantest.NewTracer()
	ring := gapredis.Wrap(redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": peer.addr}, HeartbeatFrequency: time.Millisecond}),
		gaptrace.WithTracer(tracer), gaptrace.WithRoots())
	defer ring.Close()
	opt := &redis.ClusterOptions{Addrs: []string{peer.addr}, RouteByLatency: true}
	cluster := gapredis.Wrap(redis.NewClusterClient(opt), gaptrace.WithTracer(tracer), gaptrace.WithRoots())
	defer cluster.Close()
	must(t, ring.Get(t.Context(), "greeting").Err(), cluster.Get(t.Context(), "greeting").Err())
	cluster.ReloadState(t.Context())
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		heard := peer.commands()
		if strings.Count(heard, "ping") > 30 && strings.Count(heard, "cluster slots") > 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(heard)
		}
	}
	if got := operations(tracer); !slices.Equal(got, []string{"redis get", "redis get"}) {
		t.Error(got)
	}
	must(t, ring.ForEachShard(t.Context(), func(ctx context.Context, c *redis.Client) error { return c.Ping(ctx).Err() }))
	if n := len(tracer.Named("redis ping")); n != 1 {
		t.Errorf("%d spans of the caller's own ping", n)
	}
}

func TestWrapLeavesTheCallersOptions(t *testing.T) {
	peer, tracer := newPeer(t), spantest.NewTracer()
	var made []*redis.Client
	var hooked int
	newClient := func(opt *redis.Options) *redis.Client {
		if opt.Addr != peer.addr {
			t.Errorf("NewClient is asked for %q", opt.Addr)
		}
		c := redis.NewClient(opt)
		c.AddHook(&otherHook{before: func(ctx context.Context) (context.Context, error) { hooked++; return ctx, nil }})
		made = append(made, c)
		return c
	}
	opt := clusterOf(peer)
	opt.NewClient = newClient
	raw := redis.NewClusterClient(opt)
	cluster := gapredis.Wrap(raw, gaptrace.WithTracer(tracer))
	defer cluster.Close()
	second := redis.NewClusterClient(opt) // which nobody wraps
	defer second.Close()
	if cluster.Options() != opt {
		t.Error("Wrap replaced the client's options")
	}
	ctx, drawn := under(t, tracer)
	watch := func(c redis.UniversalClient) {
		must(t, c.Watch(ctx, func(*redis.Tx) error { return nil }, "greeting"))
	}
	watch(cluster)
	if len(made) != 1 || hooked != 2 {
		t.Errorf("%d clients made, other hook called %d times", len(made), hooked)
	}
	must(t, cluster.ForEachShard(ctx, func(_ context.Context, c *redis.Client) error {
		if c != made[0] {
			t.Error("the node's client is not the one that NewClient made")
		}
		return nil
	}))
	watch(second)
	if len(made) != 2 || hooked != 4 {
		t.Errorf("%d clients made, other hook called %d times", len(made), hooked)
	}
	drawn()
	if got := operations(tracer); !slices.Equal(got, []string{"parent", "redis watch", "redis unwatch"}) {
		t.Errorf("of a wrapped client and a raw one of the same options: %v", got)
	}
}

func TestNodesThatNewClientWrapsKeepTheirOptions(t *testing.T) {
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
		must(t, c.Get(t.Context(), "greeting").Err(), c.Watch(t.Context(), func(*redis.Tx) error { return nil }, "greeting"))
		if got := operations(ours); !slices.Equal(got, []string{"redis get"}) {
			t.Error(got)
		}
		got := slices.DeleteFunc(operations(theirs), func(name string) bool { return name == "redis command" }) // a Ring's
		if !slices.Equal(got, []string{"redis get", "redis watch", "redis unwatch"}) {
			t.Error(got)
		}
	}
}

// Nodes are in use when their client is not: by a heartbeat, a clone of the client, or the program
// itself.
func TestWrapDoesNotRaceWithNodesInUse(t *testing.T) {
	peer, tracer := newPeer(t), spantest.NewTracer()
	watched := func(c redis.UniversalClient) {
		ctx, drawn := under(t, tracer)
		must(t, c.Watch(ctx, func(*redis.Tx) error { return nil }, "greeting"))
		if drawn(); len(tracer.Named("redis watch")) != 1 {
			t.Error(tracer.Tree())
		}
	}
	for name, test := range map[string]struct {
		client func(shared *redis.Client) (c redis.UniversalClient, use func())
	}{
		"a ring's heartbeat": {func(*redis.Client) (redis.UniversalClient, func()) {
			shards := map[string]string{}
			for i := range 10 {
				shards[fmt.Sprint(i)] = peer.addr
			}
			return redis.NewRing(&redis.RingOptions{
				Addrs: shards, HeartbeatFrequency: time.Millisecond,
				OnConnect: func(context.Context, *redis.Conn) error { time.Sleep(time.Millisecond); return nil },
			}), func() {}
		}},
		"a cluster's clone": {func(shared *redis.Client) (redis.UniversalClient, func()) {
			opt, loads := clusterOf(peer), 0
			slots := opt.ClusterSlots
			opt.ClusterSlots = func(ctx context.Context) ([]redis.ClusterSlot, error) { // with another node each time
				loads++
				got, err := slots(ctx)
				got[0].Nodes = append(got[0].Nodes, redis.ClusterNode{Addr: fmt.Sprint("node:", loads)})
				return got, err
			}
			opt.NewClient = func(*redis.Options) *redis.Client { return shared }
			cluster := redis.NewClusterClient(opt)
			return cluster.WithContext(t.Context()), func() {
				_ = cluster.ForEachSlave(t.Context(), func(context.Context, *redis.Client) error { return nil })
			}
		}},
		"a cluster's node": {func(shared *redis.Client) (redis.UniversalClient, func()) {
			opt := clusterOf(peer)
			opt.NewClient = func(*redis.Options) *redis.Client { return shared }
			return redis.NewClusterClient(opt), func() { shared.WithContext(t.Context()) }
		}},
	} {
		t.Run(name, func(t *testing.T) {
			tracer.Reset()
			shared := connect(t, peer.addr)
			shared.Ping(t.Context())
			c, use := test.client(shared)
			defer c.Close()
			inUse, stop := make(chan bool), make(chan bool)
			var busy sync.WaitGroup
			busy.Go(func() {
				for i := 0; ; i++ {
					if use(); i == 10 {
						close(inUse)
					}
					select {
					case <-stop:
						return
					case <-time.After(10 * time.Microsecond):
					}
				}
			})
			<-inUse
			gapredis.Wrap(c, gaptrace.WithTracer(tracer))
			if name != "a cluster's clone" { // whose first node was made before
				watched(c)
			}
			time.Sleep(5 * time.Millisecond)
			close(stop)
			busy.Wait()
			if got := len(tracer.Problems()); got != 0 {
				t.Error(tracer.Problems())
			}
		})
	}
}

func TestClustersMayShareTheClientsOfTheirNodes(t *testing.T) {
	peer, tracer := newPeer(t), spantest.NewTracer()
	ctx, drawn := under(t, tracer)
	const rounds = 20 // until both are at it at once
	for range rounds {
		shared := connect(t, peer.addr)
		var both sync.WaitGroup
		for range 2 {
			opt := clusterOf(peer)
			opt.NewClient = func(*redis.Options) *redis.Client { return shared }
			cluster := gapredis.Wrap(redis.NewClusterClient(opt), gaptrace.WithTracer(tracer))
			both.Go(func() {
				node, err := cluster.MasterForKey(ctx, "greeting")
				if err != nil || node.Ping(ctx).Err() != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
	}
	if drawn(); len(tracer.Named("redis ping")) != 2*rounds || tracer.Problems() != nil {
		t.Error(tracer.Tree())
	}
}

// After a redirection, go-redis runs a transaction on two nodes at once until it knows the slot's
// new node. One of them sets the commands' errors while the other's hook is called.
func TestARedirectedPipelineDoesNotRaceWithItsNodesHooks(t *testing.T) {
	for name, wrapped := range map[string]struct{ cluster, nodes bool }{
		"none":              {},
		"cluster":           {cluster: true},
		"nodes":             {nodes: true},
		"cluster and nodes": {cluster: true, nodes: true},
	} {
		t.Run(name, func(t *testing.T) {
			from, to, tracer := newPeer(t), newPeer(t), spantest.NewTracer()
			from.sendTo(to, "MOVED")
			loads := atomic.Int64{}
			opt := clusterOf(from)
			opt.MaxRedirects = 100
			opt.ClusterSlots = func(ctx context.Context) ([]redis.ClusterSlot, error) {
				if loads.Add(1) == 1 {
					return clusterOf(from).ClusterSlots(ctx)
				}
				for strings.Count(from.commands(), "multi") < 5 && t.Context().Err() == nil {
					time.Sleep(time.Millisecond)
				}
				return clusterOf(to).ClusterSlots(ctx)
			}
			if wrapped.nodes {
				opt.NewClient = func(opt *redis.Options) *redis.Client {
					return gapredis.Wrap(redis.NewClient(opt), gaptrace.WithTracer(tracer))
				}
			}
			c := redis.NewClusterClient(opt)
			defer c.Close()
			if wrapped.cluster {
				gapredis.Wrap(c, gaptrace.WithTracer(tracer))
			}
			ctx, drawn := under(t, tracer)
			cmds, err := c.TxPipelined(ctx, func(p redis.Pipeliner) error {
				for i := range 10 {
					p.Set(ctx, fmt.Sprintf("{k}%d", i), i, 0)
				}
				return nil
			})
			must(t, err)
			for _, cmd := range cmds {
				must(t, cmd.Err())
			}
			drawn()
			var calls, parts int
			for _, s := range tracer.Named("redis tx") {
				if s.Tags["redis.commands"] == 10 && s.ParentID == 1 && wrapped.cluster {
					calls++
				} else {
					parts++
				}
				if s.Tags["error"] != nil {
					t.Errorf("%+v", s)
				}
			}
			if (calls == 1) != wrapped.cluster || (parts >= 10) != wrapped.nodes || tracer.Problems() != nil {
				t.Errorf("%d spans of the call, %d of its parts on nodes, problems: %v", calls, parts, tracer.Problems())
			}
		})
	}
}

func TestAnUnrecordedCommandOfAClusterAllocatesAsRaw(t *testing.T) {
	opt := redis.ClusterOptions{
		ClusterSlots: func(context.Context) ([]redis.ClusterSlot, error) {
			return []redis.ClusterSlot{{End: 16383, Nodes: []redis.ClusterNode{{Addr: "node:1"}}}}, nil
		},
		Dialer: func(context.Context, string, string) (net.Conn, error) {
			return &memoryConn{answer: []byte("$-1\r\n")}, nil
		},
		PoolSize: 1, ReadTimeout: -1, WriteTimeout: -1,
	}
	allocations := func(wrap func(*redis.ClusterClient) *redis.ClusterClient, ctx context.Context) float64 {
		c := wrap(redis.NewClusterClient(&opt))
		defer c.Close()
		c.Get(ctx, "k") // makes the node
		return testing.AllocsPerRun(100, func() { c.Get(ctx, "k") })
	}
	raw := allocations(func(c *redis.ClusterClient) *redis.ClusterClient { return c }, t.Context())
	wrapped := allocations(func(c *redis.ClusterClient) *redis.ClusterClient { return gapredis.Wrap(c) }, t.Context())
	if wrapped != raw {
		t.Errorf("%v allocations, raw %v", wrapped, raw)
	}
}

func TestNewClientMayReturnNil(t *testing.T) {
	opt := clusterOf(newPeer(t))
	opt.NewClient = func(*redis.Options) *redis.Client { return nil }
	cluster := gapredis.Wrap(redis.NewClusterClient(opt))
	if c, err := cluster.MasterForKey(t.Context(), "k"); c != nil || err != nil {
		t.Error(c, err)
	}
	ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": "x"}, NewClient: func(string, *redis.Options) *redis.Client { return nil }, HeartbeatFrequency: time.Hour})
	gapredis.Wrap(ring)
	closed := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": "x"}, Dialer: func(context.Context, string, string) (net.Conn, error) { return nil, net.ErrClosed }})
	must(t, closed.Close())
	gapredis.Wrap(closed)
	gapredis.Wrap(closed)
	gapredis.Wrap(&redis.ClusterClient{})
}
