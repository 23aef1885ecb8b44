package gapgrpc_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/gaptrace/gaptrace"
	gapgrpc "github.com/gaptrace/gaptrace/contrib/grpc"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
)

// TestOnFinish checks the caller's own grpc.OnFinish.
func TestOnFinish(t *testing.T) {
	type stream = grpc.ServerStreamingClient[pb.StreamingOutputCallResponse]
	readTwice := func(s stream, _ *grpc.ClientConn, _ context.CancelFunc) { drain(s); drain(s) }
	cancel := func(_ stream, _ *grpc.ClientConn, cancel context.CancelFunc) { cancel() }
	closeConn := func(_ stream, conn *grpc.ClientConn, _ context.CancelFunc) { conn.Close() }
	for _, c := range []struct {
		name string
		end  func(s stream, conn *grpc.ClientConn, cancel context.CancelFunc)
	}{
		{"read to its end", readTwice}, {"canceled", cancel}, {"closed", closeConn},
	} {
		t.Run("once and in order, as raw, "+c.name, func(t *testing.T) {
			observe := func(wrapped bool) (finished string) {
				synctest.Test(t, func(t *testing.T) {
					tracer, ctx, _ := spantest.Under(t)
					ctx, cancel := context.WithCancel(ctx)
					defer cancel()
					var all []string
					note := func(name string) grpc.CallOption {
						return grpc.OnFinish(func(err error) { all = append(all, fmt.Sprint(name, ": ", err)) })
					}
					opts := []grpc.DialOption{grpc.WithDefaultCallOptions(note("always"))}
					if wrapped {
						opts = append(opts, gapgrpc.DialOptions(gaptrace.WithTracer(tracer))...)
					}
					conn := dial(t, start(t, &service{}), opts...)
					client := pb.NewTestServiceClient(conn)
					s := spantest.Must(client.StreamingOutputCall(ctx, ask(1), note("first"), note("second")))(t)
					spantest.Must(s.Recv())(t)
					c.end(s, conn, cancel)
					synctest.Wait()
					finished = strings.Join(all, ", ")
				})
				return finished
			}
			if raw, wrapped := observe(false), observe(true); raw != wrapped || strings.Count(raw, ": ") < 3 {
				t.Errorf("raw:     %s\nwrapped: %s", raw, wrapped)
			}
		})
	}
	t.Run("a slow one delays no report", slowOnFinish)
	t.Run("a hook that calls Goexit does not end grpc's goroutine", hookGoexit)
}

func slowOnFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracer, ctx, _ := spantest.Under(t)
		ctx, cancel := context.WithCancel(ctx)
		client := wrappedClient(t, tracer, start(t, &service{}))
		finished := make(chan error)
		onFinish := grpc.OnFinish(func(err error) { finished <- err })
		stream := spantest.Must(client.FullDuplexCall(ctx, onFinish))(t)
		cancel()
		synctest.Wait()
		if n := len(tracer.Named(duplex)); n != 1 {
			t.Errorf("%d spans were reported while OnFinish blocks, want 1", n)
		}
		if err := <-finished; status.Code(err) != codes.Canceled {
			t.Errorf("OnFinish was called with %v", err)
		}
		runtime.KeepAlive(stream)
	})
}

func hookGoexit(t *testing.T) {
	tracer, ctx, _ := spantest.Under(t)
	ctx, cancel := context.WithCancel(ctx)
	var onFinish func(error)
	intercept := gapgrpc.StreamClientInterceptor(gaptrace.WithTracer(tracer),
		gaptrace.WithExpected(func(gaptrace.Call, error) bool {
			runtime.Goexit()
			return false
		}))
	next := func(
		_ context.Context, _ *grpc.StreamDesc, _ *grpc.ClientConn, _ string, opts ...grpc.CallOption,
	) (grpc.ClientStream, error) {
		onFinish = opts[0].(grpc.OnFinishCallOption).OnFinish
		return fakeStream{}, nil
	}
	stream := spantest.Must(intercept(ctx, &grpc.StreamDesc{}, nil, duplex, next))(t)
	goesOn := make(chan bool, 1)
	go func() {
		defer close(goesOn)
		cancel()
		onFinish(errLate)
		goesOn <- true
	}()
	if !<-goesOn {
		t.Error("grpc's goroutine has ended")
	}
	spantest.Await(t, "the stream's end", func() bool { return len(tracer.Named(duplex)) == 1 })
	runtime.KeepAlive(stream)
}

// countedContext counts how often a caller asks to be notified of its end.
type countedContext struct {
	context.Context
	waits atomic.Int32
}

func (c *countedContext) Done() <-chan struct{} {
	c.waits.Add(1)
	return c.Context.Done()
}

func (c *countedContext) AfterFunc(func()) (stop func() bool) {
	c.waits.Add(1)
	return func() bool { return true }
}

func TestNothingWaitsForContext(t *testing.T) {
	tracer, ctx, _ := spantest.Under(t)
	counted := &countedContext{Context: ctx}
	next := streamer(fakeStream{recv: func() error { return io.EOF }})
	stream := spantest.Must(newStream(counted, tracer, &grpc.StreamDesc{ServerStreams: true}, next))(t)
	_ = stream.RecvMsg(nil)
	if n := counted.waits.Load(); n != 0 || len(tracer.Named(duplex)) != 1 {
		t.Errorf("waited for its end %d times:\n%s", n, tracer.Tree())
	}
}

func TestStreamHasNoGoroutine(t *testing.T) {
	// Package context starts a goroutine for each context that is derived from a foreign one.
	goroutines := func() int {
		stacks := make([]byte, 1<<23)
		stacks = stacks[:runtime.Stack(stacks, true)]
		return bytes.Count(stacks, []byte("\ncreated by context.")) +
			bytes.Count(stacks, []byte("\ncreated by github.com/gaptrace/gaptrace/contrib/grpc."))
	}
	const streams = 50
	test := func(t *testing.T, makeContext func(context.Context) context.Context, raw int) {
		_, ctx, client := wrapped(t, &service{})
		var open []grpc.BidiStreamingClient[pb.StreamingOutputCallRequest, pb.StreamingOutputCallResponse]
		for range streams {
			stream := spantest.Must(client.FullDuplexCall(makeContext(ctx)))(t)
			if err := stream.Send(ask(1)); err != nil {
				t.Fatal(err)
			}
			spantest.Must(stream.Recv())(t)
			open = append(open, stream)
		}
		if n := goroutines(); n != raw {
			t.Errorf("%d streams have %d goroutines, raw %d", streams, n, raw)
		}
		for _, stream := range open {
			stream.CloseSend()
			drain(stream)
		}
		spantest.Await(t, "the end of the last goroutine", func() bool { return goroutines() == 0 })
	}
	t.Run("context", func(t *testing.T) {
		test(t, func(ctx context.Context) context.Context { return ctx }, 0)
	})
	t.Run("foreign context", func(t *testing.T) {
		test(t, func(ctx context.Context) context.Context {
			f, _ := newForeign(ctx, context.Canceled)
			return f
		}, streams) // grpc derives a context for each
	})
}
