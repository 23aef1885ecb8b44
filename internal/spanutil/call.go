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
	"github.com/opentracing/opentracing-go/ext"
	"github.com/opentracing/opentracing-go/log"
)

// Call is one recorded call. All methods are safe on nil, which is a call not recorded, and for
// use by several goroutines at once.
type Call struct {
	wrapper *Wrapper
	what    gaptrace.Call
	suffix  string // of the operation
	tracer  opentracing.Tracer
	parent  opentracing.SpanContext // nil: the call starts a trace, or is that of above
	above   *Call                   // whose span is the parent, of waits that may never be drawn
	start   time.Time

	state  atomic.Uint64 // who is waiting, and since when: see Enter
	amount atomic.Int64  // bytes, rows or messages that came

	mu       sync.Mutex // guards all below
	waits    timeline
	buf      [2]interval    // most calls wait once or twice
	tags     map[string]any // until the span is opened: what it starts with
	span     opentracing.Span
	self     opentracing.SpanContext
	remote   bool // the parent came with the request
	server   bool // it is a request being served
	likely   bool // the parent is sampled, and so will the call be; never changed once the call has begun
	sampled  bool
	broken   bool // there is no span, and will be none; self may still be told to a server
	anew     bool // the call's time begins when the span is opened
	answered bool
	finished bool
	forgot   bool             // finished by Abandon: its result may still be read
	unit     string           // what amount counts
	extra    opentracing.Tags // the user's: they win
	failure  *recordedError
	cleanup  runtime.Cleanup
	along    *Call // to be finished with this one
}

func newCall(w *Wrapper, what gaptrace.Call, tracer opentracing.Tracer, server bool, parent opentracing.SpanContext, start time.Time) *Call {
	c := &Call{wrapper: w, what: what, tracer: tracer, server: server, start: start}
	c.under(parent)
	c.waits.max = int32(min(w.MaxWaits, math.MaxInt32))
	c.waits.kept = c.buf[:0]
	return c
}

func (c *Call) under(parent opentracing.SpanContext) {
	c.parent = parent
	c.likely = parent != nil && isSampled(parent)
}

// state holds, in one word, whether the record is closed, how many goroutines are inside the
// library, and when the first of them entered, in nanoseconds since start. A word can be changed
// without a lock, which a short read, the commonest, could not pay for. 26 days fit.
const (
	sinceBits = 51
	since     = 1<<sinceBits - 1
	one       = 1 << sinceBits
	closed    = 1 << 63
)

// Enter begins a wait: the caller is about to block on the result. Waits of several goroutines that
// overlap are one wait. It returns false if the call has finished, and then records nothing.
func (c *Call) Enter() bool {
	if c == nil {
		return true
	}
	now := uint64(time.Since(c.start))
	for now <= since {
		s := c.state.Load()
		next := s + one // more than 4095 goroutines close the record, no worse
		if s < one {
			next = one | now
		}
		if s&closed != 0 {
			return false
		}
		if c.state.CompareAndSwap(s, next) {
			return true
		}
	}
	return true
}

// Add adds n to the bytes, rows or messages counted.
func (c *Call) Add(n int64) {
	if c != nil && n > 0 {
		c.amount.Add(n)
	}
}

// Leave ends what Enter began; n bytes, rows or messages came of it.
func (c *Call) Leave(n int) {
	if c == nil {
		return
	}
	c.Add(int64(n))
	now := time.Since(c.start)
	for {
		s := c.state.Load()
		switch wait := (interval{time.Duration(s & since), now}); {
		case s&closed != 0 || s < one:
			return
		case s >= 2*one: // others are still waiting
			if c.state.CompareAndSwap(s, s-one) {
				return
			}
		case wait.end-wait.start <= Buffered:
			if c.state.CompareAndSwap(s, 0) {
				return
			}
		default:
			// The lock comes before the swap, so that waits are added in the order they ended.
			c.mu.Lock()
			ended := c.state.CompareAndSwap(s, 0)
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

// Amount is how many bytes, rows or messages have come so far.
func (c *Call) Amount() int64 {
	if c == nil {
		return 0
	}
	return c.amount.Load()
}

// Answered ends the first wait: the library has returned, and its result is still to be consumed,
// in bytes, rows or messages, as unit says. It reports whether that is worth watching; if not,
// the call has been finished.
func (c *Call) Answered(unit string) bool {
	if !c.Sampled() {
		c.Finish(nil)
		return false
	}
	now := time.Since(c.start)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.finished || c.answered {
		return !c.finished
	}
	c.answered = true
	c.unit = unit
	c.state.Store(0)
	c.waits.add(interval{0, now})
	return true
}

// Served ends the frame of a request being served: its handler has returned. What it takes to draw the handler's waits,
// and to describe the request, is no part of it, and would look like the handler's work.
func (c *Call) Served() {
	if c.Sampled() {
		c.Answered("")
	}
}

// Waiting reports whether somebody is between Enter and Leave.
func (c *Call) Waiting() bool {
	if c == nil {
		return false
	}
	s := c.state.Load()
	return s&closed == 0 && s >= one
}

// Under returns a record of waits, in bytes or messages, as unit says, that are children of c's span and named after
// it, with suffix behind: a server's waits for its client. Nothing is drawn unless the caller really waits.
func (c *Call) Under(suffix, unit string) *Call {
	if !c.Sampled() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.openLocked() {
		return nil
	}
	u := newCall(c.wrapper, c.what, c.tracer, false, nil, c.start)
	u.above, u.likely = c, c.sampled
	u.suffix = suffix
	u.answered = true
	u.unit = unit
	return u
}

// Open opens the call's span, with the tags that it has by now, and returns ctx with the span in it.
// The call's time has run since it began: what it takes to describe it is ours, and would look like the program's work. Behind
// hooks of the user's, which are the program's, it begins anew, and so does a request's, whose own time is its handler's; but not
// where Sampled had to open the span to know, as without a parent. Call Open last, and then the library.
func (c *Call) Open(ctx context.Context) (with context.Context) {
	with = ctx
	if c == nil {
		return with
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	defer contain() // ContextWithSpan asks the span's tracer for its opinion
	c.anew = (c.server || c.wrapper.hooked) && !c.answered && !c.finished
	if c.openLocked() {
		with = opentracing.ContextWithSpan(ctx, c.span)
	}
	return with
}

// Sampled reports whether the call's spans will be kept, as far as can be told, so that it pays to
// describe them: as its parent's are, or else as the span itself says. A tracer that does not say
// keeps all.
func (c *Call) Sampled() bool {
	if c == nil {
		return false
	}
	if c.likely { // known since the call began
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.openLocked() && c.sampled
}

// Tag describes the call. Values are strings, numbers and booleans; a string is cut at 4 KiB.
func (c *Call) Tag(key string, value any) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.finished {
		c.tagLocked(key, value)
	}
}

// Statement records s as db.statement, after the user's hook had it, cut at 4 KiB.
func (c *Call) Statement(s string) {
	if s == "" || !c.Sampled() {
		return
	}
	if f := c.wrapper.Config.Statement; f != nil {
		s = c.rewrite(f, s)
	}
	if s != "" {
		c.Tag(string(ext.DBStatement), s)
	}
}

func (c *Call) rewrite(f func(gaptrace.Call, string) string, s string) (rewritten string) {
	defer contain()
	return f(c.what, s)
}

// Log notes what happened inside the call. After the first wait it does nothing: what a library
// says later is about a span that is over. A nil err is not noted.
func (c *Call) Log(event string, err error, fields ...log.Field) {
	if c == nil {
		return
	}
	fields = append([]log.Field{log.Event(event)}, fields...)
	if err != nil {
		if !c.Sampled() {
			return
		}
		fields = append(fields, log.Message(told(err)))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	defer contain()
	if c.answered || c.finished || !c.openLocked() || !c.sampled {
		return
	}
	c.span.LogFields(fields...)
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

// Rename gives a call a truer name than it could have when it began.
func (c *Call) Rename(operation string) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	defer contain()
	if !c.finished && c.span != nil && operation != c.what.Operation {
		c.what.Operation = operation
		c.span.SetOperationName(c.operation())
	}
}

// Fail marks the call as failed; of several errors the first counts. A nil err, or one the user
// expects, does nothing.
func (c *Call) Fail(err error) {
	if c == nil || err == nil || c.expects(err) {
		return
	}
	c.mu.Lock()
	wanted := c.failure == nil && !c.finished && (c.likely || c.span == nil && !c.broken || c.sampled)
	c.mu.Unlock()
	if !wanted {
		return
	}
	failure := record(err) // without the lock: an error may ask the result that it is of
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failure == nil {
		c.failure = failure
	}
}

func (c *Call) expects(err error) (expected bool) {
	if c.wrapper.Expected == nil {
		return false
	}
	if r, ok := err.(reworded); ok {
		err = r.error
	}
	defer contain()
	return c.wrapper.Expected(c.what, err)
}

// Finish ends the call, failed if err is not nil, and reports its spans. Only the first Finish
// counts. A wait still going on, of another goroutine or of the caller's own, ends now.
func (c *Call) Finish(err error) {
	if c == nil {
		return
	}
	at := time.Duration(-1) // whenever it is looked at
	if err != nil {
		at = time.Since(c.start) // before the user is asked about it
	}
	defer c.end(at) // deferred, as all below: a hook may end the goroutine, which nothing can contain
	c.Fail(err)
}

func (c *Call) end(at time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.finished {
		return
	}
	c.finished = true
	c.cleanup.Stop()
	if s := c.state.Swap(closed); s&closed == 0 && s >= one {
		if at < 0 {
			at = time.Since(c.start)
		}
		wait := interval{time.Duration(s & since), at}
		if !c.answered || wait.end-wait.start > Buffered {
			c.waits.add(wait)
		}
	}
	c.waits.settle()
	defer c.report() // whatever a hook does to the other's
	c.along.Finish(nil)
}

// TakeAlong leaves it to c to finish earlier, a call whose waits are over: two reports at once cost less than each by
// itself, and none lies between the waits, where it would look like work. Where c is not recorded, or over, earlier is
// finished at once.
func (c *Call) TakeAlong(earlier *Call) {
	if c != nil && earlier != nil {
		c.mu.Lock()
		if !c.finished {
			c.along, earlier = earlier, c.along
		}
		c.mu.Unlock()
	}
	earlier.Finish(nil)
}

// Discard ends a call that Begin began and that was none: nothing is drawn. It comes before any
// tag, since a tag opens the span, and a span that was opened is reported. What the call took along is
// given back, not finished.
func (c *Call) Discard() (along *Call) {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	opened := c.span != nil
	if !opened {
		c.finished, c.broken = true, true // nothing opens it any more
		c.state.Store(closed)
		along, c.along = c.along, nil
	}
	c.mu.Unlock()
	if opened {
		c.Finish(nil)
	}
	return along
}

// Unwound, deferred around the library's code, finishes the call where returned is still
// false: a panic or runtime.Goexit is passing through. It does not recover, so that the crash
// the user sees is the one there would be without us.
func (c *Call) Unwound(returned *bool) {
	if !*returned {
		c.Finish(ErrUnwound)
	}
}
