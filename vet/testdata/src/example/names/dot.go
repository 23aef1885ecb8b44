package names

import . "github.com/go-redis/redis/v8"

func dot() {
	NewRing(nil) // want `GT103: NewRing: .*; wrap it with gapredis.Wrap`
}
