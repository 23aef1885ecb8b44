package gapredis_test

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/gaptrace/gaptrace"
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/go-redis/redis/v8"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"
)

func Example() {
	tracer := mocktracer.New() // any opentracing.Tracer; without WithTracer it is the global one
	client := gapredis.Wrap(redis.NewClient(&redis.Options{Addr: addr()}), gaptrace.WithTracer(tracer))

	span, ctx := opentracing.StartSpanFromContextWithTracer(context.Background(), tracer, "GET /basket")
	client.Set(ctx, "basket:7", "two apples", 0)
	client.Get(ctx, "basket:8") // redis.Nil is not a failure
	span.Finish()
	printTree(tracer)
	// Output:
	// GET /basket
	//   redis set "set basket:7 ?"
	//   redis get "get basket:8"
}

// A transaction is one span, which fails if one of its commands does.
func ExampleWrap() {
	tracer := mocktracer.New()
	client := redis.NewClient(&redis.Options{Addr: addr()})
	gapredis.Wrap(client, gaptrace.WithTracer(tracer), gaptrace.WithRoots())

	ctx := context.Background()
	client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Incr(ctx, "visits")
		return pipe.Incr(ctx, "greeting").Err() // not a number
	})
	printTree(tracer)
	// Output:
	// redis tx "incr visits\nincr greeting", error
}

// A worker subscribes and waits for a message. Subscribe is called without channels: the client
// would send its command before it can be recorded.
func ExampleWrapPubSub() {
	tracer := mocktracer.New()
	client, ctx := redis.NewClient(&redis.Options{Addr: addr()}), context.Background()
	sub := gapredis.WrapPubSub(client.Subscribe(ctx), gaptrace.WithTracer(tracer), gaptrace.WithRoots())
	defer sub.Close()

	sub.Subscribe(ctx, "news")
	message, err := sub.ReceiveMessage(ctx)
	fmt.Println(message.Payload, err)
	printTree(tracer)
	// Output:
	// rain <nil>
	// redis subscribe "subscribe ?"
	// redis receive
}

// A hook in NewClient records each node's part of a pipeline.
func ExampleNewHook() {
	tracer := mocktracer.New()
	hook, options := gapredis.NewHook(gaptrace.WithTracer(tracer)), clusterOptions()
	options.NewClient = func(opt *redis.Options) *redis.Client {
		node := redis.NewClient(opt)
		node.AddHook(hook)
		return node
	}
	span, ctx := opentracing.StartSpanFromContextWithTracer(context.Background(), tracer, "GET /")
	redis.NewClusterClient(options).Pipelined(ctx, func(pipe redis.Pipeliner) error {
		return pipe.Get(ctx, "greeting").Err()
	})
	span.Finish()
	printTree(tracer)
	// Output:
	// GET /
	//   redis pipeline "get greeting"
}

// addr returns the address of a server that runs as long as the program.
var addr = sync.OnceValue(func() string {
	server, _, err := startPeer()
	if err != nil {
		panic(err)
	}
	return server.addr
})

// clusterOptions are those of a cluster with one node.
func clusterOptions() *redis.ClusterOptions {
	return &redis.ClusterOptions{ClusterSlots: func(context.Context) ([]redis.ClusterSlot, error) {
		return []redis.ClusterSlot{{End: 16383, Nodes: []redis.ClusterNode{{Addr: addr()}}}}, nil
	}}
}

// printTree prints each call under its parent, except waits, which a busy machine may add.
func printTree(tracer *mocktracer.MockTracer) {
	var print func(parent int, indent string)
	print = func(parent int, indent string) {
		for _, s := range tracer.FinishedSpans() {
			if s.ParentID != parent || strings.HasSuffix(s.OperationName, " wait") {
				continue
			}
			fmt.Print(indent, s.OperationName)
			if statement := s.Tag("db.statement"); statement != nil {
				fmt.Printf(" %q", statement)
			}
			if s.Tag("error") == true {
				fmt.Print(", error")
			}
			fmt.Println()
			print(s.SpanContext.SpanID, indent+"  ")
		}
	}
	print(0, "")
}
