package gap

import (
	"slices"
	"sync"
)

// Build makes a [Trace] of the spans. It never fails: the warnings say what it repaired. Neither
// the trace nor the warnings depend on the order of the spans. The trace points to the spans, so do
// not change them while it is in use. The trace of no spans is empty, not nil.
//
//   - Spans of several traces: Build keeps the trace with the most spans. If two have equally many,
//     it keeps the one with the lower id.
//   - Halves of ids: a trace id of 64 bits is the same as one of 128 bits whose right half it is.
//     If several ids of 128 bits have the same right half, the id of 64 bits is that of another
//     trace.
//   - Parents: a span's parent is the first span of the trace that it names by ChildOf. If the
//     trace has none of these, it is the first that it names by FollowsFrom. But if that span and
//     this one name the same missing parent by ChildOf, this one is a root.
//   - Duplicates: of several identical spans, one is kept.
//   - Shared ids: a client and a server span with the same id, as Zipkin records them, become
//     parent and child. A third span that names this id as its parent is a child of the client if
//     the client's process reported it, and of the server otherwise. If client and server have the
//     same process, it is a child of the server. Of other spans with the same id, Build keeps the
//     one that starts first; of several that start first, the longest. One without a time comes
//     last.
//   - Cycles: the span of a cycle that starts first becomes a root.
//   - Clocks: two processes share a clock if they are equal, if one of them is nil, or if the same
//     tag (ip, hostname, host.id, host.ip or host.name) has the same value for both. Build corrects
//     other clocks by the rule in the package comment, see [WithMaxSkew]. Nothing is moved if
//     Jaeger says in [Span.Warnings] that it has moved spans of this trace.
func Build(spans []Span, opts ...Option) (*Trace, []Warning) {
	return BuildParts([][]Span{spans}, opts...)
}

// BuildParts is [Build] for spans in several slices. To copy the spans of a large trace into one
// slice would take much memory.
func BuildParts(parts [][]Span, opts ...Option) (*Trace, []Warning) {
	b := builders.Get().(*builder)
	b.made = released.Get().(*Trace)
	b.maxSkew = int64(DefaultMaxSkew)
	for _, opt := range opts {
		if opt != nil {
			opt(b)
		}
	}
	b.collect(parts)
	b.removeDuplicates()
	b.link()
	b.breakCycles()
	if !b.mayWait && len(b.nodes) > maxReused {
		b.ids = idTable{} // large, and only findFrames would need it
	}
	t := b.layout()
	orphans := b.orphans()
	if len(b.nodes) > maxReused {
		b.scratch = scratch{places: b.places, processes: b.processes}
	}
	t.classify()
	t.profileFrames()
	b.onPath = t.findPath(orphans, b.onPath)
	b.settleJoined(t)
	b.sortWarnings()
	warnings := b.warnings
	if cap(b.places) <= maxReused {
		b.ids.nodes = nil
		b.operations.reset()
		b.processes.reset()
		*b = builder{scratch: b.scratch}
		builders.Put(b)
	}
	return t, warnings
}

// builders has builders with scratch memory. For a trace of ten spans, allocating it would double
// the time of Build.
var builders = sync.Pool{New: func() any { return new(builder) }}

// maxReused is the size of the largest trace after which Build keeps the scratch memory.
const maxReused = 1024

// scratch is memory of a builder that its trace does not use.
type scratch struct {
	ids         idTable
	operations  keyTable[operationKey]
	processes   processes
	soleParents []SpanID // by node: see soleParent
	parents     []int32  // by node: its parent, none for a root, or removed for a dropped one
	visited     []int32  // see breakCycles
	children    []int32  // see groupByParent
	first       []int32  // see groupByParent
	places      []int32  // by node: its index in the trace
	order       []int32  // see layout
	stack       []int32  // see layout
	keys        []siblingKey
	onPath      []pathChild // see findPath
}

// resized returns a slice of n elements, which uses the memory of s if it is large enough. The
// elements may have any value.
func resized[S ~[]E, E any](s S, n int) S { return slices.Grow(s[:0], n)[:n] }

// builder is the state of Build. Its nodes are in the order of the spans until layout sorts them. A
// trace of a million spans fits into no CPU cache, so each step passes over it once, in memory
// order.
type builder struct {
	scratch
	made          *Trace // empty, perhaps with memory of a released trace
	trace         TraceID
	half          TraceID          // spans of the trace may also have this id; equal to trace if there is none
	nodes         []node           // of made
	servers       map[SpanID]int32 // server spans that share their id with a client; ids has the client
	ambiguous     []int32          // nodes without a span id, or that share it with another node
	suspect       []int32          // nodes whose times or joined time check looks at
	timeless      map[int32]bool   // nodes whose start is unknown
	movedByJaeger int              // number of spans that Jaeger has moved
	maxSkew       int64
	moved         []int64 // by node: how far correctClocks moved it; nil if it moved none
	joined        []joinedCall
	lost          map[int32]SpanID // by node: the missing span that it names by ChildOf, if any
	mayWait       bool             // a node has this flag
	frames        []frame
	frameOf       []int32 // by node, if it is framed: its index in frames; nil if none is
	warnings      []Warning
	unsorted      []*node // the nodes of the last warnings, which sortWarnings has not sorted yet
}

// Times are kept within 1<<62 ns of 1970, so that no difference of two times overflows.
const (
	minTime = -1 << 62
	maxTime = 1<<62 - 1
)
