// Package grpc has the names of gRPC that the tests use.
package grpc

import "context"

type (
	DialOption   interface{ apply() }
	ServerOption interface{ apply() }
	CallOption   interface{ before() }
)

type (
	UnaryClientInterceptor  func(ctx context.Context, method string) error
	StreamClientInterceptor func(ctx context.Context, method string) error
	UnaryServerInterceptor  func(ctx context.Context, request any) (any, error)
	StreamServerInterceptor func(server any, stream ServerStream) error
)

type ServerStream interface {
	Context() context.Context
	SendMsg(m any) error
	RecvMsg(m any) error
	SetTrailer(md map[string][]string)
}

type ClientConnInterface interface {
	Invoke(ctx context.Context, method string, args, reply any, opts ...CallOption) error
}

type ClientConn struct{}

func (*ClientConn) Invoke(context.Context, string, any, any, ...CallOption) error { return nil }
func (*ClientConn) Close() error                                                  { return nil }

type Server struct{}

func (*Server) Stop() {}

func NewClient(target string, opts ...DialOption) (*ClientConn, error) { return nil, nil }
func Dial(target string, opts ...DialOption) (*ClientConn, error)      { return nil, nil }
func DialContext(ctx context.Context, target string, opts ...DialOption) (*ClientConn, error) {
	return nil, nil
}
func NewServer(opts ...ServerOption) *Server { return nil }

func WithInsecure() DialOption                                       { return nil }
func WithUserAgent(string) DialOption                                { return nil }
func WithUnaryInterceptor(UnaryClientInterceptor) DialOption         { return nil }
func WithChainUnaryInterceptor(...UnaryClientInterceptor) DialOption { return nil }
func WithStreamInterceptor(StreamClientInterceptor) DialOption       { return nil }
func MaxRecvMsgSize(int) ServerOption                                { return nil }
func UnaryInterceptor(UnaryServerInterceptor) ServerOption           { return nil }
func ChainUnaryInterceptor(...UnaryServerInterceptor) ServerOption   { return nil }
func StreamInterceptor(StreamServerInterceptor) ServerOption         { return nil }
