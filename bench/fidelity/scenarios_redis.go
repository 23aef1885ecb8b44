package main

import (
	"context"
	"strconv"
	"time"

	"github.com/gaptrace/gaptrace/bench/internal/peer"
	"github.com/gaptrace/gaptrace/internal/worktime"
	"github.com/go-redis/redis/v8"
)

var redisScenarios = []scenario{
	{
		name:   "redis pipeline",
		about:  "go-redis v8: pipelines of 20 commands to miniredis through toxiproxy's latency",
		covers: coversRedis, open: redisPipeline, short: true,
	},
	{
		name:   "redis retries",
		about:  "go-redis v8: the server is loading, and the client retries with its random back-off",
		covers: coversRedis, open: redisRetries,
	},
}

// redisCalls returns a request that prepares and makes a call in each step.
func redisCalls(
	on *stage, plan schedule, prepare func(context.Context, step) (call func() error),
) func(*measurement) error {
	return func(m *measurement) error {
		return m.request(context.Background(), func(ctx context.Context, clock *worktime.Clock) error {
			for _, s := range plan.steps {
				on.burn(s.work)
				if err := pausedErr(clock, prepare(ctx, s)); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

func redisPipeline(on *stage, p peer.Peer, plan schedule) (func(*measurement) error, func(), error) {
	latency := plan.wait().Milliseconds() / int64(len(plan.steps))
	addr, stop, err := on.proxy(on.redis.Addr(), "latency", `"latency": %d`, latency)
	if err != nil {
		return nil, nil, err
	}
	client := redis.NewClient(&redis.Options{Addr: addr})
	p.Redis(client)
	done := func() { client.Close(); stop() }
	return redisCalls(on, plan, func(ctx context.Context, _ step) func() error {
		pipe := client.Pipeline()
		for i := range 20 {
			pipe.Set(ctx, "key"+strconv.Itoa(i), i, 0)
		}
		return func() error {
			_, err := pipe.Exec(ctx)
			return err
		}
	}), done, client.Ping(context.Background()).Err()
}

func redisRetries(on *stage, p peer.Peer, plan schedule) (func(*measurement) error, func(), error) {
	client := redis.NewClient(&redis.Options{
		Addr: on.redis.Addr(), MaxRetries: 1000,
		MinRetryBackoff: time.Millisecond, MaxRetryBackoff: 8 * time.Millisecond,
	})
	p.Redis(client)
	done := func() { client.Close() }
	return redisCalls(on, plan, func(ctx context.Context, s step) func() error {
		on.redis.SetError("LOADING Redis is loading the dataset in memory")
		time.AfterFunc(s.wait, func() { on.redis.SetError("") })
		return func() error { return client.Set(ctx, "key", 1, 0).Err() }
	}), done, client.Ping(context.Background()).Err()
}
