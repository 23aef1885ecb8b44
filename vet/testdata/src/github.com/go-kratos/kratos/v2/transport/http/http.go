// Package http has the names of kratos' HTTP transport that the tests use.
package http

import (
	"context"
	"net/http"
)

type (
	FilterFunc   func(http.Handler) http.Handler
	ServerOption func(*Server)
	ClientOption func(*Client)
	Server       struct{}
	Client       struct{}
)

func NewServer(opts ...ServerOption) *Server                               { return nil }
func NewClient(ctx context.Context, opts ...ClientOption) (*Client, error) { return nil, nil }
func Filter(filters ...FilterFunc) ServerOption                            { return nil }
func Address(addr string) ServerOption                                     { return nil }
func WithEndpoint(endpoint string) ClientOption                            { return nil }
func WithTransport(t http.RoundTripper) ClientOption                       { return nil }
