package explain

import (
	"time"

	"golang.org/x/exp/trace"

	"github.com/gaptrace/gaptrace/gap/cpuclock"
)

// wallClock maps wall time to the clock of the execution trace.
type wallClock struct{ known []snapshot }

// snapshot is one moment on both clocks.
type snapshot struct {
	trace trace.Time
	wall  int64 // nanoseconds since 1970
}

func (c *wallClock) add(at trace.Time, wall time.Time) {
	s := snapshot{at, wall.UnixNano()}
	if n := len(c.known); n == 0 || c.known[n-1] != s {
		c.known = append(c.known, s)
	}
}

// trace converts wall time. The wall clock may be set during a recording. So trace uses the last
// snapshot before the time. ok is false if there is no snapshot.
func (c *wallClock) trace(wall int64) (at trace.Time, ok bool) {
	if len(c.known) == 0 {
		return 0, false
	}
	s := c.known[0]
	for _, later := range c.known[1:] {
		if later.wall > wall {
			break
		}
		s = later
	}
	return s.trace + trace.Time(wall-s.wall), true
}

// throttle is time in which the CPU limit kept the program from running.
type throttle struct {
	start, end trace.Time    // it was somewhere in between
	length     time.Duration // summed over the CPUs
}

// readings adds the readings of a sampler's pass over all threads.
func (r *reader) readings(e *trace.Event, s cpuclock.Sample) {
	at := r.now - trace.Time(s.Age)
	if s.Own {
		r.ownClock(e, int64(s.Threads[0].Clock))
		return
	}
	r.out.hasClocks = true
	if s.Throttled > 0 {
		// The kernel counts a time when it ends, so it may have begun before the previous reading.
		const most = time.Second // and untrusted input may claim anything
		since := trace.Time(min(s.ThrottledSince, most) + min(s.Throttled, most))
		r.throttles = append(r.throttles, throttle{r.now - since, r.now, s.Throttled})
	}
	for _, c := range s.Threads {
		t := r.threads[r.thread(trace.ThreadID(c.ID))]
		if len(t.clocks) == 0 && !s.First { // the first reading says from where it grew
			before := at - trace.Time(s.Since)
			if c.New {
				before = max(before, r.passAt)
			}
			t.clocks = append(t.clocks, clock{before, int64(c.Clock - c.Growth), 0})
		}
		t.add(at, int64(c.Clock))
		t.touched = t.hasP
		t.read = at
	}
	if s.More {
		return
	}
	for _, t := range r.threads { // a thread that the sample leaves out had no CPU since the last one
		if n := len(t.clocks); t.touched && n > 0 && t.read <= r.passAt {
			t.add(at, t.clocks[n-1].cpu)
			t.touched = t.hasP
		}
	}
	r.passAt = r.now
}

// ownClock adds a reading that a thread made of its own clock.
func (r *reader) ownClock(e *trace.Event, cpu int64) {
	n := r.thread(e.Thread())
	if n == none {
		return
	}
	r.threads[n].add(r.now, cpu)
}
