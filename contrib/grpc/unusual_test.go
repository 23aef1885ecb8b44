package gapgrpc_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace"
	gapgrpc "github.com/gaptrace/gaptrace/contrib/grpc"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

func TestAHandlersPanicWithNilPasses(t *testing.T) {
	t.Setenv("GODEBUG", "panicnil=1") // without it there is none
	tracer := spantest.NewTracer()
	for operation, call := range map[string]func(){
		unary: func() {
			_, _ = gapgrpc.UnaryServerInterceptor(gaptrace.WithTracer(tracer))(t.Context(), nil, &grpc.UnaryServerInfo{FullMethod: unary},
				func(context.Context, any) (any, error) { panic(any(nil)) })
		},
		duplex: func() {
			_ = gapgrpc.StreamServerInterceptor(gaptrace.WithTracer(tracer))(0, gone{ctx: t.Context()}, &grpc.StreamServerInfo{FullMethod: duplex},
				func(any, grpc.ServerStream) error { panic(any(nil)) })
		},
	} {
		returned := false
		func() {
			defer func() { _ = recover() }()
			call()
			returned = true
		}()
		if returned {
			t.Errorf("%s has returned", operation)
		}
		if span := only(t, tracer, operation); span.Tags["error"] != true || span.Tags["grpc.code"] != "Unknown" {
			t.Errorf("%v", span.Tags)
		}
	}
}

// well is an error that says that all is well.
type well struct{}

func (well) Error() string              { return "all is well" }
func (well) GRPCStatus() *status.Status { return status.New(codes.OK, "all is well") }

func TestAHandlersErrorThatSaysOKIsDrawnAsItsClientSeesIt(t *testing.T) {
	answers := 0
	tracer, client := served(t, &service{
		unary: func(context.Context, *pb.SimpleRequest) (*pb.SimpleResponse, error) {
			return &pb.SimpleResponse{}, well{}
		},
		stream: func(stream grpc.ServerStream) error {
			for range answers {
				if err := stream.SendMsg(&pb.StreamingInputCallResponse{}); err != nil {
					return err
				}
			}
			return well{}
		},
	})
	upload1 := func(t *testing.T) error {
		_, err := must(client.StreamingInputCall(t.Context()))(t).CloseAndRecv()
		return err
	}
	download1 := func(t *testing.T) error {
		_, err := drain(must(client.StreamingOutputCall(t.Context(), ask()))(t))
		if err != io.EOF {
			return err
		}
		return nil
	}
	for name, c := range map[string]struct {
		operation string
		answers   int
		call      func(t *testing.T) error
		code      codes.Code
	}{
		"unary": {unary, 0, func(t *testing.T) error {
			_, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{})
			return err
		}, codes.Internal},
		"an upload without its answer": {upload, 0, upload1, codes.Internal},
		"an upload":                    {upload, 1, upload1, codes.OK},
		"a download":                   {download, 1, download1, codes.OK},
		"a download without a message": {download, 0, download1, codes.OK},
	} {
		t.Run(name, func(t *testing.T) {
			tracer.Reset()
			answers = c.answers
			if err := c.call(t); status.Code(err) != c.code {
				t.Errorf("the client sees %v", err)
			}
			await(t, "the handler", func() bool { return len(tracer.Named(c.operation)) == 1 })
			tags := only(t, tracer, c.operation).Tags
			if tags["grpc.code"] != c.code.String() || (tags["error"] == true) != (c.code != codes.OK) {
				t.Errorf("drawn: %v", tags)
			}
		})
	}
}

func TestAClientsErrorThatSaysOKIsOfNoKnownStatus(t *testing.T) {
	tracer, ctx, parent := under(t)
	next := func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { return well{} }
	if err := gapgrpc.UnaryClientInterceptor(gaptrace.WithTracer(tracer))(ctx, unary, nil, nil, nil, next); err != (well{}) {
		t.Error(err)
	}
	streams, _, stream := strangeStream(t, strange{recv: func() error { return well{} }}, &grpc.StreamDesc{ServerStreams: true})
	if err := stream.RecvMsg(nil); err != (well{}) {
		t.Error(err)
	}
	if tags := only(t, streams, duplex).Tags; tags["grpc.code"] != "Unknown" || tags["error"] != true {
		t.Errorf("of a stream: %v", tags)
	}
	wantTree(t, tracer, parent, line(unary, "error=true grpc.code=Unknown")+"    * event=error error.kind=grpc_test.well message=\"all is well\"\n")
}

// somewhere is an address.
type somewhere string

func (somewhere) Network() string  { return "test" }
func (s somewhere) String() string { return string(s) }

func TestTheServersAddressIsOfThisCallWhateverPeerItsCallerHas(t *testing.T) {
	tracer, ctx, parent := under(t)
	// As in a handler, which has its own client as the peer in its context.
	ctx = peer.NewContext(ctx, &peer.Peer{Addr: somewhere("the handler's client")})
	conn := dial(t, start(t, &service{}), gapgrpc.DialOptions(gaptrace.WithTracer(tracer))...)
	nowhere := dial(t, start(t, &service{}), append(gapgrpc.DialOptions(gaptrace.WithTracer(tracer)),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return nil, io.ErrClosedPipe }))...)
	mine := &peer.Peer{Addr: somewhere("of an earlier call")}
	for _, conn := range []*grpc.ClientConn{conn, nowhere} {
		client := pb.NewTestServiceClient(conn)
		_, _ = client.UnaryCall(ctx, &pb.SimpleRequest{}, grpc.Peer(mine))
		if stream, err := client.StreamingOutputCall(ctx, ask(1), grpc.Peer(mine)); err == nil {
			drain(stream)
		}
		if mine.Addr.String() != "bufconn" {
			t.Errorf("the caller is told of %v", mine.Addr)
		}
	}
	// A stream of an interceptor's, which reached no server, has its caller's context.
	_ = must(gapgrpc.StreamClientInterceptor(gaptrace.WithTracer(tracer))(ctx, &grpc.StreamDesc{}, nil, duplex,
		func(ctx context.Context, _ *grpc.StreamDesc, _ *grpc.ClientConn, _ string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
			return inContext{strange{recv: func() error { return nil }}, ctx}, nil
		}))(t).RecvMsg(nil)
	parent.Finish()
	var got strings.Builder
	for _, span := range calls(tracer)[1:] {
		fmt.Fprintln(&got, span.Operation, span.Tags["grpc.code"], span.Tags["peer.address"])
	}
	want := fmt.Sprintln(unary, "OK bufconn") + fmt.Sprintln(download, "OK bufconn") + fmt.Sprintln(unary, "Unavailable <nil>") +
		fmt.Sprintln(download, "Unavailable <nil>") + fmt.Sprintln(duplex, "OK <nil>")
	if got.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", got.String(), want)
	}
}

// inContext is a stream with a context.
type inContext struct {
	strange
	ctx context.Context
}

func (i inContext) Context() context.Context { return i.ctx }
