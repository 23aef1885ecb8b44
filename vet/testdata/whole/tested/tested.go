// Package tested has tests.
package tested

import "github.com/go-redis/redis/v8"

func connect() {
	redis.NewClient(nil) // want `GT103`
}
