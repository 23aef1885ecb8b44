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

// cluster starts three masters that share the slots evenly, and returns a client of each.
func cluster(t *testing.T, args ...string) (masters []*redis.Client) {
	t.Helper()
	const slots = 16384
	binary := servers.Redis62(t)
	for range 3 {
		addr, _ := servers.RedisFrom(t, binary, append(args,
			"--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-node-timeout", "5000")...)
		masters = append(masters, connect(t, addr))
	}
	ctx := t.Context()
	for i, m := range masters {
		host, port, _ := net.SplitHostPort(masters[0].Options().Addr)
		check(t, m.ClusterAddSlotsRange(ctx, i*slots/3, (i+1)*slots/3-1).Err(), m.ClusterMeet(ctx, host, port).Err())
	}
	for _, m := range masters {
		spantest.Await(t, "a cluster", func() bool {
			info := m.ClusterInfo(ctx).Val()
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:3")
		})
	}
	return masters
}

// TestSlotMoves moves a slot from one master to another while its keys are read and written.
func TestSlotMoves(t *testing.T) {
	masters := cluster(t)
	ctx := t.Context()
	var addrs []string
	for _, m := range masters {
		addrs = append(addrs, m.Options().Addr)
	}
	tracer, under, parent := spantest.Under(t)
	c := gapredis.Wrap(redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs}),
		gaptrace.WithTracer(tracer), gaptrace.WithPhases())
	defer c.Close()

	slot := int(c.ClusterKeySlot(ctx, movingKey(0)).Val())
	from, to := masters[slot*3/16384], masters[(slot*3/16384+1)%3]
	commands := &atomic.Int64{}
	for i := range 100 {
		check(t, c.Set(under, movingKey(i), i, 0).Err())
		commands.Add(1)
	}
	stopLoad := loadMovingKeys(t, under, c, commands)
	id := func(m *redis.Client) string { return m.Do(ctx, "cluster", "myid").Val().(string) }
	check(t, to.Do(ctx, "cluster", "setslot", slot, "importing", id(from)).Err(),
		from.Do(ctx, "cluster", "setslot", slot, "migrating", id(to)).Err())
	host, port, _ := net.SplitHostPort(to.Options().Addr)
	for i := range 100 {
		check(t, from.Migrate(ctx, host, port, movingKey(i), 0, time.Minute).Err())
		wantMovingKey(t, under, c, i) // go-redis asks the master that no longer has it
		commands.Add(1)
	}
	for _, m := range masters {
		check(t, m.Do(ctx, "cluster", "setslot", slot, "node", id(to)).Err())
	}
	for i := range 10 {
		wantMovingKey(t, under, c, i)
		commands.Add(1)
	}
	stopLoad()

	stats := from.Info(ctx, "errorstats").Val()
	if !strings.Contains(stats, "errorstat_ASK:") || !strings.Contains(stats, "errorstat_MOVED:") {
		t.Errorf("the server has not answered both ASK and MOVED: %s", stats)
	}
	if _, err := c.Pipelined(under, func(p redis.Pipeliner) error {
		for i := range 10 {
			p.Get(under, movingKey(i))
			p.Set(under, fmt.Sprint("elsewhere:", i), i, 0) // in other slots, on all masters
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	parent.Finish()
	wantSpansOfMovingKeys(t, tracer, commands.Load())
}

// movingKey returns a key of the slot that moves.
func movingKey(i int) string { return fmt.Sprintf("{moving}:%d", i) }

func wantMovingKey(t *testing.T, ctx context.Context, c *redis.ClusterClient, i int) {
	t.Helper()
	if got, err := c.Get(ctx, movingKey(i)).Int(); got != i || err != nil {
		t.Errorf("get %d: %d, %v", i, got, err)
	}
}

// loadMovingKeys reads and writes the keys, and counts its commands, until stop is called.
func loadMovingKeys(t *testing.T, ctx context.Context, c *redis.ClusterClient, commands *atomic.Int64) (stop func()) {
	stopped := make(chan bool)
	var load sync.WaitGroup
	for worker := range 4 {
		load.Go(func() {
			for i := worker; ; i++ {
				select {
				case <-stopped:
					return
				default:
				}
				if err := c.Set(ctx, movingKey(i%100), i%100, 0).Err(); err != nil {
					t.Errorf("set %d: %v", i%100, err)
				}
				wantMovingKey(t, ctx, c, i%100)
				commands.Add(2)
			}
		})
	}
	return func() {
		close(stopped)
		load.Wait()
	}
}

// wantSpansOfMovingKeys checks that each command is one span, and that a redirection is logged.
func wantSpansOfMovingKeys(t *testing.T, tracer *spantest.Tracer, commands int64) {
	if n := int64(len(tracer.Named("redis get")) + len(tracer.Named("redis set"))); n != commands {
		t.Errorf("%d spans of %d commands", n, commands)
	}
	if n := tracer.Only(t, "redis pipeline").Tags["redis.commands"]; n != 20 {
		t.Errorf("%v commands in the pipeline", n)
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
		t.Error("no span logs a redirection")
	}
	if p := tracer.Problems(); p != nil {
		t.Error(p)
	}
}

func TestRingOfServers(t *testing.T) {
	tracer, ctx, parent := spantest.Under(t)
	shards := map[string]string{}
	// go-redis v8 does not understand what COMMAND of Redis 7 returns, and would pick any shard.
	binary := servers.Redis62(t)
	for _, name := range []string{"a", "b", "c"} {
		shards[name], _ = servers.RedisFrom(t, binary)
	}
	ring := gapredis.Wrap(redis.NewRing(&redis.RingOptions{Addrs: shards}), gaptrace.WithTracer(tracer))
	defer ring.Close()
	for i := range 20 {
		check(t, ring.Set(ctx, fmt.Sprint("k", i), i, 0).Err())
	}
	_, err := ring.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range 20 {
			p.Get(ctx, fmt.Sprint("k", i))
		}
		return nil
	})
	check(t, err)
	var used atomic.Int64
	check(t, ring.ForEachShard(context.Background(), func(ctx context.Context, c *redis.Client) error {
		n, err := c.DBSize(ctx).Result()
		if n > 0 {
			used.Add(1)
		}
		return err
	}))
	parent.Finish()
	sets, pipelines := len(tracer.Named("redis set")), len(tracer.Named("redis pipeline"))
	if sets != 20 || pipelines != 1 || used.Load() < 2 || tracer.Problems() != nil {
		t.Errorf("%d and %d spans on %d shards:\n%s", sets, pipelines, used.Load(), tracer.Tree())
	}
}
