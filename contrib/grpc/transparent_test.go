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
	"github.com/gaptrace/gaptrace/wrap/wraptest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding/gzip"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// observer notes what the client and the server see.
type observer struct {
	mu     sync.Mutex
	seen   map[string][]string // by side
	ignore string              // the side that sees something else each time
}

func (o *observer) note(side, format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if side == o.ignore {
		return
	}
	o.seen[side] = append(o.seen[side], fmt.Sprintf(format, args...))
}

func (o *observer) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var b strings.Builder
	for _, side := range slices.Sorted(maps.Keys(o.seen)) {
		fmt.Fprintf(&b, "%s:\n  %s\n", side, strings.Join(o.seen[side], "\n  "))
	}
	return b.String()
}

// withoutIDs formats md without what the wrappers add.
func withoutIDs(md metadata.MD) string {
	md = md.Copy()
	delete(md, "spantest-trace")
	delete(md, "spantest-span")
	return fmt.Sprint(md)
}

// details formats err with all that a caller can ask it.
func details(err error) string {
	s, ok := status.FromError(err)
	return fmt.Sprintf("%T %v %v %v %v %v", err, err, err == io.EOF, ok, s.Code(), s.Details())
}

func (o *observer) onFinish() grpc.CallOption {
	return grpc.OnFinish(func(err error) { o.note("client", "finished: %s", details(err)) })
}

// unaryRequest returns a request with a body of that many bytes.
func unaryRequest(size int) *pb.SimpleRequest {
	return &pb.SimpleRequest{Payload: &pb.Payload{Body: make([]byte, size)}}
}

// use is something that a client does.
type use func(o *observer, ctx context.Context, client pb.TestServiceClient)

// uses are observed raw, and wrapped on either side.
var uses = map[string]use{
	"unary":                    useUnary,
	"unary, failed":            useUnaryFailed,
	"unary, compressed":        useCompressor,
	"unary, too large":         useLimit,
	"unary, not implemented":   useUnimplemented,
	"unary, too late":          usePastDeadline,
	"metadata of its own":      useOwnMetadata,
	"metadata that is refused": useRefusedMetadata,
	"download":                 useDownload,
	"upload":                   useUpload,
	"both ways":                useBothWays,
	"sent after CloseSend":     useAfterCloseSend,
	"canceled":                 useCanceled,
	"no such message":          useOtherMessage,
}

func useUnary(o *observer, ctx context.Context, client pb.TestServiceClient) {
	var header, trailer metadata.MD
	var server peer.Peer
	resp, err := client.UnaryCall(ctx, unaryRequest(4),
		grpc.Header(&header), grpc.Trailer(&trailer), grpc.Peer(&server), o.onFinish())
	o.note("client", "%v, %s, header %v, trailer %v, %v", resp, details(err), header, trailer, server.Addr)
}

func useUnaryFailed(o *observer, ctx context.Context, client pb.TestServiceClient) {
	var trailer metadata.MD
	req := &pb.SimpleRequest{ResponseStatus: &pb.EchoStatus{Code: 5, Message: "none"}}
	resp, err := client.UnaryCall(ctx, req, grpc.Trailer(&trailer))
	o.note("client", "%v, %s, trailer %v", resp, details(err), trailer)
}

func useCompressor(o *observer, ctx context.Context, client pb.TestServiceClient) {
	resp, err := client.UnaryCall(ctx, unaryRequest(1000), grpc.UseCompressor(gzip.Name))
	o.note("client", "%v, %s", len(resp.GetPayload().GetBody()), details(err))
}

func useLimit(o *observer, ctx context.Context, client pb.TestServiceClient) {
	_, err := client.UnaryCall(ctx, unaryRequest(100), grpc.MaxCallRecvMsgSize(10))
	o.note("client", "%s", details(err))
}

func useUnimplemented(o *observer, ctx context.Context, client pb.TestServiceClient) {
	_, err := client.UnimplementedCall(ctx, &pb.Empty{})
	o.note("client", "%s", details(err))
}

func usePastDeadline(o *observer, ctx context.Context, client pb.TestServiceClient) {
	ctx, cancel := context.WithDeadline(ctx, time.Unix(0, 0))
	defer cancel()
	_, err := client.UnaryCall(ctx, &pb.SimpleRequest{})
	o.note("client", "%s", details(err))
}

func useOwnMetadata(o *observer, ctx context.Context, client pb.TestServiceClient) {
	ctx = metadata.NewOutgoingContext(ctx, metadata.MD{"k": {"1", "2"}, "data-bin": {"\x00\xff"}})
	ctx = metadata.AppendToOutgoingContext(ctx, "K", "3", "user-agent", "mine")
	_, err := client.UnaryCall(ctx, &pb.SimpleRequest{})
	o.note("client", "%s", details(err))
}

func useRefusedMetadata(o *observer, ctx context.Context, client pb.TestServiceClient) {
	_, err := client.UnaryCall(metadata.NewOutgoingContext(ctx, metadata.MD{"Upper": {"1"}}), &pb.SimpleRequest{})
	o.note("client", "%s", details(err))
	_, err = client.FullDuplexCall(metadata.AppendToOutgoingContext(ctx, "k", "\n"))
	o.note("client", "%s", details(err))
}

func useDownload(o *observer, ctx context.Context, client pb.TestServiceClient) {
	stream, err := client.StreamingOutputCall(ctx, askStatus(codes.Aborted, 1, 2, 3), o.onFinish())
	o.note("client", "%s", details(err))
	header, err := stream.Header()
	o.note("client", "header %v, %s", header, details(err))
	for range 6 {
		resp, err := stream.Recv()
		o.note("client", "%v, %s", resp, details(err))
	}
	o.note("client", "trailer %v", stream.Trailer())
}

func useUpload(o *observer, ctx context.Context, client pb.TestServiceClient) {
	stream, err := client.StreamingInputCall(ctx)
	o.note("client", "%s", details(err))
	for range 3 {
		err := stream.Send(&pb.StreamingInputCallRequest{Payload: &pb.Payload{Body: []byte("12")}})
		o.note("client", "%s", details(err))
	}
	resp, err := stream.CloseAndRecv()
	o.note("client", "%v, %s, %s", resp, details(err), details(stream.CloseSend()))
	o.note("client", "%s", details(stream.RecvMsg(&pb.Empty{})))
	o.note("client", "%s", details(stream.SendMsg(&pb.Empty{})))
}

func useBothWays(o *observer, ctx context.Context, client pb.TestServiceClient) {
	stream, err := client.FullDuplexCall(ctx)
	o.note("client", "%s", details(err))
	for i := range int32(3) {
		o.note("client", "%s", details(stream.Send(ask(i, i))))
		for range 2 {
			resp, err := stream.Recv()
			o.note("client", "%v, %s", resp, details(err))
		}
	}
	o.note("client", "%s", details(stream.Send(askStatus(codes.ResourceExhausted))))
	resp, err := stream.Recv()
	o.note("client", "%v, %s, %s", resp, details(err), withoutIDs(stream.Trailer()))
	o.note("client", "%s", details(stream.Send(ask(1))))
	server, ok := peer.FromContext(stream.Context())
	o.note("client", "%v %v", server.Addr, ok)
}

func useAfterCloseSend(o *observer, ctx context.Context, client pb.TestServiceClient) {
	o.ignore = "server" // the stream's end and its reset race
	stream, err := client.FullDuplexCall(ctx)
	o.note("client", "%s, %s, %s", details(err), details(stream.CloseSend()), details(stream.Send(ask(1))))
}

func useCanceled(o *observer, ctx context.Context, client pb.TestServiceClient) {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := client.FullDuplexCall(ctx)
	o.note("client", "%s, %s", details(err), details(stream.Send(ask(1))))
	resp, err := stream.Recv()
	o.note("client", "%v, %s", resp, details(err))
	cancel()
	resp, err = stream.Recv()
	o.note("client", "%v, %s", resp, details(err))
	o.note("client", "%s", details(stream.Send(ask(1))))
}

func useOtherMessage(o *observer, ctx context.Context, client pb.TestServiceClient) {
	stream, err := client.FullDuplexCall(ctx)
	o.note("client", "%s, %s", details(err), details(stream.Send(ask(1))))
	resp, err := stream.Recv() // from here on the server knows of it
	o.note("client", "%v, %s, %s", resp, details(err), details(stream.SendMsg("no message")))
	_, err = stream.Recv()
	o.note("client", "%s", details(err))
}

// observe returns all that a client and its server can see.
func observe(
	t *testing.T, ctx context.Context, do use, dialOptions []grpc.DialOption, options []grpc.ServerOption,
) string {
	o := &observer{seen: map[string][]string{}}
	var stop func()
	l := startServer(t, func(server *grpc.Server) {
		pb.RegisterTestServiceServer(server, &service{})
		stop = server.GracefulStop
	}, append(options, o.serverOptions()...)...)
	do(o, ctx, pb.NewTestServiceClient(dial(t, l, dialOptions...)))
	stop() // returns when all handlers have returned
	return o.String()
}

// serverOptions returns the innermost interceptors of the server. They note what a handler sees.
func (o *observer) serverOptions() []grpc.ServerOption {
	noteCall := func(ctx context.Context) {
		md, _ := metadata.FromIncomingContext(ctx)
		_, deadline := ctx.Deadline()
		client, _ := peer.FromContext(ctx)
		method, _ := grpc.Method(ctx)
		o.note("server", "%s of %v with %s, deadline %v, ended %v",
			method, client.Addr, withoutIDs(md), deadline, ctx.Err())
	}
	unary := func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		noteCall(ctx)
		grpc.SetHeader(ctx, metadata.Pairs("x-header", "first"))
		grpc.SetTrailer(ctx, metadata.Pairs("x-trailer", "last"))
		resp, err := handle(ctx, req)
		o.note("server", "%T %v: %v, %s", info.Server, req, resp, details(err))
		return resp, err
	}
	stream := func(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
		noteCall(stream.Context())
		o.note("server", "%s", details(stream.SetHeader(metadata.Pairs("x-header", "first"))))
		o.note("server", "%s", details(stream.SendHeader(metadata.Pairs("x-header", "second"))))
		stream.SetTrailer(metadata.Pairs("x-trailer", "last"))
		err := handle(srv, stream)
		o.note("server", "%T %v %v: %s", srv, info.IsClientStream, info.IsServerStream, details(err))
		o.note("server", "%s", details(stream.SetHeader(metadata.Pairs("late", "x"))))
		return err
	}
	return []grpc.ServerOption{grpc.ChainUnaryInterceptor(unary), grpc.ChainStreamInterceptor(stream)}
}

// TestTransparent checks that callers and handlers see the same, raw and wrapped.
func TestTransparent(t *testing.T) {
	for name, use := range uses {
		t.Run(name, func(t *testing.T) {
			wraptest.Compare(t, func(t *testing.T, ctx context.Context, opts ...gaptrace.Option) string {
				if opts == nil {
					return observe(t, ctx, use, nil, nil)
				}
				return observe(t, ctx, use, gapgrpc.DialOptions(opts...), nil)
			})
		})
	}
}

func TestTransparentServer(t *testing.T) {
	for name, use := range uses {
		t.Run(name, func(t *testing.T) {
			raw := observe(t, t.Context(), use, nil, nil)
			if strings.Count(raw, "\n") < 2 {
				t.Fatalf("too little was observed:\n%s", raw)
			}
			tracers := wraptest.Hostile(wraptest.NewTracer())
			strict, ctx, parent := spantest.Under(t)
			tracers["strict"] = strict
			for tracerName, tracer := range tracers {
				traced := gaptrace.WithTracer(tracer)
				for _, dialOptions := range [][]grpc.DialOption{nil, gapgrpc.DialOptions(traced)} {
					wrapped := observe(t, ctx, use, dialOptions, gapgrpc.ServerOptions(traced))
					if wrapped != raw {
						t.Errorf("raw:\n%s\n%s, client wrapped: %t:\n%s", raw, tracerName, dialOptions != nil, wrapped)
					}
				}
			}
			parent.Finish()
			spantest.Await(t, "the end of all spans", func() bool { return strict.Problems() == nil })
		})
	}
}
