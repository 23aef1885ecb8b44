package nethttp

import (
	"context"
	"sync/atomic"
)

type routeKey struct{}

// usesRoutes is set once a context has a route, so that a program without them looks up none.
var usesRoutes atomic.Bool

// ContextWithRoute returns a context whose client requests are named after a route, as a server's
// are: "HTTP GET /books/{id}" instead of "HTTP GET". They also get the tag http.route. A URL's path
// is no name, since it holds IDs:
//
//	ctx = nethttp.ContextWithRoute(ctx, "/books/{id}")
//	resp, err := nethttp.Get(ctx, http.DefaultClient, "http://books:8080/books/7")
//
// The route also names the requests that a redirect leads to.
func ContextWithRoute(ctx context.Context, route string) context.Context {
	usesRoutes.Store(true)
	return context.WithValue(ctx, routeKey{}, route)
}

// routeIn returns the route of ctx, or "".
func routeIn(ctx context.Context) string {
	if !usesRoutes.Load() {
		return ""
	}
	route, _ := ctx.Value(routeKey{}).(string)
	return route
}

// routed returns the name of a client's request.
func routed(ctx context.Context, operation string) string {
	if route := routeIn(ctx); route != "" {
		return operation + " " + route
	}
	return operation
}
