// Package gapredis has the names of the wrapper that the tests use.
package gapredis

import (
	"github.com/gaptrace/gaptrace"
	"github.com/go-redis/redis/v8"
)

func Wrap[C interface{ AddHook(redis.Hook) }](client C, opts ...gaptrace.Option) C { return client }
func NewHook(opts ...gaptrace.Option) redis.Hook                                   { return nil }
