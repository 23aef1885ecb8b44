package gap

import (
	"fmt"
	"iter"
	"time"
)

// Gap is time of a span that its children do not account for.
type Gap struct {
	Node       Node // whose time it is
	Class      Class
	Start, End time.Time     // in UTC, half-open
	Time       time.Duration // how much: all from Start to End, or for joined time some of it
	Call       Node          // for joined time, the child that hides it; else the zero Node
}

// Joined says whether the gap is work that the joining of waits has covered: Time of it lies between Start, where
// the first of the spans of [Gap.Call] starts, and End, where the last of them ends. Nobody knows where.
func (g Gap) Joined() bool { return g.Call != Node{} }

// Class says whose time a gap is.
type Class uint8

// The classes. It is the span that decides: all gaps of a span have the same class.
const (
	Own    Class = iota // the program's own, and so perhaps CPU: of any span but a client's
	Wire                // between two processes: of a client span that has a server child
	Remote              // spent elsewhere: of any other client span
)

var classNames = [...]string{Own: "own", Wire: "wire", Remote: "remote"}

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

// OwnTime returns how long the program itself was at work in this span: the sum of its gaps, joined
// time included. It is zero for a client span, whose gaps are not the program's.
func (n Node) OwnTime() time.Duration {
	var sum time.Duration
	if n.node().class == Own {
		for g := range n.Gaps(0) {
			sum += g.Time
		}
	}
	return sum
}

// gaps sweeps over the children of node i, which are in the order of their starts.
func (t *Trace) gaps(i int32, atLeast time.Duration, yield func(Gap) bool) bool {
	n := &t.nodes[i]
	least := max(1, int64(atLeast))
	tell := func(start, end, work, call int64) bool {
		if work < least {
			return true
		}
		g := Gap{Node: Node{t, i}, Class: n.class, Start: moment(start), End: moment(end), Time: time.Duration(work)}
		if call != none {
			g.Call = Node{t, int32(call)}
		}
		return yield(g)
	}
	at := n.start // all before is covered, or told
	for c := i + 1; c < n.next; c = t.nodes[c].next {
		child := &t.nodes[c]
		if child.is(blocking) && child.start < child.end {
			if !tell(at, child.start, child.start-at, none) {
				return false
			}
			at = max(at, child.end)
		}
		if child.is(joins) {
			if h := t.hidden(c); !tell(h.start, h.end, h.work, int64(c)) {
				return false
			}
		}
	}
	return tell(at, n.end, n.end-at, none)
}
