// Package store covers what it gets.
package store

import (
	"net/http"

	gapgrpc "github.com/gaptrace/gaptrace/contrib/grpc"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/go-redis/redis/v8"
	"google.golang.org/grpc"
)

func Instrument(c redis.UniversalClient) { gapredis.Wrap(c) }

func Transport() http.RoundTripper { return nethttp.Wrap(nil) }

func Options() []grpc.DialOption { return gapgrpc.DialOptions() }

func Dial(opts ...grpc.DialOption) (*grpc.ClientConn, error) {
	return grpc.Dial("a", append(opts, Options()...)...)
}
