package gapgrpc_test

import (
	"context"
	"io"
	"slices"
	"testing"

	"github.com/gaptrace/gaptrace"
	gapgrpc "github.com/gaptrace/gaptrace/contrib/grpc"
	"github.com/gaptrace/gaptrace/internal/spantest/cost"
	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc"
	pb "google.golang.org/grpc/interop/grpc_testing"
)

// BenchmarkInvoker measures the client's interceptor alone: a unary call to an invoker that returns
// at once.
func BenchmarkInvoker(b *testing.B) {
	next, intercept := invoker(nil), gapgrpc.UnaryClientInterceptor()
	req, reply := &pb.SimpleRequest{}, &pb.SimpleResponse{}
	cost.Run(b, func(ctx context.Context) {
		_ = next(ctx, unary, req, reply, nil)
	}, func(ctx context.Context) {
		_ = intercept(ctx, unary, req, reply, nil, next)
	}, inject)
}

// inject injects a span by hand.
func inject(span opentracing.Span) {
	_ = span.Tracer().Inject(span.Context(), opentracing.HTTPHeaders, opentracing.TextMapCarrier{})
}

// BenchmarkStreamer measures the client's interceptor alone: a stream that ends at once, of a
// streamer that returns at once.
func BenchmarkStreamer(b *testing.B) {
	next := func(
		context.Context, *grpc.StreamDesc, *grpc.ClientConn, string, ...grpc.CallOption,
	) (grpc.ClientStream, error) {
		return fakeStream{recv: func() error { return io.EOF }}, nil
	}
	desc, intercept := &grpc.StreamDesc{ServerStreams: true}, gapgrpc.StreamClientInterceptor()
	use := func(ctx context.Context, begin func(ctx context.Context) (grpc.ClientStream, error)) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stream, _ := begin(ctx)
		_ = stream.RecvMsg(nil)
	}
	cost.Run(b, func(ctx context.Context) {
		use(ctx, func(ctx context.Context) (grpc.ClientStream, error) { return next(ctx, desc, nil, duplex) })
	}, func(ctx context.Context) {
		use(ctx, func(ctx context.Context) (grpc.ClientStream, error) {
			return intercept(ctx, desc, nil, duplex, next)
		})
	}, inject)
}

// BenchmarkHandler measures the server's interceptor alone: a unary call to a handler that returns
// at once.
func BenchmarkHandler(b *testing.B) {
	resp := any(&pb.SimpleResponse{})
	handle := func(context.Context, any) (any, error) { return resp, nil }
	req, info := &pb.SimpleRequest{}, &grpc.UnaryServerInfo{FullMethod: unary}
	wrapped := gapgrpc.UnaryServerInterceptor()
	filtered := gapgrpc.UnaryServerInterceptor(gaptrace.WithFilter(func(gaptrace.Call) bool { return false }))
	cost.Run(b, func(ctx context.Context) { _, _ = handle(ctx, req) }, func(ctx context.Context) {
		if opentracing.SpanFromContext(ctx) == nil { // not recorded; a server's span needs no parent
			_, _ = filtered(ctx, req, info, handle)
			return
		}
		_, _ = wrapped(ctx, req, info, handle)
	}, nil)
}

// BenchmarkUnary measures a unary call over a connection in memory. Only the client is wrapped.
func BenchmarkUnary(b *testing.B) {
	l := start(b, &service{})
	call := func(client pb.TestServiceClient) func(context.Context) {
		req := &pb.SimpleRequest{}
		return func(ctx context.Context) {
			if _, err := client.UnaryCall(ctx, req); err != nil {
				b.Fatal(err)
			}
		}
	}
	raw := pb.NewTestServiceClient(dial(b, l))
	wrapped := pb.NewTestServiceClient(dial(b, l, gapgrpc.DialOptions()...))
	cost.Run(b, call(raw), call(wrapped), inject)
}

// BenchmarkStream measures a stream of 100,000 messages, one way, over a connection in memory.
// "client" and "server" name the side that is wrapped.
func BenchmarkStream(b *testing.B) {
	b.Run("empty", func(b *testing.B) { benchmarkStream(b, 0) })
	b.Run("100_bytes", func(b *testing.B) { benchmarkStream(b, 100) })
}

func benchmarkStream(b *testing.B, size int) {
	const messages = 100_000
	s := &service{}
	plain, served := start(b, s), start(b, s, gapgrpc.ServerOptions()...)
	receive := func(client pb.TestServiceClient) func(context.Context) {
		req := ask(slices.Repeat([]int32{int32(size)}, messages)...)
		return func(ctx context.Context) {
			stream, err := client.StreamingOutputCall(ctx, req)
			if err != nil {
				b.Fatal(err)
			}
			if n, err := drain(stream); n != messages || err != io.EOF {
				b.Fatal(n, err)
			}
		}
	}
	send := func(client pb.TestServiceClient) func(context.Context) {
		req := &pb.StreamingInputCallRequest{Payload: &pb.Payload{Body: make([]byte, size)}}
		return func(ctx context.Context) {
			stream, err := client.StreamingInputCall(ctx)
			if err != nil {
				b.Fatal(err)
			}
			for range messages {
				if err := stream.Send(req); err != nil {
					b.Fatal(err)
				}
			}
			if _, err := stream.CloseAndRecv(); err != nil {
				b.Fatal(err)
			}
		}
	}
	raw := pb.NewTestServiceClient(dial(b, plain))
	client := pb.NewTestServiceClient(dial(b, plain, gapgrpc.DialOptions()...))
	server := pb.NewTestServiceClient(dial(b, served))
	type transfer func(pb.TestServiceClient) func(context.Context)
	for name, transfer := range map[string]transfer{"received": receive, "sent": send} {
		b.Run(name+"/client", func(b *testing.B) { cost.InTurn(b, transfer(raw), transfer(client)) })
		b.Run(name+"/server", func(b *testing.B) { cost.InTurn(b, transfer(raw), transfer(server)) })
	}
}
