package gapredis_test

import (
	"context"
	"fmt"

	"github.com/gaptrace/gaptrace"
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/go-redis/redis/v8"
	"github.com/opentracing/opentracing-go"
)

func ExampleWrap() {
	server, stop, err := startPeer()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	tracer := spantest.NewTracer()
	opentracing.SetGlobalTracer(tracer)
	defer opentracing.SetGlobalTracer(opentracing.NoopTracer{})

	client := gapredis.Wrap(redis.NewClient(&redis.Options{Addr: server.addr}))
	defer client.Close()

	span, ctx := opentracing.StartSpanFromContext(context.Background(), "GET /basket")
	client.Set(ctx, "basket:7", "two apples", 0)
	client.Get(ctx, "basket:8") // redis.Nil is no failure
	client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Incr(ctx, "visits")
		pipe.Incr(ctx, "basket:7")
		return nil
	})
	span.Finish()

	fmt.Print(tracer.Tree(server.addr, "redis:6379"))
	// Output:
	// GET /basket
	//   redis set component=go-redis db.instance=0 db.statement="set basket:7 ?" db.type=redis peer.address=redis:6379 span.kind=client
	//   redis get component=go-redis db.instance=0 db.statement="get basket:8" db.type=redis peer.address=redis:6379 span.kind=client
	//   redis tx component=go-redis db.instance=0 db.statement="incr visits\nincr basket:7" db.type=redis error=true peer.address=redis:6379 redis.commands=2 redis.errors=1 redis.failed=incr span.kind=client
	//     * event=error error.kind=proto.RedisError message="ERR value is not an integer or out of range"
}

// A worker that is woken by what is published draws how long it waited.
func ExampleWrapPubSub() {
	server, stop, err := startPeer()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	tracer := spantest.NewTracer()
	client := redis.NewClient(&redis.Options{Addr: server.addr})
	defer client.Close()

	span := tracer.StartSpan("worker")
	ctx := opentracing.ContextWithSpan(context.Background(), span)
	sub := gapredis.WrapPubSub(client.Subscribe(ctx), gaptrace.WithTracer(tracer)) // no channels yet: that would go unseen
	defer sub.Close()
	if err := sub.Subscribe(ctx, "news"); err != nil {
		fmt.Println(err)
	}
	if message, err := sub.ReceiveMessage(ctx); err == nil {
		fmt.Println(message.Payload)
	}
	span.Finish()

	fmt.Print(tracer.Tree())
	// Output:
	// rain
	// worker
	//   redis subscribe component=go-redis db.statement="subscribe ?" db.type=redis span.kind=client
	//   redis receive component=go-redis db.type=redis span.kind=client
}

// One hook for every node of a cluster shows which nodes a pipeline went to.
func ExampleNewHook() {
	server, stop, err := startPeer()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	tracer := spantest.NewTracer()

	hook := gapredis.NewHook(
		gaptrace.WithTracer(tracer),
		gaptrace.WithRoots(), // no span around it in this example
		gaptrace.WithTags(func(call gaptrace.Call) opentracing.Tags {
			cmds, _ := call.Request.([]redis.Cmder)
			return opentracing.Tags{"cmds": len(cmds)}
		}),
	)
	cluster := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: []string{server.addr},
		NewClient: func(opt *redis.Options) *redis.Client {
			node := redis.NewClient(opt)
			node.AddHook(hook)
			return node
		},
		ClusterSlots: func(context.Context) ([]redis.ClusterSlot, error) {
			return []redis.ClusterSlot{{End: 16383, Nodes: []redis.ClusterNode{{Addr: server.addr}}}}, nil
		},
	})
	defer cluster.Close()

	ctx := context.Background()
	cluster.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Do(ctx, "echo", "hello")
		pipe.Do(ctx, "echo", "again")
		return nil
	})

	for _, span := range tracer.Named("redis pipeline") {
		fmt.Println(span.Operation, span.Tags["cmds"], span.Tags["db.statement"])
	}
	// Output:
	// redis pipeline 2 echo ?
	// echo ?
}
