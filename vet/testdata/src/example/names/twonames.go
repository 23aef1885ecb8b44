package names

import (
	"github.com/go-redis/redis/v8"
)

func twoNames(gapredis int) {
	redis.NewRing(nil) // want `GT103: .*; wrap it with gapredis2.Wrap`
}

func twoNamesNotShadowed() {
	redis.NewRing(nil) // want `GT103: .*; wrap it with gapredis.Wrap`
}
