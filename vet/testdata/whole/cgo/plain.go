package cgo

import "github.com/go-redis/redis/v8"

func inOtherFile() {
	redis.NewClient(nil) // want `GT103: .*; wrap it with gapredis.Wrap`
}
