package spanutil

import (
	"runtime"
	"time"
)

// Watch finishes c, tagged abandoned, when result is garbage: it was never consumed nor closed.
// Neither c nor anything that the library keeps may lead to result. To be called before result is
// handed out.
func Watch[T any](c *Call, result *T) {
	if c != nil {
		watch(result, (*Call).abandon, c)
	}
}

func watch[T any](result *T, abandon func(*Call), c *Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.finished { // by another goroutine, which need not have waited for the result
		c.cleanup = runtime.AddCleanup(result, abandon, c)
	}
}

func (c *Call) abandon() {
	c.Tag("abandoned", true)
	c.Finish(nil)
}

// Abandon finishes c, tagged abandoned, unless a goroutine is waiting on its result. It reports
// whether c is finished. It is for results that the library keeps referenced, so that they never
// become garbage.
func (c *Call) Abandon() (over bool) {
	c.mu.Lock()                                 // before the swap, for the Resume of whoever finds the call closed
	forgot := c.state.CompareAndSwap(0, closed) // from now on Enter reports false
	c.forgot = c.forgot || forgot
	c.mu.Unlock()
	if !forgot {
		return c.state.Load()&closed != 0
	}
	defer c.Finish(nil)
	c.Tag("abandoned", true)
	return true
}

// Resume returns a new call for reads after [Call.Abandon], with the same name and parent. Its
// first wait has begun. Resume returns nil if c was not finished by Abandon.
func (c *Call) Resume() *Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.forgot {
		return nil
	}
	next := newCall(c.wrapper, c.what, c.tracer, false, c.parent, time.Now())
	next.answered, next.unit = true, c.unit
	return next
}
