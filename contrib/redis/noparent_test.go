package gapredis_test

import (
	"context"
	"testing"

	"github.com/gaptrace/gaptrace"
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/go-redis/redis/v8"
)

func TestCallsWithoutParentAreCounted(t *testing.T) {
	get := func(ctx context.Context, c redis.UniversalClient) { c.Get(ctx, "key") }
	one, cluster := newPeer(t), newPeer(t)
	for name, test := range map[string]struct {
		client redis.UniversalClient
		call   func(ctx context.Context, c redis.UniversalClient)
	}{
		"command": {redis.NewClient(&redis.Options{Addr: one.addr}), get},
		"pipeline": {redis.NewClient(&redis.Options{Addr: one.addr}), func(ctx context.Context, c redis.UniversalClient) {
			_, _ = c.Pipelined(ctx, func(p redis.Pipeliner) error {
				p.Get(ctx, "a")
				p.Get(ctx, "b")
				return nil
			})
		}},
		"cluster": {redis.NewClusterClient(clusterOf(cluster)), get}, // its nodes have hooks, too
		"ring":    {ringOf(one), get},
	} {
		t.Run(name, func(t *testing.T) {
			tracer, under, _ := spantest.Under(t)
			c := gapredis.Wrap(test.client, gaptrace.WithTracer(tracer))
			defer c.Close()
			for range 2 { // the first makes the nodes
				if got := spantest.NoParent("go-redis", func() { test.call(t.Context(), c) }); got != 1 {
					t.Errorf("%d calls without a parent are counted, want 1", got)
				}
			}
			if got := spantest.NoParent("go-redis", func() { test.call(under, c) }); got != 0 {
				t.Errorf("%d calls under a parent are counted", got)
			}
		})
	}
}

// Messages are received by a goroutine that works for no request.
func TestReceivingIsNotCounted(t *testing.T) {
	c := connect(t, newPeer(t).addr)
	sub := gapredis.WrapPubSub(c.Subscribe(t.Context()))
	defer sub.Close()
	if got := spantest.NoParent("go-redis", func() {
		check(t, sub.Subscribe(t.Context(), "news"))
		_, _ = sub.ReceiveTimeout(t.Context(), 1)
	}); got != 0 {
		t.Errorf("%d calls are counted", got)
	}
}
