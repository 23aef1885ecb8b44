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

// logs are what a span logged, without the addresses.
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

// hungUp is a connection whose other end takes what it is sent, and hangs up.
type hungUp struct{ net.Conn }

func (hungUp) Write(p []byte) (int, error)      { return len(p), nil }
func (hungUp) Read([]byte) (int, error)         { return 0, io.EOF }
func (hungUp) SetReadDeadline(time.Time) error  { return nil }
func (hungUp) SetWriteDeadline(time.Time) error { return nil }
func (hungUp) SetDeadline(time.Time) error      { return nil }
func (hungUp) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (hungUp) Close() error                     { return nil }

func TestPhasesAreDialsAndRetries(t *testing.T) {
	peer := newPeer(t)
	dialer := func(failures int) func(context.Context, string, string) (net.Conn, error) {
		return func(ctx context.Context, network, addr string) (net.Conn, error) {
			if failures--; failures >= 0 {
				return hungUp{}, nil
			}
			return new(net.Dialer).DialContext(ctx, network, addr)
		}
	}
	// The contexts of other hooks may hold ours.
	type key struct{}
	holding := &otherHook{before: func(ctx context.Context) (context.Context, error) { return context.WithValue(ctx, key{}, 1), nil }}
	ping := func(c redis.UniversalClient) func(context.Context) error {
		return func(ctx context.Context) error { return c.Ping(ctx).Err() }
	}
	pipeline := func(c redis.UniversalClient) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := c.Pipelined(ctx, func(p redis.Pipeliner) error { return p.Ping(ctx).Err() })
			return err
		}
	}
	tracer := spantest.NewTracer()
	named := []gaptrace.Option{gaptrace.WithTracer(tracer), gaptrace.WithPhases()}
	for name, tt := range map[string]struct {
		failures int
		do       func(redis.UniversalClient) func(context.Context) error
		want     string
	}{
		"at once":   {0, ping, "connect_start, connect_done"},
		"after two": {2, ping, "retry 2, retry 3, connect_start, connect_done"},
		"never":     {9, ping, "retry 2, retry 3, retry 4, error EOF"},
		"by name": {0, func(redis.UniversalClient) func(context.Context) error {
			_, port, _ := net.SplitHostPort(peer.addr)
			c := redis.NewClient(&redis.Options{Addr: "localhost:" + port, IdleCheckFrequency: -1})
			t.Cleanup(func() { c.Close() })
			return ping(gapredis.Wrap(c, named...))
		}, "dns_start, dns_done, connect_start, connect_done"},
		"a pipeline": {2, pipeline, "retry 2, retry 3, connect_start, connect_done"},
	} {
		t.Run(name, func(t *testing.T) {
			c := redis.NewClient(&redis.Options{Addr: peer.addr, Dialer: dialer(tt.failures), MinRetryBackoff: -1, MaxRetryBackoff: -1, IdleCheckFrequency: -1})
			defer c.Close()
			tracer.Reset()
			gapredis.Wrap(c, named...)
			c.AddHook(holding)
			ctx, _ := under(t, tracer)
			err := tt.do(c)(ctx)
			if failed := tt.failures > 3; errors.Is(err, io.EOF) != failed {
				t.Error(err)
			}
			span := tracer.Spans()[0]
			if got := logs(span); got != tt.want {
				t.Errorf("logged %s, want %s", got, tt.want)
			}
			for _, record := range span.Logs {
				if record.Timestamp.Before(span.Start) || record.Timestamp.After(span.End.Add(time.Minute)) {
					t.Errorf("%v is not in %v to %v", record, span.Start, span.End)
				}
			}
		})
	}
}

func TestWithoutPhasesNothingIsLogged(t *testing.T) {
	peer, tracer := newPeer(t), spantest.NewTracer()
	c := gapredis.Wrap(connect(t, peer.addr), gaptrace.WithTracer(tracer))
	ctx, _ := under(t, tracer)
	must(t, c.Ping(ctx).Err())
	if got := logs(tracer.Spans()[0]); got != "" {
		t.Errorf("logged %s", got)
	}
}

// Who waits for a context to be over asks it for Done, too.
func TestOnlyBackOffsAreRetries(t *testing.T) {
	peer, tracer := newPeer(t), spantest.NewTracer()
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
	ctx, _ := under(t, tracer)
	must(t, c.Ping(ctx).Err())
	if got := logs(tracer.Spans()[0]); got != "connect_start, connect_done" {
		t.Errorf("logged %s", got)
	}
}

// answering is a connection whose other end has its answers ready, whatever it is asked.
type answering struct {
	net.Conn
	answers io.Reader
}

func (answering) Write(p []byte) (int, error)      { return len(p), nil }
func (c answering) Read(p []byte) (int, error)     { return c.answers.Read(p) }
func (answering) SetDeadline(time.Time) error      { return nil }
func (answering) SetReadDeadline(time.Time) error  { return nil }
func (answering) SetWriteDeadline(time.Time) error { return nil }
func (answering) Close() error                     { return nil }
func (answering) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func answer(lines ...string) io.Reader { // not the next before it is asked for
	return iotest.OneByteReader(strings.NewReader(strings.Join(lines, "\r\n") + "\r\n"))
}

func dialled(c net.Conn) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) { return c, nil }
}

func TestAServerThatAsksForPatienceIsAskedAgainInTheSameSpan(t *testing.T) {
	for name, tt := range map[string]struct {
		answers io.Reader
		want    string
	}{
		"loading":            {answer("-LOADING Redis is loading the dataset in memory", "+PONG"), "retry 2"},
		"read-only for long": {answer("-READONLY You can't write against a read only replica.", "-READONLY You can't write against a read only replica."), "retry 2, error READONLY You can't write against a read only replica."},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const backOff = time.Second
				c := redis.NewClient(&redis.Options{Dialer: dialled(answering{answers: tt.answers}), MaxRetries: 1, MinRetryBackoff: backOff, MaxRetryBackoff: backOff, IdleCheckFrequency: -1})
				defer c.Close()
				tracer := spantest.NewTracer()
				gapredis.Wrap(c, gaptrace.WithTracer(tracer), gaptrace.WithPhases(), gaptrace.WithRoots())
				begun := time.Now()
				c.Ping(t.Context())
				span := tracer.Named("redis ping")[0]
				if got := logs(span); got != tt.want || span.Duration() != time.Since(begun) || span.Duration() < backOff/2 {
					t.Errorf("logged %s in %v, want %s", got, span.Duration(), tt.want)
				}
			})
		})
	}
}

func TestAPoolThatHasNoConnectionInTimeIsTheCallsFailureAndWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := redis.NewClient(&redis.Options{Dialer: dialled(answering{answers: answer("+PONG")}), PoolSize: 1, PoolTimeout: time.Minute, MaxRetries: -1, IdleCheckFrequency: -1})
		defer c.Close()
		tracer := spantest.NewTracer()
		gapredis.Wrap(c, gaptrace.WithTracer(tracer), gaptrace.WithPhases(), gaptrace.WithRoots())
		conn := c.Conn(t.Context())
		defer conn.Close()
		must(t, conn.Ping(t.Context()).Err()) // has the only connection
		err := c.Ping(t.Context()).Err()
		span := tracer.Named("redis ping")[0]
		if got := logs(span); got != "error redis: connection pool timeout" || err == nil || span.Duration() != time.Minute {
			t.Errorf("logged %s in %v, answered %v", got, span.Duration(), err)
		}
	})
}

// OnConnect asks another client under the context that it is given. What that one retries is its own.
func TestWhatAnotherWrappedClientRetriesIsItsOwn(t *testing.T) {
	peer, tracer := newPeer(t), spantest.NewTracer()
	phases := []gaptrace.Option{gaptrace.WithTracer(tracer), gaptrace.WithPhases()}
	other := gapredis.Wrap(redis.NewClient(&redis.Options{
		Dialer: dialled(hungUp{}), MaxRetries: 2, MinRetryBackoff: -1, MaxRetryBackoff: -1, IdleCheckFrequency: -1,
	}), phases...)
	c := gapredis.Wrap(redis.NewClient(&redis.Options{Addr: peer.addr, IdleCheckFrequency: -1, OnConnect: func(ctx context.Context, _ *redis.Conn) error {
		other.Get(ctx, "x")
		return nil
	}}), phases...)
	defer c.Close()
	ctx, _ := under(t, tracer)
	must(t, c.Ping(ctx).Err())
	for operation, want := range map[string]string{"redis ping": "connect_start, connect_done", "redis get": "retry 2, retry 3, error EOF"} {
		if got := logs(tracer.Named(operation)[0]); got != want {
			t.Errorf("%s logged %s, want %s", operation, got, want)
		}
	}
}
