package names

import (
	spans "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/go-redis/redis/v8"
)

func known() {
	spans.Wrap(redis.NewClient(nil))
	redis.NewRing(nil) // want `GT103: .*; wrap it with spans.Wrap`
}

func shadowed(spans int) {
	redis.NewRing(nil) // want `GT103: .*; wrap it with gapredis.Wrap`
}
