package gapgrpc_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"strings"

	"github.com/gaptrace/gaptrace"
	gapgrpc "github.com/gaptrace/gaptrace/contrib/grpc"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"
)

func Example() {
	tracer := mocktracer.New() // any opentracing.Tracer; without WithTracer it is the global one
	server := grpc.NewServer(gapgrpc.ServerOptions(gaptrace.WithTracer(tracer))...)
	conn := connect(server, gapgrpc.DialOptions(gaptrace.WithTracer(tracer))...)
	span, ctx := opentracing.StartSpanFromContextWithTracer(context.Background(), tracer, "handler")
	callUnary(ctx, conn)
	span.Finish()
	server.GracefulStop() // returns when its handlers have returned
	printTree(tracer)
	// Output:
	// handler
	//   client /grpc.testing.TestService/UnaryCall: OK
	//     server /grpc.testing.TestService/UnaryCall: OK
}

// A stream is one call, from its start to its end.
func ExampleDialOptions() {
	tracer := mocktracer.New()
	server := grpc.NewServer()
	conn := connect(server, gapgrpc.DialOptions(gaptrace.WithTracer(tracer), gaptrace.WithRoots())...)

	callDownload(context.Background(), conn)
	server.GracefulStop()
	printTree(tracer)
	// Output:
	// client /grpc.testing.TestService/StreamingOutputCall: OK, 3 messages
}

// Without a client that is recorded, a handler's span starts a trace.
func ExampleServerOptions() {
	tracer := mocktracer.New()
	server := grpc.NewServer(gapgrpc.ServerOptions(gaptrace.WithTracer(tracer))...)
	conn := connect(server)

	callDownload(context.Background(), conn)
	server.GracefulStop()
	printTree(tracer)
	// Output:
	// server /grpc.testing.TestService/StreamingOutputCall: OK
}

// The interceptors by themselves, for code that has options of its own.
func ExampleUnaryClientInterceptor() {
	conn, err := grpc.NewClient("dns:///bookshop.example:443",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithChainUnaryInterceptor(gapgrpc.UnaryClientInterceptor(gaptrace.WithRoots())),
		grpc.WithChainStreamInterceptor(gapgrpc.StreamClientInterceptor(gaptrace.WithRoots())))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(conn.Target())
	conn.Close()
	// Output: dns:///bookshop.example:443
}

// connect serves gRPC's test service, and returns a connection to it.
func connect(server *grpc.Server, opts ...grpc.DialOption) *grpc.ClientConn {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	pb.RegisterTestServiceServer(server, &service{})
	go server.Serve(listener)
	creds := grpc.WithTransportCredentials(insecure.NewCredentials())
	conn, err := grpc.NewClient(listener.Addr().String(), append(opts, creds)...)
	if err != nil {
		log.Fatal(err)
	}
	return conn
}

// callUnary makes a unary call, and closes conn.
func callUnary(ctx context.Context, conn *grpc.ClientConn) {
	defer conn.Close()
	if _, err := pb.NewTestServiceClient(conn).UnaryCall(ctx, &pb.SimpleRequest{}); err != nil {
		log.Fatal(err)
	}
}

// callDownload reads a stream of three messages to its end, and closes conn.
func callDownload(ctx context.Context, conn *grpc.ClientConn) {
	defer conn.Close()
	stream, err := pb.NewTestServiceClient(conn).StreamingOutputCall(ctx, ask(10, 20, 30))
	for err == nil {
		_, err = stream.Recv()
	}
}

// printTree prints each span under its parent, except waits, which a busy machine may add.
func printTree(tracer *mocktracer.MockTracer) {
	var print func(parent int, indent string)
	print = func(parent int, indent string) {
		for _, s := range tracer.FinishedSpans() {
			if s.ParentID != parent || strings.Contains(s.OperationName, " ") {
				continue
			}
			fmt.Print(indent)
			if kind := s.Tag("span.kind"); kind != nil {
				fmt.Print(kind, " ")
			}
			fmt.Print(s.OperationName)
			if code := s.Tag("grpc.code"); code != nil {
				fmt.Print(": ", code)
			}
			if n := s.Tag("messages"); n != nil {
				fmt.Print(", ", n, " messages")
			}
			fmt.Println()
			print(s.SpanContext.SpanID, indent+"  ")
		}
	}
	print(0, "")
}
