package tested_test

import (
	"testing"

	"github.com/go-redis/redis/v8"
)

func TestOutside(t *testing.T) {
	redis.NewRing(nil)
}
