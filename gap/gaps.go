package gap

import (
	"iter"
	"math"
	"math/bits"
	"time"
)

// Gap is time of a span that its blocking children do not cover, or that joined waits only seem to
// cover, see [Gap.Joined].
type Gap struct {
	Node       Node // the span
	Class      Class
	Start, End time.Time     // in UTC, half-open
	Time       time.Duration // End - Start; for joined time at most that
	Call       Node          // the call that covers joined time; the zero Node for any other gap

	// After is the blocking child that ends where the gap starts, and Before the one that starts
	// where the gap ends. A later wait counts as its call. The zero Node stands for no such child:
	// the gap starts or ends with its span. For joined time both are the zero Node.
	After, Before Node

	// CriticalTime is the part of Time on the critical path. For joined time it is an estimate: in
	// proportion to the time that the critical path spends in the call's spans and below them.
	CriticalTime time.Duration

	// Explanation says what the program did in the gap. It is nil unless [Trace.Explained] made the
	// trace.
	Explanation *Explanation
}

// Joined reports whether the gap is joined time: work of the span between waits that were joined.
// Start and End are then those of the frame of [Gap.Call], as far as it lies inside the frame of
// Node. The work takes Time, and lies somewhere between them.
func (g Gap) Joined() bool { return g.Call != Node{} }

// Gaps returns the gaps of all spans whose Time is at least atLeast, or all gaps if that is zero or
// negative. They are in the order of [Trace.Nodes], and those of one span in that of [Node.Gaps].
func (t *Trace) Gaps(atLeast time.Duration) iter.Seq[Gap] {
	return func(yield func(Gap) bool) {
		for i := range t.nodes {
			if !t.gaps(int32(i), atLeast, yield) {
				return
			}
		}
	}
}

// Gaps returns the gaps of this span whose Time is at least atLeast, or all of them if that is zero
// or negative. It includes wire and remote gaps, which SelfTime leaves out.
//
// The gaps are ordered by time. Except for joined time they do not overlap or touch, and add up to
// the span together with what blocking children cover. A joined gap follows the last gap before the
// start of its call.
func (n Node) Gaps(atLeast time.Duration) iter.Seq[Gap] {
	return func(yield func(Gap) bool) { n.trace.gaps(n.i, atLeast, yield) }
}

// SelfTime returns the sum of the span's gaps, including joined time. It is zero for a client span,
// whose gaps are not the program's work.
func (n Node) SelfTime() time.Duration { return time.Duration(n.trace.measure(n.i, nil).self) }

// CriticalTime returns the part of SelfTime on the critical path.
func (n Node) CriticalTime() time.Duration { return time.Duration(n.trace.measure(n.i, nil).critical) }

// SelfTimes returns SelfTime and CriticalTime, in half the time that both take.
func (n Node) SelfTimes() (all, critical time.Duration) {
	m := n.trace.measure(n.i, nil)
	return time.Duration(m.self), time.Duration(m.critical)
}

// Concurrency returns how much the blocking children overlap: the sum of their durations, minus the
// time that they cover together. Only their parts inside this span count.
func (n Node) Concurrency() time.Duration {
	return time.Duration(n.trace.measure(n.i, nil).concurrency)
}

// rawGap is a Gap in integers.
type rawGap struct {
	start, end, time, critical int64
	call, after, before        int32
}

// sweep yields the gaps of node i. It passes over the children once, in the order of their starts.
func (t *Trace) sweep(i int32, yield func(rawGap) bool) bool {
	n := &t.nodes[i]
	if n.is(framed) {
		return t.sweepFrame(i, yield)
	}
	critical := t.criticalTime(i)
	after := int32(none)
	uncovered := func(start, end int64, before int32) bool {
		return start >= end || yield(rawGap{start, end, end - start, critical(start, end), none, after, before})
	}
	at := n.start // all time before it is covered or has been yielded
	for c := i + 1; c < n.next; c = t.nodes[c].next {
		child := &t.nodes[c]
		if child.is(blocking) && child.start < child.end {
			if !uncovered(at, child.start, c) {
				return false
			}
			if child.end > at {
				at, after = child.end, c
			}
		}
		if child.is(joins) && !t.yieldJoined(c, yield) {
			return false
		}
	}
	return uncovered(at, n.end, none)
}

// sweepFrame is sweep for a span of a frame.
func (t *Trace) sweepFrame(i int32, yield func(rawGap) bool) bool {
	n := &t.nodes[i]
	critical := t.criticalTime(i)
	c := i + 1
	joined := func(until int64) bool { // yields the joined time of calls that start until then
		for ; c < n.next && t.nodes[c].start <= until; c = t.nodes[c].next {
			if t.nodes[c].is(joins) && !t.yieldJoined(c, yield) {
				return false
			}
		}
		return true
	}
	uncovered := func(part window, running int64, ended, started int32) bool {
		if part.start == n.start {
			ended = none // it ended together with the span's start, so it is not in the span
		}
		return running > 0 || joined(part.start) && yield(rawGap{
			part.start, part.end, part.length(), critical(part.start, part.end), none, ended, started,
		})
	}
	return t.frame(i).during(n.start, n.end, uncovered) && joined(maxTime)
}

func (t *Trace) yieldJoined(call int32, yield func(rawGap) bool) bool {
	c, w := t.joinedCall(call), t.bounds(call)
	w = t.bounds(t.nodes[call].parent).clip(w.start, w.end)
	return c.work == 0 || yield(rawGap{w.start, w.end, c.work, c.critical(), call, none, none})
}

// criticalTime returns a function that says how much of a gap of node i is on the critical path. It
// must be called for one gap after the other.
func (t *Trace) criticalTime(i int32) func(start, end int64) int64 {
	if !t.nodes[i].is(segmented) {
		w := t.windows[i]
		return func(start, end int64) int64 { return w.clip(start, end).length() }
	}
	next := t.firstOf[i]
	return func(_, end int64) (sum int64) {
		for ; next != none && t.segments[next].start < end; next = t.segments[next].next {
			sum += t.segments[next].end - t.segments[next].start // a segment lies inside one gap
		}
		return sum
	}
}

func (t *Trace) gaps(i int32, atLeast time.Duration, yield func(Gap) bool) bool {
	return t.sweep(i, func(r rawGap) bool {
		if r.time < int64(atLeast) {
			return true
		}
		g := Gap{
			Node: Node{t, i}, Class: t.nodes[i].class, Start: moment(r.start), End: moment(r.end),
			Time: time.Duration(r.time), CriticalTime: time.Duration(r.critical),
		}
		if r.call != none {
			g.Call = Node{t, r.call}
		}
		if r.after != none {
			g.After = Node{t, t.call(r.after)}
		}
		if r.before != none {
			g.Before = Node{t, t.call(r.before)}
		}
		if t.explanations != nil {
			g.Explanation = t.explanations[gapID{i, r.call, r.start}]
		}
		return yield(g)
	})
}

// measure holds the sums over one span.
type measure struct{ self, critical, concurrency int64 }

// measure adds up the gaps of node i, and passes each to visit, if that is not nil.
func (t *Trace) measure(i int32, visit func(rawGap)) (m measure) {
	n := &t.nodes[i]
	uncovered := int64(0)
	t.sweep(i, func(r rawGap) bool {
		if visit != nil {
			visit(r)
		}
		if n.class == ClassSelf {
			m.self += r.time
			m.critical += r.critical
		}
		if r.call == none {
			uncovered += r.time
		}
		return true
	})
	m.concurrency = t.durations(i) - (n.end - n.start - uncovered)
	return m
}

// durations returns the sum of the durations of the blocking children, inside node i.
func (t *Trace) durations(i int32) (sum int64) {
	n := &t.nodes[i]
	if n.is(framed) {
		t.frame(i).during(n.start, n.end, func(part window, running int64, _, _ int32) bool {
			high, low := bits.Mul64(uint64(part.length()), uint64(running))
			if high > 0 || low > math.MaxInt64 {
				low = math.MaxInt64
			}
			sum = addSaturating(sum, int64(low))
			return true
		})
		return sum
	}
	for c := i + 1; c < n.next; c = t.nodes[c].next {
		if child := &t.nodes[c]; child.is(blocking) {
			sum = addSaturating(sum, window{n.start, n.end}.clip(child.start, child.end).length())
		}
	}
	return sum
}
