// Package redis has the name of the library that it uses.
package redis

import goredis "github.com/go-redis/redis/v8"

type redis struct{ client *goredis.Client }

func open() *redis {
	return &redis{goredis.NewClient(nil)} // want `GT103: .*; wrap it with gapredis.Wrap`
}
