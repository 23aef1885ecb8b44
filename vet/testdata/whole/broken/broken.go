// Package broken has type errors.
package broken

import (
	"context"
	"net/http"

	"example.com/missing"
	"github.com/go-redis/redis/v8"
)

func calls(ctx context.Context, s *missing.Store, u unknown) {
	redis.NewClient(nil)                   // want `GT103`
	s.Query(undefined(redis.NewRing(nil))) // want `GT103`
	u.field.Do(missing.Get(ctx), 1)(2)
	http.Get()                                                                  // want `GT101`
	http.ListenAndServe(":80")                                                  // want `GT201`
	var x missing.Type = &http.Client{Transport: missing.Transport, Nothing: 1} // want `GT101`
	for _, v := range missing.All {
		v.Ping()
	}
	redis.NewClient(nil, nil) // want `GT103`
}
