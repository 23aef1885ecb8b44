package gaptrace

// Call is one network call as its wrapper sees it. Every hook an [Option] takes is given one.
type Call struct {
	// Component names the wrapped library, as the span's component tag does:
	// "net/http", "go-redis", "database/sql", "go-elasticsearch" or "grpc".
	Component string

	// Operation names the span. It is low in cardinality: it holds no id, key or value.
	Operation string

	// Request is the library's own request, such as a *http.Request or a redis.Cmder;
	// the doc.go of each wrapper says which. A hook may read it and must not change it.
	Request any
}
