package imports

import "github.com/go-redis/redis/v8"

func single() {
	redis.NewClient(nil) // want `GT103`
}
