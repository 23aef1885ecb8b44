package gap

import "math"

// Build makes a [Trace] of the spans, in whatever order they come. It never fails: the warnings say
// what it repaired. Neither the trace nor the warnings depend on the order of the spans. The trace
// points to the spans, so do not change them while it is in use.
//
//   - Spans of several traces: the trace with the most spans is kept. If two have as many, it is
//     the one with the lowest id.
//   - Parents: a span's parent is the span that its first ChildOf reference to a span of the trace
//     names. If there is none, it is that of its first such FollowsFrom reference, and does not
//     wait for the span. References to span id 0 and to other traces do not count. A reference
//     without a trace id refers to this trace.
//   - Duplicates: identical spans are one.
//   - Shared ids: a client and a server span with the same id, as Zipkin records them, become
//     parent and child. A span that refers to this id is below the client if it is of the client's
//     process and not of the server's, otherwise below the server. Of any other spans with the same
//     id the one that starts first is kept, then the longest, then the least by content.
//   - Cycles: the span of a cycle that starts first becomes a root.
//   - Clocks: a blocking child that does not fit into its parent is moved by Jaeger's rule, unless
//     both are on one machine as far as their tags ip, hostname, host.id, host.ip and host.name
//     say. It is moved into the middle of its parent, or to the parent's start if it is longer. The
//     spans below it with the same clock move along, see [WithMaxSkew]. Nothing is moved if Jaeger
//     says in [Span.Warnings] that it has moved spans of this trace.
func Build(spans []Span, opts ...Option) (*Trace, []Warning) {
	b := builder{maxSkew: math.MaxInt64}
	for _, opt := range opts {
		opt(&b)
	}
	b.collect(spans)
	b.removeDuplicates()
	b.link()
	b.breakCycles()
	if len(b.joined) == 0 {
		b.ids = idTable{} // large, and only settleJoined would need it
	}
	t := b.layout()
	b.nodes, b.parents = nil, nil
	t.classify()
	t.findPath()
	b.settleJoined(t)
	b.sortWarnings()
	return t, b.warnings
}

// builder is what only Build needs. Its nodes are in the order of the spans until layout sorts
// them: a trace of a million spans fits into no cache, so each step goes over it once and in memory
// order.
type builder struct {
	trace       TraceID
	nodes       []node
	soleParents []SpanID // by node: see soleParent
	parents     []int32  // by node: none for a root, removed for one that is left out
	ids         idTable
	servers     map[SpanID]int32 // server spans that share the id of a client, which is in ids
	unclear     []int32          // nodes without an id of their own
	suspect     []int32          // nodes that check looks at
	timeless    map[int32]bool   // nodes whose start is unknown
	operations  map[operationKey]uint32
	processes   processes
	corrected   int // spans that Jaeger has moved
	maxSkew     int64
	moved       []int64 // by node: how far correctClocks moved it; nil if it moved none
	joined      []joinedCall
	places      []int32 // by node: its index in the trace
	warnings    []Warning
	unsorted    []*node // the nodes of the last warnings, which sortWarnings has not sorted yet
}

// Times are kept within 1<<62 ns of 1970, so that no difference of two times overflows.
const (
	minTime = -1 << 62
	maxTime = 1<<62 - 1
)
