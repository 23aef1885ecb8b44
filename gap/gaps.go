package gap

import (
	"iter"
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

	// CriticalTime is the part of Time on the critical path. For joined time it is an estimate: in
	// proportion to the time that the critical path spends in the call's spans.
	CriticalTime time.Duration
}

// Joined reports whether the gap is joined time: work of the span between waits that were joined.
// Then Start is the start of the first span of [Gap.Call], and End is the end of its last one. The
// work lies somewhere between them, and takes Time.
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
// The uncovered intervals are ordered by time, and do not overlap or touch. Together with what
// blocking children cover, they add up to the span. A joined gap comes where its call starts.
func (n Node) Gaps(atLeast time.Duration) iter.Seq[Gap] {
	return func(yield func(Gap) bool) { n.trace.gaps(n.i, atLeast, yield) }
}

// SelfTime returns the sum of the span's gaps, including joined time. It is zero for a client span,
// whose gaps are not the program's work.
func (n Node) SelfTime() time.Duration { return time.Duration(n.trace.measure(n.i).self) }

// CriticalTime returns the part of SelfTime on the critical path.
func (n Node) CriticalTime() time.Duration { return time.Duration(n.trace.measure(n.i).critical) }

// Concurrency returns how much the blocking children overlap: the sum of their durations, minus the
// time that they cover together. Only their parts inside this span count.
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
	at := n.start // all time before it is covered or has been yielded
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
