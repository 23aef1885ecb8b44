package gapgrpc_test

import (
	"context"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	gapgrpc "github.com/gaptrace/gaptrace/contrib/grpc"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
)

const (
	unary    = "/grpc.testing.TestService/UnaryCall"
	download = "/grpc.testing.TestService/StreamingOutputCall"
	upload   = "/grpc.testing.TestService/StreamingInputCall"
	duplex   = "/grpc.testing.TestService/FullDuplexCall"
)

// service is a server of gRPC's own test service. What it answers can be asked for in the request; what it does beside
// answering, a test may say.
type service struct {
	pb.UnimplementedTestServiceServer
	unary  func(ctx context.Context, req *pb.SimpleRequest) (*pb.SimpleResponse, error)
	stream func(stream grpc.ServerStream) error // of all streams
}

func (s *service) UnaryCall(ctx context.Context, req *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	if s.unary != nil {
		return s.unary(ctx, req)
	}
	return &pb.SimpleResponse{Payload: req.GetPayload()}, statusOf(req.GetResponseStatus())
}

func statusOf(asked *pb.EchoStatus) error {
	if asked == nil {
		return nil
	}
	return status.Error(codes.Code(asked.GetCode()), asked.GetMessage())
}

func (s *service) StreamingOutputCall(req *pb.StreamingOutputCallRequest, stream grpc.ServerStreamingServer[pb.StreamingOutputCallResponse]) error {
	if s.stream != nil {
		return s.stream(stream)
	}
	for _, asked := range req.GetResponseParameters() {
		time.Sleep(time.Duration(asked.GetIntervalUs()) * time.Microsecond)
		if err := stream.Send(answer(int(asked.GetSize()))); err != nil {
			return err
		}
	}
	return statusOf(req.GetResponseStatus())
}

func (s *service) StreamingInputCall(stream grpc.ClientStreamingServer[pb.StreamingInputCallRequest, pb.StreamingInputCallResponse]) error {
	if s.stream != nil {
		return s.stream(stream)
	}
	size := 0
	for {
		req, err := stream.Recv()
		if err == io.EOF {
			return stream.SendAndClose(&pb.StreamingInputCallResponse{AggregatedPayloadSize: int32(size)})
		}
		if err != nil {
			return err
		}
		size += len(req.GetPayload().GetBody())
	}
}

func (s *service) FullDuplexCall(stream grpc.BidiStreamingServer[pb.StreamingOutputCallRequest, pb.StreamingOutputCallResponse]) error {
	if s.stream != nil {
		return s.stream(stream)
	}
	for {
		req, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = statusOf(req.GetResponseStatus())
		}
		for _, asked := range req.GetResponseParameters() {
			if err == nil {
				err = stream.Send(answer(int(asked.GetSize())))
			}
		}
		if err != nil {
			return err
		}
	}
}

func answer(size int) *pb.StreamingOutputCallResponse {
	return &pb.StreamingOutputCallResponse{Payload: &pb.Payload{Body: make([]byte, size)}}
}

// ask is a request for answers of that many bytes each.
func ask(sizes ...int32) *pb.StreamingOutputCallRequest {
	req := &pb.StreamingOutputCallRequest{}
	for _, size := range sizes {
		req.ResponseParameters = append(req.ResponseParameters, &pb.ResponseParameters{Size: size})
	}
	return req
}

// askStatus is a request for answers and then that end.
func askStatus(code codes.Code, sizes ...int32) *pb.StreamingOutputCallRequest {
	req := ask(sizes...)
	req.ResponseStatus = &pb.EchoStatus{Code: int32(code), Message: "as asked"}
	return req
}

// start serves s over connections in memory, as opts say, until the test ends.
func start(t testing.TB, s pb.TestServiceServer, opts ...grpc.ServerOption) *bufconn.Listener {
	return startServer(t, func(server *grpc.Server) { pb.RegisterTestServiceServer(server, s) }, opts...)
}

func startServer(t testing.TB, register func(*grpc.Server), opts ...grpc.ServerOption) *bufconn.Listener {
	l := bufconn.Listen(1 << 16)
	server := grpc.NewServer(opts...)
	register(server)
	go server.Serve(l)
	t.Cleanup(server.Stop)
	return l
}

// dial returns a client of what listens there, as opts say, until the test ends.
func dial(t testing.TB, l *bufconn.Listener, opts ...grpc.DialOption) *grpc.ClientConn {
	opts = append([]grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }),
	}, opts...)
	conn, err := grpc.NewClient("passthrough:///bufconn", opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// wrapped returns a client of s whose calls are drawn, and a context with a span, "parent", under which they are.
func wrapped(t testing.TB, s pb.TestServiceServer, opts ...gaptrace.Option) (*spantest.Tracer, context.Context, pb.TestServiceClient) {
	tracer, ctx, _ := under(t)
	opts = append([]gaptrace.Option{gaptrace.WithTracer(tracer)}, opts...)
	return tracer, ctx, pb.NewTestServiceClient(dial(t, start(t, s), gapgrpc.DialOptions(opts...)...))
}

// under returns a tracer and a context with one of its spans, "parent".
func under(t testing.TB) (tracer *spantest.Tracer, ctx context.Context, parent opentracing.Span) {
	tracer = spantest.NewTracer()
	parent = tracer.StartSpan("parent")
	// The deadline ends what hangs, and decides nothing else.
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return tracer, opentracing.ContextWithSpan(ctx, parent), parent
}

// wantTree finishes the parent, and compares what lies under it.
func wantTree(t *testing.T, tracer *spantest.Tracer, parent opentracing.Span, want string) {
	t.Helper()
	parent.Finish()
	if got := tracer.Tree(); got != "parent\n"+want {
		t.Errorf("got:\n%s\nwant:\nparent\n%s", got, want)
	}
}

// drain reads a stream to its end, and tells how many messages came.
func drain[T any](stream grpc.ServerStreamingClient[T]) (n int, err error) {
	for {
		if _, err = stream.Recv(); err != nil {
			return n, err
		}
		n++
	}
}

// only is the one finished span of that name.
func only(t *testing.T, tracer *spantest.Tracer, operation string) *spantest.Span {
	t.Helper()
	spans := tracer.Named(operation)
	if len(spans) != 1 {
		t.Fatalf("%d spans %s, want 1:\n%s", len(spans), operation, tracer.Tree())
	}
	return spans[0]
}

// calls are the finished spans of calls: how often their callers waited depends on time.
func calls(tracer *spantest.Tracer) []*spantest.Span {
	return slices.DeleteFunc(tracer.Spans(), (*spantest.Span).IsWait)
}

// await waits until what happens elsewhere has happened.
func await(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for range 1000 {
		if happened() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal(what + ": waited in vain")
}
