package tested

import (
	"testing"

	"github.com/go-redis/redis/v8"
)

func TestConnect(t *testing.T) {
	connect()
	redis.NewRing(nil)
}
