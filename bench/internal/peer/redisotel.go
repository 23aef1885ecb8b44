package peer

import (
	"github.com/go-redis/redis/extra/redisotel/v8"
	"github.com/go-redis/redis/v8"
)

func redisOTel() Peer {
	return Peer{
		Name:    "redisotel",
		Modules: []string{"github.com/go-redis/redis/extra/redisotel/v8"},
		API:     OpenTelemetry,
		Open:    openTelemetry,
		Redis:   func(c *redis.Client) { c.AddHook(redisotel.NewTracingHook()) },
	}
}
