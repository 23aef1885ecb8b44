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
	served  *Call                   // of reads and writes: the served call, whose span is the parent
	start   time.Time

	inside   atomic.Uint64 // who is waiting, and since when: see Enter
	amount   atomic.Int64  // bytes, rows or messages that came
	decision atomic.Uint32 // a decision; it changes at most once, under mu

	role         role
	remoteParent bool // parent came with the request

	mu       sync.Mutex // guards all below
	phase    phase
	unit     Unit // of amount
	waits    timeline
	buf      [2]interval             // most calls wait once or twice
	tags     map[string]any          // the tags that the span starts with
	span     opentracing.Span        // nil: not open
	self     opentracing.SpanContext // of span, or nil if it was not needed yet
	hookTags opentracing.Tags        // of WithTags: they override the wrapper's
	failure  *recordedError
	cleanup  runtime.Cleanup
	earlier  *Call // to be finished with this one
}

// phase says how far a call is.
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
// Opening the span is not a phase: it happens between Start and the end, at the latest in Finish.
// For an abandoned call, Resume returns another call, which is answered.
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

// Answered ends the first wait: the library has returned, and its result is still to be consumed,
// counted in unit. It reports whether the result is worth watching. If not, the call is finished.
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

// Served ends the span of a served request: its handler has returned. What it takes to report the
// handler's waits and to describe the request is not the handler's work.
func (c *Call) Served() {
	if c.Sampled() {
		c.Answered(Uncounted)
	}
}

// Reads returns a record of a handler's waits in which it reads from its client, counted in unit.
// They are children of c's span, named after it plus " read". Nothing is reported if there is no
// wait.
func (c *Call) Reads(unit Unit) *Call { return c.waitsFor(reads, unit) }

// Writes is [Call.Reads] for waits in which a handler writes to its client. Their spans are named
// after c's span plus " write".
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
// it last before the library.
//
// A client's call begins at Start, so that describing it does not look like the program's work. In
// two cases its time begins anew in Open, unless Sampled had to open the span before: users' hooks
// described the call (hooks are the program's work), or the call is a served request (its span is
// its handler's time).
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

// Finish ends the call, failed if err is not nil, and reports its spans. Only the first Finish
// counts. A wait that is still going on ends now.
func (c *Call) Finish(err error) {
	if c == nil {
		return
	}
	at := time.Duration(-1) // end reads the clock
	if err != nil {
		at = time.Since(c.start) // before WithExpected's hook takes its time
	}
	defer c.end(at) // deferred, as all below: a hook may call Goexit, which nothing can contain
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
	if s := c.inside.Swap(closed); s&closed == 0 && s >= one {
		if at < 0 {
			at = time.Since(c.start)
		}
		wait := interval{time.Duration(s & since), at}
		if first || wait.end-wait.start > Buffered {
			c.waits.add(wait)
		}
	}
	c.waits.settle()
	defer c.report() // even if a hook called for the earlier call ends the goroutine
	c.earlier.Finish(nil)
}

// FinishAlso makes c finish earlier, a call whose waits are over, when c itself finishes. Two
// reports at once cost less, and none lies between the waits, where it would look like work. If c
// is nil or has finished, FinishAlso finishes earlier at once.
func (c *Call) FinishAlso(earlier *Call) {
	if c != nil && earlier != nil {
		c.mu.Lock()
		if c.phase < finished {
			c.earlier, earlier = earlier, c.earlier
		}
		c.mu.Unlock()
	}
	earlier.Finish(nil)
}

// Discard ends a call that turned out not to be one, such as a driver's ErrSkip: nothing is
// reported. Call it before any tag, since a tag may open the span, and an open span is reported.
// Discard returns the call given to FinishAlso, unfinished.
func (c *Call) Discard() (earlier *Call) {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	opened := c.span != nil
	if !opened {
		c.phase = finished
		c.decide(dropped) // nothing opens it any more
		c.inside.Store(closed)
		earlier, c.earlier = c.earlier, nil
	}
	c.mu.Unlock()
	if opened {
		c.Finish(nil)
	}
	return earlier
}
