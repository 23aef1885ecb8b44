package imports

import (
	// The standard library.
	"context"
	"net/http" // for its errors

	// Ours.
	"example/imports/inner"

	// Others'.
	"github.com/go-redis/redis/v8"
	"google.golang.org/grpc"
)

func grouped(ctx context.Context) {
	http.Get("http://example.com") // want `GT101`
	redis.NewClient(nil)           // want `GT103`
	grpc.NewServer()               // want `GT105`
	inner.Do()
}
