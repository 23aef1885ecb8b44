package gapgrpc_test

import (
	"context"
	"fmt"
	"io"
	"net"

	"github.com/gaptrace/gaptrace"
	gapgrpc "github.com/gaptrace/gaptrace/contrib/grpc"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/test/bufconn"
)

func Example() {
	tracer := spantest.NewTracer() // any opentracing.Tracer; it is the global one unless an option names it
	opentracing.SetGlobalTracer(tracer)
	defer opentracing.SetGlobalTracer(opentracing.NoopTracer{})

	server := grpc.NewServer(gapgrpc.ServerOptions()...) // the one line of a server
	pb.RegisterTestServiceServer(server, &service{})
	listener := bufconn.Listen(1 << 16)
	go server.Serve(listener)

	creds := grpc.WithTransportCredentials(insecure.NewCredentials())
	dialer := grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) })
	conn, err := grpc.NewClient("passthrough:///bookshop", append(gapgrpc.DialOptions(), creds, dialer)...) // and of a client
	if err != nil {
		fmt.Println(err)
		return
	}
	client := pb.NewTestServiceClient(conn)

	span, ctx := opentracing.StartSpanFromContext(context.Background(), "caller")
	if _, err := client.UnaryCall(ctx, &pb.SimpleRequest{}); err != nil {
		fmt.Println(err)
	}
	stream, err := client.StreamingOutputCall(ctx, ask(10, 20, 30))
	for err == nil {
		_, err = stream.Recv()
	}
	if err != io.EOF {
		fmt.Println(err)
	}
	span.Finish()
	conn.Close()
	server.GracefulStop()

	fmt.Print(tracer.Tree())
	// Output:
	// caller
	//   /grpc.testing.TestService/UnaryCall component=grpc grpc.code=OK peer.address=bufconn span.kind=client
	//     /grpc.testing.TestService/UnaryCall component=grpc grpc.code=OK peer.address=bufconn span.kind=server
	//   /grpc.testing.TestService/StreamingOutputCall component=grpc grpc.code=OK messages=3 peer.address=bufconn span.kind=client
	//     /grpc.testing.TestService/StreamingOutputCall component=grpc grpc.code=OK peer.address=bufconn response_messages=3 span.kind=server
}

func ExampleUnaryClientInterceptor() {
	creds := grpc.WithTransportCredentials(insecure.NewCredentials())
	conn, err := grpc.NewClient("dns:///bookshop.example:443", creds,
		grpc.WithChainUnaryInterceptor(gapgrpc.UnaryClientInterceptor(gaptrace.WithRoots())),
		grpc.WithChainStreamInterceptor(gapgrpc.StreamClientInterceptor(gaptrace.WithRoots())))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(conn.Target())
	conn.Close()
	// Output: dns:///bookshop.example:443
}
