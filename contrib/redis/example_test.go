package gapredis_test

import (
	"context"
	"fmt"

	"github.com/gaptrace/gaptrace"
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/go-redis/redis/v8"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"
)

func ExampleWrap() {
	tracer := mocktracer.New() // any opentracing.Tracer; without WithTracer it is the global one
	server, stop := startServer()
	defer stop()
	client := gapredis.Wrap(redis.NewClient(&redis.Options{Addr: server}), gaptrace.WithTracer(tracer))

	span := tracer.StartSpan("GET /basket")
	ctx := opentracing.ContextWithSpan(context.Background(), span)
	client.Set(ctx, "basket:7", "two apples", 0)
	client.Get(ctx, "basket:8") // redis.Nil is not a failure
	client.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Incr(ctx, "visits")
		return pipe.Incr(ctx, "basket:7").Err()
	})
	span.Finish()
	printSpans(tracer)
	// Output:
	// redis set "set basket:7 ?"
	// redis get "get basket:8"
	// redis tx "incr visits\nincr basket:7", error
	// GET /basket
}

// A worker waits for a message.
func ExampleWrapPubSub() {
	tracer := mocktracer.New()
	server, stop := startServer()
	defer stop()
	client := redis.NewClient(&redis.Options{Addr: server})
	ctx := opentracing.ContextWithSpan(context.Background(), tracer.StartSpan("worker"))

	// Without channels: a Subscribe of the client would not be recorded.
	sub := gapredis.WrapPubSub(client.Subscribe(ctx), gaptrace.WithTracer(tracer))
	defer sub.Close()
	sub.Subscribe(ctx, "news")
	if message, err := sub.ReceiveMessage(ctx); err == nil {
		fmt.Println(message.Payload)
	}
	printSpans(tracer)
	// Output:
	// rain
	// redis subscribe "subscribe ?"
	// redis receive
}

// A hook in NewClient records each node's part of a pipeline.
func ExampleNewHook() {
	tracer := mocktracer.New()
	server, stop := startServer()
	defer stop()
	hook := gapredis.NewHook(gaptrace.WithTracer(tracer), gaptrace.WithRoots()) // there is no parent span here
	cluster := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: []string{server},
		NewClient: func(opt *redis.Options) *redis.Client {
			node := redis.NewClient(opt)
			node.AddHook(hook)
			return node
		},
	})
	defer cluster.Close()

	ctx := context.Background()
	cluster.Get(ctx, "greeting") // asks for the slots, too
	tracer.Reset()
	cluster.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Get(ctx, "greeting")
		return pipe.Set(ctx, "visits", 1, 0).Err()
	})
	printSpans(tracer)
	// Output:
	// redis pipeline "get greeting\nset visits ?"
}

func startServer() (addr string, stop func()) {
	p, stop, err := startPeer()
	if err != nil {
		panic(err)
	}
	return p.addr, stop
}

// printSpans prints the finished spans, in the order in which they finished.
func printSpans(tracer *mocktracer.MockTracer) {
	for _, span := range tracer.FinishedSpans() {
		fmt.Print(span.OperationName)
		if statement := span.Tag("db.statement"); statement != nil {
			fmt.Printf(" %q", statement)
		}
		if span.Tag("error") == true {
			fmt.Print(", error")
		}
		fmt.Println()
	}
}
