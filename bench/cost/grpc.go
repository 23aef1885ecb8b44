package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"slices"

	"github.com/gaptrace/gaptrace/bench/internal/peer"
	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/test/bufconn"
)

func grpcCases() []Case {
	const messages = 1000
	ask := &pb.StreamingOutputCallRequest{}
	for range messages {
		ask.ResponseParameters = append(ask.ResponseParameters, &pb.ResponseParameters{Size: 100})
	}
	unary := func(ctx context.Context, c pb.TestServiceClient) { must(c.UnaryCall(ctx, &pb.SimpleRequest{})) }
	stream := func(ctx context.Context, c pb.TestServiceClient) {
		answers := must(c.StreamingOutputCall(ctx, ask))
		waits := stopwatchIn(ctx)
		for n := 0; ; n++ {
			waits.enter()
			_, err := answers.Recv()
			waits.leave()
			if err == io.EOF && n == messages {
				return
			}
			check(err)
		}
	}
	const long = "stream of 1,000 messages, "
	return []Case{
		{Library: "grpc", Name: "unary call, client", Carry: toMetadata, Make: withGRPC(clientOf, unary)},
		{
			Library: "grpc", Name: "unary call, server", Woven: true, FromHeaders: withMetadata,
			Make: withGRPC(serverOf, unary),
		},
		{
			Library: "grpc", Name: long + "client", Long: true, Waits: true, Carry: toMetadata,
			Make: withGRPC(clientOf, stream),
		},
		{
			Library: "grpc", Name: long + "server", Long: true, Woven: true, Waits: true, FromHeaders: withMetadata,
			Make: withGRPC(serverOf, stream),
		},
	}
}

// withMetadata returns the context for a call with these headers.
func withMetadata(headers http.Header) context.Context {
	md := metadata.MD{}
	for key, values := range headers {
		md.Set(key, values...) // lower-cases the key
	}
	return metadata.NewOutgoingContext(context.Background(), md)
}

// side returns the wrapper of one side of a call, from a peer. The other side is raw.
type side func(peer.Peer) (ofClient []grpc.DialOption, ofServer []grpc.ServerOption, covered bool)

func clientOf(p peer.Peer) ([]grpc.DialOption, []grpc.ServerOption, bool) {
	if p.GRPCClient == nil {
		return nil, nil, false
	}
	return p.GRPCClient(), nil, true
}

func serverOf(p peer.Peer) ([]grpc.DialOption, []grpc.ServerOption, bool) {
	if p.GRPCServer == nil {
		return nil, nil, false
	}
	return nil, p.GRPCServer(), true
}

// toMetadata injects a span made by hand into the metadata of a gRPC call.
func toMetadata(ctx context.Context, span opentracing.Span) context.Context {
	carrier := opentracing.TextMapCarrier{}
	check(span.Tracer().Inject(span.Context(), opentracing.HTTPHeaders, carrier))
	return metadata.NewOutgoingContext(ctx, metadata.New(carrier))
}

// withGRPC calls a server over a connection in memory. One side is wrapped.
func withGRPC(
	wrapped side, call func(context.Context, pb.TestServiceClient),
) func(peer.Peer, cleanup) func(context.Context) {
	return func(p peer.Peer, onClose cleanup) func(context.Context) {
		ofClient, ofServer, covered := wrapped(p)
		if !covered {
			return nil
		}
		listener := bufconn.Listen(1 << 20)
		server := grpc.NewServer(ofServer...)
		pb.RegisterTestServiceServer(server, service{})
		onClose(server.Stop)
		go func() { check(server.Serve(listener)) }()
		dial := func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }
		options := append(slices.Clip(ofClient),
			grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithContextDialer(dial))
		conn := must(grpc.NewClient("passthrough:memory", options...))
		onClose(func() { check(conn.Close()) })
		client := pb.NewTestServiceClient(conn)
		return func(ctx context.Context) { call(ctx, client) }
	}
}

type service struct {
	pb.UnimplementedTestServiceServer
}

func (service) UnaryCall(context.Context, *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	return &pb.SimpleResponse{}, nil
}

func (service) StreamingOutputCall(
	asked *pb.StreamingOutputCallRequest, stream pb.TestService_StreamingOutputCallServer,
) error {
	answer := &pb.StreamingOutputCallResponse{}
	waits := stopwatchIn(stream.Context())
	for _, each := range asked.ResponseParameters {
		if answer.Payload == nil || len(answer.Payload.Body) != int(each.Size) {
			answer.Payload = &pb.Payload{Body: make([]byte, each.Size)}
		}
		waits.enter()
		err := stream.Send(answer)
		waits.leave()
		if err != nil {
			return err
		}
	}
	return nil
}
