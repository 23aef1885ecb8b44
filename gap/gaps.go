package gap

import (
	"iter"
	"time"
)

// Gap is time of a span that its children do not cover.
type Gap struct {
	Node       Node // the span
	Class      Class
	Start, End time.Time     // in UTC, half-open
	Time       time.Duration // End - Start; for joined time only a part of it
	Call       Node          // for joined time the call that hides it, otherwise the zero Node

	// CriticalTime is the part of Time on the critical path. Nobody knows where joined time lies,
	// so its part is the same as that of the call's spans.
	CriticalTime time.Duration
}

// Joined reports whether the gap is work that joined waits cover. Then Start is the start of the
// first span of [Gap.Call], End is the end of its last one, and Time lies somewhere between them.
func (g Gap) Joined() bool { return g.Call != Node{} }

// Gaps returns the gaps of all spans that hold atLeast, or all gaps if atLeast is not positive.
// They are in the order of [Trace.Nodes], and those of one span in the order of [Node.Gaps].
func (t *Trace) Gaps(atLeast time.Duration) iter.Seq[Gap] {
	return func(yield func(Gap) bool) {
		for i := range t.nodes {
			if !t.gaps(int32(i), atLeast, yield) {
				return
			}
		}
	}
}

// Gaps returns the gaps of this span that hold atLeast, or all of them if atLeast is not positive.
//
// The uncovered intervals are ordered by time, and do not overlap or touch. With the intervals that
// blocking children cover, they add up to the span. Joined time comes where its call starts.
func (n Node) Gaps(atLeast time.Duration) iter.Seq[Gap] {
	return func(yield func(Gap) bool) { n.trace.gaps(n.i, atLeast, yield) }
}

// SelfTime returns how long the program was at work in this span: the sum of its gaps, including
// joined time. It is zero for a client span, whose gaps are not the program's.
func (n Node) SelfTime() time.Duration { return time.Duration(n.trace.measure(n.i).self) }

// CriticalTime returns the part of SelfTime on the critical path.
func (n Node) CriticalTime() time.Duration { return time.Duration(n.trace.measure(n.i).critical) }

// Concurrency returns the sum of the durations of the blocking children, minus the time that they
// cover. It is zero if no two of them overlap. Children are clipped to this span first.
func (n Node) Concurrency() time.Duration { return time.Duration(n.trace.measure(n.i).concurrency) }

// rawGap is a Gap in integers.
type rawGap struct {
	start, end, time, critical int64
	call                       int32
}

// sweep yields the gaps of node i. It passes over the children once, in the order of their starts.
func (t *Trace) sweep(i int32, yield func(rawGap) bool) bool {
	n, w := &t.nodes[i], t.windows[i]
	uncovered := func(start, end int64) bool {
		return start >= end || yield(rawGap{start, end, end - start, w.clip(start, end).length(), none})
	}
	at := n.start // all time before is covered, or was yielded
	for c := i + 1; c < n.next; c = t.nodes[c].next {
		child := &t.nodes[c]
		if child.is(blocking) && child.start < child.end {
			if !uncovered(at, child.start) {
				return false
			}
			at = max(at, child.end)
		}
		if child.is(joins) {
			call := t.joinedCall(c)
			if call.work > 0 && !yield(rawGap{call.start, call.end, call.work, call.critical(), c}) {
				return false
			}
		}
	}
	return uncovered(at, n.end)
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
		return yield(g)
	})
}

// measure holds the sums over one span.
type measure struct{ self, critical, concurrency int64 }

func (t *Trace) measure(i int32) (m measure) {
	n := &t.nodes[i]
	uncovered := int64(0)
	t.sweep(i, func(r rawGap) bool {
		if n.class == ClassSelf {
			m.self += r.time
			m.critical += r.critical
		}
		if r.call == none {
			uncovered += r.time
		}
		return true
	})
	durations := int64(0)
	for c := i + 1; c < n.next; c = t.nodes[c].next {
		if child := &t.nodes[c]; child.is(blocking) {
			durations = addSaturating(durations, window{n.start, n.end}.clip(child.start, child.end).length())
		}
	}
	m.concurrency = durations - (n.end - n.start - uncovered)
	return m
}
