package gapredis_test

import (
	"context"
	"fmt"
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

// watchNothing sends WATCH and UNWATCH to the node of a key.
func watchNothing(ctx context.Context, c redis.UniversalClient) error {
	return c.Watch(ctx, func(*redis.Tx) error { return nil }, "greeting")
}

// TestWrapDoesNotRaceWithNodesInUse wraps a client whose nodes are in use, though the client is
// not: by a heartbeat, a clone of the client, or the program itself.
func TestWrapDoesNotRaceWithNodesInUse(t *testing.T) {
	t.Run("ring's heartbeat", func(t *testing.T) {
		peer, shards := newPeer(t), map[string]string{}
		for i := range 10 {
			shards[fmt.Sprint(i)] = peer.addr
		}
		ring := redis.NewRing(&redis.RingOptions{
			Addrs: shards, HeartbeatFrequency: time.Millisecond,
			OnConnect: func(context.Context, *redis.Conn) error { time.Sleep(time.Millisecond); return nil },
		})
		wantWatchRecorded(t, wrapInUse(t, ring, func() {}), ring)
	})
	t.Run("cluster's clone", func(t *testing.T) {
		peer := newPeer(t)
		shared := connect(t, peer.addr)
		shared.Ping(t.Context())
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
		wrapInUse(t, cluster.WithContext(t.Context()), func() {
			_ = cluster.ForEachSlave(t.Context(), func(context.Context, *redis.Client) error { return nil })
		})
	})
	t.Run("cluster's node", func(t *testing.T) {
		peer := newPeer(t)
		shared := connect(t, peer.addr)
		shared.Ping(t.Context())
		opt := clusterOf(peer)
		opt.NewClient = func(*redis.Options) *redis.Client { return shared }
		cluster := redis.NewClusterClient(opt)
		wantWatchRecorded(t, wrapInUse(t, cluster, func() { shared.WithContext(t.Context()) }), cluster)
	})
}

// wrapInUse wraps c while use is called over and over.
func wrapInUse(t *testing.T, c redis.UniversalClient, use func()) *spantest.Tracer {
	tracer := spantest.NewTracer()
	t.Cleanup(func() { c.Close() })
	inUse, stop := make(chan bool), make(chan bool)
	var user sync.WaitGroup
	user.Go(func() {
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
	time.Sleep(5 * time.Millisecond)
	close(stop)
	user.Wait()
	if problems := tracer.Problems(); len(problems) != 0 {
		t.Error(problems)
	}
	return tracer
}

func wantWatchRecorded(t *testing.T, tracer *spantest.Tracer, c redis.UniversalClient) {
	t.Helper()
	parent := tracer.StartSpan("parent")
	check(t, watchNothing(opentracing.ContextWithSpan(t.Context(), parent), c))
	parent.Finish()
	tracer.Only(t, "redis watch")
	if problems := tracer.Problems(); len(problems) != 0 {
		t.Error(problems)
	}
}

func TestClustersShareNodes(t *testing.T) {
	peer := newPeer(t)
	tracer, ctx, parent := spantest.Under(t)
	const rounds = 20 // enough for both to make the node at the same time
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
	if parent.Finish(); len(tracer.Named("redis ping")) != 2*rounds || tracer.Problems() != nil {
		t.Error(tracer.Tree())
	}
}

// TestRedirectedTransactionDoesNotRace redirects a transaction. go-redis then runs it on two nodes
// at once until it knows the slot's new node. One of them sets the commands' errors while the
// other's hook is called.
func TestRedirectedTransactionDoesNotRace(t *testing.T) {
	t.Run("raw", func(t *testing.T) { redirectedTransaction(t, false, false) })
	t.Run("wrapped cluster", func(t *testing.T) { redirectedTransaction(t, true, false) })
	t.Run("wrapped nodes", func(t *testing.T) { redirectedTransaction(t, false, true) })
	t.Run("wrapped cluster and nodes", func(t *testing.T) { redirectedTransaction(t, true, true) })
}

func redirectedTransaction(t *testing.T, wrapCluster, wrapNodes bool) {
	from, to := newPeer(t), newPeer(t)
	tracer, ctx, parent := spantest.Under(t)
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
	if wrapNodes {
		opt.NewClient = func(opt *redis.Options) *redis.Client {
			return gapredis.Wrap(redis.NewClient(opt), gaptrace.WithTracer(tracer))
		}
	}
	c := redis.NewClusterClient(opt)
	defer c.Close()
	if wrapCluster {
		gapredis.Wrap(c, gaptrace.WithTracer(tracer))
	}
	cmds, err := c.TxPipelined(ctx, func(p redis.Pipeliner) error {
		for i := range 10 {
			p.Set(ctx, fmt.Sprintf("{k}%d", i), i, 0)
		}
		return nil
	})
	check(t, err)
	for _, cmd := range cmds {
		check(t, cmd.Err())
	}
	parent.Finish()
	var calls, parts int
	for _, s := range tracer.Named("redis tx") {
		if s.Tags["redis.commands"] == 10 && s.ParentID == 1 && wrapCluster {
			calls++
		} else {
			parts++
		}
		if s.Tags["error"] != nil {
			t.Errorf("%+v", s)
		}
	}
	if (calls == 1) != wrapCluster || (parts >= 10) != wrapNodes || tracer.Problems() != nil {
		t.Errorf("%d spans of the call, %d of its parts on nodes, problems: %v", calls, parts, tracer.Problems())
	}
}
