// Package worktime measures the CPU time of a goroutine's work. The clock is paused during calls of
// a library, which may wait.
//
//	goroutine  |--work--|....call....|--work--|..read..|--work--|
//	clock    Start    Pause       Resume    Pause   Resume    Stop
//
// It reads the clock of the thread and does not depend on spans. So the demo and the benchmarks can
// compare it with the gaps that they find in spans.
package worktime

import (
	"io"
	"runtime"
	"time"
)

// minWait is how long a thread must neither run nor be ready to run to count as waiting. The error
// of reading the clocks is smaller, and waking a thread that waited takes longer.
const minWait = 10 * time.Microsecond

// Clock measures the work of one goroutine. Only that goroutine may use it.
type Clock struct {
	last     reading       // when work was last paused or resumed
	readCPU  time.Duration // the least CPU time of reading the clocks, at a Pause and the Resume after it
	pauses   int
	hasClock bool        // the system has a CPU clock for a thread
	queue    *queueClock // nil if the kernel has none
	paused   bool

	cpu, elapsed, queued time.Duration // of the work
	library, inside      time.Duration // of the paused intervals
	libraryCPU           time.Duration
}

// reading is what the three clocks show.
type reading struct {
	cpu    time.Duration // of the thread
	queued time.Duration // of the thread: ready to run, but not running
	wall   time.Time
}

// Start locks the goroutine to its thread until Stop, and starts the clock.
func Start() *Clock {
	runtime.LockOSThread()
	c := &Clock{}
	// The rest of Start, such as opening a file, counts as work.
	c.last.wall = time.Now()
	c.last.cpu, c.hasClock = threadTime()
	c.queue = openQueueClock()
	c.last.queued = c.queue.waited()
	c.readCPU = time.Hour
	for range 5 { // interruptions only add to the cost, so the least counts
		before := c.readLeaving()
		c.readCPU = min(c.readCPU, c.readReturning().cpu-before.cpu)
	}
	return c
}

// Stop stops the clock and returns the CPU time of the work. It returns false if the system has no
// clock for a thread.
func (c *Clock) Stop() (time.Duration, bool) {
	if !c.paused {
		c.Pause()
	}
	c.queue.close()
	runtime.UnlockOSThread()
	// Reading the clocks counts as work. It is in elapsed already, because the wall clock is read
	// last at a Pause and first at a Resume.
	return c.cpu + time.Duration(c.pauses)*c.readCPU, c.hasClock
}

// readLeaving reads the clocks at the end of work. It reads the wall clock last, so that reading
// the others counts as work.
func (c *Clock) readLeaving() (r reading) {
	r.cpu, _ = threadTime()
	r.queued = c.queue.waited()
	r.wall = time.Now()
	return r
}

// readReturning reads the clocks at the start of work, in the opposite order.
func (c *Clock) readReturning() (r reading) {
	r.wall = time.Now()
	r.queued = c.queue.waited()
	r.cpu, _ = threadTime()
	return r
}

// Pause stops counting until Resume.
func (c *Clock) Pause() {
	now := c.readLeaving()
	c.cpu += now.cpu - c.last.cpu
	c.pauses++
	c.queued += now.queued - c.last.queued
	c.elapsed += now.wall.Sub(c.last.wall)
	c.last, c.paused = now, true
}

// Resume counts again after Pause.
func (c *Clock) Resume() {
	now := c.readReturning()
	c.readCPU = min(c.readCPU, now.cpu-c.last.cpu) // the caches may have been cold in Start
	used, queued, took := now.cpu-c.last.cpu-c.readCPU, now.queued-c.last.queued, now.wall.Sub(c.last.wall)
	if took-used-queued < minWait {
		c.library += took
		c.libraryCPU += max(used, 0)
	} else {
		c.inside += used
	}
	c.last, c.paused = now, false
}

// Reset discards what was counted and starts again.
func (c *Clock) Reset() {
	c.cpu, c.pauses, c.elapsed, c.queued, c.library, c.libraryCPU, c.inside = 0, 0, 0, 0, 0, 0, 0
	c.last, c.paused = c.readReturning(), false
}

// Elapsed returns the wall time of the work. It exceeds the CPU time if the goroutine was kept from
// running: by Go's scheduler, its garbage collector, or others on the CPUs.
func (c *Clock) Elapsed() time.Duration { return c.elapsed }

// Queued returns the part of Elapsed in which the thread was ready to run, but others had the CPUs.
// It is zero if the system does not record that.
func (c *Clock) Queued() time.Duration { return c.queued }

// Library returns the wall time of the paused intervals without a wait: work of a library, such as
// parsing what was already in a buffer.
func (c *Clock) Library() time.Duration { return c.library }

// LibraryCPU returns the CPU time of the intervals of Library.
func (c *Clock) LibraryCPU() time.Duration { return c.libraryCPU }

// Inside returns the CPU time used in the paused intervals with a wait.
func (c *Clock) Inside() time.Duration { return c.inside }

// Reader returns a reader of r that pauses the clock in each Read.
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
