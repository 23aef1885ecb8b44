// Package options holds the settings of a wrapper. Package gaptrace's options set them, and the
// wrappers read them.
package options

import "github.com/opentracing/opentracing-go"

// DefaultMaxWaits is the number of spans that one call may have by default.
const DefaultMaxWaits = 32

// Call is one network call as its wrapper sees it. Every hook that an option takes gets one.
type Call struct {
	// Component names the wrapped library, as the span's component tag does: "net/http",
	// "go-redis", "database/sql", "go-elasticsearch" or "grpc".
	Component string

	// Operation is the name that the wrapper gives the span. It has few values: it holds no ID, key
	// or value.
	Operation string

	// Request is the library's own request, such as a *http.Request or a redis.Cmder. Each
	// wrapper's package documentation gives its type. A hook may read it and must not change it.
	Request any
}

// Config holds the settings of a wrapper. The zero value of each field is its default.
type Config struct {
	Tracer          opentracing.Tracer            // nil: the global tracer, looked up at each call
	Roots           bool                          // record calls whose context carries no span
	Filter          func(Call) bool               // nil: record every call
	Operation       func(Call) string             // nil: the wrapper's name
	Tags            func(Call) opentracing.Tags   // nil: only the wrapper's own tags
	Statement       func(Call, string) string     // nil: the wrapper's statement
	Expected        func(c Call, err error) bool  // nil: only the wrapper's own list of expected errors
	Failure         func(c Call, status int) bool // nil: the wrapper's own rule
	Baggage         []string                      // items that become tags
	Headers         []string                      // HTTP headers that become tags
	Comments        map[string]string             // keys of SQL comments, besides traceparent; nil: no comments
	CommentPrepared bool                          // of prepared statements, too
	MaxWaits        int                           // spans that one call may have; below 1: DefaultMaxWaits
	Phases          bool                          // log what happens inside the call
	Woven           bool                          // the wrapper was woven into the library, by gaptrace build
}

// NewConfig applies opts, in order, to the defaults. It ignores a nil option. MaxWaits is at least
// 1 in the result.
func NewConfig[Option ~func(*Config)](opts ...Option) Config {
	var c Config
	for _, opt := range opts {
		if opt != nil {
			opt(&c)
		}
	}
	if c.MaxWaits < 1 {
		c.MaxWaits = DefaultMaxWaits
	}
	return c
}

// Woven is the option of wrappers that gaptrace build has woven into a library.
func Woven(c *Config) { c.Woven = true }
