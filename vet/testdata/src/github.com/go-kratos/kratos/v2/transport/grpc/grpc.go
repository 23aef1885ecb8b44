// Package grpc has the names of kratos' gRPC transport that the tests use.
package grpc

import (
	"context"

	"google.golang.org/grpc"
)

type (
	ServerOption func(*Server)
	ClientOption func(*grpc.ClientConn)
	Server       struct{}
)

func NewServer(opts ...ServerOption) *Server                                   { return nil }
func Dial(ctx context.Context, opts ...ClientOption) (*grpc.ClientConn, error) { return nil, nil }
func DialInsecure(ctx context.Context, opts ...ClientOption) (*grpc.ClientConn, error) {
	return nil, nil
}
func Address(addr string) ServerOption                 { return nil }
func Options(opts ...grpc.ServerOption) ServerOption   { return nil }
func WithEndpoint(endpoint string) ClientOption        { return nil }
func WithOptions(opts ...grpc.DialOption) ClientOption { return nil }
