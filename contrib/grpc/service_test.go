package gapgrpc_test

import (
	"context"
	"fmt"
	"io"
	"net"
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
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
)

const (
	unary    = "/grpc.testing.TestService/UnaryCall"
	download = "/grpc.testing.TestService/StreamingOutputCall"
	upload   = "/grpc.testing.TestService/StreamingInputCall"
	duplex   = "/grpc.testing.TestService/FullDuplexCall"
)

// service implements gRPC's own test service. A request says which answers and which status it
// wants. A test may replace the handlers.
type service struct {
	pb.UnimplementedTestServiceServer
	unary  func(ctx context.Context, req *pb.SimpleRequest) (*pb.SimpleResponse, error)
	stream func(stream grpc.ServerStream) error // handles all streams
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

func (s *service) StreamingOutputCall(
	req *pb.StreamingOutputCallRequest, stream grpc.ServerStreamingServer[pb.StreamingOutputCallResponse],
) error {
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

func (s *service) StreamingInputCall(
	stream grpc.ClientStreamingServer[pb.StreamingInputCallRequest, pb.StreamingInputCallResponse],
) error {
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

func (s *service) FullDuplexCall(
	stream grpc.BidiStreamingServer[pb.StreamingOutputCallRequest, pb.StreamingOutputCallResponse],
) error {
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

// ask returns a request for answers of that many bytes each.
func ask(sizes ...int32) *pb.StreamingOutputCallRequest {
	req := &pb.StreamingOutputCallRequest{}
	for _, size := range sizes {
		req.ResponseParameters = append(req.ResponseParameters, &pb.ResponseParameters{Size: size})
	}
	return req
}

// askStatus returns a request for answers, and then for that status.
func askStatus(code codes.Code, sizes ...int32) *pb.StreamingOutputCallRequest {
	req := ask(sizes...)
	req.ResponseStatus = &pb.EchoStatus{Code: int32(code), Message: "as asked"}
	return req
}

// message returns a request with a body of that many bytes.
func message(size int) *pb.StreamingOutputCallRequest {
	return &pb.StreamingOutputCallRequest{Payload: &pb.Payload{Body: make([]byte, size)}}
}

// start serves s on a listener in memory until the test ends.
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

// dial returns a connection to l that is closed when the test ends.
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

// wrappedClient returns a client of l whose calls tracer records.
func wrappedClient(
	t testing.TB, tracer opentracing.Tracer, l *bufconn.Listener, opts ...grpc.DialOption,
) pb.TestServiceClient {
	opts = append(gapgrpc.DialOptions(gaptrace.WithTracer(tracer)), opts...)
	return pb.NewTestServiceClient(dial(t, l, opts...))
}

// wrapped returns a client of s whose calls are recorded, and a context with a span, "parent".
func wrapped(t testing.TB, s pb.TestServiceServer) (*spantest.Tracer, context.Context, pb.TestServiceClient) {
	tracer, ctx, _ := spantest.Under(t)
	return tracer, ctx, wrappedClient(t, tracer, start(t, s))
}

// drain reads a stream to its end, and returns how many messages came.
func drain[T any](stream grpc.ServerStreamingClient[T]) (n int, err error) {
	for {
		if _, err = stream.Recv(); err != nil {
			return n, err
		}
		n++
	}
}

// invoker returns an invoker that returns err at once.
func invoker(err error) grpc.UnaryInvoker {
	return func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { return err }
}

// streamer returns a streamer that returns s at once.
func streamer(s grpc.ClientStream) grpc.Streamer {
	return func(
		context.Context, *grpc.StreamDesc, *grpc.ClientConn, string, ...grpc.CallOption,
	) (grpc.ClientStream, error) {
		return s, nil
	}
}

// invoke calls next through the interceptor of a client whose calls tracer records.
func invoke(ctx context.Context, tracer opentracing.Tracer, next grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	intercept := gapgrpc.UnaryClientInterceptor(gaptrace.WithTracer(tracer))
	return intercept(ctx, unary, nil, nil, nil, next, opts...)
}

// newStream makes a stream through the interceptor of a client whose calls tracer records.
func newStream(
	ctx context.Context, tracer opentracing.Tracer, desc *grpc.StreamDesc, next grpc.Streamer, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	intercept := gapgrpc.StreamClientInterceptor(gaptrace.WithTracer(tracer))
	return intercept(ctx, desc, nil, duplex, next, opts...)
}

// serveUnary handles a call through the interceptor of a server whose calls tracer records.
func serveUnary(ctx context.Context, tracer opentracing.Tracer, handle grpc.UnaryHandler) error {
	intercept := gapgrpc.UnaryServerInterceptor(gaptrace.WithTracer(tracer))
	_, err := intercept(ctx, nil, &grpc.UnaryServerInfo{FullMethod: unary}, handle)
	return err
}

// serveStream handles a stream through the interceptor of a server whose calls tracer records.
func serveStream(tracer opentracing.Tracer, stream grpc.ServerStream, handle grpc.StreamHandler) error {
	intercept := gapgrpc.StreamServerInterceptor(gaptrace.WithTracer(tracer))
	return intercept("a service", stream, &grpc.StreamServerInfo{FullMethod: duplex}, handle)
}

// line returns the line of a client's span in a tree. tags are those between component and
// span.kind.
func line(operation, tags string) string {
	return "  " + operation + " component=grpc " + tags + " span.kind=client\n"
}

// failed is line for a call that failed with a status. It adds the line of the logged error.
func failed(operation, tags string, code codes.Code, message string) string {
	text := fmt.Sprintf("rpc error: code = %v desc = %s", code, message)
	return line(operation, fmt.Sprintf("error=true grpc.code=%v%s", code, tags)) +
		fmt.Sprintf("    * event=error error.kind=*status.Error message=%q\n", text)
}

// handler is line for a server's span that has no parent.
func handler(operation, tags string) string {
	return operation + " component=grpc " + tags + " span.kind=server\n"
}

// fakeStream is a client's stream whose methods call its functions.
type fakeStream struct {
	grpc.ClientStream
	ctx               context.Context // nil: context.Background()
	recv, send, close func() error
	header            func() (metadata.MD, error)
}

func (s fakeStream) RecvMsg(any) error            { return s.recv() }
func (s fakeStream) SendMsg(any) error            { return s.send() }
func (s fakeStream) CloseSend() error             { return s.close() }
func (s fakeStream) Header() (metadata.MD, error) { return s.header() }

func (s fakeStream) Context() context.Context {
	if s.ctx == nil {
		return context.Background()
	}
	return s.ctx
}

var (
	errNotHere = status.Error(codes.NotFound, "not here")
	errLate    = status.Error(codes.DeadlineExceeded, tooLate)
	errClosing = status.Error(codes.Canceled, "grpc: the client connection is closing")
)

const tooLate = "context deadline exceeded"

// panicOf returns what f panics with.
func panicOf(f func()) (value any) {
	defer func() { value = recover() }()
	f()
	return nil
}
