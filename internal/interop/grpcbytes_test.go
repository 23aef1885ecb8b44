package interop_test

import (
	"context"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/gaptrace/gaptrace/internal/spantest"
)

// bytesCodec sends messages of type *[]byte unchanged, so that no test needs a .proto.
type bytesCodec struct{}

func (bytesCodec) Name() string                  { return "proto" } // the default, which peers expect
func (bytesCodec) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }

func (bytesCodec) Unmarshal(b []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), b...)
	return nil
}

// serveGRPC starts a server with one method, and returns its address.
func serveGRPC(t *testing.T, service, method string,
	handle func(ctx context.Context, in string) (out string, err error), opts ...grpc.ServerOption,
) (addr string) {
	t.Helper()
	handler := func(
		srv any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor,
	) (any, error) {
		var in []byte
		if err := decode(&in); err != nil {
			return nil, err
		}
		handleBytes := func(ctx context.Context, _ any) (any, error) {
			out, err := handle(ctx, string(in))
			return new([]byte(out)), err
		}
		if intercept == nil {
			return handleBytes(ctx, &in)
		}
		info := &grpc.UnaryServerInfo{Server: srv, FullMethod: "/" + service + "/" + method}
		return intercept(ctx, &in, info, handleBytes)
	}
	listener := spantest.Must(net.Listen("tcp", "127.0.0.1:0"))(t)
	server := grpc.NewServer(append(opts, grpc.ForceServerCodec(bytesCodec{}))...)
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: service,
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: method, Handler: handler}},
	}, nil)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

// callGRPC calls a method over a new connection.
func callGRPC(ctx context.Context, addr, method, in string, opts ...grpc.DialOption) (out string, err error) {
	opts = append(opts, grpc.WithTransportCredentials(insecure.NewCredentials()))
	conn, err := grpc.NewClient("passthrough:"+addr, opts...)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	request, response := []byte(in), []byte{}
	err = conn.Invoke(ctx, method, &request, &response, grpc.ForceCodec(bytesCodec{}))
	return string(response), err
}
