//go:build !hand

package main

import (
	"context"
	"database/sql"
	"net/http"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/go-redis/redis/v8"
	"google.golang.org/grpc"
)

func newClient() *http.Client { return &http.Client{Transport: &http.Transport{}} }

func newHandler(h http.Handler) http.Handler { return h }

func newDB() *sql.DB {
	db, err := sql.Open("fake", "dsn")
	check(err)
	return db
}

func newRedis(opt *redis.Options) *redis.Client { return redis.NewClient(opt) }

func newRing(opt *redis.RingOptions) *redis.Ring { return redis.NewRing(opt) }

func newConn(ctx context.Context, client *redis.Client) *redis.Conn { return client.Conn(ctx) }

func newGRPC(address string) *grpc.ClientConn {
	conn, err := grpc.NewClient(address, dialOptions...)
	check(err)
	return conn
}

func newGRPCServer() *grpc.Server { return grpc.NewServer() }

func newES(cfg elasticsearch.Config) *elasticsearch.Client {
	client, err := elasticsearch.NewClient(cfg)
	check(err)
	return client
}
