package gaptrace

import (
	"fmt"
	"maps"

	"github.com/gaptrace/gaptrace/internal/options"
	"github.com/opentracing/opentracing-go"
)

// Option adjusts what a wrapper records. Every wrapper takes the same options; docs/options.md has
// a table of what each option does in each wrapper, and says what a hook gets.
//
// If an option is given twice, the last one counts. A nil or zero argument stands for the default,
// and a nil Option is ignored.
//
// # Hooks
//
// A hook is a function that is given to an option. Several calls may run it at the same time. It
// runs on the caller's goroutine, during the call or while its result is consumed. The exceptions
// are results that no caller waits for:
//
//	result                               the hook runs on a goroutine of its own, and
//	garbage, not closed                  nobody waits for it
//	SQL rows, not read for ten minutes   a later query, or Close, waits for it
//	gRPC stream that grpc ended          nobody waits for it
//
// A hook that panics does not harm the call. The wrapper recovers, and goes on:
//
//	WithFilter                   the call is not recorded
//	WithOperation, WithTags      the wrapper's own name and tags
//	WithStatement                no db.statement, since the hook may have been there to redact it
//	WithFailure                  the wrapper's own rule
//	WithExpected                 the error is a failure
type Option func(*options.Config)

// WithTracer reports spans to t. The default is the global tracer. It is looked up at each call, so
// it may be set after the client was wrapped.
func WithTracer(t opentracing.Tracer) Option {
	return func(c *options.Config) { c.Tracer = t }
}

// WithRoots records the calls of clients whose context carries no span, too: health checks, pings
// of a connection pool, background work. Each starts a trace of its own. By default, such calls are
// not recorded.
//
// A request to a server is recorded even if it has no parent. There, WithRoots only adds gRPC's
// health checks and reflection.
func WithRoots() Option {
	return func(c *options.Config) { c.Roots = true }
}

// WithFilter records only the calls for which keep returns true. Others have no span and send no
// trace headers. If a server's request has no span, the calls of its handler have no parent. The
// default is to keep every call.
func WithFilter(keep func(Call) bool) Option {
	return func(c *options.Config) { c.Filter = keep }
}

// WithOperation names the spans. If name returns "", the span keeps the wrapper's name. Suffixes
// such as " wait" are added to either. A call with several spans asks name for each.
func WithOperation(name func(Call) string) Option {
	return func(c *options.Config) { c.Operation = name }
}

// WithTags adds tags to the span of every sampled call, but not to those of its later waits. They
// override the wrapper's own tags, except component and span.kind. Strings are truncated at 4 KiB.
// Credentials in them are not redacted.
func WithTags(tags func(Call) opentracing.Tags) Option {
	return func(c *options.Config) { c.Tags = tags }
}

// WithBaggage sets a tag baggage.KEY on the span of every sampled call, for each of these baggage
// items that the span's parent has, whatever the case of their keys. If a key says that it holds a
// credential, its value reads "hidden". Others are redacted as the text of an error is.
func WithBaggage(keys ...string) Option {
	return func(c *options.Config) { c.Baggage = keys }
}

// WithHeaders sets a tag http.request.header.NAME or http.response.header.NAME, in lower case, on
// the spans of nethttp for each of these headers that a request or response has. Several values of
// a header are joined by ", ". A header whose name says that it holds a credential, such as
// Authorization or Cookie, reads "hidden". Other values are redacted as a URL, or as the text of an
// error, is. Headers that are not in http.Request.Header have no tag, such as Host, and those that
// net/http adds when it sends a request.
func WithHeaders(names ...string) Option {
	return func(c *options.Config) { c.Headers = names }
}

// WithSQLComments appends a comment in sqlcommenter's format to the statements that gapsql sends,
// so that a log of slow queries names their traces:
//
//	SELECT 1 /*application='shop',traceparent='00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'*/
//
// The traceparent is that of the span in the call's context: the parent of the call's own span. The
// comment also has these keys. It is not in db.statement. A statement stays as it is if there is no
// span in the context, if it is prepared (see [WithPreparedSQLComments]), if it has "--", "#" or
// "/*", which may begin a comment, or if it does not read or write rows: a view would be stored
// with the comment.
//
// Each trace then has its own text of a statement. That defeats caches that know statements by
// their text: docs/sql.md says what it costs in which database.
func WithSQLComments(keys map[string]string) Option {
	return func(c *options.Config) {
		c.Comments = maps.Clone(keys)
		if c.Comments == nil {
			c.Comments = map[string]string{}
		}
	}
}

// WithPreparedSQLComments appends the comments of [WithSQLComments] to prepared statements, too.
// The traceparent is that of the context in which a statement is prepared. If the program keeps the
// statement and runs it later, the comment still names that first trace. database/sql prepares some
// statements itself for a single call, such as those with arguments if the driver cannot send the
// two together. Without WithSQLComments, it does nothing.
func WithPreparedSQLComments() Option {
	return func(c *options.Config) { c.CommentPrepared = true }
}

// WithStatement replaces db.statement by the result of f, truncated at 4 KiB. If f returns "", the
// span has no statement. f is only called for sampled calls. It gets the statement with credentials
// redacted (docs/secrets.md); its result is not redacted again.
func WithStatement(f func(c Call, statement string) string) Option {
	return func(c *options.Config) { c.Statement = f }
}

// WithFailure decides by its status whether an answer is a failure. The defaults are 500 and above
// in nethttp, 400 and above in gapes, with the exceptions of docs/elasticsearch.md, and in gapgrpc
// the codes that docs/grpc.md lists. With this option, a 404 fails as well:
//
//	gaptrace.WithFailure(func(_ gaptrace.Call, status int) bool {
//		return status >= 500 || status == http.StatusNotFound
//	})
//
// The status is HTTP's for nethttp and gapes, a codes.Code for gapgrpc. failed is only called for
// sampled calls, and by gapgrpc only if the call returned an error. A failure that failed has
// chosen is also passed to [WithExpected].
func WithFailure(failed func(c Call, status int) bool) Option {
	return func(c *options.Config) { c.Failure = failed }
}

// WithExpected makes errors for which f returns true count as success: the span has no error tag,
// and the error is not logged. The documentation of each wrapper lists errors that always count as
// success, such as io.EOF at the end of a body. For those, f is not called.
func WithExpected(f func(c Call, err error) bool) Option {
	return func(c *options.Config) { c.Expected = f }
}

// WithMaxWaits sets how many spans one call may have: its own, and one for each later wait. The
// default is 32. If there are more waits, those with the least work between them are joined.
//
// With n = 1, a call has a single span, which also covers the work between its waits. The tag
// wait.joined_us counts this work, so gap analysis stays exact. Once a call has n spans, each
// further wait costs time proportional to n: about 30 µs for n = 10,000.
//
// Zero stands for the default. WithMaxWaits panics if n is negative.
func WithMaxWaits(n int) Option {
	if n < 0 {
		panic(fmt.Sprintf("gaptrace.WithMaxWaits: n is %d, want 1 or more, or 0 for the default", n))
	}
	return func(c *options.Config) { c.MaxWaits = n }
}

// WithPhases also logs, on the call's span, what happens inside the call, as far as the library
// shows it: dials and TLS in nethttp's client, dials and retries in gapredis and gapes. Other
// wrappers log nothing. The documentation of each wrapper in docs lists the events.
func WithPhases() Option {
	return func(c *options.Config) { c.Phases = true }
}
