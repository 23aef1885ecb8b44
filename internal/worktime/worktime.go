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
	at    moment        // when work was last resumed, or paused
	read  time.Duration // what reading the thread's clock costs
	works bool          // the system has a clock for a thread
	queue *queue

	total   time.Duration
	queued  time.Duration
	library time.Duration
}

// moment is what three clocks say.
type moment struct {
	wall   time.Time
	cpu    time.Duration // of the thread
	queued time.Duration // of the thread: ready to run, and not running
}

// Start ties the goroutine to its thread, until Stop, and begins to count.
func Start() *Clock {
	runtime.LockOSThread()
	c := &Clock{read: time.Hour, queue: openQueue()}
	for range 5 { // of which the least is the cost without a disturbance
		before, _ := threadTime()
		after, _ := threadTime()
		c.read = min(c.read, after-before)
	}
	_, c.works = threadTime()
	c.at = moment{queued: c.queue.waited()}
	c.at.cpu, _ = threadTime()
	return c
}

// Stop ends what Start began. It returns the CPU time of the work, and false where the system cannot tell.
func (c *Clock) Stop() (time.Duration, bool) {
	c.Pause()
	c.queue.close()
	runtime.UnlockOSThread()
	return c.total, c.works
}

// Pause leaves out what follows, until Resume.
func (c *Clock) Pause() {
	// To read the clocks is work as well. The later half of the last read and the earlier half of Resume's first fall
	// into the pause, though they are no part of what it leaves out.
	now := moment{queued: c.queue.waited(), wall: time.Now()}
	now.cpu, _ = threadTime()
	c.total += now.cpu - c.at.cpu + c.read
	c.queued += now.queued - c.at.queued
	c.at = now
}

// Resume counts again.
func (c *Clock) Resume() {
	var now moment
	now.cpu, _ = threadTime()
	now.wall, now.queued = time.Now(), c.queue.waited()
	used, queued := now.cpu-c.at.cpu, now.queued-c.at.queued
	if now.wall.Sub(c.at.wall)-used-queued < offCPU {
		c.library += max(0, used-c.read)
		c.queued += queued
	}
	c.at = now
}

// Queued returns how long the work that was counted, and what Library tells of, had to wait for a CPU because others were
// running, of this program or of another: time of the clock on the wall that is neither work nor a wait for anything that
// a program could name. It is zero where the system cannot tell.
func (c *Clock) Queued() time.Duration { return c.queued }

// Library returns the CPU time of those stretches left out that never waited: work that a library did, as in parsing what
// was in a buffer already.
func (c *Clock) Library() time.Duration { return c.library }

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
