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

// The test cases by which gRPC's implementations are tried against each other, as grpc-go has them. Each checks what it
// gets, message by message. (cancel_after_begin is left out: now and then its server's answer is there before grpc has noticed
// that the stream was cancelled.) The wrapped side says what is drawn: codes of the client's calls, and of the server's.
var grpcSuite = map[string]struct {
	run   func(ctx context.Context, conn *grpc.ClientConn, client pb.TestServiceClient)
	drawn string
}{
	"empty_unary": {
		func(ctx context.Context, _ *grpc.ClientConn, c pb.TestServiceClient) { cases.DoEmptyUnaryCall(ctx, c) },
		"client EmptyCall OK, server EmptyCall OK",
	},
	"large_unary": {
		func(ctx context.Context, _ *grpc.ClientConn, c pb.TestServiceClient) { cases.DoLargeUnaryCall(ctx, c) },
		"client UnaryCall OK, server UnaryCall OK",
	},
	"client_streaming": {
		func(ctx context.Context, _ *grpc.ClientConn, c pb.TestServiceClient) { cases.DoClientStreaming(ctx, c) },
		"client StreamingInputCall OK, server StreamingInputCall OK",
	},
	"server_streaming": {
		func(ctx context.Context, _ *grpc.ClientConn, c pb.TestServiceClient) { cases.DoServerStreaming(ctx, c) },
		"client StreamingOutputCall OK, server StreamingOutputCall OK",
	},
	"ping_pong": {
		func(ctx context.Context, _ *grpc.ClientConn, c pb.TestServiceClient) { cases.DoPingPong(ctx, c) },
		"client FullDuplexCall OK, server FullDuplexCall OK",
	},
	"empty_stream": {
		func(ctx context.Context, _ *grpc.ClientConn, c pb.TestServiceClient) { cases.DoEmptyStream(ctx, c) },
		"client FullDuplexCall OK, server FullDuplexCall OK",
	},
	"timeout_on_sleeping_server": {func(ctx context.Context, _ *grpc.ClientConn, c pb.TestServiceClient) {
		cases.DoTimeoutOnSleepingServer(ctx, c)
	}, "client FullDuplexCall DeadlineExceeded error"},
	"cancel_after_first_response": {func(ctx context.Context, _ *grpc.ClientConn, c pb.TestServiceClient) {
		cases.DoCancelAfterFirstResponse(ctx, c)
	}, "client FullDuplexCall Canceled"},
	"custom_metadata": {
		func(ctx context.Context, _ *grpc.ClientConn, c pb.TestServiceClient) { cases.DoCustomMetadata(ctx, c) },
		"client FullDuplexCall OK, client UnaryCall OK, server FullDuplexCall OK, server UnaryCall OK",
	},
	"status_code_and_message": {func(ctx context.Context, _ *grpc.ClientConn, c pb.TestServiceClient) {
		cases.DoStatusCodeAndMessage(ctx, c)
	}, "client FullDuplexCall Unknown error, client UnaryCall Unknown error, server FullDuplexCall Unknown error, server UnaryCall Unknown error"},
	"special_status_message": {func(ctx context.Context, _ *grpc.ClientConn, c pb.TestServiceClient) {
		cases.DoSpecialStatusMessage(ctx, c)
	}, "client UnaryCall Unknown error, server UnaryCall Unknown error"},
	"unimplemented_method": {
		func(ctx context.Context, conn *grpc.ClientConn, _ pb.TestServiceClient) {
			cases.DoUnimplementedMethod(ctx, conn)
		},
		"client UnimplementedCall Unimplemented error, server UnimplementedCall Unimplemented error",
	},
	// grpc-go calls no interceptor for a service that the server does not have.
	"unimplemented_service": {func(ctx context.Context, conn *grpc.ClientConn, _ pb.TestServiceClient) {
		cases.DoUnimplementedService(ctx, pb.NewUnimplementedServiceClient(conn))
	}, "client UnimplementedCall Unimplemented error"},
}

// fatal is grpc's logger, whose last word ends the test and not the process.
type fatal struct{ grpclog.LoggerV2 }

func (f fatal) Fatal(args ...any)                 { panic(fmt.Sprint(args...)) }
func (f fatal) Fatalln(args ...any)               { panic(fmt.Sprint(args...)) }
func (f fatal) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func TestTheTestCasesOfGRPCEndTheSame(t *testing.T) {
	grpclog.SetLoggerV2(fatal{grpclog.NewLoggerV2(discardLog.Writer(), discardLog.Writer(), discardLog.Writer())})
	for name, c := range grpcSuite {
		t.Run(name, func(t *testing.T) {
			tracer := compare(t, func(s *side) {
				var dialOptions []grpc.DialOption
				var options []grpc.ServerOption
				if s.tracer != nil {
					dialOptions = gapgrpc.DialOptions(gaptrace.WithTracer(s.tracer))
					options = gapgrpc.ServerOptions(gaptrace.WithTracer(s.tracer))
				}
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					s.Fatal(err)
				}
				server := grpc.NewServer(options...)
				pb.RegisterTestServiceServer(server, cases.NewTestServer())
				go server.Serve(l)
				s.cleanups = append(s.cleanups, server.GracefulStop)
				conn, err := grpc.NewClient(l.Addr().String(), append(dialOptions, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())...)
				if err != nil {
					s.Fatal(err)
				}
				s.cleanups = slices.Insert(s.cleanups, 0, func() { conn.Close() })
				defer func() {
					if failure := recover(); failure != nil {
						s.Errorf("wrapped %v: %v", s.tracer != nil, failure)
					}
				}()
				c.run(s.ctx, conn, pb.NewTestServiceClient(conn))
				s.note("client", "passed")
			})
			if got := codesDrawn(tracer, strings.Contains(c.drawn, "server")); got != c.drawn {
				t.Errorf("drawn %s, want %s", got, c.drawn)
			}
			if problems := tracer.Problems(); problems != nil {
				t.Error(problems)
			}
		})
	}
}

// codesDrawn tells what was drawn of calls, each once, and of the servers' if that is asked for: where a client ends a call
// before the server does, what the server has seen of it depends on time.
func codesDrawn(tracer *spantest.Tracer, servers bool) string {
	var drawn []string
	for _, span := range tracer.Spans() {
		if span.IsWait() || span.Operation == "caller" || !servers && kind(span) == "server" {
			continue
		}
		text := fmt.Sprintf("%s %s %v", kind(span), span.Operation[strings.LastIndexByte(span.Operation, '/')+1:], span.Tags["grpc.code"])
		if span.Tags["error"] == true {
			text += " error"
		}
		drawn = append(drawn, text)
	}
	slices.Sort(drawn)
	return strings.Join(slices.Compact(drawn), ", ")
}
