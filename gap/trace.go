package gap

import (
	"iter"
	"math"
	"time"
)

// Trace holds the spans of one trace as a forest, since a trace may have several roots. It is
// immutable, so goroutines may share it.
type Trace struct {
	id         TraceID
	nodes      []node       // depth first, siblings by time: the subtree of i is nodes[i:nodes[i].next]
	windows    []window     // by node: when the critical path is in it or its descendants
	segments   []segment    // the parts of the critical path in and below frames
	firstOf    []int32      // by node, if there are segments: the first one of the node, or none
	joined     []joinedCall // the calls that have joined time, by node
	frames     []frame
	frameOf    []int32 // by node, if it is framed: its index in frames
	moved      []int64 // by node: how far Build moved it; nil if it moved none
	services   []string
	operations []operationKey // by node.operation
	start, end int64
	incomplete bool // the parent of a span is missing

	explanations map[gapID]*Explanation // nil unless Explained made the trace
}

// operationKey identifies an operation of a service.
type operationKey struct {
	service uint32 // index into Trace.services
	name    string
}

// node is a span in its place in the forest. A list of children is not needed: the first child
// follows its parent, and each later one follows the subtree of the child before it.
type node struct {
	span       *Span
	id         SpanID // copied from the span, which is not in the cache
	start, end int64  // nanoseconds since 1970, start <= end
	parent     int32  // none for a root
	next       int32  // one past the subtree
	depth      int32
	operation  uint32
	kind       Kind
	class      Class
	flags      flags
}

// Values that stand for no node.
const (
	none    = -1
	removed = -2 // in builder.parents: the node is dropped, so it has no place in the trace
)

type flags uint16

const (
	childOf    flags = 1 << iota // it names its parent by ChildOf
	blocking                     // its parent waits for it
	outlives                     // it is blocking, and ends after its parent's frame
	detached                     // it would be blocking, but starts after that frame
	incomplete                   // a parent is missing
	joins                        // it is a call with joined time, so Trace.joined has it
	mayWait                      // by its name and references, it may be a later wait of a call
	framed                       // it is a span of a frame, so Trace.frameOf has it
	segmented                    // Trace.segments has its part of the critical path
	dropped                      // Build leaves it out
	failed                       // its tag error is true
)

func (n *node) is(f flags) bool { return n.flags&f != 0 }

// ID returns the id of the trace. It is zero if there are no spans.
func (t *Trace) ID() TraceID { return t.id }

// Len returns the number of spans.
func (t *Trace) Len() int { return len(t.nodes) }

// Start returns when the first span starts, in UTC, or the zero time if there are no spans.
func (t *Trace) Start() time.Time {
	if len(t.nodes) == 0 {
		return time.Time{}
	}
	return moment(t.start)
}

// End returns when the last span ends, in UTC, or the zero time if there are no spans.
func (t *Trace) End() time.Time {
	if len(t.nodes) == 0 {
		return time.Time{}
	}
	return moment(t.end)
}

// Duration returns the time from Start to End.
func (t *Trace) Duration() time.Duration { return time.Duration(t.end - t.start) }

// SelfTime returns the sum of [Node.SelfTime] over all spans, or the largest [time.Duration] if the
// sum overflows. It may exceed Duration, since spans may run at the same time.
func (t *Trace) SelfTime() time.Duration {
	sum := int64(0)
	for i := range t.nodes {
		sum = addSaturating(sum, t.measure(int32(i), nil).self)
	}
	return time.Duration(sum)
}

// CriticalTime returns the sum of [Node.CriticalTime] over all spans, but at most Duration. The sum
// may be more, since the roots of a trace may run at the same time.
func (t *Trace) CriticalTime() time.Duration {
	sum := int64(0)
	for i := range t.nodes {
		sum = addSaturating(sum, t.measure(int32(i), nil).critical)
	}
	return min(time.Duration(sum), t.Duration())
}

// addSaturating adds two numbers that are not negative. It returns math.MaxInt64 if the sum
// overflows: a few spans that claim to last for a century are enough.
func addSaturating(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// Incomplete reports whether the trace lacks the parent of a span, see [Node.Incomplete].
func (t *Trace) Incomplete() bool { return t.incomplete }

// Nodes returns all spans in the order in which a waterfall draws them: depth first, each parent
// before its children, and siblings in the order of [Node.Children].
func (t *Trace) Nodes() iter.Seq[Node] {
	return func(yield func(Node) bool) {
		for i := range t.nodes {
			if !yield(Node{t, int32(i)}) {
				return
			}
		}
	}
}

// Roots returns the spans that have no parent, in the order of [Node.Children].
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

// Node is a span in its place in a trace. Nodes are comparable, so they can be the keys of a map.
// The zero Node stands for no span; its methods panic.
type Node struct {
	trace *Trace
	i     int32
}

func (n Node) node() *node { return &n.trace.nodes[n.i] }

// Span returns the span that was passed to [Build]. It is not a copy, so do not change it.
func (n Node) Span() *Span { return n.node().span }

// Service returns the name of the service that reported the span, or "" if it is unknown.
func (n Node) Service() string {
	return n.trace.services[n.trace.operations[n.node().operation].service]
}

// Index returns the index of the span in [Trace.Nodes], from 0. Use it for a slice that holds
// something for each span.
func (n Node) Index() int { return int(n.i) }

// Descendants returns the number of spans below this one, at all depths. They follow it in
// [Trace.Nodes].
func (n Node) Descendants() int { return int(n.node().next-n.i) - 1 }

// Kind returns the kind of the span.
func (n Node) Kind() Kind { return n.node().kind }

// Start returns when the span starts, in UTC. It differs from Span().Start if Build moved the span.
// Build does not move the times of its logs.
func (n Node) Start() time.Time { return moment(n.node().start) }

// End returns when the span ends, in UTC. Build moves it together with Start, and it is never
// before Start.
func (n Node) End() time.Time { return moment(n.node().end) }

// Moved returns how far Build moved the span to correct its clock. It is zero for most spans.
func (n Node) Moved() time.Duration {
	if n.trace.moved == nil {
		return 0
	}
	return time.Duration(n.trace.moved[n.i])
}

// Duration returns the time from Start to End.
func (n Node) Duration() time.Duration { return time.Duration(n.node().end - n.node().start) }

// Depth returns the number of the span's ancestors: 0 for a root.
func (n Node) Depth() int { return int(n.node().depth) }

// Parent returns the span that this one is directly below. It returns false for a root.
func (n Node) Parent() (Node, bool) {
	parent := n.node().parent
	if parent == none {
		return Node{}, false
	}
	return Node{n.trace, parent}, true
}

// Children returns the spans directly below this one, blocking or not. They are ordered by start,
// then the longest first, then by span id.
func (n Node) Children() iter.Seq[Node] { return n.trace.siblings(n.i+1, n.node().next) }

// Call returns the call that this span is a later wait of, or the span itself if it is not a wait.
func (n Node) Call() Node { return Node{n.trace, n.trace.call(n.i)} }

// Waits returns the later waits of a call, ordered by time. Other spans have none.
func (n Node) Waits() iter.Seq[Node] {
	return func(yield func(Node) bool) {
		if !n.node().is(framed) {
			return
		}
		f := n.trace.frame(n.i)
		if f.spans[0] != n.i {
			return
		}
		for _, i := range f.spans[1:] {
			if !yield(Node{n.trace, i}) {
				return
			}
		}
	}
}

// Blocking reports whether the parent waits for this span. If so, no span of the parent's frame has
// a gap while this span lasts. It is false for a root.
func (n Node) Blocking() bool { return n.node().is(blocking) }

// Outlives reports whether this span is blocking and ends after its parent's frame. It covers the
// frame up to the end.
func (n Node) Outlives() bool { return n.node().is(outlives) }

// Detached reports whether this span would block its parent, but starts only when the parent's
// frame has ended.
func (n Node) Detached() bool { return n.node().is(detached) }

// Incomplete reports whether the trace lacks the parent that the span names. Such a span is a root,
// or a child of a span that it FollowsFrom. Any gap of the trace may then be a span that was not
// recorded.
func (n Node) Incomplete() bool { return n.node().is(incomplete) }

// Failed reports whether the span failed: its tag error is true, or the string "true".
func (n Node) Failed() bool { return n.node().is(failed) }

func moment(ns int64) time.Time { return time.Unix(0, ns).UTC() }
