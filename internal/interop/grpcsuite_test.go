package interop_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace"
	gapgrpc "github.com/gaptrace/gaptrace/contrib/grpc"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/grpclog"
	cases "google.golang.org/grpc/interop"
	pb "google.golang.org/grpc/interop/grpc_testing"
)

// grpcCase is one of the test cases by which implementations of gRPC are tested with each other. It
// checks each message itself, and ends with grpclog.Fatal if it fails.
type grpcCase struct {
	run   func(ctx context.Context, conn *grpc.ClientConn)
	spans string // of the client and the server, see spanCodes
}

// grpcCases are those of grpc-go. cancel_after_begin is left out: the server sometimes answers
// before grpc notices that the stream is cancelled.
var grpcCases = map[string]grpcCase{
	"empty_unary": {testService(cases.DoEmptyUnaryCall), "client EmptyCall OK, server EmptyCall OK"},
	"large_unary": {testService(cases.DoLargeUnaryCall), "client UnaryCall OK, server UnaryCall OK"},
	"client_streaming": {
		testService(cases.DoClientStreaming),
		"client StreamingInputCall OK, server StreamingInputCall OK",
	},
	"server_streaming": {
		testService(cases.DoServerStreaming),
		"client StreamingOutputCall OK, server StreamingOutputCall OK",
	},
	"ping_pong":    {testService(cases.DoPingPong), "client FullDuplexCall OK, server FullDuplexCall OK"},
	"empty_stream": {testService(cases.DoEmptyStream), "client FullDuplexCall OK, server FullDuplexCall OK"},
	"custom_metadata": {
		testService(cases.DoCustomMetadata),
		"client FullDuplexCall OK, client UnaryCall OK, server FullDuplexCall OK, server UnaryCall OK",
	},
	"status_code_and_message": {
		testService(cases.DoStatusCodeAndMessage),
		"client FullDuplexCall Unknown error, client UnaryCall Unknown error, " +
			"server FullDuplexCall Unknown error, server UnaryCall Unknown error",
	},
	"special_status_message": {
		testService(cases.DoSpecialStatusMessage),
		"client UnaryCall Unknown error, server UnaryCall Unknown error",
	},

	"unimplemented_method": {
		cases.DoUnimplementedMethod,
		"client UnimplementedCall Unimplemented error, server UnimplementedCall Unimplemented error",
	},
	"unimplemented_service": { // for which grpc-go calls no interceptor of the server
		func(ctx context.Context, conn *grpc.ClientConn) {
			cases.DoUnimplementedService(ctx, pb.NewUnimplementedServiceClient(conn))
		},
		"client UnimplementedCall Unimplemented error",
	},

	// The client ends these calls before the server does: the server's span depends on time.
	"timeout_on_sleeping_server": {
		testService(cases.DoTimeoutOnSleepingServer),
		"client FullDuplexCall DeadlineExceeded error",
	},
	"cancel_after_first_response": {
		testService(cases.DoCancelAfterFirstResponse),
		"client FullDuplexCall Canceled",
	},
}

// testService adapts a test case of the service that most of them call.
func testService(run func(context.Context, pb.TestServiceClient, ...grpc.CallOption)) func(
	context.Context, *grpc.ClientConn,
) {
	return func(ctx context.Context, conn *grpc.ClientConn) { run(ctx, pb.NewTestServiceClient(conn)) }
}

// panicLogger is a grpc logger whose Fatal ends the test, not the process.
type panicLogger struct{ grpclog.LoggerV2 }

func (l panicLogger) Fatal(args ...any)                 { panic(fmt.Sprint(args...)) }
func (l panicLogger) Fatalln(args ...any)               { panic(fmt.Sprint(args...)) }
func (l panicLogger) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func TestGRPCInteropCases(t *testing.T) {
	discard := discardLog.Writer()
	grpclog.SetLoggerV2(panicLogger{grpclog.NewLoggerV2(discard, discard, discard)})
	for name, c := range grpcCases {
		t.Run(name, func(t *testing.T) {
			tracer := compare(t, func(s *side) {
				conn := s.serveTestService()
				defer func() {
					if failure := recover(); failure != nil {
						s.Errorf("wrapped %v: %v", s.tracer != nil, failure)
					}
				}()
				c.run(s.ctx, conn)
				s.note("client", "passed")
			})
			if got := spanCodes(tracer, strings.Contains(c.spans, "server")); got != c.spans {
				t.Errorf("spans %s, want %s", got, c.spans)
			}
			if problems := tracer.Problems(); problems != nil {
				t.Error(problems)
			}
		})
	}
}

// serveTestService starts the server of the test cases, and returns a connection to it.
func (s *side) serveTestService() *grpc.ClientConn {
	s.Helper()
	dialOptions := []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy(),
	}
	var serverOptions []grpc.ServerOption
	if s.tracer != nil {
		dialOptions = append(dialOptions, gapgrpc.DialOptions(gaptrace.WithTracer(s.tracer))...)
		serverOptions = gapgrpc.ServerOptions(gaptrace.WithTracer(s.tracer))
	}
	listener := spantest.Must(net.Listen("tcp", "127.0.0.1:0"))(s)
	server := grpc.NewServer(serverOptions...)
	pb.RegisterTestServiceServer(server, cases.NewTestServer())
	go server.Serve(listener)
	conn := spantest.Must(grpc.NewClient(listener.Addr().String(), dialOptions...))(s)
	s.cleanups = append(s.cleanups, func() { conn.Close() }, server.GracefulStop)
	return conn
}

// spanCodes returns the distinct calls, each as kind, method and status code. Those of the server
// are included if servers is true.
func spanCodes(tracer *spantest.Tracer, servers bool) string {
	var calls []string
	for _, span := range tracer.Calls() {
		if span.Operation == "caller" || !servers && kind(span) == "server" {
			continue
		}
		method := span.Operation[strings.LastIndexByte(span.Operation, '/')+1:]
		call := fmt.Sprintf("%s %s %v", kind(span), method, span.Tags["grpc.code"])
		if span.Tags["error"] == true {
			call += " error"
		}
		calls = append(calls, call)
	}
	slices.Sort(calls)
	return strings.Join(slices.Compact(calls), ", ")
}
