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

// BenchmarkInvoker is a unary call to an invoker that answers at once: what the client's interceptor alone costs.
func BenchmarkInvoker(b *testing.B) {
	next := func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { return nil }
	intercept := gapgrpc.UnaryClientInterceptor()
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

// BenchmarkStreamer is a stream that ends at once, of a streamer that answers at once: what the client's interceptor costs a
// stream beside its messages.
func BenchmarkStreamer(b *testing.B) {
	next := func(context.Context, *grpc.StreamDesc, *grpc.ClientConn, string, ...grpc.CallOption) (grpc.ClientStream, error) {
		return strange{recv: func() error { return io.EOF }}, nil
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
		use(ctx, func(ctx context.Context) (grpc.ClientStream, error) { return intercept(ctx, desc, nil, duplex, next) })
	}, inject)
}

// BenchmarkHandler is a unary call to a handler that answers at once: what the server's interceptor alone costs.
func BenchmarkHandler(b *testing.B) {
	resp := any(&pb.SimpleResponse{})
	handle := func(context.Context, any) (any, error) { return resp, nil }
	req, info := &pb.SimpleRequest{}, &grpc.UnaryServerInfo{FullMethod: unary}
	wrapped, filtered := gapgrpc.UnaryServerInterceptor(), gapgrpc.UnaryServerInterceptor(gaptrace.WithFilter(func(gaptrace.Call) bool { return false }))
	cost.Run(b, func(ctx context.Context) { _, _ = handle(ctx, req) }, func(ctx context.Context) {
		if opentracing.SpanFromContext(ctx) == nil { // a server's span needs no parent: this is the call not recorded
			_, _ = filtered(ctx, req, info, handle)
			return
		}
		_, _ = wrapped(ctx, req, info, handle)
	}, nil)
}

// BenchmarkUnary is a unary call over a connection in memory; the client is wrapped, its server is not.
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
	cost.Run(b, call(pb.NewTestServiceClient(dial(b, l))), call(pb.NewTestServiceClient(dial(b, l, gapgrpc.DialOptions()...))), inject)
}

// BenchmarkStream is a stream of 100,000 messages, one way, over a connection in memory. "client" and "server" tell
// which side is wrapped.
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
	for name, transfer := range map[string]func(pb.TestServiceClient) func(context.Context){"received": receive, "sent": send} {
		b.Run(name+"/client", func(b *testing.B) { cost.InTurn(b, transfer(raw), transfer(client)) })
		b.Run(name+"/server", func(b *testing.B) { cost.InTurn(b, transfer(raw), transfer(server)) })
	}
}
