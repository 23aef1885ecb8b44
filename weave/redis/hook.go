//go:build gaptrace_woven

package redis

import (
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/gaptrace/gaptrace/internal/options"
	"github.com/go-redis/redis/v8"
)

func init() {
	redis.GaptraceWrap = func(client interface{ AddHook(hook redis.Hook) }) { gapredis.Wrap(client, options.Woven) }
	redis.GaptraceAddHook = func(hooks []redis.Hook, hook redis.Hook) []redis.Hook {
		if ours, ok := hook.(interface {
			JoinHooks(hooks []redis.Hook) []redis.Hook
		}); ok {
			return ours.JoinHooks(hooks)
		}
		return append(hooks, hook)
	}
}
