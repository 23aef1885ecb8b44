package names

import (
	_ "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/go-redis/redis/v8"
)

func blank() {
	redis.NewRing(nil) // want `GT103: .*; wrap it with gapredis.Wrap`
}
