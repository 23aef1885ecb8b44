package gapredis_test

import (
	"context"
	"errors"
	"net"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/go-redis/redis/v8"
	"github.com/opentracing/opentracing-go"
)

// otherHook is somebody else's.
type otherHook struct {
	before func(context.Context) (context.Context, error) // nil: nothing happens
	after  func(context.Context) error                    // nil: nothing happens
}

func (h *otherHook) BeforeProcess(ctx context.Context, _ redis.Cmder) (context.Context, error) {
	if h.before == nil {
		return ctx, nil
	}
	return h.before(ctx)
}

func (h *otherHook) AfterProcess(ctx context.Context, _ redis.Cmder) error {
	if h.after == nil {
		return nil
	}
	return h.after(ctx)
}

func (h *otherHook) BeforeProcessPipeline(ctx context.Context, _ []redis.Cmder) (context.Context, error) {
	return h.BeforeProcess(ctx, nil)
}

func (h *otherHook) AfterProcessPipeline(ctx context.Context, _ []redis.Cmder) error {
	return h.AfterProcess(ctx, nil)
}

var errOther = errors.New("other hook")

// Whatever other hooks do, a call has its one span, finished once, below the caller's, which nobody touched.
func TestOtherHooks(t *testing.T) {
	const ours = " component=go-redis db.statement=ping db.type=redis span.kind=client\n"
	const failed = " component=go-redis db.statement=ping db.type=redis error=true span.kind=client\n" +
		"    * event=error error.kind=*errors.errorString message=\"other hook\"\n"
	detach := func(context.Context) (context.Context, error) { return context.Background(), nil }
	for name, test := range map[string]struct {
		first, last *otherHook // around ours
		spans       string
	}{
		"the last replaces the context":  {last: &otherHook{before: detach}, spans: "parent\n  redis ping" + ours},
		"the last errs":                  {last: &otherHook{before: func(ctx context.Context) (context.Context, error) { return ctx, errOther }}, spans: "parent\n  redis ping" + failed},
		"the last errs, without context": {last: &otherHook{before: func(context.Context) (context.Context, error) { return nil, errOther }}, spans: "parent\n  redis ping" + failed},
		"the last errs afterwards":       {last: &otherHook{after: func(context.Context) error { return errOther }}, spans: "parent\n  redis ping" + failed},
		"the last opens a span": {
			last: &otherHook{
				before: func(ctx context.Context) (context.Context, error) {
					_, ctx = opentracing.StartSpanFromContextWithTracer(ctx, opentracing.SpanFromContext(ctx).Tracer(), "other")
					return ctx, nil
				},
				after: func(ctx context.Context) error {
					opentracing.SpanFromContext(ctx).Finish()
					return nil
				},
			},
			spans: "parent\n  redis ping" + ours + "    other\n",
		},
		"the first opens a span and hides it": {
			first: &otherHook{before: func(ctx context.Context) (context.Context, error) {
				span, ctx := opentracing.StartSpanFromContextWithTracer(ctx, opentracing.SpanFromContext(ctx).Tracer(), "other")
				span.Finish()
				return ctx, nil
			}},
			last:  &otherHook{before: detach},
			spans: "parent\n  other\n    redis ping" + ours,
		},
		"the first replaces the context":        {first: &otherHook{before: detach}, spans: "parent\n"},
		"the first errs, and ours is not asked": {first: &otherHook{before: func(ctx context.Context) (context.Context, error) { return ctx, errOther }}, spans: "parent\n"},
		"the first errs afterwards":             {first: &otherHook{after: func(context.Context) error { return errOther }}, spans: "parent\n  redis ping" + ours},
	} {
		t.Run(name, func(t *testing.T) {
			peer, tracer := newPeer(t), spantest.NewTracer()
			c := connect(t, peer.addr)
			for _, hook := range []redis.Hook{test.first, gapredis.NewHook(gaptrace.WithTracer(tracer)), test.last} {
				if other, ok := hook.(*otherHook); !ok || other != nil {
					c.AddHook(hook)
				}
			}
			ctx, drawn := under(t, tracer)
			c.Ping(ctx)
			want(t, drawn(), test.spans)

			tracer.Reset()
			ctx, drawn = under(t, tracer)
			_, _ = c.Pipelined(ctx, func(p redis.Pipeliner) error { return p.Ping(ctx).Err() })
			got := strings.NewReplacer(" redis.commands=1", "", " redis.errors=1", "", " redis.failed=ping", "", "redis pipeline", "redis ping").Replace(drawn())
			want(t, got, test.spans)
		})
	}
}

func TestOneHookRecordsACommandOnce(t *testing.T) {
	peer, tracer := newPeer(t), spantest.NewTracer()
	ctx, drawn := under(t, tracer)
	hook := gapredis.NewHook(gaptrace.WithTracer(tracer))
	ring := redis.NewRing(&redis.RingOptions{
		Addrs: map[string]string{"a": peer.addr},
		NewClient: func(_ string, opt *redis.Options) *redis.Client {
			c := redis.NewClient(opt)
			c.AddHook(hook)
			c.AddHook(hook)
			return c
		},
	})
	defer ring.Close()
	ring.AddHook(hook)
	ring.Get(ctx, "greeting")
	want(t, drawn(), `
parent
  redis get component=go-redis db.statement="get greeting" db.type=redis span.kind=client
    redis command component=go-redis db.statement=command db.type=redis span.kind=client
`) // a Ring's first command asks where keys are
}

func TestAClientThatIsWrappedTwiceDrawsEachCommandOnce(t *testing.T) {
	peer := newPeer(t)
	for name, client := range map[string]redis.UniversalClient{
		"Client": connect(t, peer.addr),
		"ClusterClient": redis.NewClusterClient(&redis.ClusterOptions{ClusterSlots: func(context.Context) ([]redis.ClusterSlot, error) {
			return []redis.ClusterSlot{{Start: 0, End: 16383, Nodes: []redis.ClusterNode{{Addr: peer.addr}}}}, nil
		}}),
		"Ring": redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": peer.addr}}),
	} {
		t.Run(name, func(t *testing.T) {
			defer client.Close()
			first, second := spantest.NewTracer(), spantest.NewTracer()
			gapredis.Wrap(client, gaptrace.WithTracer(first), gaptrace.WithRoots())
			if again := gapredis.Wrap(client, gaptrace.WithTracer(second), gaptrace.WithRoots()); again != client {
				t.Errorf("Wrap gave back a %T", again)
			}
			if got, err := client.Get(t.Context(), "greeting").Result(); got != "hello" || err != nil {
				t.Error(got, err)
			}
			if len(second.Spans()) != 0 || len(first.Named("redis get")) != 1 || first.Problems() != nil {
				t.Errorf("the first options drew\n%sthe second\n%s", first.Tree(), second.Tree())
			}
		})
	}
	tracer := spantest.NewTracer()
	c := connect(t, peer.addr)
	c.AddHook(gapredis.NewHook(gaptrace.WithTracer(tracer), gaptrace.WithRoots()))
	gapredis.Wrap(gapredis.Wrap(c.WithTimeout(time.Second)).WithContext(t.Context())).Ping(t.Context())
	conn := c.Conn(t.Context())
	defer conn.Close()
	gapredis.Wrap(gapredis.Wrap(conn, gaptrace.WithTracer(tracer), gaptrace.WithRoots())).Ping(t.Context())
	if n := len(tracer.Named("redis ping")); n != 2 {
		t.Errorf("%d spans of two pings:\n%s", n, tracer.Tree())
	}
}

// Each of many goroutines wraps the Tx that it is given, which has its client's hook.
func TestATxMayBeWrappedWhileItsClientIsUsed(t *testing.T) {
	peer, tracer := newPeer(t), spantest.NewTracer()
	c := gapredis.Wrap(connect(t, peer.addr), gaptrace.WithTracer(tracer), gaptrace.WithTags(func(gaptrace.Call) opentracing.Tags {
		return opentracing.Tags{"of": "the client"}
	}))
	ctx, drawn := under(t, tracer)
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() {
			if err := c.Watch(ctx, func(tx *redis.Tx) error { return gapredis.Wrap(tx).Get(ctx, "greeting").Err() }, "greeting"); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	if tree := drawn(); strings.Count(tree, "redis get") != 8 || strings.Count(tree, `of="the client"`) != 3*8 || tracer.Problems() != nil {
		t.Error(tree)
	}
}

func TestAnythingWithAddHookMayBeWrapped(t *testing.T) {
	for _, client := range []interface{ AddHook(redis.Hook) }{&hooked{}, hooked{}, hookFunc(func(redis.Hook) {}), &struct{ hooked }{}} {
		gapredis.Wrap(client)
		gapredis.Wrap(client)
	}
}

// hooked is a client of somebody's own, whose field only looks like go-redis's.
type hooked struct{ hooks int }

func (h hooked) AddHook(redis.Hook) { _ = h.hooks }

type hookFunc func(redis.Hook)

func (f hookFunc) AddHook(h redis.Hook) { f(h) }

func TestOneHookRecordsAPipelineOnceWhateverNodesItGoesTo(t *testing.T) {
	peers, tracer := []*peer{newPeer(t), newPeer(t)}, spantest.NewTracer()
	hook := gapredis.NewHook(gaptrace.WithTracer(tracer))
	node := func(opt *redis.Options) *redis.Client {
		c := redis.NewClient(opt)
		c.AddHook(hook)
		return c
	}
	for kind, c := range map[string]redis.UniversalClient{
		"Ring": redis.NewRing(&redis.RingOptions{
			Addrs:     map[string]string{"a": peers[0].addr, "b": peers[1].addr},
			NewClient: func(_ string, opt *redis.Options) *redis.Client { return node(opt) },
		}),
		"ClusterClient": redis.NewClusterClient(&redis.ClusterOptions{
			ClusterSlots: func(context.Context) ([]redis.ClusterSlot, error) {
				return []redis.ClusterSlot{
					{End: 8191, Nodes: []redis.ClusterNode{{Addr: peers[0].addr}}},
					{Start: 8192, End: 16383, Nodes: []redis.ClusterNode{{Addr: peers[1].addr}}},
				}, nil
			},
			NewClient: node,
		}),
	} {
		t.Run(kind, func(t *testing.T) {
			defer c.Close()
			c.AddHook(hook)
			c.Get(t.Context(), "greeting") // asks where keys are
			var before [2]int
			for i, peer := range peers {
				before[i] = len(peer.commands())
			}
			tracer.Reset()
			ctx, drawn := under(t, tracer)
			keys := func(p redis.Pipeliner) error {
				for i := range 20 {
					p.Get(ctx, strconv.Itoa(i))
				}
				return nil
			}
			_, _ = c.Pipelined(ctx, keys)
			_, _ = c.TxPipelined(ctx, keys)
			got := regexp.MustCompile(`db.statement="[^"]*" `).ReplaceAllString(drawn(), "")
			second := "redis tx"
			if kind == "Ring" {
				second = "redis pipeline"
			}
			want(t, got, `
parent
  redis pipeline component=go-redis db.type=redis redis.commands=20 span.kind=client
  `+second+` component=go-redis db.type=redis redis.commands=20 span.kind=client
`)
			for i, peer := range peers {
				if len(peer.commands()) == before[i] {
					t.Errorf("node %d was not asked", i)
				}
			}
		})
	}
}

// A pipeline inside another, but of other commands, is a call of its own.
func TestPipelinesWithinPipelines(t *testing.T) {
	peer, tracer := newPeer(t), spantest.NewTracer()
	ctx, drawn := under(t, tracer)
	c := gapredis.Wrap(connect(t, peer.addr), gaptrace.WithTracer(tracer))
	inside := false
	c.AddHook(&otherHook{before: func(ctx context.Context) (context.Context, error) {
		if inside = !inside; inside {
			_, _ = c.Pipelined(ctx, func(p redis.Pipeliner) error { return p.Do(ctx, "echo", "x").Err() })
		}
		return ctx, nil
	}})
	_, _ = c.Pipelined(ctx, func(p redis.Pipeliner) error { return p.Ping(ctx).Err() })
	want(t, drawn(peer.addr, "PEER"), `
parent
  redis pipeline component=go-redis db.instance=0 db.statement=ping db.type=redis peer.address=PEER redis.commands=1 span.kind=client
    redis pipeline component=go-redis db.instance=0 db.statement="echo ?" db.type=redis peer.address=PEER redis.commands=1 span.kind=client
`)
}

func TestASpanEndsWithTheOutermostAfter(t *testing.T) {
	tracer := spantest.NewTracer()
	hook := gapredis.NewHook(gaptrace.WithRoots(), gaptrace.WithTracer(tracer))
	cmd := redis.NewCmd(t.Context(), "ping")
	cmds := []redis.Cmder{cmd}
	for name, use := range map[string]struct{ before, after func() }{
		"command": {
			func() { _, _ = hook.BeforeProcess(t.Context(), cmd) },
			func() { _ = hook.AfterProcess(t.Context(), cmd) },
		},
		"pipeline": {
			func() { _, _ = hook.BeforeProcessPipeline(t.Context(), cmds) },
			func() { _ = hook.AfterProcessPipeline(t.Context(), cmds) },
		},
	} {
		tracer.Reset()
		use.before()
		use.before()
		use.after()
		if tracer.Spans() != nil {
			t.Errorf("%s: finished by the inner After:\n%s", name, tracer.Tree())
		}
		use.after()
		use.after() // one that belongs to no Before
		if tracer.Problems() != nil || len(tracer.Spans()) != 1 {
			t.Errorf("%s: want one span:\n%s", name, tracer.Tree())
		}
	}
}

// valueCmd is a command that no map can hold.
type valueCmd struct {
	*redis.StatusCmd
	_ []string
}

func TestCommandsThatCannotBeHeldPass(t *testing.T) {
	peer, tracer := newPeer(t), spantest.NewTracer()
	hook := gapredis.NewHook(gaptrace.WithRoots(), gaptrace.WithTracer(tracer))
	c := connect(t, peer.addr)
	c.AddHook(hook)
	other := redis.NewCmd(t.Context(), "other")
	ctx, _ := hook.BeforeProcess(t.Context(), other)
	cmd := valueCmd{StatusCmd: redis.NewStatusCmd(ctx, "ping")}
	if err := c.Process(t.Context(), cmd); err != nil || cmd.Val() != "PONG" {
		t.Errorf("%v, %v, want PONG", cmd.Val(), err)
	}
	_ = hook.AfterProcess(ctx, other)
	want(t, tracer.Tree(), "redis other component=go-redis db.statement=other db.type=redis span.kind=client\n")
}

// A command given by the other hook, inside a call of the same client, is a call of its own.
func TestCallsWithinCalls(t *testing.T) {
	peer, tracer := newPeer(t), spantest.NewTracer()
	ctx, drawn := under(t, tracer)
	c := gapredis.Wrap(connect(t, peer.addr), gaptrace.WithTracer(tracer))
	inside := false
	c.AddHook(&otherHook{before: func(ctx context.Context) (context.Context, error) {
		if inside = !inside; inside {
			c.Do(ctx, "echo", "x")
		}
		return ctx, nil
	}})
	c.Ping(ctx)
	want(t, drawn(peer.addr, "PEER"), `
parent
  redis ping component=go-redis db.instance=0 db.statement=ping db.type=redis peer.address=PEER span.kind=client
    redis echo component=go-redis db.instance=0 db.statement="echo ?" db.type=redis peer.address=PEER span.kind=client
`)
}

// A panic passes through go-redis, which calls no After then: the span is found by the collector.
func TestPanicsLeaveNoSpanUnfinished(t *testing.T) {
	for name, use := range map[string]func(context.Context, *redis.Client){
		"command": func(ctx context.Context, c *redis.Client) { c.Ping(ctx) },
		"pipeline": func(ctx context.Context, c *redis.Client) {
			_, _ = c.Pipelined(ctx, func(p redis.Pipeliner) error { return p.Ping(ctx).Err() })
		},
		"inside another": func(ctx context.Context, c *redis.Client) {
			inside := false
			c.AddHook(&otherHook{before: func(ctx context.Context) (context.Context, error) {
				if inside = !inside; inside {
					c.Ping(ctx)
				}
				return ctx, nil
			}})
			c.Ping(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			tracer := spantest.NewTracer()
			c := redis.NewClient(&redis.Options{
				PoolSize: 100, MaxRetries: -1, IdleCheckFrequency: -1,
				Dialer: func(context.Context, string, string) (net.Conn, error) { panic("dial") },
			})
			defer c.Close()
			gapredis.Wrap(c, gaptrace.WithTracer(tracer), gaptrace.WithRoots())
			func() {
				defer func() {
					if got := recover(); got != "dial" {
						t.Errorf("recovered %v, want the Dialer's panic", got)
					}
				}()
				use(t.Context(), c)
			}()
			if tracer.Spans() != nil {
				t.Fatal("finished by whom?", tracer.Tree())
			}
			for deadline := time.Now().Add(20 * time.Second); tracer.Problems() != nil && time.Now().Before(deadline); {
				runtime.GC()
				time.Sleep(time.Millisecond)
			}
			if problems := tracer.Problems(); problems != nil {
				t.Fatal(problems)
			}
			for _, span := range tracer.Spans() {
				if span.Tags["abandoned"] != true {
					t.Error("not tagged:", tracer.Tree())
				}
			}
			runtime.KeepAlive(c)
		})
	}
}

// A span that a panic left is found under load, too, when there is always some other call running.
func TestPanicsLeaveNoSpanUnfinishedUnderLoad(t *testing.T) {
	tracer := spantest.NewTracer()
	hook := gapredis.NewHook(gaptrace.WithRoots(), gaptrace.WithTracer(tracer))
	before := func(name string) (finish func()) {
		cmd := redis.NewCmd(t.Context(), name)
		ctx, _ := hook.BeforeProcess(t.Context(), cmd)
		return func() { _ = hook.AfterProcess(ctx, cmd) }
	}
	before("lost")
	finish := before("ping")
	for range 1000 {
		next := before("ping")
		finish()
		finish = next
		if runtime.GC(); tracer.Named("redis lost") != nil {
			break
		}
	}
	if tracer.Named("redis lost") == nil {
		t.Error("never finished")
	}
	finish()
	if problems := tracer.Problems(); problems != nil {
		t.Error(problems)
	}
	for _, span := range tracer.Named("redis ping") {
		if span.Tags["abandoned"] != nil {
			t.Error("abandoned while it ran")
		}
	}
}
