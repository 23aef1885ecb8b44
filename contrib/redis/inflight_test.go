package gapredis_test

import (
	"context"
	"errors"
	"net"
	"regexp"
	"runtime"
	"strconv"
	"testing"

	"github.com/gaptrace/gaptrace"
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/go-redis/redis/v8"
	"github.com/opentracing/opentracing-go"
)

var errOther = errors.New("other hook")

// TestOtherHooks checks that a call is one span under the caller's, whatever other hooks do.
func TestOtherHooks(t *testing.T) {
	const tags = " component=go-redis db.statement=ping db.type=redis "
	const ping = "  redis ping" + tags + "span.kind=client\n"
	const failed = "  redis ping" + tags + "error=true span.kind=client\n" +
		"    * event=error error.kind=*errors.errorString message=\"other hook\"\n"
	startSpan := func(ctx context.Context) (opentracing.Span, context.Context) {
		return opentracing.StartSpanFromContextWithTracer(ctx, opentracing.SpanFromContext(ctx).Tracer(), "other")
	}
	detaches := &otherHook{before: func(context.Context) (context.Context, error) { return context.Background(), nil }}
	fails := &otherHook{before: func(ctx context.Context) (context.Context, error) { return ctx, errOther }}
	failsWithNil := &otherHook{before: func(context.Context) (context.Context, error) { return nil, errOther }}
	failsAfter := &otherHook{after: func(context.Context) error { return errOther }}
	opensSpan := &otherHook{
		before: func(ctx context.Context) (context.Context, error) {
			_, ctx = startSpan(ctx)
			return ctx, nil
		},
		after: func(ctx context.Context) error {
			opentracing.SpanFromContext(ctx).Finish()
			return nil
		},
	}
	opensAndFinishes := &otherHook{before: func(ctx context.Context) (context.Context, error) {
		span, ctx := startSpan(ctx)
		span.Finish()
		return ctx, nil
	}}
	for _, test := range []struct {
		name         string
		first, later *otherHook // before and after ours in the chain; may be nil
		want         string
	}{
		{"later replaces the context", nil, detaches, ping},
		{"later fails", nil, fails, failed},
		{"later fails with a nil context", nil, failsWithNil, failed},
		{"later fails afterwards", nil, failsAfter, failed},
		{"later opens a span", nil, opensSpan, ping + "    other\n"},
		{"first opens a span, later hides it", opensAndFinishes, detaches, "  other\n  " + ping},
		{"first replaces the context", detaches, nil, ""},
		{"first fails, ours is not called", fails, nil, ""},
		{"first fails afterwards", failsAfter, nil, ping},
	} {
		t.Run(test.name, func(t *testing.T) {
			peer := newPeer(t)
			c := connect(t, peer.addr)
			tracer, ctx, parent := spantest.Under(t)
			if test.first != nil {
				c.AddHook(test.first)
			}
			c.AddHook(gapredis.NewHook(gaptrace.WithTracer(tracer)))
			if test.later != nil {
				c.AddHook(test.later)
			}
			c.Ping(ctx)
			spantest.WantUnder(t, tracer, parent, test.want)

			tracer.Reset()
			parent = tracer.StartSpan("parent")
			ctx = opentracing.ContextWithSpan(t.Context(), parent)
			_, _ = c.Pipelined(ctx, func(p redis.Pipeliner) error { return p.Ping(ctx).Err() })
			spantest.WantUnder(t, tracer, parent, test.want, "redis pipeline", "redis ping",
				" redis.commands=1", "", " redis.errors=1", "", " redis.failed=ping", "")
		})
	}
}

// TestOneHookAddedTwice checks that a hook that is added to a client and to its nodes, even twice,
// records each command and pipeline once.
func TestOneHookAddedTwice(t *testing.T) {
	t.Run("command", func(t *testing.T) {
		peer := newPeer(t)
		tracer, ctx, parent := spantest.Under(t)
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
		ring.Get(ctx, "greeting") // the first command of a Ring asks where keys are
		spantest.WantUnder(t, tracer, parent, `
  redis get component=go-redis db.statement="get greeting" db.type=redis span.kind=client
    redis command component=go-redis db.statement=command db.type=redis span.kind=client
`)
	})
	t.Run("pipeline of a Ring", func(t *testing.T) {
		splitPipelines(t, "redis pipeline", func(peers []*peer, node newNode) redis.UniversalClient {
			return redis.NewRing(&redis.RingOptions{
				Addrs:     map[string]string{"a": peers[0].addr, "b": peers[1].addr},
				NewClient: func(_ string, opt *redis.Options) *redis.Client { return node(opt) },
			})
		})
	})
	t.Run("pipeline of a ClusterClient", func(t *testing.T) {
		splitPipelines(t, "redis tx", func(peers []*peer, node newNode) redis.UniversalClient {
			return redis.NewClusterClient(&redis.ClusterOptions{
				NewClient: node,
				ClusterSlots: func(context.Context) ([]redis.ClusterSlot, error) {
					return []redis.ClusterSlot{
						{End: 8191, Nodes: []redis.ClusterNode{{Addr: peers[0].addr}}},
						{Start: 8192, End: 16383, Nodes: []redis.ClusterNode{{Addr: peers[1].addr}}},
					}, nil
				},
			})
		})
	})
}

// newNode makes the client of a node.
type newNode = func(*redis.Options) *redis.Client

// splitPipelines runs a pipeline and a transaction that go to both peers. tx is the operation of
// the transaction.
func splitPipelines(t *testing.T, tx string, makeClient func([]*peer, newNode) redis.UniversalClient) {
	peers := []*peer{newPeer(t), newPeer(t)}
	tracer := spantest.NewTracer()
	hook := gapredis.NewHook(gaptrace.WithTracer(tracer))
	c := makeClient(peers, func(opt *redis.Options) *redis.Client {
		node := redis.NewClient(opt)
		node.AddHook(hook)
		return node
	})
	defer c.Close()
	c.AddHook(hook)
	c.Get(t.Context(), "greeting") // asks where keys are
	var before [2]int
	for i, peer := range peers {
		before[i] = len(peer.commands())
	}
	tracer.Reset()
	parent := tracer.StartSpan("parent")
	ctx := opentracing.ContextWithSpan(t.Context(), parent)
	keys := func(p redis.Pipeliner) error {
		for i := range 20 {
			p.Get(ctx, strconv.Itoa(i))
		}
		return nil
	}
	_, _ = c.Pipelined(ctx, keys)
	_, _ = c.TxPipelined(ctx, keys)
	parent.Finish()
	got := regexp.MustCompile(`db.statement="[^"]*" `).ReplaceAllString(tracer.Tree(), "")
	spantest.Want(t, got, `
parent
  redis pipeline component=go-redis db.type=redis redis.commands=20 span.kind=client
  `+tx+` component=go-redis db.type=redis redis.commands=20 span.kind=client
`)
	for i, peer := range peers {
		if len(peer.commands()) == before[i] {
			t.Errorf("node %d received nothing", i)
		}
	}
}

// TestCallInsideCall checks that what another hook sends inside a call is a call of its own.
func TestCallInsideCall(t *testing.T) {
	t.Run("command", func(t *testing.T) {
		callInside(t, func(ctx context.Context, c *redis.Client) { c.Do(ctx, "echo", "x") },
			func(ctx context.Context, c *redis.Client) { c.Ping(ctx) }, `
  redis ping … statement=ping db.type=redis peer.address=PEER span.kind=client
    redis echo … statement="echo ?" db.type=redis peer.address=PEER span.kind=client
`)
	})
	t.Run("pipeline", func(t *testing.T) {
		pipelined := func(args ...any) func(context.Context, *redis.Client) {
			return func(ctx context.Context, c *redis.Client) {
				_, _ = c.Pipelined(ctx, func(p redis.Pipeliner) error { return p.Do(ctx, args...).Err() })
			}
		}
		callInside(t, pipelined("echo", "x"), pipelined("ping"), `
  redis pipeline … statement=ping db.type=redis peer.address=PEER redis.commands=1 span.kind=client
    redis pipeline … statement="echo ?" db.type=redis peer.address=PEER redis.commands=1 span.kind=client
`)
	})
}

func callInside(t *testing.T, inner, outer func(context.Context, *redis.Client), want string) {
	peer := newPeer(t)
	tracer, ctx, parent := spantest.Under(t)
	c := gapredis.Wrap(connect(t, peer.addr), gaptrace.WithTracer(tracer))
	inside := false
	c.AddHook(&otherHook{before: func(ctx context.Context) (context.Context, error) {
		if inside = !inside; inside {
			inner(ctx, c)
		}
		return ctx, nil
	}})
	outer(ctx, c)
	spantest.WantUnder(t, tracer, parent, want, peer.addr, "PEER", " component=go-redis db.instance=0 db.", " … ")
}

func TestSpanEndsWithOutermostAfter(t *testing.T) {
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
		t.Run(name, func(t *testing.T) {
			tracer.Reset()
			use.before()
			use.before()
			use.after()
			if tracer.Spans() != nil {
				t.Errorf("the inner After finished the span:\n%s", tracer.Tree())
			}
			use.after()
			use.after() // without a Before
			if tracer.Problems() != nil || len(tracer.Spans()) != 1 {
				t.Errorf("want one span:\n%s", tracer.Tree())
			}
		})
	}
}

// valueCmd is a command that cannot be the key of a map.
type valueCmd struct {
	*redis.StatusCmd
	_ []string
}

func TestCommandThatIsNotHashable(t *testing.T) {
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
	spantest.WantTree(t, tracer, "redis other component=go-redis db.statement=other db.type=redis span.kind=client\n")
}

// TestPanicLosesNoSpan checks that the garbage collector finds a call that ends in a panic. Then
// go-redis calls no After.
func TestPanicLosesNoSpan(t *testing.T) {
	t.Run("command", func(t *testing.T) {
		panicInside(t, func(ctx context.Context, c *redis.Client) { c.Ping(ctx) })
	})
	t.Run("pipeline", func(t *testing.T) {
		panicInside(t, func(ctx context.Context, c *redis.Client) {
			_, _ = c.Pipelined(ctx, func(p redis.Pipeliner) error { return p.Ping(ctx).Err() })
		})
	})
	t.Run("command inside a command", func(t *testing.T) {
		panicInside(t, func(ctx context.Context, c *redis.Client) {
			inside := false
			c.AddHook(&otherHook{before: func(ctx context.Context) (context.Context, error) {
				if inside = !inside; inside {
					c.Ping(ctx)
				}
				return ctx, nil
			}})
			c.Ping(ctx)
		})
	})
	t.Run("under load", panicUnderLoad)
}

func panicInside(t *testing.T, use func(context.Context, *redis.Client)) {
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
		t.Fatal("a span was finished before garbage collection:", tracer.Tree())
	}
	spantest.Await(t, "the garbage collector", func() bool {
		runtime.GC()
		return tracer.Problems() == nil
	})
	for _, span := range tracer.Spans() {
		if span.Tags["abandoned"] != true {
			t.Error("a span is not tagged abandoned:", tracer.Tree())
		}
	}
	runtime.KeepAlive(c)
}

// panicUnderLoad loses a call while there is always another one in flight.
func panicUnderLoad(t *testing.T) {
	tracer := spantest.NewTracer()
	hook := gapredis.NewHook(gaptrace.WithRoots(), gaptrace.WithTracer(tracer))
	before := func(name string) (after func()) {
		cmd := redis.NewCmd(t.Context(), name)
		ctx, _ := hook.BeforeProcess(t.Context(), cmd)
		return func() { _ = hook.AfterProcess(ctx, cmd) }
	}
	before("lost")
	after := before("ping")
	for range 1000 {
		next := before("ping")
		after()
		after = next
		if runtime.GC(); tracer.Named("redis lost") != nil {
			break
		}
	}
	if tracer.Named("redis lost") == nil {
		t.Error("the lost call was never finished")
	}
	after()
	if problems := tracer.Problems(); problems != nil {
		t.Error(problems)
	}
	for _, span := range tracer.Named("redis ping") {
		if span.Tags["abandoned"] != nil {
			t.Error("a call was abandoned while it ran")
		}
	}
}

// endingTracer is a tracer whose spans named "redis ends" end the goroutine that finishes them.
type endingTracer struct{ *spantest.Tracer }

type endingSpan struct{ opentracing.Span }

func (t endingTracer) StartSpan(operation string, opts ...opentracing.StartSpanOption) opentracing.Span {
	span := t.Tracer.StartSpan(operation, opts...)
	if operation == "redis ends" {
		return endingSpan{span}
	}
	return span
}

func (s endingSpan) FinishWithOptions(opentracing.FinishOptions) { runtime.Goexit() }

// The report of a lost call may end its goroutine. The others are reported.
func TestReportOfALostCallEndsItsGoroutine(t *testing.T) {
	tracer := spantest.NewTracer()
	hook := gapredis.NewHook(gaptrace.WithRoots(), gaptrace.WithTracer(endingTracer{tracer}))
	const calls = 5
	for range calls {
		for _, name := range []string{"ends", "ping"} {
			_, _ = hook.BeforeProcess(t.Context(), redis.NewCmd(t.Context(), name))
		}
	}
	spantest.Await(t, "the other calls", func() bool {
		runtime.GC()
		return len(tracer.Named("redis ping")) == calls
	})
}
