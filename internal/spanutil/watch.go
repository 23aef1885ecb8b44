package spanutil

import (
	"runtime"
	"slices"
	"sync"
	"time"
	"unsafe"
)

// Watch makes the garbage collector finish c, tagged abandoned, if result becomes garbage before c
// has finished. Neither c nor anything that the library keeps may reference result. Call Watch
// before result is returned to the caller.
func Watch[T any](c *Call, result *T) {
	if c != nil {
		watch(result, (*Call).collected, c)
	}
}

func watch[T any](result *T, collected func(*Call), c *Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase < finished { // another goroutine may have finished it
		c.watched = true
		c.wrapper.open.add(openCall{call: c, result: (*byte)(unsafe.Pointer(result)), collected: collected})
	}
}

// openCalls are the calls of a wrapper whose results are watched. They keep each result until the
// next collection of garbage has begun, and only then leave it to a cleanup: most calls are over by
// then, and a cleanup costs more than the rest of a watch.
type openCalls struct {
	mu    sync.Mutex // locked while Call.mu is, never the other way round
	calls []openCall
	armed bool // the next collection will call collection
}

// maxIdle is for how many calls openCalls keeps memory while it is empty.
const maxIdle = 64

type openCall struct {
	call      *Call
	collected func(*Call)
	result    *byte           // nil: has cleanup
	cleanup   runtime.Cleanup // calls collected
}

func (o *openCalls) add(c openCall) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c.call.place = int32(len(o.calls))
	o.calls = append(o.calls, c)
	o.arm()
}

// arm makes the next collection of garbage call collection.
func (o *openCalls) arm() {
	if !o.armed {
		o.armed = true
		garbage := new(struct{ _ *byte }) // has a pointer, so it shares its memory with no other object
		runtime.AddCleanup(garbage, (*openCalls).collection, o)
	}
}

func (o *openCalls) remove(c *Call) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls[c.place].cleanup.Stop()
	last := len(o.calls) - 1
	o.calls[c.place] = o.calls[last]
	o.calls[c.place].call.place = c.place
	o.calls[last] = openCall{}
	o.calls = o.calls[:last]
	if last == 0 && cap(o.calls) > maxIdle {
		o.calls = nil
	}
}

// collection gives a cleanup to each result that has none.
func (o *openCalls) collection() {
	o.mu.Lock()
	o.armed = false
	young := slices.DeleteFunc(slices.Clone(o.calls), func(c openCall) bool { return c.result == nil })
	o.mu.Unlock()
	for _, c := range young {
		o.leaveToCleanup(c)
	}
}

func (o *openCalls) leaveToCleanup(c openCall) {
	locked := c.call.mu.TryLock() // a hook may hold the lock for long; all cleanups would wait for it
	if locked {
		defer c.call.mu.Unlock()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case !locked:
		o.arm() // the next collection tries again
	case c.call.phase < finished:
		// On a goroutine of its own: a user's hook that blocks or ends the runtime's would stop all
		// cleanups.
		c.cleanup = runtime.AddCleanup(c.result, func(call *Call) { go c.collected(call) }, c.call)
		c.result = nil
		o.calls[c.call.place] = c
	}
}

// Unfinished returns the calls whose results are watched and that have not finished.
func (w *Wrapper) Unfinished() []*Call {
	w.open.mu.Lock()
	defer w.open.mu.Unlock()
	calls := make([]*Call, len(w.open.calls))
	for i, c := range w.open.calls {
		calls[i] = c.call
	}
	return calls
}

func (c *Call) collected() {
	c.Tag("abandoned", true)
	c.Finish(nil)
}

// Abandon finishes c, tagged abandoned, unless a goroutine is waiting for its result. It reports
// whether c has finished. It is for results that never become garbage, since the library references
// them.
func (c *Call) Abandon() (over bool) {
	c.mu.Lock() // before the swap: a reader whose Enter fails calls Resume, which then waits for us
	defer c.mu.Unlock()
	if !c.inside.CompareAndSwap(0, closed) {
		return c.inside.Load()&closed != 0
	}
	defer c.endLocked(abandoned, 0) // deferred: a hook may call Goexit
	c.tagLocked("abandoned", true)
	return true
}

// Started returns when the call began.
func (c *Call) Started() time.Time { return c.start }

// Resume returns a new call for reads after [Call.Abandon], with the same name and parent. Each of
// its waits begins with Enter. Resume returns nil if c was not finished by Abandon.
func (c *Call) Resume() *Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != abandoned {
		return nil
	}
	next := newCall(c.wrapper, c.what, c.tracer, client, c.parent(), time.Now())
	next.phase, next.unit, next.contextTags = answered, c.unit, c.contextTags
	return next
}
