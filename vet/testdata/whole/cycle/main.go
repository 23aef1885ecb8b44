package main

import (
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/go-redis/redis/v8"

	"example.com/whole/cycle/node"
)

func main() {
	tracer.New("test")
	c := redis.NewClient(nil)
	gapredis.Wrap(node.New(c).Right().Left().Client())
	recurse(redis.NewRing(nil), 3)
}

func recurse(c redis.UniversalClient, n int) redis.UniversalClient {
	if n == 0 {
		return gapredis.Wrap(c)
	}
	return again(c, n-1)
}

func again(c redis.UniversalClient, n int) redis.UniversalClient { return recurse(c, n) }
