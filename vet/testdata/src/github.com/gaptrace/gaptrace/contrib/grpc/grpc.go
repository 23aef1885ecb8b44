// Package gapgrpc has the names of the wrapper that the tests use.
package gapgrpc

import (
	"github.com/gaptrace/gaptrace"
	"google.golang.org/grpc"
)

func DialOptions(opts ...gaptrace.Option) []grpc.DialOption                        { return nil }
func ServerOptions(opts ...gaptrace.Option) []grpc.ServerOption                    { return nil }
func UnaryClientInterceptor(opts ...gaptrace.Option) grpc.UnaryClientInterceptor   { return nil }
func StreamClientInterceptor(opts ...gaptrace.Option) grpc.StreamClientInterceptor { return nil }
func UnaryServerInterceptor(opts ...gaptrace.Option) grpc.UnaryServerInterceptor   { return nil }
func StreamServerInterceptor(opts ...gaptrace.Option) grpc.StreamServerInterceptor { return nil }
