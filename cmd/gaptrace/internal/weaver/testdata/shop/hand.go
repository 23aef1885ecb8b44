//go:build hand

package main

import (
	"context"
	"database/sql"
	"net/http"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/gaptrace/gaptrace"
	gapes "github.com/gaptrace/gaptrace/contrib/elasticsearch"
	gapgrpc "github.com/gaptrace/gaptrace/contrib/grpc"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/go-redis/redis/v8"
	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc"
)

func newClient() *http.Client {
	return nethttp.WrapClient(&http.Client{Transport: &http.Transport{}}, options...)
}

func newHandler(h http.Handler) http.Handler { return nethttp.WrapHandler(h, options...) }

func newDB() *sql.DB {
	db, err := gapsql.Open("fake", "dsn", options...)
	check(err)
	return db
}

func newRedis(opt *redis.Options) *redis.Client {
	return gapredis.Wrap(redis.NewClient(opt), options...)
}

func newRing(opt *redis.RingOptions) *redis.Ring {
	return gapredis.Wrap(redis.NewRing(opt), options...)
}

func newConn(ctx context.Context, client *redis.Client) *redis.Conn {
	return gapredis.Wrap(client.Conn(ctx), options...)
}

func newGRPC(address string) *grpc.ClientConn {
	conn, err := grpc.NewClient(address, append(gapgrpc.DialOptions(options...), dialOptions...)...)
	check(err)
	return conn
}

func newGRPCServer() *grpc.Server { return grpc.NewServer(gapgrpc.ServerOptions(options...)...) }

func newES(cfg elasticsearch.Config) *elasticsearch.Client {
	client, err := elasticsearch.NewClient(cfg)
	check(err)
	return gapes.Wrap(client, options...)
}

// tagged marks the spans of wrappers by hand.
var tagged = gaptrace.WithTags(func(gaptrace.Call) opentracing.Tags { return opentracing.Tags{"by": "hand"} })
