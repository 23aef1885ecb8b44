package gaptrace

import (
	"fmt"

	"github.com/opentracing/opentracing-go"
)

// Option adjusts what a wrapper records. Every wrapper takes the same options, a nil one is
// ignored, and of two that say the same thing the last one counts.
//
// A hook given to an option runs inside the wrapped call, or where its result is consumed, in the
// caller's goroutine, and several calls may run it at once; for a result that was abandoned it runs in
// the runtime's goroutine for cleanups, and for a stream of gRPC that its context ended in one of its own. Should a hook panic, the panic is contained and the hook's
// answer is the one that leaves the call alone: the call passes unrecorded where a filter
// panicked, and keeps its usual name, tags and verdict where another hook did. A statement
// whose hook panicked is dropped, because it may hold what the hook was there to hide.
type Option func(*Config)

// DefaultMaxWaits is how many spans a call may draw unless [WithMaxWaits] says otherwise.
const DefaultMaxWaits = 32

// Config is what a list of options comes to. Wrappers read it; programs use the With functions.
type Config struct {
	Tracer    opentracing.Tracer           // nil: the global tracer, looked up at each call
	Roots     bool                         // record calls whose context carries no span
	Filter    func(Call) bool              // nil: keep every call
	Operation func(Call) string            // nil: the wrapper's name
	Tags      func(Call) opentracing.Tags  // nil: none beside the wrapper's own
	Statement func(Call, string) string    // nil: as the wrapper wrote it
	Expected  func(c Call, err error) bool // nil: the wrapper's own list of errors that are no failures
	MaxWaits  int                          // spans a call may draw, at least 1
	Phases    bool                         // log what happened inside the call
}

// NewConfig applies opts, in order, to the defaults.
func NewConfig(opts ...Option) Config {
	c := Config{MaxWaits: DefaultMaxWaits}
	for _, opt := range opts {
		if opt != nil {
			opt(&c)
		}
	}
	if c.MaxWaits < 1 { // of an option that is none of ours
		c.MaxWaits = DefaultMaxWaits
	}
	return c
}

// WithTracer reports to t. Without it, and with a nil t, calls go to the global tracer,
// which is looked up at each call, so that it may be set after the client was wrapped.
func WithTracer(t opentracing.Tracer) Option {
	return func(c *Config) { c.Tracer = t }
}

// WithRoots also records calls whose context carries no span; each starts a trace of its own.
// Without it such calls (health checks, pings of a connection pool, background work) pass unseen.
// A server's spans need no parent, with this option or without.
func WithRoots() Option {
	return func(c *Config) { c.Roots = true }
}

// WithFilter records only the calls for which keep is true. The others pass untouched: no span
// is drawn and nothing is injected. A nil keep keeps every call.
func WithFilter(keep func(Call) bool) Option {
	return func(c *Config) { c.Filter = keep }
}

// WithOperation names the spans. An empty answer, or a nil name, leaves the wrapper's own name.
func WithOperation(name func(Call) string) Option {
	return func(c *Config) { c.Operation = name }
}

// WithTags adds tags to every sampled call's span; they win over the wrapper's own tags of the same
// key, but for component and span.kind, which say what the span is. A nil tags adds none.
func WithTags(tags func(Call) opentracing.Tags) Option {
	return func(c *Config) { c.Tags = tags }
}

// WithStatement rewrites db.statement before it is recorded; an empty answer drops it. It is called
// for sampled calls only. f gets the statement after the wrapper has redacted credentials
// (docs/secrets.md). Its result is truncated at 4 KiB. A nil f leaves the statement as it is.
func WithStatement(f func(c Call, statement string) string) Option {
	return func(c *Config) { c.Statement = f }
}

// WithExpected names errors that are no failures: a call whose err f knows is not tagged as an
// error. It adds to the wrapper's own list, which its doc.go gives. A nil f adds nothing.
func WithExpected(f func(c Call, err error) bool) Option {
	return func(c *Config) { c.Expected = f }
}

// WithMaxWaits bounds the spans that one call may draw: the call's own and one for each later
// wait. With 1 the picture is a single span that covers the work between the waits too; the tag
// wait.joined_us still says how much, so gap analysis stays exact. Once a call has n spans, each
// further wait takes time proportional to n: some 30 µs where n is 10,000. Zero means
// [DefaultMaxWaits]; WithMaxWaits panics when n is negative.
func WithMaxWaits(n int) Option {
	if n < 0 {
		panic(fmt.Sprintf("gaptrace.WithMaxWaits: n is %d, want 1 or more, or 0 for the default", n))
	}
	if n == 0 {
		n = DefaultMaxWaits
	}
	return func(c *Config) { c.MaxWaits = n }
}

// WithPhases also logs, on the call's span, what happened inside the call, where the wrapped
// library tells: dns, connect, tls, got_conn, wrote_request and first_byte in contrib/nethttp; dns,
// connect and retry in contrib/redis and contrib/elasticsearch.
func WithPhases() Option {
	return func(c *Config) { c.Phases = true }
}
