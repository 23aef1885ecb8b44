package main

import (
	"bytes"
	"context"
	"net"
	"time"

	"github.com/gaptrace/gaptrace/bench/internal/peer"
	"github.com/go-redis/redis/v8"
)

func redisCases() []Case {
	return []Case{
		{Library: "go-redis", Name: "GET", Woven: true, Make: withRedis(1, func(ctx context.Context, c *redis.Client) {
			must(c.Get(ctx, "user:1234").Result())
		})},
		{
			Library: "go-redis",
			Name:    "pipeline of 100 GETs",
			Woven:   true,
			Make: withRedis(100, func(ctx context.Context, c *redis.Client) {
				pipe := c.Pipeline()
				for range 100 {
					pipe.Get(ctx, "user:1234")
				}
				must(pipe.Exec(ctx))
			}),
		},
	}
}

func withRedis(commands int, call func(context.Context, *redis.Client)) func(peer.Peer, cleanup) func(context.Context) {
	return func(p peer.Peer, onClose cleanup) func(context.Context) {
		if p.Redis == nil {
			return nil
		}
		client := redis.NewClient(&redis.Options{
			Dialer: func(context.Context, string, string) (net.Conn, error) {
				return &redisConn{answer: bytes.Repeat([]byte("$5\r\nvalue\r\n"), commands)}, nil
			},
			PoolSize: 1, IdleCheckFrequency: -1, ReadTimeout: -1, WriteTimeout: -1,
		})
		onClose(func() { check(client.Close()) })
		p.Redis(client)
		return func(ctx context.Context) { call(ctx, client) }
	}
}

// redisConn answers from memory.
type redisConn struct {
	net.Conn
	answer, unread []byte
}

func (c *redisConn) Write(p []byte) (int, error) {
	if len(c.unread) == 0 { // a large pipeline takes several writes
		c.unread = c.answer
	}
	return len(p), nil
}

func (c *redisConn) Read(p []byte) (n int, err error) {
	n = copy(p, c.unread)
	c.unread = c.unread[n:]
	return n, nil
}

func (c *redisConn) Close() error                     { return nil }
func (c *redisConn) RemoteAddr() net.Addr             { return nil }
func (c *redisConn) SetDeadline(time.Time) error      { return nil }
func (c *redisConn) SetReadDeadline(time.Time) error  { return nil }
func (c *redisConn) SetWriteDeadline(time.Time) error { return nil }
