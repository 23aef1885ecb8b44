package gap

import (
	"iter"
	"time"
)

// Trace is the spans of one trace as a forest. It does not change, and may be read by many goroutines.
type Trace struct {
	id         TraceID
	nodes      []node   // depth first, siblings by time: a node's subtree is nodes[i:nodes[i].next]
	windows    []window // what the critical path spends in each node
	joined     []hidden // the calls that hide work of their parent, by node
	services   []string
	operations []operationKey // by the numbers that the nodes have
	start, end int64
}

// operationKey names an operation of a service.
type operationKey struct {
	service uint32 // its number
	name    string
}

// node is a span in its place. Children need no list of their own: the first follows its parent, and
// each begins where the subtree of the one before it ends.
type node struct {
	span       *Span
	id         SpanID // of the span, which is far away
	start, end int64  // nanoseconds since 1970, start <= end
	parent     int32  // none for a root
	next       int32  // one past the subtree
	depth      int32
	operation  uint32
	kind       Kind
	class      Class
	flags      flags
}

const (
	none = -1
	gone = -2
)

type flags uint8

const (
	childOf    flags = 1 << iota // it names its parent by ChildOf
	blocking                     // its parent waits for it
	outlives                     // and does not live to see it end
	detached                     // its parent ended before it started
	incomplete                   // a parent is missing
	joins                        // it hides work of its parent: there is a hidden for it
	follows                      // it has a FollowsFrom reference
	dropped                      // it is to be left out, while the trace is built
)

func (n *node) is(f flags) bool { return n.flags&f != 0 }

// ID returns the id of the trace, zero if there are no spans.
func (t *Trace) ID() TraceID { return t.id }

// Len returns the number of spans.
func (t *Trace) Len() int { return len(t.nodes) }

// Start returns when the first span starts, in UTC. It is the zero time if there are no spans.
func (t *Trace) Start() time.Time {
	if len(t.nodes) == 0 {
		return time.Time{}
	}
	return moment(t.start)
}

// End returns when the last span to end ends, in UTC. It is the zero time if there are no spans.
func (t *Trace) End() time.Time {
	if len(t.nodes) == 0 {
		return time.Time{}
	}
	return moment(t.end)
}

// Nodes returns all spans in the order in which a waterfall draws them: depth first, every
// parent before its children, and roots and siblings by time as [Node.Children] has them.
func (t *Trace) Nodes() iter.Seq[Node] {
	return func(yield func(Node) bool) {
		for i := range t.nodes {
			if !yield(Node{t, int32(i)}) {
				return
			}
		}
	}
}

// Roots returns the spans that have no parent in the trace, in the order of [Node.Children].
func (t *Trace) Roots() iter.Seq[Node] { return t.siblings(0, int32(len(t.nodes))) }

func (t *Trace) siblings(i, end int32) iter.Seq[Node] {
	return func(yield func(Node) bool) {
		for i := i; i < end; i = t.nodes[i].next {
			if !yield(Node{t, i}) {
				return
			}
		}
	}
}

// Node is a span in its place in a trace. Nodes may be compared, and be keys of a map. The zero
// Node is no span, and only good for comparing.
type Node struct {
	trace *Trace
	i     int32
}

func (n Node) node() *node { return &n.trace.nodes[n.i] }

// Span returns the span that was given to Build: the same one, not a copy, so it is not to be changed.
func (n Node) Span() *Span { return n.node().span }

// Service returns the name of the service that reported the span, "" if it is not known.
func (n Node) Service() string {
	return n.trace.services[n.trace.operations[n.node().operation].service]
}

// Index returns the place of the span in [Trace.Nodes], from 0, for what is kept beside a trace.
func (n Node) Index() int { return int(n.i) }

// Descendants returns the number of spans below this one, at all depths. They follow it in [Trace.Nodes].
func (n Node) Descendants() int { return int(n.node().next-n.i) - 1 }

// Kind returns the kind that the span's span.kind tag tells.
func (n Node) Kind() Kind { return n.node().kind }

// Start returns when the span starts, in UTC: the time that the analysis went by. It is not the Start of its Span where
// a clock was corrected, and what that logged is to be moved with it.
func (n Node) Start() time.Time { return moment(n.node().start) }

// End returns when the span ends, in UTC: the time that the analysis went by. It is not before Start.
func (n Node) End() time.Time { return moment(n.node().end) }

// Duration returns the time from Start to End.
func (n Node) Duration() time.Duration { return time.Duration(n.node().end - n.node().start) }

// Depth returns the number of the span's ancestors: 0 for a root.
func (n Node) Depth() int { return int(n.node().depth) }

// Parent returns the span that this one hangs below, and false for a root.
func (n Node) Parent() (Node, bool) {
	parent := n.node().parent
	if parent == none {
		return Node{}, false
	}
	return Node{n.trace, parent}, true
}

// Children returns the spans that hang directly below this one, whether it waits for them or not: by start,
// of two that start together the longer first, then by span id.
func (n Node) Children() iter.Seq[Node] { return n.trace.siblings(n.i+1, n.node().next) }

// Blocking says whether the parent waits for this span, so that the time it covers is no gap of the parent's.
// It is false for a root.
func (n Node) Blocking() bool { return n.node().is(blocking) }

// Outlives says whether this span ends after the parent that should be waiting for it.
// It covers its parent up to the parent's end.
func (n Node) Outlives() bool { return n.node().is(outlives) }

// Detached says whether this span starts only when the parent that should be waiting for it is over.
func (n Node) Detached() bool { return n.node().is(detached) }

// Incomplete says whether the span names a parent in its own trace that is not there. It is a root then,
// or hangs below a span that it FollowsFrom. The trace lacks spans, and any gap in it may be smaller
// than it looks.
func (n Node) Incomplete() bool { return n.node().is(incomplete) }

func moment(ns int64) time.Time { return time.Unix(0, ns).UTC() }
