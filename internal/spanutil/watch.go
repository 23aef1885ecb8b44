package spanutil

import (
	"runtime"
	"time"
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
		c.cleanup = runtime.AddCleanup(result, collected, c)
	}
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

// Resume returns a new call for reads after [Call.Abandon], with the same name and parent. Each of
// its waits begins with Enter. Resume returns nil if c was not finished by Abandon.
func (c *Call) Resume() *Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != abandoned {
		return nil
	}
	next := newCall(c.wrapper, c.what, c.tracer, client, c.parent(), time.Now())
	next.phase, next.unit = answered, c.unit
	return next
}
