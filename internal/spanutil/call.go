package spanutil

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/gap/cpuclock"
	"github.com/opentracing/opentracing-go"
)

// Call is one recorded call. All methods are safe on nil, which is a call that is not recorded, and
// for use by several goroutines at once.
type Call struct {
	wrapper *Wrapper
	what    gaptrace.Call
	tracer  opentracing.Tracer
	under   [1]opentracing.SpanReference // see parent
	served  *Call                        // for reads and writes: the served call, whose span is the parent
	start   time.Time

	inside   atomic.Uint64 // who is waiting, and since when: see Enter
	amount   atomic.Int64  // bytes, rows or messages that came
	decision atomic.Uint32 // a decision; it changes under mu

	role         role
	remoteParent bool // parent came with the request
	final        bool // the decision of parent to sample cannot change
	lazy         bool // see isLazy
	yielded      bool // see yield; under mu
	watched      bool // by wrapper.open; under mu

	phase    phase // under mu, as the next two
	unit     Unit  // of amount
	tagCount int32 // of the span, while it is open
	place    int32 // in wrapper.open; under its mutex

	ctx         context.Context  // of callContext; nil: the program is not woven
	contextTags opentracing.Tags // of ContextWithTags

	mu       sync.Mutex // guards all below
	waits    timeline
	buf      [2]interval                    // most calls wait once or twice
	tags     []opentracing.Tag              // what the span starts with: first its kind
	option   [1]opentracing.StartSpanOption // of span; here, as under, to save an allocation
	appender *tagAppender                   // of the span; nil: its tags are set by OpenTracing's API
	span     opentracing.Span               // nil: not open
	hookTags opentracing.Tags               // see userTags: they override the wrapper's
	failure  *recordedError
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
	client   role = iota
	producer      // a client that sends a message
	server        // a request that is served; its span is not a wait
	consumer      // a server that gets messages
	reads         // a server's waits for its client; their spans are of kind client
	writes
)

// serves reports whether the call's span is its handler's time, and not a wait.
func (r role) serves() bool { return r == server || r == consumer }

// suffix returns what is appended to the operation.
func (r role) suffix() string { return [...]string{reads: " read", writes: " write"}[r] }

func newCall(
	w *Wrapper, what gaptrace.Call, tracer opentracing.Tracer, as role, parent opentracing.SpanContext, start time.Time,
) *Call {
	c := released.Get().(*Call)
	c.wrapper, c.what, c.tracer, c.role, c.start = w, what, tracer, as, start
	c.setParent(parent)
	c.waits.max = int32(min(w.Options.MaxWaits, math.MaxInt32))
	c.waits.kept = c.buf[:0]
	return c
}

// released are zero calls.
var released = sync.Pool{New: func() any { return new(Call) }}

// Release lets another call use the memory of c, which has finished. Only a caller that has the
// last reference may call it: c had no result to watch, and no hook or context of it can still be
// used. Release does nothing if a tracer other than Jaeger's may have kept c as its
// StartSpanOption.
func (c *Call) Release() {
	if c == nil || c.appender == nil || c.ctx != nil || c.phase != finished {
		return
	}
	*c = Call{}
	released.Put(c)
}

// parent returns nil if the call starts a trace, or is a served call's reads or writes.
func (c *Call) parent() opentracing.SpanContext { return c.under[0].ReferencedContext }

func (c *Call) setParent(parent opentracing.SpanContext) {
	c.under[0] = reference(opentracing.ChildOfRef, parent)
	if parent != nil && isSampled(parent) {
		c.decide(sampled)
		c.final = isFinal(parent)
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

// Unwound finishes the call with [ErrUnwound] if its first wait is still going on. Defer it right
// after Start, for a panic or runtime.Goexit of the library. It does not recover, so that a crash
// looks the same as without the wrapper.
func (c *Call) Unwound() {
	if c.InFirstWait() {
		c.Finish(ErrUnwound)
	}
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
	restart := c.phase == begun && (c.role.serves() || c.wrapper.hooked)
	if c.lazy && c.span == nil && c.decided() != dropped {
		c.start = time.Now()
	} else if c.openLocked(restart) {
		with = opentracing.ContextWithSpan(ctx, c.span)
	}
	return c.withinLocked(with)
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

// Answered ends the first wait: the library has returned. Its result is still to be consumed, and
// is counted in unit. Answered reports whether to watch the result. If not, the call has finished.
func (c *Call) Answered(unit Unit) bool {
	if !c.Sampled() {
		c.Finish(nil)
		return false
	}
	now := time.Since(c.start)
	cpuclock.Read()
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

// Call.inside holds, in one word, whether the call has finished, how many goroutines are inside the
// library, and when the first of them entered, in nanoseconds since the call's start. A lock
// instead would cost a short read, the most common one, too much.
//
//	bit   63       62 … 51      50 … 0
//	      closed   goroutines   since     (26 days fit)
const (
	sinceBits = 51
	sinceMask = 1<<sinceBits - 1

	oneGoroutine = 1 << sinceBits
	closed       = 1 << 63
)

// Enter begins a wait: the caller is about to block on the result. Overlapping waits of several
// goroutines are one wait. If the call has finished, Enter records nothing and returns false.
func (c *Call) Enter() bool {
	if c == nil {
		return true
	}
	now := uint64(time.Since(c.start))
	for now <= sinceMask {
		s := c.inside.Load()
		next := s + oneGoroutine // the 4096th goroutine sets closed: later waits are not recorded
		if s < oneGoroutine {
			next = oneGoroutine | now
		}
		if s&closed != 0 {
			return false
		}
		if c.inside.CompareAndSwap(s, next) {
			return true
		}
	}
	return true
}

// Leave ends what Enter began, and adds n to the bytes, rows or messages counted.
func (c *Call) Leave(n int64) {
	if c == nil {
		return
	}
	if n > 0 {
		c.amount.Add(n)
	}
	now := time.Since(c.start)
	for {
		s := c.inside.Load()
		switch wait := (interval{time.Duration(s & sinceMask), now}); {
		case s&closed != 0 || s < oneGoroutine:
			return
		case s >= 2*oneGoroutine: // others are still waiting
			if c.inside.CompareAndSwap(s, s-oneGoroutine) {
				return
			}
		case wait.end-wait.start <= Buffered:
			if c.inside.CompareAndSwap(s, 0) {
				return
			}
		default:
			cpuclock.Read()
			// The lock comes before the swap, so that waits are added in the order they ended.
			c.mu.Lock()
			ended := c.inside.CompareAndSwap(s, 0)
			if ended {
				c.waits.add(wait)
			}
			c.mu.Unlock()
			if ended {
				return
			}
		}
	}
}

// Waiting reports whether a goroutine is between Enter and Leave.
func (c *Call) Waiting() bool {
	if c == nil {
		return false
	}
	s := c.inside.Load()
	return s&closed == 0 && s >= oneGoroutine
}

// Amount returns how many bytes, rows or messages have been counted so far.
func (c *Call) Amount() int64 {
	if c == nil {
		return 0
	}
	return c.amount.Load()
}

// Wait is a wait that begins and ends in one function:
//
//	wait := call.Wait()
//	defer wait.Unwound()
//	n, err := library.Read(p)
//	wait.Done(n)
type Wait struct {
	call  *Call
	guard bool // not a wait: see Guard
}

// Wait begins a wait, as Enter does.
func (c *Call) Wait() Wait {
	if !c.Enter() {
		return Wait{}
	}
	return Wait{call: c}
}

// Guard returns a Wait whose time is the program's work: what it reads has come already. If the
// call has finished, it is not recorded.
func (c *Call) Guard() Wait {
	if c == nil || c.inside.Load()&closed != 0 {
		return Wait{}
	}
	return Wait{call: c, guard: true}
}

// Done ends the wait, as Leave does.
func (w *Wait) Done(n int) {
	switch {
	case !w.guard:
		w.call.Leave(int64(n))
	case n > 0:
		w.call.amount.Add(int64(n))
	}
	w.call = nil
}

// DoneOne ends the wait for a row or message, which counts if err is nil.
func (w *Wait) DoneOne(err error) {
	if err != nil {
		w.Done(0)
	} else {
		w.Done(1)
	}
}

// Pending reports whether the wait is recorded and Done has not been called.
func (w *Wait) Pending() bool { return w.call != nil }

// Unwound finishes the call with [ErrUnwound] if Done was not called. Defer it, as [Call.Unwound].
func (w *Wait) Unwound() { w.call.Finish(ErrUnwound) }

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
	if c.watched {
		c.wrapper.open.remove(c)
	}
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
