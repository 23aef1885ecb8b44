// Package worktime measures the CPU time of a goroutine's own work: all it does but for the stretches that are
// left out, which is where it calls a library and may wait. It asks the clock of the thread, and so knows
// nothing of spans: the demo holds it against the gaps that are found in them.
package worktime

import (
	"io"
	"runtime"
	"time"
)

// Clock adds up the work of one goroutine. It is not for use by others.
type Clock struct {
	since time.Duration // the thread's clock when work was last resumed
	total time.Duration
	read  time.Duration // what reading the thread's clock costs
	works bool          // the system has a clock for a thread
}

// Start ties the goroutine to its thread, until Stop, and begins to count.
func Start() *Clock {
	runtime.LockOSThread()
	c := &Clock{read: time.Hour}
	for range 5 { // of which the least is the cost without a disturbance
		before, _ := threadTime()
		after, _ := threadTime()
		c.read = min(c.read, after-before)
	}
	c.since, c.works = threadTime()
	return c
}

// Stop ends what Start began. It returns the CPU time of the work, and false where the system cannot tell.
func (c *Clock) Stop() (time.Duration, bool) {
	c.Pause()
	runtime.UnlockOSThread()
	return c.total, c.works
}

// Pause leaves out what follows, until Resume.
func (c *Clock) Pause() {
	now, _ := threadTime()
	// To read the clock is work as well. The later half of this read and the earlier half of Resume's fall into
	// the pause, though they are no part of what it leaves out.
	c.total += now - c.since + c.read
}

// Resume counts again.
func (c *Clock) Resume() { c.since, _ = threadTime() }

// Reader reads from r and leaves it out.
func (c *Clock) Reader(r io.Reader) io.Reader { return reader{c, r} }

type reader struct {
	clock *Clock
	next  io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	r.clock.Pause()
	defer r.clock.Resume()
	return r.next.Read(p)
}
