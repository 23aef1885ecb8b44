package gapredis_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
	"github.com/go-redis/redis/v8"
)

// cluster starts three masters, with further arguments, that share the slots evenly, and returns
// clients of each.
func cluster(t *testing.T, args ...string) (masters []*redis.Client) {
	t.Helper()
	const slots = 16384
	binary := servers.Redis62(t)
	for range 3 {
		addr, _ := servers.RedisFrom(t, binary, append(args, "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-node-timeout", "5000")...)
		masters = append(masters, connect(t, addr))
	}
	ctx := t.Context()
	for i, m := range masters {
		host, port, _ := net.SplitHostPort(masters[0].Options().Addr)
		must(t, m.ClusterAddSlotsRange(ctx, i*slots/3, (i+1)*slots/3-1).Err(), m.ClusterMeet(ctx, host, port).Err())
	}
	for _, m := range masters {
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
			info, err := m.ClusterInfo(ctx).Result()
			if err == nil && strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:3") {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("no cluster: %v, %s", err, info)
			}
		}
	}
	return masters
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestASlotThatMovesUnderLoadIsOneSpanACommand(t *testing.T) {
	masters := cluster(t)
	ctx := t.Context()
	var addrs []string
	for _, m := range masters {
		addrs = append(addrs, m.Options().Addr)
	}
	tracer := spantest.NewTracer()
	parent, drawn := under(t, tracer)
	c := gapredis.Wrap(redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs}), gaptrace.WithTracer(tracer), gaptrace.WithPhases())
	defer c.Close()

	// All keys are in one slot, which goes from one master to another while they are read and written.
	key := func(i int) string { return fmt.Sprintf("{moving}:%d", i) }
	slot := int(c.ClusterKeySlot(ctx, key(0)).Val())
	from, to := masters[slot*3/16384], masters[(slot*3/16384+1)%3]
	id := func(m *redis.Client) string { return m.Do(ctx, "cluster", "myid").Val().(string) }
	commands := atomic.Int64{}
	for i := range 100 {
		must(t, c.Set(parent, key(i), i, 0).Err())
		commands.Add(1)
	}
	stop := make(chan bool)
	var load sync.WaitGroup
	for worker := range 4 {
		load.Go(func() {
			for i := worker; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				k := key(i % 100)
				if err := c.Set(parent, k, i%100, 0).Err(); err != nil {
					t.Errorf("set %s: %v", k, err)
				}
				if got, err := c.Get(parent, k).Int(); got != i%100 || err != nil {
					t.Errorf("get %s: %d, %v", k, got, err)
				}
				commands.Add(2)
			}
		})
	}
	must(t, to.Do(ctx, "cluster", "setslot", slot, "importing", id(from)).Err(), from.Do(ctx, "cluster", "setslot", slot, "migrating", id(to)).Err())
	host, port, _ := net.SplitHostPort(to.Options().Addr)
	for i := range 100 {
		must(t, from.Migrate(ctx, host, port, key(i), 0, time.Minute).Err())
		if got, err := c.Get(parent, key(i)).Int(); got != i || err != nil { // it is asked for where it was, and is there no more
			t.Errorf("get %d: %d, %v", i, got, err)
		}
		commands.Add(1)
	}
	for _, m := range masters {
		must(t, m.Do(ctx, "cluster", "setslot", slot, "node", id(to)).Err())
	}
	for i := range 10 {
		if got, err := c.Get(parent, key(i)).Int(); got != i || err != nil {
			t.Errorf("get %d: %d, %v", i, got, err)
		}
		commands.Add(1)
	}
	close(stop)
	load.Wait()

	stats := from.Info(ctx, "errorstats").Val()
	if !strings.Contains(stats, "errorstat_ASK:") || !strings.Contains(stats, "errorstat_MOVED:") {
		t.Errorf("the server has not answered both ASK and MOVED: %s", stats)
	}
	if _, err := c.Pipelined(parent, func(p redis.Pipeliner) error {
		for i := range 10 {
			p.Get(parent, key(i))
			p.Set(parent, fmt.Sprint("elsewhere:", i), i, 0) // in other slots, on all masters
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	drawn()
	if n := int64(len(tracer.Named("redis get")) + len(tracer.Named("redis set"))); n != commands.Load() {
		t.Errorf("%d spans of %d commands", n, commands.Load())
	}
	if pipelines := tracer.Named("redis pipeline"); len(pipelines) != 1 || pipelines[0].Tags["redis.commands"] != 20 {
		t.Errorf("%d spans of a pipeline", len(pipelines))
	}
	redirected := 0
	for _, s := range tracer.Spans() {
		if s.Tags["error"] != nil || s.ParentID > 1 {
			t.Fatalf("%+v", s)
		}
		if strings.Contains(logs(s), "retry 2") {
			redirected++
		}
	}
	if redirected == 0 {
		t.Error("nothing is said to have been redirected")
	}
	if p := tracer.Problems(); p != nil {
		t.Error(p)
	}
}

func TestARingOfRealServers(t *testing.T) {
	tracer := spantest.NewTracer()
	parent, drawn := under(t, tracer)
	shards := map[string]string{}
	binary := servers.Redis62(t) // what a Redis 7 says of its commands go-redis v8 does not understand, and picks any shard
	for _, name := range []string{"a", "b", "c"} {
		shards[name], _ = servers.RedisFrom(t, binary)
	}
	ring := gapredis.Wrap(redis.NewRing(&redis.RingOptions{Addrs: shards}), gaptrace.WithTracer(tracer))
	defer ring.Close()
	for i := range 20 {
		must(t, ring.Set(parent, fmt.Sprint("k", i), i, 0).Err())
	}
	_, err := ring.Pipelined(parent, func(p redis.Pipeliner) error {
		for i := range 20 {
			p.Get(parent, fmt.Sprint("k", i))
		}
		return nil
	})
	must(t, err)
	var used atomic.Int64
	must(t, ring.ForEachShard(context.Background(), func(ctx context.Context, c *redis.Client) error {
		n, err := c.DBSize(ctx).Result()
		if n > 0 {
			used.Add(1)
		}
		return err
	}))
	drawn()
	if sets, pipelines := len(tracer.Named("redis set")), len(tracer.Named("redis pipeline")); sets != 20 || pipelines != 1 || used.Load() < 2 || tracer.Problems() != nil {
		t.Errorf("%d and %d spans on %d shards:\n%s", sets, pipelines, used.Load(), tracer.Tree())
	}
}
