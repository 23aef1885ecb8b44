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

func TestOverTLSACommandIsOneSpanThatCoversTheHandshake(t *testing.T) {
	issuer := httptest.NewTLSServer(nil) // for its certificate, of example.com
	issuer.Close()
	pair := issuer.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	must(t, err)
	dir := t.TempDir()
	files := map[string]*pem.Block{"cert": {Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, "key": {Type: "PRIVATE KEY", Bytes: key}}
	for name, block := range files {
		must(t, os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600))
	}
	addr := servers.RedisTLS(t, filepath.Join(dir, "cert"), filepath.Join(dir, "key"))
	roots := x509.NewCertPool()
	roots.AddCert(issuer.Certificate())

	tracer := spantest.NewTracer()
	ctx, drawn := under(t, tracer)
	c := gapredis.Wrap(redis.NewClient(&redis.Options{Addr: addr, TLSConfig: &tls.Config{RootCAs: roots, ServerName: "example.com"}}), gaptrace.WithTracer(tracer))
	defer c.Close()
	must(t, c.Ping(ctx).Err())
	distrusting := gapredis.Wrap(redis.NewClient(&redis.Options{Addr: addr, TLSConfig: &tls.Config{ServerName: "example.com"}, MaxRetries: -1}), gaptrace.WithTracer(tracer))
	defer distrusting.Close()
	if err := distrusting.Ping(ctx).Err(); err == nil {
		t.Error("trusted")
	}
	got := drawn(addr, "REDIS")
	if strings.Count(got, "redis ping") != 2 || strings.Count(got, "error=true") != 1 || !strings.Contains(got, "x509: certificate signed by unknown authority") {
		t.Error(got)
	}
}

func TestWhoMayNotIsToldSoAndNoPasswordIs(t *testing.T) {
	addr := servers.Redis(t)
	admin := connect(t, addr)
	must(t, admin.Do(t.Context(), "acl", "setuser", "reader", "on", ">hunter2", "~*", "+get", "+ping").Err())
	tracer := spantest.NewTracer()
	ctx, drawn := under(t, tracer)
	c := gapredis.Wrap(redis.NewClient(&redis.Options{Addr: addr, Username: "reader", Password: "hunter2"}), gaptrace.WithTracer(tracer))
	defer c.Close()
	if err := c.Get(ctx, "none").Err(); err != redis.Nil {
		t.Error(err)
	}
	if err := c.Set(ctx, "k", "v", 0).Err(); err == nil || !strings.HasPrefix(err.Error(), "NOPERM") {
		t.Error(err)
	}
	wrong := gapredis.Wrap(redis.NewClient(&redis.Options{Addr: addr, Username: "reader", Password: "hunter3", MaxRetries: -1}), gaptrace.WithTracer(tracer))
	defer wrong.Close()
	if err := wrong.Get(ctx, "none").Err(); err == nil || !strings.HasPrefix(err.Error(), "WRONGPASS") {
		t.Error(err)
	}
	got := drawn(addr, "REDIS")
	if strings.Contains(got, "hunter") || strings.Count(got, "error=true") != 2 || !strings.Contains(got, "NOPERM") || !strings.Contains(got, "WRONGPASS") {
		t.Error(got)
	}
}

func TestAServerThatDiesInAPipelineIsTheFailureOfAll(t *testing.T) {
	addr, server := servers.RedisFrom(t, servers.Redis62(t))
	tracer := spantest.NewTracer()
	ctx, drawn := under(t, tracer)
	c := gapredis.Wrap(redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1}), gaptrace.WithTracer(tracer))
	defer c.Close()
	must(t, c.Ping(ctx).Err())
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
		t.Error("no error")
	}
	drawn()
	pipeline := tracer.Named("redis pipeline")[0]
	if failed := pipeline.Tags["redis.failed"]; failed != "blpop" && failed != "incr" || pipeline.Tags["error"] != true || tracer.Problems() != nil {
		t.Error(tracer.Tree())
	}
	if err := c.Ping(ctx).Err(); err == nil {
		t.Error("answered by nobody")
	}
}

func TestWhatBlocksInTheServerIsCovered(t *testing.T) {
	tracer := spantest.NewTracer()
	ctx, drawn := under(t, tracer)
	addr := servers.Redis(t)
	c := gapredis.Wrap(connect(t, addr), gaptrace.WithTracer(tracer))
	feeder := connect(t, addr)
	time.AfterFunc(50*time.Millisecond, func() { feeder.LPush(context.Background(), "queue", "x") })
	before := time.Now()
	must(t, c.BLPop(ctx, time.Minute, "queue").Err())
	popped := time.Since(before)
	time.AfterFunc(50*time.Millisecond, func() {
		feeder.XAdd(context.Background(), &redis.XAddArgs{Stream: "events", Values: []string{"k", "v"}})
	})
	must(t, c.XRead(ctx, &redis.XReadArgs{Streams: []string{"events", "$"}, Block: time.Minute}).Err())
	impatient, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if timeout := net.Error(nil); !errors.As(c.BLPop(impatient, time.Minute, "none").Err(), &timeout) || !timeout.Timeout() { // the context's, or the connection's
		t.Error(timeout)
	}
	drawn()
	pops := tracer.Named("redis blpop")
	if pops[0].Duration() < 20*time.Millisecond || pops[0].Duration() > popped || tracer.Named("redis xread")[0].Duration() < 20*time.Millisecond {
		t.Errorf("%v of %v, %v", pops[0].Duration(), popped, tracer.Named("redis xread")[0].Duration())
	}
	if pops[1].Tags["error"] != true || tracer.Problems() != nil {
		t.Error(tracer.Tree())
	}
}

func TestScriptsRunByTheirHashOrElseByTheirText(t *testing.T) {
	tracer := spantest.NewTracer()
	ctx, drawn := under(t, tracer)
	addr := servers.Redis(t)
	c := gapredis.Wrap(connect(t, addr), gaptrace.WithTracer(tracer), gaptrace.WithExpected(func(_ gaptrace.Call, err error) bool {
		return strings.HasPrefix(err.Error(), "NOSCRIPT")
	}))
	script := redis.NewScript("return redis.call('incr', KEYS[1])")
	for range 2 {
		must(t, script.Run(ctx, c, []string{"n"}, "hunter2").Err())
	}
	want(t, strings.ReplaceAll(drawn(addr, "REDIS"), " component=go-redis db.instance=0 db.", " … "), `
parent
  redis evalsha … statement="evalsha ? ? n ?" db.type=redis peer.address=REDIS span.kind=client
  redis eval … statement="eval ? ? n ?" db.type=redis peer.address=REDIS span.kind=client
  redis evalsha … statement="evalsha ? ? n ?" db.type=redis peer.address=REDIS span.kind=client
`)
}

func TestAFailoverIsCoveredByTheCommandsThatWaitForIt(t *testing.T) {
	binary := servers.Redis7(t)
	first, master := servers.RedisFrom(t, binary)
	host, port, _ := net.SplitHostPort(first)
	second, _ := servers.RedisFrom(t, binary, "--replicaof", host, port)
	sentinel := servers.Sentinel(t, binary, "shop", first)
	tracer := spantest.NewTracer()
	watcher := gapredis.Wrap(redis.NewSentinelClient(&redis.Options{Addr: sentinel}), gaptrace.WithTracer(tracer), gaptrace.WithRoots())
	defer watcher.Close()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		replicas, err := watcher.Slaves(t.Context(), "shop").Result()
		if err == nil && len(replicas) == 1 && strings.Contains(connect(t, second).Info(t.Context(), "replication").Val(), "master_link_status:up") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v, %v", replicas, err)
		}
	}
	if asked := tracer.Spans(); len(asked) == 0 || asked[0].Operation != "redis sentinel" || tracer.Problems() != nil {
		t.Errorf("of the sentinel's client:\n%s", tracer.Tree())
	}
	tracer.Reset()
	ctx, drawn := under(t, tracer)
	c := gapredis.Wrap(redis.NewFailoverClient(&redis.FailoverOptions{MasterName: "shop", SentinelAddrs: []string{sentinel}}), gaptrace.WithTracer(tracer))
	defer c.Close()
	must(t, c.Set(ctx, "k", "v", 0).Err(), c.Wait(ctx, 1, time.Minute).Err())
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
			t.Fatal("no failover")
		}
	}
	drawn()
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
