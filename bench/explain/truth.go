package main

import (
	"crypto/sha256"
	"runtime"
	"sync"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// causes is a set of causes. Time for which the truth is a set is explained correctly by any of
// them.
type causes uint16

func oneOf(all ...gap.Cause) (set causes) {
	for _, c := range all {
		set |= 1 << c
	}
	return set
}

func (s causes) has(c gap.Cause) bool { return s&(1<<c) != 0 }

// name returns the cause that stands for the set in tables: the most specific one.
func (s causes) name() gap.Cause {
	for _, c := range []gap.Cause{
		gap.CauseNetwork, gap.CauseLock, gap.CauseChannel, gap.CauseSleep, gap.CauseSyscall, gap.CauseGC, gap.CauseThrottled,
		gap.CauseNoCPU, gap.CauseRunnable, gap.CauseCPU, gap.CauseCgo, gap.CauseSelect,
	} {
		if s.has(c) {
			return c
		}
	}
	return gap.CauseUnobserved
}

var (
	noCPU = oneOf(gap.CauseNoCPU, gap.CauseRunnable)

	// waking is the time after a wait has ended, until the goroutine goes on.
	waking = oneOf(gap.CauseCPU, gap.CauseNoCPU, gap.CauseRunnable, gap.CauseThrottled)

	// client is the time in which a client works, or what it has sent is under way.
	client = waking | oneOf(gap.CauseNetwork, gap.CauseSyscall)
)

// amount is time for which the truth is the same.
type amount struct {
	causes   causes
	duration time.Duration
}

// segment is an interval of a request whose truth is known. The order of the amounts in it is not.
type segment struct {
	start, end time.Time
	amounts    []amount
}

// truth is what one goroutine did. Segments are ordered by time and do not overlap.
type truth struct {
	segments []segment

	// rest has the causes of time in a burn in which the thread neither used a CPU nor was ready to.
	rest causes

	// unlocked does not lock burns to a thread. It is for programs in which no other goroutine uses
	// much CPU time.
	unlocked bool
}

func newTruth() truth { return truth{rest: noCPU} }

// add adds a segment. rest has the causes of the time that the amounts do not cover.
func (t *truth) add(start, end time.Time, rest causes, amounts ...amount) {
	length := end.Sub(start)
	if length <= 0 {
		return
	}
	left := length
	var kept []amount
	for _, a := range amounts {
		if a.duration = min(a.duration, left); a.duration > 0 {
			kept = append(kept, a)
			left -= a.duration
		}
	}
	if left > 0 {
		kept = append(kept, amount{rest, left})
	}
	t.segments = append(t.segments, segment{start, end, kept})
}

// include adds what another goroutine did, as far as it lies between start and end. rest has the
// causes of the time in which nothing is known of it.
func (t *truth) include(other *truth, start, end time.Time, rest causes) {
	for _, s := range other.segments {
		s = s.clip(start, end)
		if len(s.amounts) == 0 {
			continue
		}
		t.add(start, s.start, rest)
		t.segments = append(t.segments, s)
		start = s.end
	}
	t.add(start, end, rest)
}

// clip returns the part of the segment between start and end. The amounts shrink in proportion.
func (s segment) clip(start, end time.Time) segment {
	length := s.end.Sub(s.start)
	if s.start.Before(start) {
		s.start = start
	}
	if s.end.After(end) {
		s.end = end
	}
	left := s.end.Sub(s.start)
	if left <= 0 {
		return segment{}
	}
	if left == length {
		return s
	}
	part := float64(left) / float64(length)
	amounts := make([]amount, len(s.amounts))
	for i, a := range s.amounts {
		amounts[i] = amount{a.causes, time.Duration(part * float64(a.duration))}
	}
	s.amounts = amounts
	return s
}

// reading is what the clocks show.
type reading struct {
	wall        time.Time
	cpu, queued time.Duration // of the thread: it ran; it was ready, but others had the CPUs
}

// read reads the clocks. The goroutine must stay on its thread.
func read() (r reading) {
	r.queued = threadQueued()
	r.wall = time.Now()
	r.cpu = threadCPU()
	return r
}

// readAgain reads the clocks in the opposite order.
func readAgain() (r reading) {
	r.cpu = threadCPU()
	r.wall = time.Now()
	r.queued = threadQueued()
	return r
}

// onThread runs f on a thread of its own. It returns the clocks before and after.
func onThread(f func(before reading)) (before, after reading) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before = read()
	f(before)
	return before, readAgain()
}

// burn uses d of CPU time.
func (t *truth) burn(d time.Duration) {
	if t.unlocked {
		t.burnUnlocked(d)
		return
	}
	before, after := onThread(func(before reading) { burn(before.cpu + d) })
	t.used(before, after, gap.CauseCPU)
}

// used adds a segment in which CPU time counts as the cause. Time in which the thread was ready but
// had no CPU may also be a wait for Go's scheduler. The scheduler has to wake the thread before it
// can go on with a goroutine that is locked to it.
func (t *truth) used(before, after reading, cause gap.Cause) {
	t.add(before.wall, after.wall, t.rest,
		amount{oneOf(cause), after.cpu - before.cpu}, amount{noCPU, after.queued - before.queued})
}

// burnUnlocked uses about d of CPU time, on any threads. It reads the clocks so often that the
// goroutine is hardly ever on another thread than at the last reading. If it is, all that is known
// of the time between the two is that it was not a wait.
func (t *truth) burnUnlocked(d time.Duration) {
	first := readUnlocked()
	last := first
	var cpu, queued, unknown time.Duration
	for cpu+unknown < d {
		hash(3000) // about 0.3 ms
		now := readUnlocked()
		if now.thread == last.thread {
			cpu += now.cpu - last.cpu
			queued += now.queued - last.queued
		} else {
			unknown += now.wall.Sub(last.wall)
		}
		last = now
	}
	t.add(first.wall, last.wall, t.rest, amount{oneOf(gap.CauseCPU), cpu}, amount{oneOf(gap.CauseNoCPU), queued},
		amount{waking, unknown})
}

// threadReading is what the clocks of a thread show.
type threadReading struct {
	reading

	thread int
}

// readUnlocked reads the clocks of the thread on which the goroutine is.
func readUnlocked() threadReading {
	for {
		before := threadID()
		r := threadReading{read(), threadID()}
		if r.thread == before {
			return r
		}
	}
}

// burn works until the CPU clock of the thread shows the time.
func burn(until time.Duration) {
	for threadCPU() < until {
		hash(64)
	}
}

func hash(times int) {
	var sum [sha256.Size]byte
	for range times {
		sum = sha256.Sum256(sum[:])
	}
}

// wait adds a wait. f returns when the reason to wait ended, by a clock of whoever ended it.
func (t *truth) wait(cause gap.Cause, f func() (ended time.Time)) {
	start := time.Now()
	ended := f()
	end := time.Now()
	ended = clamp(ended, start, end)
	t.add(start, ended, oneOf(cause))
	t.add(ended, end, waking|oneOf(cause))
}

func (t *truth) sleep(d time.Duration) {
	t.wait(gap.CauseSleep, func() time.Time {
		deadline := time.Now().Add(d)
		time.Sleep(d)
		return deadline
	})
}

// network adds a call over the network. f returns when the server received it and when the server
// answered, by the server's clock.
func (t *truth) network(f func() (received, answered time.Time, err error)) error {
	start := time.Now()
	received, answered, err := f()
	end := time.Now()
	if err != nil {
		return err
	}
	received = clamp(received, start, end)
	answered = clamp(answered, received, end)
	t.add(start, received, client)
	t.add(received, answered, oneOf(gap.CauseNetwork))
	t.add(answered, end, client)
	return nil
}

func clamp(at, low, high time.Time) time.Time {
	if at.Before(low) {
		return low
	}
	if at.After(high) {
		return high
	}
	return at
}

// stamps are when a server received a call and when it answered.
type stamps struct {
	mu                 sync.Mutex
	received, answered time.Time
}

func (s *stamps) receive() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.received = time.Now()
}

func (s *stamps) answer() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answered = time.Now()
}

func (s *stamps) get() (received, answered time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.received, s.answered
}
