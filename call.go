package gaptrace

import "github.com/gaptrace/gaptrace/internal/options"

// Call describes one network call to the hooks of options. Its fields are:
//
//	// Component is the wrapped library, as in the span's component tag:
//	// "net/http", "go-redis", "database/sql", "go-elasticsearch" or "grpc".
//	Component string
//
//	// Operation is the name that the wrapper gives the span. It has few values:
//	// it holds no ID, key or value.
//	Operation string
//
//	// Request is the library's own request, such as a *http.Request or a redis.Cmder.
//	// The documentation of each wrapper gives its type. A hook must not change it.
//	Request any
type Call = options.Call
