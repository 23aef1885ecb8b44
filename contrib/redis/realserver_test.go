package gapredis_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
	"github.com/go-redis/redis/v8"
)

func TestCommands(t *testing.T) {
	addr := servers.Redis(t, "--requirepass", "hunter2")
	tracer, ctx, parent := spantest.Under(t)
	c := redis.NewClient(&redis.Options{Addr: addr, Password: "hunter2", DB: 2})
	defer c.Close()
	gapredis.Wrap(c, gaptrace.WithTracer(tracer))

	c.Set(ctx, "n", "1", 0)
	c.Get(ctx, "none")
	c.LPush(ctx, "n", "x")
	c.Do(ctx, "no.such", "hunter2")
	c.Eval(ctx, "return redis.call('get', KEYS[1])", []string{"n"}, "hunter2")
	c.ConfigSet(ctx, "requirepass", "hunter2")
	_, _ = c.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Incr(ctx, "n")
		p.LLen(ctx, "n")
		return nil
	})
	err := c.Watch(ctx, func(tx *redis.Tx) error {
		c.Incr(ctx, "n")
		_, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error { return p.Incr(ctx, "n").Err() })
		return err
	}, "n")
	if err != redis.TxFailedErr {
		t.Errorf("Watch: %v, want %v", err, redis.TxFailedErr)
	}
	const tags = " component=go-redis db.instance=2 db."
	spantest.WantUnder(t, tracer, parent, `
  redis set … statement="set n ?" db.type=redis peer.address=REDIS span.kind=client
  redis get … statement="get none" db.type=redis peer.address=REDIS span.kind=client
  redis lpush … statement="lpush n ?" db.type=redis error=true peer.address=REDIS span.kind=client
    * event=error error.kind=proto.RedisError message="WRONGTYPE Operation against a key holding the wrong kind of value"
  redis no.such … statement="no.such ?" db.type=redis error=true peer.address=REDIS span.kind=client
    * event=error error.kind=proto.RedisError message="ERR unknown command ?"
  redis eval … statement="eval ? ? n ?" db.type=redis peer.address=REDIS span.kind=client
  redis config … statement="config set ? ?" db.type=redis peer.address=REDIS span.kind=client
  redis pipeline … statement="incr n\nllen n" db.type=redis error=true peer.address=REDIS redis.commands=2 redis.errors=1 redis.failed=llen span.kind=client
    * event=error error.kind=proto.RedisError message="WRONGTYPE Operation against a key holding the wrong kind of value"
  redis watch … statement="watch n" db.type=redis peer.address=REDIS span.kind=client
  redis incr … statement="incr n" db.type=redis peer.address=REDIS span.kind=client
  redis tx … statement="incr n" db.type=redis peer.address=REDIS redis.commands=1 span.kind=client
  redis unwatch … statement=unwatch db.type=redis peer.address=REDIS span.kind=client
`, addr, "REDIS", tags, " … ")
}

func TestStreams(t *testing.T) {
	addr := servers.Redis(t)
	tracer, ctx, parent := spantest.Under(t)
	c := gapredis.Wrap(connect(t, addr), gaptrace.WithTracer(tracer))
	event := &redis.XAddArgs{Stream: "events", ID: "1-1", MaxLen: 10, Values: []string{"card", "hunter2"}}
	check(t, c.XGroupCreateMkStream(ctx, "events", "billing", "0").Err(), c.XAdd(ctx, event).Err())
	readGroup := func(group string) ([]redis.XStream, error) {
		return c.XReadGroup(ctx, &redis.XReadGroupArgs{
			Group: group, Consumer: "one", Streams: []string{"events", ">"}, Count: 5,
		}).Result()
	}
	read, err := readGroup("billing")
	check(t, err)
	if len(read) != 1 || len(read[0].Messages) != 1 || read[0].Messages[0].Values["card"] != "hunter2" {
		t.Error(read)
	}
	claim := &redis.XClaimArgs{Stream: "events", Group: "billing", Consumer: "two", Messages: []string{"1-1"}}
	if claimed, err := c.XClaim(ctx, claim).Result(); err != nil || len(claimed) != 1 {
		t.Error(claimed, err)
	}
	check(t, c.XAck(ctx, "events", "billing", "1-1").Err())
	if _, err := readGroup("none"); err == nil || !strings.HasPrefix(err.Error(), "NOGROUP") {
		t.Error(err)
	}
	const tags = " component=go-redis db.instance=0 db."
	spantest.WantUnder(t, tracer, parent, `
  redis xgroup … statement="xgroup create events ? ? ?" db.type=redis peer.address=REDIS span.kind=client
  redis xadd … statement="xadd events ? ? ? ? ?" db.type=redis peer.address=REDIS span.kind=client
  redis xreadgroup … statement="xreadgroup ? ? ? ? ? ? ? ? events ?" db.type=redis peer.address=REDIS span.kind=client
  redis xclaim … statement="xclaim events ? ? ? ?" db.type=redis peer.address=REDIS span.kind=client
  redis xack … statement="xack events ? ?" db.type=redis peer.address=REDIS span.kind=client
  redis xreadgroup … statement="xreadgroup ? ? ? ? ? ? ? ? events ?" db.type=redis error=true peer.address=REDIS span.kind=client
    * event=error error.kind=proto.RedisError message="NOGROUP No such key ?"
`, addr, "REDIS", tags, " … ")
}

func TestTLS(t *testing.T) {
	issuer := httptest.NewTLSServer(nil) // has a certificate for example.com
	issuer.Close()
	pair := issuer.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	check(t, err)
	dir := t.TempDir()
	files := map[string]*pem.Block{
		"cert": {Type: "CERTIFICATE", Bytes: pair.Certificate[0]},
		"key":  {Type: "PRIVATE KEY", Bytes: key},
	}
	for name, block := range files {
		check(t, os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600))
	}
	addr := servers.RedisTLS(t, filepath.Join(dir, "cert"), filepath.Join(dir, "key"))
	roots := x509.NewCertPool()
	roots.AddCert(issuer.Certificate())

	tracer, ctx, parent := spantest.Under(t)
	client := func(config *tls.Config) *redis.Client {
		c := redis.NewClient(&redis.Options{Addr: addr, TLSConfig: config, MaxRetries: -1})
		t.Cleanup(func() { c.Close() })
		return gapredis.Wrap(c, gaptrace.WithTracer(tracer))
	}
	check(t, client(&tls.Config{RootCAs: roots, ServerName: "example.com"}).Ping(ctx).Err())
	if err := client(&tls.Config{ServerName: "example.com"}).Ping(ctx).Err(); err == nil {
		t.Error("the server's certificate was accepted")
	}
	parent.Finish()
	got := tracer.Tree(addr, "REDIS")
	if strings.Count(got, "redis ping") != 2 || strings.Count(got, "error=true") != 1 ||
		!strings.Contains(got, "x509: certificate signed by unknown authority") {
		t.Error(got)
	}
}

func TestAccessControl(t *testing.T) {
	addr := servers.Redis(t)
	admin := connect(t, addr)
	check(t, admin.Do(t.Context(), "acl", "setuser", "reader", "on", ">hunter2", "~*", "+get", "+ping").Err())
	tracer, ctx, parent := spantest.Under(t)
	client := func(password string) *redis.Client {
		c := redis.NewClient(&redis.Options{Addr: addr, Username: "reader", Password: password, MaxRetries: -1})
		t.Cleanup(func() { c.Close() })
		return gapredis.Wrap(c, gaptrace.WithTracer(tracer))
	}
	reader := client("hunter2")
	if err := reader.Get(ctx, "none").Err(); err != redis.Nil {
		t.Error(err)
	}
	if err := reader.Set(ctx, "k", "v", 0).Err(); err == nil || !strings.HasPrefix(err.Error(), "NOPERM") {
		t.Error(err)
	}
	if err := client("hunter3").Get(ctx, "none").Err(); err == nil || !strings.HasPrefix(err.Error(), "WRONGPASS") {
		t.Error(err)
	}
	parent.Finish()
	got := tracer.Tree(addr, "REDIS")
	if strings.Contains(got, "hunter") || strings.Count(got, "error=true") != 2 ||
		!strings.Contains(got, "NOPERM") || !strings.Contains(got, "WRONGPASS") {
		t.Error(got)
	}
}

func TestServerDiesInPipeline(t *testing.T) {
	addr, server := servers.RedisFrom(t, servers.Redis62(t))
	tracer, ctx, parent := spantest.Under(t)
	c := gapredis.Wrap(redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1}), gaptrace.WithTracer(tracer))
	defer c.Close()
	check(t, c.Ping(ctx).Err())
	killed := make(chan bool)
	go func() {
		defer close(killed)
		time.Sleep(50 * time.Millisecond)
		server.Kill()
	}()
	_, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Incr(ctx, "n")
		p.BLPop(ctx, time.Minute, "none")
		p.Incr(ctx, "n")
		return nil
	})
	<-killed
	if err == nil {
		t.Error("the pipeline returned no error")
	}
	parent.Finish()
	pipeline := tracer.Named("redis pipeline")[0]
	failed := pipeline.Tags["redis.failed"]
	if failed != "blpop" && failed != "incr" || pipeline.Tags["error"] != true || tracer.Problems() != nil {
		t.Error(tracer.Tree())
	}
	if err := c.Ping(ctx).Err(); err == nil {
		t.Error("Ping returned no error after the server was killed")
	}
}

func TestBlockingCommandsAreCovered(t *testing.T) {
	tracer, ctx, parent := spantest.Under(t)
	addr := servers.Redis(t)
	c := gapredis.Wrap(connect(t, addr), gaptrace.WithTracer(tracer))
	feeder := connect(t, addr)
	time.AfterFunc(50*time.Millisecond, func() { feeder.LPush(context.Background(), "queue", "x") })
	before := time.Now()
	check(t, c.BLPop(ctx, time.Minute, "queue").Err())
	popped := time.Since(before)
	time.AfterFunc(50*time.Millisecond, func() {
		feeder.XAdd(context.Background(), &redis.XAddArgs{Stream: "events", Values: []string{"k", "v"}})
	})
	check(t, c.XRead(ctx, &redis.XReadArgs{Streams: []string{"events", "$"}, Block: time.Minute}).Err())
	impatient, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	err := c.BLPop(impatient, time.Minute, "none").Err()
	// The timeout is the context's, or the connection's.
	if timeout := net.Error(nil); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Error(err)
	}
	parent.Finish()
	pops := tracer.Named("redis blpop")
	if d := pops[0].Duration(); d < 20*time.Millisecond || d > popped {
		t.Errorf("the span of BLPOP lasted %v, the call %v", d, popped)
	}
	if d := tracer.Only(t, "redis xread").Duration(); d < 20*time.Millisecond {
		t.Errorf("the span of XREAD lasted %v, want 20 ms or more", d)
	}
	if pops[1].Tags["error"] != true || tracer.Problems() != nil {
		t.Error(tracer.Tree())
	}
}

func TestScripts(t *testing.T) {
	tracer, ctx, parent := spantest.Under(t)
	addr := servers.Redis(t)
	unknown := func(_ gaptrace.Call, err error) bool { return strings.HasPrefix(err.Error(), "NOSCRIPT") }
	c := gapredis.Wrap(connect(t, addr), gaptrace.WithTracer(tracer), gaptrace.WithExpected(unknown))
	script := redis.NewScript("return redis.call('incr', KEYS[1])")
	for range 2 {
		check(t, script.Run(ctx, c, []string{"n"}, "hunter2").Err())
	}
	spantest.WantUnder(t, tracer, parent, `
  redis evalsha … statement="evalsha ? ? n ?" db.type=redis peer.address=REDIS span.kind=client
  redis eval … statement="eval ? ? n ?" db.type=redis peer.address=REDIS span.kind=client
  redis evalsha … statement="evalsha ? ? n ?" db.type=redis peer.address=REDIS span.kind=client
`, addr, "REDIS", " component=go-redis db.instance=0 db.", " … ")
}

func TestFailover(t *testing.T) {
	binary := servers.Redis7(t)
	first, master := servers.RedisFrom(t, binary)
	host, port, _ := net.SplitHostPort(first)
	second, _ := servers.RedisFrom(t, binary, "--replicaof", host, port)
	sentinel := servers.Sentinel(t, binary, "shop", first)
	awaitReplica(t, sentinel, second)

	tracer, ctx, parent := spantest.Under(t)
	c := gapredis.Wrap(redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName: "shop", SentinelAddrs: []string{sentinel},
	}), gaptrace.WithTracer(tracer))
	defer c.Close()
	check(t, c.Set(ctx, "k", "v", 0).Err(), c.Wait(ctx, 1, time.Minute).Err())
	master.Kill()
	commands := 0
	for deadline := time.Now().Add(90 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		commands++
		if got, err := c.Get(ctx, "k").Result(); err == nil {
			if got != "v" {
				t.Errorf("got %q", got)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no failover within 90 s")
		}
	}
	parent.Finish()
	gets := tracer.Named("redis get")
	if len(gets) != commands || gets[len(gets)-1].Tags["error"] != nil || tracer.Problems() != nil {
		t.Errorf("%d spans of %d commands:\n%s", len(gets), commands, tracer.Tree())
	}
	for _, s := range gets {
		if s.Tags["peer.address"] != nil {
			t.Errorf("a failover client's address is %v", s.Tags["peer.address"])
		}
	}
}

// awaitReplica waits until the sentinel knows its replica, and checks the spans of a
// SentinelClient.
func awaitReplica(t *testing.T, sentinel, replica string) {
	tracer := spantest.NewTracer()
	watcher := gapredis.Wrap(redis.NewSentinelClient(&redis.Options{Addr: sentinel}),
		gaptrace.WithTracer(tracer), gaptrace.WithRoots())
	defer watcher.Close()
	c := connect(t, replica)
	spantest.Await(t, "the replica", func() bool {
		replicas, err := watcher.Slaves(t.Context(), "shop").Result()
		replication := c.Info(t.Context(), "replication").Val()
		return err == nil && len(replicas) == 1 && strings.Contains(replication, "master_link_status:up")
	})
	if spans := tracer.Spans(); len(spans) == 0 || spans[0].Operation != "redis sentinel" || tracer.Problems() != nil {
		t.Errorf("the sentinel's client recorded:\n%s", tracer.Tree())
	}
}
