package spanutil

import (
	"context"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/opentracing/opentracing-go"
)

// Call is one recorded call. All methods are safe on nil, which is a call that is not recorded, and
// for use by several goroutines at once.
type Call struct {
	wrapper *Wrapper
	what    gaptrace.Call
	tracer  opentracing.Tracer
	parent  opentracing.SpanContext // nil: the call starts a trace, or is a served call's reads or writes
	served  *Call                   // for reads and writes: the served call, whose span is the parent
	start   time.Time

	inside   atomic.Uint64 // who is waiting, and since when: see Enter
	amount   atomic.Int64  // bytes, rows or messages that came
	decision atomic.Uint32 // a decision; it changes under mu

	role         role
	remoteParent bool // parent came with the request

	mu       sync.Mutex // guards all below
	phase    phase
	unit     Unit // of amount
	waits    timeline
	buf      [2]interval      // most calls wait once or twice
	tags     map[string]any   // the tags that the span starts with
	span     opentracing.Span // nil: not open
	hookTags opentracing.Tags // of WithTags: they override the wrapper's
	failure  *recordedError
	cleanup  runtime.Cleanup
	previous *Call // finishes together with this one

	// spanContext is what Inject sends: the context of span, or of a parent that is dropped. It is
	// nil until it is needed.
	spanContext opentracing.SpanContext
}

// phase is the progress of a call.
//
//	Start,           Answered             Finish
//	Serve ──> begun ──────────> answered ────────> finished
//	            │                │    ^               ^
//	            │                ├────┘ later waits   │
//	            │                └─────> abandoned    │
//	            │                Abandon              │
//	            └─────────────────────────────────────┘
//	             Finish, Discard
//
// The span is opened in any of these phases, at the latest in Finish. For an abandoned call, Resume
// returns another call, which is answered.
type phase uint8

const (
	begun     phase = iota // the first wait is going on
	answered               // the first wait is over; the result is being consumed
	finished               // the spans are reported
	abandoned              // finished by Abandon; Resume may record what is still read
)

// role says which side of the network a call is on.
type role uint8

const (
	client role = iota
	server      // a request that is served; its span is not a wait
	reads       // a server's waits for its client; their spans are of kind client
	writes
)

// suffix returns what is appended to the operation.
func (r role) suffix() string { return [...]string{reads: " read", writes: " write"}[r] }

// Unit is what a call's result is counted in.
type Unit uint8

// The units. Each names the tag that holds the count, except Uncounted, which has none.
const (
	Uncounted Unit = iota
	Bytes
	Rows
	Messages
)

// String returns the unit's tag.
func (u Unit) String() string { return [...]string{"", "bytes", "rows", "messages"}[u] }

func newCall(
	w *Wrapper, what gaptrace.Call, tracer opentracing.Tracer, as role, parent opentracing.SpanContext, start time.Time,
) *Call {
	c := &Call{wrapper: w, what: what, tracer: tracer, role: as, start: start}
	c.setParent(parent)
	c.waits.max = int32(min(w.Options.MaxWaits, math.MaxInt32))
	c.waits.kept = c.buf[:0]
	return c
}

func (c *Call) setParent(parent opentracing.SpanContext) {
	c.parent = parent
	if parent != nil && isSampled(parent) {
		c.decide(sampled)
	}
}

// InFirstWait reports whether the first wait is going on: the call is neither answered nor
// finished.
func (c *Call) InFirstWait() bool {
	if c == nil || c.inside.Load()&closed != 0 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.phase == begun
}

// Answered ends the first wait: the library has returned. Its result is still to be consumed, and
// is counted in unit. Answered reports whether to watch the result. If not, the call has finished.
func (c *Call) Answered(unit Unit) bool {
	if !c.Sampled() {
		c.Finish(nil)
		return false
	}
	now := time.Since(c.start)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != begun {
		return c.phase == answered
	}
	c.phase = answered
	c.unit = unit
	c.inside.Store(0)
	c.waits.add(interval{0, now})
	return true
}

// Served ends the span of a served request: its handler has returned. Call it before the handler's
// waits are reported, since to report them is not the handler's work.
func (c *Call) Served() {
	if c.Sampled() {
		c.Answered(Uncounted)
	}
}

// Reads returns a Call for a handler's reads from its client, counted in unit. Its spans are
// children of c's span, named after it plus " read". If there is no wait, it has no span.
func (c *Call) Reads(unit Unit) *Call { return c.waitsFor(reads, unit) }

// Writes is [Call.Reads] for a handler's writes to its client. Its spans have the suffix " write".
func (c *Call) Writes(unit Unit) *Call { return c.waitsFor(writes, unit) }

func (c *Call) waitsFor(as role, unit Unit) *Call {
	if !c.Sampled() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.openLocked(false) {
		return nil
	}
	w := newCall(c.wrapper, c.what, c.tracer, as, nil, c.start)
	w.decide(c.decided())
	w.served = c
	w.phase = answered
	w.unit = unit
	return w
}

// Open opens the call's span, with the tags set so far, and returns ctx with the span in it. Call
// it right before the library.
//
// A client's call begins at Start, so that describing it does not look like the program's work. In
// two cases Open restarts its time: if users' hooks may have described the call, since hooks are
// the program's work, and for a served request, since its span is its handler's time. Open does not
// do so if the span had to be opened before, by Sampled.
func (c *Call) Open(ctx context.Context) (with context.Context) {
	with = ctx
	if c == nil {
		return with
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	defer contain() // ContextWithSpan calls the span's tracer
	restart := c.phase == begun && (c.role == server || c.wrapper.hooked)
	if c.openLocked(restart) {
		with = opentracing.ContextWithSpan(ctx, c.span)
	}
	return with
}

// Inject writes the context of the call's span to carrier, for the server to read.
func (c *Call) Inject(format, carrier any) {
	if c == nil {
		return
	}
	c.mu.Lock()
	sc := c.context()
	c.mu.Unlock()
	if sc == nil {
		return
	}
	defer contain()
	_ = c.tracer.Inject(sc, format, carrier)
}

// Finish ends the call and reports its spans. If err is not nil, the call has failed: see
// [Call.Fail]. Only the first Finish counts. A wait that is still going on ends now.
func (c *Call) Finish(err error) {
	if c == nil {
		return
	}
	at := time.Duration(-1) // end reads the clock
	if err != nil {
		at = time.Since(c.start) // before WithExpected's hook takes its time
	}
	defer c.end(at) // deferred, as everything below, since a hook may call Goexit
	c.Fail(err)
}

func (c *Call) end(at time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endLocked(finished, at)
}

func (c *Call) endLocked(as phase, at time.Duration) {
	if c.phase >= finished {
		return
	}
	first := c.phase == begun
	c.phase = as
	c.cleanup.Stop()
	if s := c.inside.Swap(closed); s&closed == 0 && s >= oneGoroutine {
		if at < 0 {
			at = time.Since(c.start)
		}
		wait := interval{time.Duration(s & sinceMask), at}
		if first || wait.end-wait.start > Buffered {
			c.waits.add(wait)
		}
	}
	c.waits.settle()
	defer c.report() // also if a hook for the previous call calls Goexit
	c.previous.Finish(nil)
}

// FinishAlso finishes previous, a call whose waits are over, at the same time as c. If it were
// reported between the waits of the two calls, that would look like the program's work. FinishAlso
// finishes previous at once if c is nil or has finished. If c has a previous call already,
// FinishAlso finishes that one at once.
func (c *Call) FinishAlso(previous *Call) {
	if c != nil && previous != nil {
		c.mu.Lock()
		if c.phase < finished {
			c.previous, previous = previous, c.previous
		}
		c.mu.Unlock()
	}
	previous.Finish(nil)
}

// Discard ends a call without a report, if the library did not make it: a SQL driver may answer
// driver.ErrSkip. Call it before any Tag, since that may open the span, and an open span is
// reported. Discard returns the call given to FinishAlso, which is not finished.
func (c *Call) Discard() (previous *Call) {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	opened := c.span != nil
	if !opened {
		c.phase = finished
		c.decide(dropped) // nothing opens it any more
		c.inside.Store(closed)
		previous, c.previous = c.previous, nil
	}
	c.mu.Unlock()
	if opened {
		c.Finish(nil)
	}
	return previous
}
