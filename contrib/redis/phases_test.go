package gapredis_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace"
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/go-redis/redis/v8"
)

// logs formats what a span logged, without addresses.
func logs(span *spantest.Span) string {
	var b strings.Builder
	for i, record := range span.Logs {
		if i > 0 {
			b.WriteString(", ")
		}
		for _, field := range record.Fields {
			switch field.Key() {
			case "event":
				fmt.Fprint(&b, field.Value())
			case "attempt", "message":
				fmt.Fprint(&b, " ", field.Value())
			case "addr", "host", "error.kind", "error.object":
			default:
				fmt.Fprint(&b, " ", field)
			}
		}
	}
	return b.String()
}

func wantLogs(t *testing.T, span *spantest.Span, want string) {
	t.Helper()
	if got := logs(span); got != want {
		t.Errorf("%s logged %q, want %q", span.Operation, got, want)
	}
}

// scriptedConn is a connection whose other end ignores what it receives. It sends its answers, and
// closes the connection.
type scriptedConn struct {
	net.Conn
	answers io.Reader
}

func (scriptedConn) Write(p []byte) (int, error)      { return len(p), nil }
func (c scriptedConn) Read(p []byte) (int, error)     { return c.answers.Read(p) }
func (scriptedConn) SetDeadline(time.Time) error      { return nil }
func (scriptedConn) SetReadDeadline(time.Time) error  { return nil }
func (scriptedConn) SetWriteDeadline(time.Time) error { return nil }
func (scriptedConn) Close() error                     { return nil }
func (scriptedConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }

// answering returns a connection that answers with these lines, one after the other.
func answering(lines ...string) scriptedConn {
	var text strings.Builder
	for _, line := range lines {
		text.WriteString(line + "\r\n")
	}
	return scriptedConn{answers: iotest.OneByteReader(strings.NewReader(text.String()))}
}

// dialed returns a Dialer that returns c.
func dialed(c net.Conn) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) { return c, nil }
}

func ping(ctx context.Context, c *redis.Client) error { return c.Ping(ctx).Err() }

func pipelinedPing(ctx context.Context, c *redis.Client) error {
	_, err := c.Pipelined(ctx, func(p redis.Pipeliner) error { return p.Ping(ctx).Err() })
	return err
}

func TestPhases(t *testing.T) {
	type key struct{}
	otherContext := &otherHook{before: func(ctx context.Context) (context.Context, error) {
		return context.WithValue(ctx, key{}, 1), nil
	}}
	for _, tt := range []struct {
		name     string
		failures int // of attempts, because the server hangs up
		do       func(context.Context, *redis.Client) error
		want     string
	}{
		{"no retry", 0, ping, "connect_start, connect_done"},
		{"two retries", 2, ping, "retry 2, retry 3, connect_start, connect_done"},
		{"all retries fail", 9, ping, "retry 2, retry 3, retry 4, error EOF"},
		{"pipeline", 2, pipelinedPing, "retry 2, retry 3, connect_start, connect_done"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			peer := newPeer(t)
			failures := tt.failures
			c := redis.NewClient(&redis.Options{
				Addr: peer.addr, MinRetryBackoff: -1, MaxRetryBackoff: -1, IdleCheckFrequency: -1,
				Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
					if failures--; failures >= 0 {
						return answering(), nil
					}
					return new(net.Dialer).DialContext(ctx, network, addr)
				},
			})
			defer c.Close()
			tracer, ctx, _ := spantest.Under(t)
			gapredis.Wrap(c, gaptrace.WithTracer(tracer), gaptrace.WithPhases())
			c.AddHook(otherContext)
			err := tt.do(ctx, c)
			if failed := tt.failures > 3; errors.Is(err, io.EOF) != failed {
				t.Error(err)
			}
			wantLogsInside(t, tracer.Spans()[0], tt.want)
		})
	}
	t.Run("lookup of a name", func(t *testing.T) {
		_, port, _ := net.SplitHostPort(newPeer(t).addr)
		tracer, ctx, _ := spantest.Under(t)
		c := redis.NewClient(&redis.Options{Addr: "localhost:" + port, IdleCheckFrequency: -1})
		defer c.Close()
		check(t, ping(ctx, gapredis.Wrap(c, gaptrace.WithTracer(tracer), gaptrace.WithPhases())))
		wantLogsInside(t, tracer.Spans()[0], "dns_start, dns_done, connect_start, connect_done")
	})
	t.Run("off", func(t *testing.T) {
		peer := newPeer(t)
		tracer, ctx, _ := spantest.Under(t)
		check(t, ping(ctx, gapredis.Wrap(connect(t, peer.addr), gaptrace.WithTracer(tracer))))
		wantLogs(t, tracer.Spans()[0], "")
	})
}

// wantLogsInside is wantLogs, and checks that the logs were made during the span.
func wantLogsInside(t *testing.T, span *spantest.Span, want string) {
	t.Helper()
	wantLogs(t, span, want)
	for _, record := range span.Logs {
		if record.Timestamp.Before(span.Start) || record.Timestamp.After(span.End.Add(time.Minute)) {
			t.Errorf("log %v is not between %v and %v", record, span.Start, span.End)
		}
	}
}

// TestRetryIsInSpan checks that a span covers a retry that the server asks for, and logs it.
func TestRetryIsInSpan(t *testing.T) {
	const readOnly = "READONLY You can't write against a read only replica."
	t.Run("LOADING", func(t *testing.T) {
		retryInSpan(t, "retry 2", "-LOADING Redis is loading the dataset in memory", "+PONG")
	})
	t.Run("READONLY, again", func(t *testing.T) {
		retryInSpan(t, "retry 2, error "+readOnly, "-"+readOnly, "-"+readOnly)
	})
}

func retryInSpan(t *testing.T, want string, answers ...string) {
	synctest.Test(t, func(t *testing.T) {
		const backOff = time.Second
		c := redis.NewClient(&redis.Options{
			Dialer: dialed(answering(answers...)), IdleCheckFrequency: -1,
			MaxRetries: 1, MinRetryBackoff: backOff, MaxRetryBackoff: backOff,
		})
		defer c.Close()
		tracer := spantest.NewTracer()
		gapredis.Wrap(c, gaptrace.WithTracer(tracer), gaptrace.WithPhases(), gaptrace.WithRoots())
		start := time.Now()
		c.Ping(t.Context())
		span := tracer.Only(t, "redis ping")
		wantLogs(t, span, want)
		if span.Duration() != time.Since(start) || span.Duration() < backOff/2 {
			t.Errorf("the span lasted %v", span.Duration())
		}
	})
}

// TestNotARetry checks that a Done outside of Sleep is not logged as a retry.
func TestNotARetry(t *testing.T) {
	t.Run("a hook that waits", func(t *testing.T) {
		peer := newPeer(t)
		tracer, ctx, _ := spantest.Under(t)
		c := gapredis.Wrap(connect(t, peer.addr), gaptrace.WithTracer(tracer), gaptrace.WithPhases())
		c.AddHook(&otherHook{before: func(ctx context.Context) (context.Context, error) {
			for range 5 {
				<-time.After(0)
				select {
				case <-ctx.Done():
				default:
				}
			}
			return ctx, nil
		}})
		check(t, c.Ping(ctx).Err())
		wantLogs(t, tracer.Spans()[0], "connect_start, connect_done")
	})
	t.Run("pool timeout", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := redis.NewClient(&redis.Options{
				Dialer: dialed(answering("+PONG")), IdleCheckFrequency: -1,
				PoolSize: 1, PoolTimeout: time.Minute, MaxRetries: -1,
			})
			defer c.Close()
			tracer := spantest.NewTracer()
			gapredis.Wrap(c, gaptrace.WithTracer(tracer), gaptrace.WithPhases(), gaptrace.WithRoots())
			conn := c.Conn(t.Context())
			defer conn.Close()
			check(t, conn.Ping(t.Context()).Err()) // holds the only connection
			err := c.Ping(t.Context()).Err()
			span := tracer.Only(t, "redis ping")
			wantLogs(t, span, "error redis: connection pool timeout")
			if err == nil || span.Duration() != time.Minute {
				t.Errorf("the call lasted %v and returned %v", span.Duration(), err)
			}
		})
	})
	t.Run("retry of another wrapped client", func(t *testing.T) {
		peer := newPeer(t)
		tracer, ctx, _ := spantest.Under(t)
		phases := []gaptrace.Option{gaptrace.WithTracer(tracer), gaptrace.WithPhases()}
		other := gapredis.Wrap(redis.NewClient(&redis.Options{
			Dialer: dialed(answering()), IdleCheckFrequency: -1,
			MaxRetries: 2, MinRetryBackoff: -1, MaxRetryBackoff: -1,
		}), phases...)
		c := gapredis.Wrap(redis.NewClient(&redis.Options{
			Addr: peer.addr, IdleCheckFrequency: -1,
			OnConnect: func(ctx context.Context, _ *redis.Conn) error {
				other.Get(ctx, "x")
				return nil
			},
		}), phases...)
		defer c.Close()
		check(t, c.Ping(ctx).Err())
		wantLogs(t, tracer.Only(t, "redis ping"), "connect_start, connect_done")
		wantLogs(t, tracer.Only(t, "redis get"), "retry 2, retry 3, error EOF")
	})
}
