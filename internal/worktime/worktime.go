// Package worktime measures the CPU time of a goroutine's own work: all it does but for the stretches that are
// left out, which is where it calls a library and may wait. It asks the clock of the thread, and so knows
// nothing of spans: the demo and the benchmarks hold it against the gaps that are found in them.
package worktime

import (
	"io"
	"runtime"
	"time"
)

// offCPU is how long a call may have been neither on a CPU nor in the queue for one without having waited for anything:
// what reading the clocks around it makes of nothing, and less than the waking of a thread takes.
const offCPU = 10 * time.Microsecond

// Clock adds up the work of one goroutine. It is not for use by others.
type Clock struct {
	at     moment        // when work was last resumed, or paused
	reads  time.Duration // CPU that is used between the thread's clock's readings of Pause and Resume, though nothing is left out
	works  bool          // the system has a clock for a thread
	queue  *queue
	paused bool

	cpu     time.Duration
	elapsed time.Duration
	queued  time.Duration
	library time.Duration
	inside  time.Duration
}

// moment is what three clocks say.
type moment struct {
	cpu    time.Duration // of the thread
	queued time.Duration // of the thread: ready to run, and not running
	wall   time.Time
}

// Start ties the goroutine to its thread, until Stop, and begins to count.
func Start() *Clock {
	runtime.LockOSThread()
	c := &Clock{}
	// What follows, to open a file among it, is the goroutine's work as well.
	c.at.wall = time.Now()
	c.at.cpu, c.works = threadTime()
	c.queue = openQueue()
	c.at.queued = c.queue.waited()
	c.reads = time.Hour
	for range 5 { // of which the least is the cost without a disturbance
		before := c.leaving()
		c.reads = min(c.reads, c.entering().cpu-before.cpu)
	}
	return c
}

// Stop ends what Start began. It returns the CPU time of the work, and false where the system cannot tell.
func (c *Clock) Stop() (time.Duration, bool) {
	if !c.paused {
		c.Pause()
	}
	c.queue.close()
	runtime.UnlockOSThread()
	return c.cpu, c.works
}

// leaving reads the clocks, the one on the wall last, so that reading them is on this side of it.
func (c *Clock) leaving() (m moment) {
	m.cpu, _ = threadTime()
	m.queued = c.queue.waited()
	m.wall = time.Now()
	return m
}

// entering is leaving the other way round.
func (c *Clock) entering() (m moment) {
	m.wall = time.Now()
	m.queued = c.queue.waited()
	m.cpu, _ = threadTime()
	return m
}

// Pause leaves out what follows, until Resume.
func (c *Clock) Pause() {
	now := c.leaving()
	c.cpu += now.cpu - c.at.cpu + c.reads
	c.queued += now.queued - c.at.queued
	c.elapsed += now.wall.Sub(c.at.wall)
	c.at, c.paused = now, true
}

// Resume counts again.
func (c *Clock) Resume() {
	now := c.entering()
	used, queued, took := now.cpu-c.at.cpu-c.reads, now.queued-c.at.queued, now.wall.Sub(c.at.wall)
	if took-used-queued < offCPU {
		c.library += took
	} else {
		c.inside += max(0, used)
	}
	c.at, c.paused = now, false
}

// Reset forgets what was counted, and counts again.
func (c *Clock) Reset() {
	c.cpu, c.elapsed, c.queued, c.library, c.inside = 0, 0, 0, 0, 0
	c.at, c.paused = c.entering(), false
}

// Elapsed returns how long the work took on the clock on the wall. What it is more than the CPU time, the goroutine was kept
// from its work: by Go's scheduler and its collector, or because others had the CPUs.
func (c *Clock) Elapsed() time.Duration { return c.elapsed }

// Queued returns how much of Elapsed the thread was ready and had to wait for a CPU, others running: of this program or of
// another. It is zero where the system cannot tell.
func (c *Clock) Queued() time.Duration { return c.queued }

// Library returns how long those stretches left out took that never waited: work that a library did, as in parsing what was
// in a buffer already.
func (c *Clock) Library() time.Duration { return c.library }

// Inside returns the CPU time that was used in those stretches left out that waited.
func (c *Clock) Inside() time.Duration { return c.inside }

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
