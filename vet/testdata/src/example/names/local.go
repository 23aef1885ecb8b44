package names

import (
	"context"
	"net/http"

	"github.com/go-redis/redis/v8"
)

func local(ctx context.Context) {
	nethttp := "taken here"
	http.Get(nethttp) // want `GT101: .*; use nethttp2.Get`
}

func parameter(ctx context.Context, gapredis string) {
	redis.NewClient(&redis.Options{Addr: gapredis}) // want `GT103: .*; wrap it with gapredis2.Wrap`
}
