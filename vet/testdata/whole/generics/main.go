package main

import (
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/go-redis/redis/v8"

	"example.com/whole/generics/pool"
)

func dial() (*redis.Ring, error) { return redis.NewRing(nil), nil }

func main() {
	tracer.New("test")
	var p pool.Pool[*redis.Client]
	p.Put(redis.NewClient(nil)) // modular `GT103: redis.NewClient`
	p.Each(func(c *redis.Client) { gapredis.Wrap(c) })

	rings := pool.Map([]string{"a", "b"}, func(string) *redis.ClusterClient {
		return redis.NewClusterClient(nil)
	})
	for _, r := range rings {
		gapredis.Wrap(r)
	}
	gapredis.Wrap(pool.Must(dial()))
}
