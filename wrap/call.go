package wrap

import (
	"context"
	"io"
	"net/http/httptrace"

	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/opentracing/opentracing-go/log"
)

// Call is one recorded call. All methods are safe on nil, which is a call that is not recorded, and
// for use by several goroutines at once, except Release.
type Call spanutil.Call

func (c *Call) spans() *spanutil.Call { return (*spanutil.Call)(c) }

// Open opens the call's span, with the tags set so far, and returns ctx with the span in it, for
// the library. Call it right before the library.
//
// Only a call that is sent, or whose library needs the span in its context, needs Open. Otherwise
// the span is opened when the call finishes, with the true start time. That costs less.
func (c *Call) Open(ctx context.Context) context.Context { return c.spans().Open(ctx) }

// Inject writes the span's context to carrier, for the server to read, as the tracer does in that
// format: for opentracing.TextMap, carrier is an opentracing.TextMapWriter. Call it after Open.
func (c *Call) Inject(format, carrier any) { c.spans().Inject(format, carrier) }

// Sampled reports whether the call's spans will be kept, so that it pays to describe them.
func (c *Call) Sampled() bool { return c.spans().Sampled() }

// Tag sets a tag of the call's span. The value is a string, number or boolean; a string is
// truncated at 4 KiB. If the hook of [gaptrace.WithTags] has set the same key, its value stays. Tag
// does not redact.
func (c *Call) Tag(key string, value any) { c.spans().Tag(key, value) }

// Statement records s as db.statement, after the hook of [gaptrace.WithStatement], truncated at 4
// KiB. It does not redact: package [github.com/gaptrace/gaptrace/wrap/redact] does.
func (c *Call) Statement(s string) { c.spans().Statement(s) }

// Log logs an event inside the call on its span, and err unless it is nil. After the first wait it
// does nothing, since the span ends with that wait.
func (c *Call) Log(event string, err error, fields ...log.Field) {
	c.spans().Log(event, err, fields...)
}

// Phases reports whether [gaptrace.WithPhases] is set and the call's spans will be kept. If so, it
// returns ctx with hooks that log every dial of a net.Dialer on the call. Otherwise it returns ctx
// itself. Call it with the context that Open has returned.
func (c *Call) Phases(ctx context.Context) (with context.Context, log bool) {
	if !c.spans().LogsPhases() {
		return ctx, false
	}
	return httptrace.WithClientTrace(ctx, spanutil.DialTrace(c.spans())), true
}

// Answered ends the first wait: the library has returned, but its result is still to be consumed.
// The wrapper then counts it in unit: the tag of the span that will hold the sum of all
// [Wait.Done], such as "rows", "bytes" or "messages". An empty unit counts nothing.
//
// Answered reports whether to watch the result. If not, the call has finished. A second Answered
// changes nothing.
func (c *Call) Answered(unit string) bool { return c.spans().Answered(spanutil.UnitNamed(unit)) }

// Watch makes the garbage collector finish c, tagged abandoned, if result becomes garbage before c
// has finished. Call Watch after [Call.Answered] has returned true, and before the caller gets
// result. Neither c nor anything that the library keeps may reference result.
func Watch[T any](c *Call, result *T) { spanutil.Watch(c.spans(), result) }

// Body takes the place of Answered if the result is a stream of bytes. It returns what the caller
// gets for rc: a reader whose Read and Close are waits, and which finishes the call at io.EOF, at
// an error, at Close, or else when it becomes garbage. If rc is nil, the call finishes.
//
// For a call that is served, rc is the request's body. Then the waits are spans of their own under
// the call, named after it plus " read", and the call goes on.
func (c *Call) Body(rc io.ReadCloser) io.ReadCloser { return spanutil.WatchBody(c.spans(), rc) }

// Fail marks the call as failed, without finishing it. The first error counts. Fail ignores a nil
// err and one that the hook of [gaptrace.WithExpected] accepts. Credentials in URLs and assignments
// of the text are redacted; see package [github.com/gaptrace/gaptrace/wrap/redact] for more.
func (c *Call) Fail(err error) { c.spans().Fail(err) }

// Finish ends the call and reports its spans. If err is not nil, the call has failed: see
// [Call.Fail]. Only the first Finish counts. A wait that is still going on ends now.
func (c *Call) Finish(err error) { c.spans().Finish(err) }

// Unwound finishes the call as failed if its first wait is still going on. Defer it right after
// Start, for a panic or runtime.Goexit of the library. It does not recover, so that a crash looks
// the same as without the wrapper.
func (c *Call) Unwound() { c.spans().Unwound() }

// Release lets another call use the memory of c, which has finished. It saves one allocation for a
// call that has no result to watch.
//
// Only a caller that has the last reference may call it, as its last statement: no deferred Unwound
// may follow, and no hook, callback or context may still use c. With Phases, it must not be called.
func (c *Call) Release() { c.spans().Release() }

// Wait is a wait that begins and ends in one function.
type Wait struct{ spans spanutil.Wait }

// Wait begins a wait: the caller is about to block on the result. Waits of several goroutines that
// overlap are one wait. What takes 20 µs or less is no wait: its data was in a buffer.
//
//	wait := call.Wait()
//	defer wait.Unwound() // if the library panics
//	n, err := file.Read(buf)
//	wait.Done(n)
func (c *Call) Wait() Wait { return Wait{c.spans().Wait()} }

// Done ends the wait, in which n bytes, rows or messages came.
func (w *Wait) Done(n int) { w.spans.Done(n) }

// Unwound finishes the call as failed if Done was not called. Defer it, as [Call.Unwound].
func (w *Wait) Unwound() { w.spans.Unwound() }
