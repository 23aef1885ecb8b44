// Package store makes clients that nobody wraps.
package store

import (
	"net/http"

	"github.com/go-redis/redis/v8"
	"google.golang.org/grpc"
)

func Redis() *redis.Client {
	return redis.NewClient(nil) // whole `GT103: redis.NewClient`
}

func HTTP() *http.Client {
	return &http.Client{} // whole `GT101: http.Client`
}

func GRPC(target string) (*grpc.ClientConn, error) {
	return grpc.Dial(target) // whole `GT105: grpc.Dial`
}

func local() {
	redis.NewRing(nil) // want `GT103: redis.NewRing`
}

type API struct{ http.Client } // whole `GT101: Client: .*; set its Transport to nethttp.Wrap\(nil\)`
