package gaptrace

import (
	"fmt"

	"github.com/gaptrace/gaptrace/internal/options"
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
type Option func(*options.Config)

// WithTracer reports to t. Without it, and with a nil t, calls go to the global tracer,
// which is looked up at each call, so that it may be set after the client was wrapped.
func WithTracer(t opentracing.Tracer) Option {
	return func(c *options.Config) { c.Tracer = t }
}

// WithRoots also records calls whose context carries no span; each starts a trace of its own.
// Without it such calls (health checks, pings of a connection pool, background work) pass unseen.
// A server's spans need no parent, with this option or without.
func WithRoots() Option {
	return func(c *options.Config) { c.Roots = true }
}

// WithFilter records only the calls for which keep is true. The others pass untouched: no span
// is drawn and nothing is injected. A nil keep keeps every call.
func WithFilter(keep func(Call) bool) Option {
	return func(c *options.Config) { c.Filter = keep }
}

// WithOperation names the spans. An empty answer, or a nil name, leaves the wrapper's own name.
func WithOperation(name func(Call) string) Option {
	return func(c *options.Config) { c.Operation = name }
}

// WithTags adds tags to every sampled call's span; they win over the wrapper's own tags of the same
// key, but for component and span.kind, which say what the span is. A nil tags adds none.
func WithTags(tags func(Call) opentracing.Tags) Option {
	return func(c *options.Config) { c.Tags = tags }
}

// WithStatement rewrites db.statement before it is recorded; an empty answer drops it. It is called
// for sampled calls only. f gets the statement after the wrapper has redacted credentials
// (docs/secrets.md). Its result is truncated at 4 KiB. A nil f leaves the statement as it is.
func WithStatement(f func(c Call, statement string) string) Option {
	return func(c *options.Config) { c.Statement = f }
}

// WithExpected names errors that are no failures: a call whose err f knows is not tagged as an
// error. It adds to the wrapper's own list, which its doc.go gives. A nil f adds nothing.
func WithExpected(f func(c Call, err error) bool) Option {
	return func(c *options.Config) { c.Expected = f }
}

// WithMaxWaits bounds the spans that one call may draw: the call's own and one for each later
// wait. With 1 the picture is a single span that covers the work between the waits too; the tag
// wait.joined_us still says how much, so gap analysis stays exact. Once a call has n spans, each
// further wait takes time proportional to n: some 30 µs if n is 10,000. Zero means the default, 32.
// WithMaxWaits panics if n is negative.
func WithMaxWaits(n int) Option {
	if n < 0 {
		panic(fmt.Sprintf("gaptrace.WithMaxWaits: n is %d, want 1 or more, or 0 for the default", n))
	}
	return func(c *options.Config) { c.MaxWaits = n }
}

// WithPhases also logs, on the call's span, what happened inside the call, where the wrapped
// library tells: dns, connect, tls, got_conn, wrote_request and first_byte in contrib/nethttp; dns,
// connect and retry in contrib/redis and contrib/elasticsearch.
func WithPhases() Option {
	return func(c *options.Config) { c.Phases = true }
}
