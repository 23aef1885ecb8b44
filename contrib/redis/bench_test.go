package gapredis_test

import (
	"bytes"
	"context"
	"net"
	"testing"
	"time"

	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/gaptrace/gaptrace/internal/spantest/cost"
	"github.com/go-redis/redis/v8"
)

func BenchmarkGet(b *testing.B) {
	raw, wrapped := inMemory(b, 1), gapredis.Wrap(inMemory(b, 1))
	get := func(client *redis.Client) func(context.Context) {
		return func(ctx context.Context) {
			if client.Get(ctx, "user:1234").Err() != redis.Nil {
				b.Fatal("want redis.Nil")
			}
		}
	}
	cost.Run(b, get(raw), get(wrapped), nil)
}

func BenchmarkSet(b *testing.B) {
	raw, wrapped := inMemory(b, 1), gapredis.Wrap(inMemory(b, 1))
	set := func(client *redis.Client) func(context.Context) {
		return func(ctx context.Context) {
			if client.Set(ctx, "user:1234", "a value", time.Minute).Err() != redis.Nil {
				b.Fatal("want redis.Nil")
			}
		}
	}
	cost.Run(b, set(raw), set(wrapped), nil)
}

func BenchmarkPipeline100(b *testing.B)  { benchmarkPipeline(b, 100) }
func BenchmarkPipeline1000(b *testing.B) { benchmarkPipeline(b, 1000) }

func benchmarkPipeline(b *testing.B, commands int) {
	raw, wrapped := inMemory(b, commands), gapredis.Wrap(inMemory(b, commands))
	pipeline := func(client *redis.Client) func(context.Context) {
		return func(ctx context.Context) {
			pipe := client.Pipeline()
			for range commands {
				pipe.Get(ctx, "user:1234")
			}
			if _, err := pipe.Exec(ctx); err != redis.Nil {
				b.Fatal(err)
			}
		}
	}
	cost.Run(b, pipeline(raw), pipeline(wrapped), nil)
}

// inMemory returns a client without a network. The answer to each write is that many nils.
func inMemory(tb testing.TB, answers int) *redis.Client {
	client := redis.NewClient(&redis.Options{
		Dialer: func(context.Context, string, string) (net.Conn, error) {
			return &memoryConn{answer: bytes.Repeat([]byte("$-1\r\n"), answers)}, nil
		},
		PoolSize: 1, IdleCheckFrequency: -1, ReadTimeout: -1, WriteTimeout: -1,
	})
	tb.Cleanup(func() { client.Close() })
	return client
}

type memoryConn struct {
	net.Conn
	answer, unread []byte
}

func (c *memoryConn) Write(p []byte) (int, error) {
	if len(c.unread) == 0 { // false in a large pipeline, which is several writes
		c.unread = c.answer
	}
	return len(p), nil
}

func (c *memoryConn) Read(p []byte) (n int, err error) {
	n = copy(p, c.unread)
	c.unread = c.unread[n:]
	return n, nil
}

func (c *memoryConn) Close() error                     { return nil }
func (c *memoryConn) RemoteAddr() net.Addr             { return nil }
func (c *memoryConn) SetDeadline(time.Time) error      { return nil }
func (c *memoryConn) SetReadDeadline(time.Time) error  { return nil }
func (c *memoryConn) SetWriteDeadline(time.Time) error { return nil }
