package gap

import (
	"fmt"
	"iter"
	"math"
	"time"
)

// Gap is time of a span that its children do not account for.
type Gap struct {
	Node       Node // whose time it is
	Class      Class
	Start, End time.Time     // in UTC, half-open
	Time       time.Duration // how much: all from Start to End, or for joined time some of it
	Call       Node          // for joined time, the child that hides it; else the zero Node

	// CriticalTime is how much of Time lies on the critical path. Of joined time it is the part that is on the path of
	// the spans that hide it.
	CriticalTime time.Duration
}

// Joined says whether the gap is work that the joining of waits has covered: Time of it lies between Start, where
// the first of the spans of [Gap.Call] starts, and End, where the last of them ends. Nobody knows where.
func (g Gap) Joined() bool { return g.Call != Node{} }

// Class says whose time a gap is.
type Class uint8

// The classes. It is the span that decides: all gaps of a span have the same class.
const (
	ClassSelf   Class = iota // the program's own, and so perhaps CPU: of any span but a client's
	ClassWire                // between two processes: of a client span that has a server child
	ClassRemote              // spent elsewhere: of any other client span
)

var classNames = [...]string{ClassSelf: "self", ClassWire: "wire", ClassRemote: "remote"}

// String returns the name of the class in lower case.
func (c Class) String() string {
	if int(c) >= len(classNames) {
		return fmt.Sprintf("class %d", uint8(c))
	}
	return classNames[c]
}

// Gaps returns the gaps of all spans that hold atLeast, or all gaps if that is zero or less.
// They come span by span in the order of [Trace.Nodes], and for each span as [Node.Gaps] has them.
func (t *Trace) Gaps(atLeast time.Duration) iter.Seq[Gap] {
	return func(yield func(Gap) bool) {
		for i := range t.nodes {
			if !t.gaps(int32(i), atLeast, yield) {
				return
			}
		}
	}
}

// Gaps returns the gaps of this span that hold atLeast, or all of them if that is zero or less. What is uncovered comes by
// time: these gaps do not overlap, do not touch, and with what the blocking children cover they make up the span.
// Joined time comes where its call starts, between the gap before that and the gap after.
func (n Node) Gaps(atLeast time.Duration) iter.Seq[Gap] {
	return func(yield func(Gap) bool) { n.trace.gaps(n.i, atLeast, yield) }
}

// SelfTime returns how long the program itself was at work in this span: the sum of its gaps, joined
// time included. It is zero for a client span, whose gaps are not the program's.
func (n Node) SelfTime() time.Duration { return time.Duration(n.trace.measure(n.i).self) }

// CriticalTime returns how much of SelfTime lies on the critical path.
func (n Node) CriticalTime() time.Duration { return time.Duration(n.trace.measure(n.i).critical) }

// Concurrency returns by how much the span's blocking children, clipped to it, together last longer than the time
// they cover of it. It is zero if no two of them overlap.
func (n Node) Concurrency() time.Duration { return time.Duration(n.trace.measure(n.i).concurrency) }

// stretch is what a Gap tells, in integers.
type stretch struct {
	start, end, time, critical int64
	call                       int32
}

// sweep yields the gaps of node i, going over its children, which are in the order of their starts.
func (t *Trace) sweep(i int32, yield func(stretch) bool) bool {
	n, w := &t.nodes[i], t.windows[i]
	uncovered := func(start, end int64) bool {
		return start >= end || yield(stretch{start, end, end - start, w.clip(start, end).length(), none})
	}
	at := n.start // all before is covered, or told
	for c := i + 1; c < n.next; c = t.nodes[c].next {
		child := &t.nodes[c]
		if child.is(blocking) && child.start < child.end {
			if !uncovered(at, child.start) {
				return false
			}
			at = max(at, child.end)
		}
		if child.is(joins) {
			if h := t.hidden(c); h.work > 0 && !yield(stretch{h.start, h.end, h.work, h.critical(), c}) {
				return false
			}
		}
	}
	return uncovered(at, n.end)
}

func (t *Trace) gaps(i int32, atLeast time.Duration, yield func(Gap) bool) bool {
	return t.sweep(i, func(s stretch) bool {
		if s.time < int64(atLeast) {
			return true
		}
		g := Gap{
			Node: Node{t, i}, Class: t.nodes[i].class, Start: moment(s.start), End: moment(s.end),
			Time: time.Duration(s.time), CriticalTime: time.Duration(s.critical),
		}
		if s.call != none {
			g.Call = Node{t, s.call}
		}
		return yield(g)
	})
}

// measure is what there is to know of a span as a whole.
type measure struct{ self, critical, concurrency int64 }

func (t *Trace) measure(i int32) (m measure) {
	n := &t.nodes[i]
	uncovered := int64(0)
	t.sweep(i, func(s stretch) bool {
		if n.class == ClassSelf {
			m.self += s.time
			m.critical += s.critical
		}
		if s.call == none {
			uncovered += s.time
		}
		return true
	})
	all := int64(0)
	for c := i + 1; c < n.next; c = t.nodes[c].next {
		if child := &t.nodes[c]; child.is(blocking) {
			all = plus(all, window{n.start, n.end}.clip(child.start, child.end).length())
		}
	}
	m.concurrency = all - (n.end - n.start - uncovered)
	return m
}

// plus adds what is not negative, and stops at the highest number.
func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
