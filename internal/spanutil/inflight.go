package spanutil

import "time"

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
func (c *Call) Leave(n int) {
	if c == nil {
		return
	}
	c.Add(int64(n))
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

// Add adds n to the bytes, rows or messages counted.
func (c *Call) Add(n int64) {
	if c != nil && n > 0 {
		c.amount.Add(n)
	}
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
type Wait struct{ call *Call }

// Wait begins a wait, as Enter does.
func (c *Call) Wait() Wait {
	if !c.Enter() {
		return Wait{}
	}
	return Wait{c}
}

// Done ends the wait, as Leave does.
func (w *Wait) Done(n int) {
	w.call.Leave(n)
	w.call = nil
}

// Pending reports whether the wait is recorded and Done has not been called.
func (w *Wait) Pending() bool { return w.call != nil }

// Unwound finishes the call with [ErrUnwound] if Done was not called. Defer it, for a panic or
// runtime.Goexit of the library. It does not recover, so that a crash looks the same as without the
// wrapper.
func (w *Wait) Unwound() { w.call.Finish(ErrUnwound) }

// Unwound finishes the call with [ErrUnwound] if its first wait is still going on. Defer it right
// after Start. It does not recover either.
func (c *Call) Unwound() {
	if c.InFirstWait() {
		c.Finish(ErrUnwound)
	}
}
