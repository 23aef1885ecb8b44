package explain

import (
	"sort"
	"time"

	"golang.org/x/exp/trace"
)

// thread is what is known of a thread of the program. It is active while it has a P: then it runs a
// goroutine or Go's scheduler, except while a system call blocks.
type thread struct {
	id      trace.ThreadID
	active  int64      // nanoseconds, without the current time with a P
	since   trace.Time // the start of that time, if hasP
	call    trace.Time // since when it is in a system call; 0 if it is not
	hasP    bool
	clocks  []clock
	touched bool       // it was active since its last clock
	read    trace.Time // the last pass of the sampler that names it
}

// clock is a reading of a thread's CPU clock.
type clock struct {
	at     trace.Time
	cpu    int64 // nanoseconds of CPU time
	active int64 // nanoseconds in which the thread was active
}

// activeAt returns how long the thread has been active until now. It leaves out a system call that
// has not ended.
func (t *thread) activeAt(now trace.Time) int64 {
	if t.call != 0 {
		now = min(now, t.call)
	}
	if t.hasP && now > t.since {
		return t.active + int64(now-t.since)
	}
	return t.active
}

// add adds a reading of the clock, unless a later one is known.
func (t *thread) add(at trace.Time, cpu int64) {
	if n := len(t.clocks); n == 0 || t.clocks[n-1].at < at {
		t.clocks = append(t.clocks, clock{at, cpu, t.activeAt(at)})
	}
}

// returned notes that the thread comes back from a system call. If the call was long, the thread
// most likely slept in it. Go leaves the thread its P for up to 10 ms if no other thread needs it.
func (t *thread) returned(now trace.Time) {
	const long = trace.Time(50 * time.Microsecond)
	if t.call != 0 && t.hasP && t.call >= t.since && now-t.call > long {
		t.since += now - t.call // the time with the P, without the call
	}
	t.call = 0
}

// acquire notes that the thread has a P, if that is not known already.
func (t *thread) acquire(now trace.Time) {
	if !t.hasP {
		t.since, t.hasP, t.touched = now, true, true
	}
}

// release notes that the thread has no P any more. If it lost the P in a system call, it has not
// used it since the start of the call.
func (t *thread) release(now trace.Time) {
	t.active = t.activeAt(now)
	t.hasP = false
}

// cpu divides an interval in which a goroutine ran on the thread, and yields each part with its
// window. ok is false if there are no clocks at both ends of the part.
func (t *thread) cpu(start, end trace.Time, yield func(start, end trace.Time, w window, ok bool)) {
	i := t.clocksUntil(start)
	for start < end {
		if i == 0 || i == len(t.clocks) {
			stop := end
			if i == 0 && len(t.clocks) > 0 {
				stop = min(end, t.clocks[0].at)
			}
			yield(start, stop, window{}, false)
			start, i = stop, i+1
			if i > len(t.clocks) {
				return
			}
			continue
		}
		a, b := t.clocks[i-1], t.clocks[i]
		stop := min(end, b.at)
		yield(start, stop, window{b.cpu - a.cpu, b.active - a.active}, true)
		start = stop
		i++
	}
}

// clocksUntil returns the number of readings until a time.
func (t *thread) clocksUntil(at trace.Time) int {
	return sort.Search(len(t.clocks), func(i int) bool { return t.clocks[i].at > at })
}

// window is the time between two readings of a thread's clock.
type window struct {
	cpu    int64 // nanoseconds of CPU time of the thread
	active int64 // nanoseconds in which it was active
}

// withCPU returns how much of a part of the window, in which a goroutine ran, had a CPU.
func (w window) withCPU(part int64) int64 {
	switch {
	case w.cpu >= w.active:
		return part
	case w.cpu <= 0:
		return 0
	}
	return min(int64(float64(part)*float64(w.cpu)/float64(w.active)), part)
}
