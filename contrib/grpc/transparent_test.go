package gapgrpc_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	gapgrpc "github.com/gaptrace/gaptrace/contrib/grpc"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding/gzip"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// observer notes what each side sees.
type observer struct {
	mu     sync.Mutex
	told   map[string][]string
	ignore string // who tells what depends on luck
}

func (o *observer) tell(who, format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if who == o.ignore {
		return
	}
	o.told[who] = append(o.told[who], fmt.Sprintf(format, args...))
}

func (o *observer) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var b strings.Builder
	for _, who := range slices.Sorted(maps.Keys(o.told)) {
		fmt.Fprintf(&b, "%s:\n  %s\n", who, strings.Join(o.told[who], "\n  "))
	}
	return b.String()
}

// shown is metadata as it reads, but for what the wrappers add.
func shown(md metadata.MD) string {
	md = md.Copy()
	delete(md, "spantest-trace")
	delete(md, "spantest-span")
	return fmt.Sprint(md)
}

// told is an error with all that a caller can ask of it.
func told(err error) string {
	s, ok := status.FromError(err)
	return fmt.Sprintf("%T %v %v %v %v %v", err, err, err == io.EOF, ok, s.Code(), s.Details())
}

// uses are what a client may do. Each is observed raw and wrapped, on either side.
var uses = map[string]func(o *observer, ctx context.Context, client pb.TestServiceClient){
	"unary": func(o *observer, ctx context.Context, client pb.TestServiceClient) {
		var header, trailer metadata.MD
		var server peer.Peer
		resp, err := client.UnaryCall(ctx, &pb.SimpleRequest{Payload: &pb.Payload{Body: []byte("body")}}, grpc.Header(&header), grpc.Trailer(&trailer), grpc.Peer(&server),
			grpc.OnFinish(func(err error) { o.tell("client", "finished: %s", told(err)) }))
		o.tell("client", "%v, %s, header %v, trailer %v, %v", resp, told(err), header, trailer, server.Addr)
	},
	"unary, failed": func(o *observer, ctx context.Context, client pb.TestServiceClient) {
		var trailer metadata.MD
		resp, err := client.UnaryCall(ctx, &pb.SimpleRequest{ResponseStatus: &pb.EchoStatus{Code: 5, Message: "none"}}, grpc.Trailer(&trailer))
		o.tell("client", "%v, %s, trailer %v", resp, told(err), trailer)
	},
	"unary, compressed": func(o *observer, ctx context.Context, client pb.TestServiceClient) {
		resp, err := client.UnaryCall(ctx, &pb.SimpleRequest{Payload: &pb.Payload{Body: make([]byte, 1000)}}, grpc.UseCompressor(gzip.Name))
		o.tell("client", "%v, %s", len(resp.GetPayload().GetBody()), told(err))
	},
	"unary, too large": func(o *observer, ctx context.Context, client pb.TestServiceClient) {
		_, err := client.UnaryCall(ctx, &pb.SimpleRequest{Payload: &pb.Payload{Body: make([]byte, 100)}}, grpc.MaxCallRecvMsgSize(10))
		o.tell("client", "%s", told(err))
	},
	"unary, not implemented": func(o *observer, ctx context.Context, client pb.TestServiceClient) {
		_, err := client.UnimplementedCall(ctx, &pb.Empty{})
		o.tell("client", "%s", told(err))
	},
	"unary, too late": func(o *observer, ctx context.Context, client pb.TestServiceClient) {
		ctx, cancel := context.WithDeadline(ctx, time.Unix(0, 0))
		defer cancel()
		_, err := client.UnaryCall(ctx, &pb.SimpleRequest{})
		o.tell("client", "%s", told(err))
	},
	"metadata of its own": func(o *observer, ctx context.Context, client pb.TestServiceClient) {
		ctx = metadata.AppendToOutgoingContext(metadata.NewOutgoingContext(ctx, metadata.MD{"k": {"1", "2"}, "data-bin": {"\x00\xff"}}), "K", "3", "user-agent", "mine")
		_, err := client.UnaryCall(ctx, &pb.SimpleRequest{})
		o.tell("client", "%s", told(err))
	},
	"metadata that is refused": func(o *observer, ctx context.Context, client pb.TestServiceClient) {
		_, err := client.UnaryCall(metadata.NewOutgoingContext(ctx, metadata.MD{"Upper": {"1"}}), &pb.SimpleRequest{})
		o.tell("client", "%s", told(err))
		_, err = client.FullDuplexCall(metadata.AppendToOutgoingContext(ctx, "k", "\n"))
		o.tell("client", "%s", told(err))
	},
	"download": func(o *observer, ctx context.Context, client pb.TestServiceClient) {
		stream, err := client.StreamingOutputCall(ctx, askStatus(codes.Aborted, 1, 2, 3), grpc.OnFinish(func(err error) { o.tell("client", "finished: %s", told(err)) }))
		o.tell("client", "%s", told(err))
		header, err := stream.Header()
		o.tell("client", "header %v, %s", header, told(err))
		for range 6 {
			resp, err := stream.Recv()
			o.tell("client", "%v, %s", resp, told(err))
		}
		o.tell("client", "trailer %v", stream.Trailer())
	},
	"upload": func(o *observer, ctx context.Context, client pb.TestServiceClient) {
		stream, err := client.StreamingInputCall(ctx)
		o.tell("client", "%s", told(err))
		for range 3 {
			o.tell("client", "%s", told(stream.Send(&pb.StreamingInputCallRequest{Payload: &pb.Payload{Body: []byte("12")}})))
		}
		resp, err := stream.CloseAndRecv()
		o.tell("client", "%v, %s, %s", resp, told(err), told(stream.CloseSend()))
		o.tell("client", "%s", told(stream.RecvMsg(&pb.Empty{})))
		o.tell("client", "%s", told(stream.SendMsg(&pb.Empty{})))
	},
	"both ways": func(o *observer, ctx context.Context, client pb.TestServiceClient) {
		stream, err := client.FullDuplexCall(ctx)
		o.tell("client", "%s", told(err))
		for i := range int32(3) {
			o.tell("client", "%s", told(stream.Send(ask(i, i))))
			for range 2 {
				resp, err := stream.Recv()
				o.tell("client", "%v, %s", resp, told(err))
			}
		}
		o.tell("client", "%s", told(stream.Send(askStatus(codes.ResourceExhausted))))
		resp, err := stream.Recv()
		o.tell("client", "%v, %s, %s", resp, told(err), shown(stream.Trailer()))
		o.tell("client", "%s", told(stream.Send(ask(1))))
		server, ok := peer.FromContext(stream.Context())
		o.tell("client", "%v %v", server.Addr, ok)
	},
	"sent after CloseSend": func(o *observer, ctx context.Context, client pb.TestServiceClient) {
		o.ignore = "server" // the stream's end and its reset race
		stream, err := client.FullDuplexCall(ctx)
		o.tell("client", "%s, %s, %s", told(err), told(stream.CloseSend()), told(stream.Send(ask(1))))
	},
	"cancelled": func(o *observer, ctx context.Context, client pb.TestServiceClient) {
		ctx, cancel := context.WithCancel(ctx)
		stream, err := client.FullDuplexCall(ctx)
		o.tell("client", "%s, %s", told(err), told(stream.Send(ask(1))))
		resp, err := stream.Recv()
		o.tell("client", "%v, %s", resp, told(err))
		cancel()
		resp, err = stream.Recv()
		o.tell("client", "%v, %s", resp, told(err))
		o.tell("client", "%s", told(stream.Send(ask(1))))
	},
	"no such message": func(o *observer, ctx context.Context, client pb.TestServiceClient) {
		stream, err := client.FullDuplexCall(ctx)
		o.tell("client", "%s, %s", told(err), told(stream.Send(ask(1))))
		resp, err := stream.Recv() // from here on the server knows of it
		o.tell("client", "%v, %s, %s", resp, told(err), told(stream.SendMsg("no message")))
		_, err = stream.Recv()
		o.tell("client", "%s", told(err))
	},
}

// observe tells all that a client and its server can see, with these sides wrapped.
func observe(t *testing.T, use func(o *observer, ctx context.Context, client pb.TestServiceClient), sides ...string) (string, *spantest.Tracer) {
	o := &observer{told: map[string][]string{}}
	tracer, ctx, parent := under(t)
	var dialOptions []grpc.DialOption
	var options []grpc.ServerOption
	if slices.Contains(sides, "client") {
		dialOptions = gapgrpc.DialOptions(gaptrace.WithTracer(tracer))
	}
	if slices.Contains(sides, "server") {
		options = gapgrpc.ServerOptions(gaptrace.WithTracer(tracer))
	}
	inner := func(ctx context.Context) {
		md, _ := metadata.FromIncomingContext(ctx)
		_, deadline := ctx.Deadline()
		client, _ := peer.FromContext(ctx)
		method, _ := grpc.Method(ctx)
		o.tell("server", "%s of %v with %s, deadline %v, cancelled %v", method, client.Addr, shown(md), deadline, ctx.Err())
	}
	options = append(options,
		grpc.ChainUnaryInterceptor(func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
			inner(ctx)
			grpc.SetHeader(ctx, metadata.Pairs("x-header", "first"))
			grpc.SetTrailer(ctx, metadata.Pairs("x-trailer", "last"))
			resp, err := handle(ctx, req)
			o.tell("server", "%T %v: %v, %s", info.Server, req, resp, told(err))
			return resp, err
		}),
		grpc.ChainStreamInterceptor(func(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
			inner(stream.Context())
			o.tell("server", "%s %s", told(stream.SetHeader(metadata.Pairs("x-header", "first"))), told(stream.SendHeader(metadata.Pairs("x-header", "second"))))
			stream.SetTrailer(metadata.Pairs("x-trailer", "last"))
			err := handle(srv, stream)
			o.tell("server", "%T %v %v: %s, %s", srv, info.IsClientStream, info.IsServerStream, told(err), told(stream.SetHeader(metadata.Pairs("late", "x"))))
			return err
		}))
	var stop func()
	l := startServer(t, func(server *grpc.Server) {
		pb.RegisterTestServiceServer(server, &service{})
		stop = server.GracefulStop
	}, options...)
	use(o, ctx, pb.NewTestServiceClient(dial(t, l, dialOptions...)))
	if opentracing.SpanFromContext(ctx) != parent {
		t.Error("the caller's context is not what it was")
	}
	parent.Finish()
	stop() // and so all handlers have returned
	return o.String(), tracer
}

func TestNothingThatACallerOrAHandlerSeesIsChanged(t *testing.T) {
	for name, use := range uses {
		t.Run(name, func(t *testing.T) {
			raw, _ := observe(t, use)
			if strings.Count(raw, "\n") < 2 {
				t.Fatalf("little was observed:\n%s", raw)
			}
			for _, sides := range [][]string{{"client"}, {"server"}, {"client", "server"}} {
				wrapped, tracer := observe(t, use, sides...)
				if wrapped != raw {
					t.Errorf("raw:\n%s\nwrapped, %v:\n%s", raw, sides, wrapped)
				}
				await(t, "the end of all spans", func() bool { return tracer.Problems() == nil })
			}
		})
	}
}
