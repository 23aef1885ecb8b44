package gap

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
)

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

// chooseTrace finds the trace to keep. It returns the number of its spans.
func (b *builder) chooseTrace(spans []Span) int {
	count := make(map[TraceID]int)
	for i := 0; i < len(spans); {
		first := i
		for i++; i < len(spans) && spans[i].TraceID == spans[first].TraceID; i++ {
		}
		count[spans[first].TraceID] += i - first
	}
	traces := slices.SortedFunc(maps.Keys(count), TraceID.Compare)
	for _, id := range traces {
		if count[id] > count[b.trace] {
			b.trace = id
		}
	}
	for _, id := range traces {
		if id != b.trace {
			b.warn(nil, WarnForeignTrace, "%d spans of trace %v dropped", count[id], id)
		}
	}
	b.sortWarnings()
	return count[b.trace]
}

// collect makes a node of every span of the trace.
func (b *builder) collect(spans []Span) {
	n := b.chooseTrace(spans)
	b.nodes = make([]node, 0, n)
	b.soleParents = make([]SpanID, 0, n)
	b.operations = make(map[operationKey]uint32)
	for i := range spans {
		s := &spans[i]
		if s.TraceID != b.trace {
			continue
		}
		i := int32(len(b.nodes))
		n := node{span: s, id: s.SpanID, parent: none, operation: b.operation(s)}
		n.start, n.end = s.interval()
		joined := n.readTags(s.Tags)
		if joined || int64(s.Duration) != n.end-n.start || n.outOfRange() || s.timeless() {
			b.suspect = append(b.suspect, i)
		}
		if slices.ContainsFunc(s.Warnings, func(w string) bool { return strings.Contains(w, correctedByJaeger) }) {
			b.corrected++
		}
		b.nodes = append(b.nodes, n)
		b.soleParents = append(b.soleParents, b.soleParent(s))
	}
	b.index()
}

// readTags sets the kind, and reports whether there is a tag for joined time. A tag that was set
// twice counts as last set, as OpenTracing says.
func (n *node) readTags(tags []Field) (joined bool) {
	for i := range tags {
		switch tags[i].Key {
		case "span.kind":
			name, _ := tags[i].Value.(string)
			n.kind = parseKind(name)
		case joinedTag:
			joined = true
		}
	}
	return joined
}

// soleParent returns the id of the parent of an ordinary span, whose only reference is ChildOf to
// another span of the trace. It returns zero for all other spans, which linkNode looks at.
func (b *builder) soleParent(s *Span) SpanID {
	if len(s.References) == 1 {
		if ref := &s.References[0]; ref.Type == ChildOf && ref.SpanID != s.SpanID && b.within(*ref) {
			return ref.SpanID
		}
	}
	return 0
}

// index fills the table of ids. It does nothing else, nor does the first loop of link, so that the
// CPU can wait for several slots of the table at once.
func (b *builder) index() {
	b.ids = newIDTable(len(b.nodes))
	for i := range b.nodes {
		id := b.nodes[i].id
		if id == 0 {
			b.unclear = append(b.unclear, int32(i))
			continue
		}
		switch at := b.ids.slot(id); {
		case at.id == 0:
			*at = idSlot{id, int32(i)}
		case at.node != none:
			b.unclear = append(b.unclear, at.node, int32(i))
			at.node = none
		default:
			b.unclear = append(b.unclear, int32(i))
		}
	}
}

// interval returns when the span started and ended. A start that is out of range is clamped. A
// duration that is negative, or ends out of range, counts as zero: a span of 292 years would hide
// all others.
func (s *Span) interval() (start, end int64) {
	switch seconds := s.Start.Unix(); {
	case seconds <= int64(minTime)/1e9:
		start = minTime
	case seconds >= int64(maxTime)/1e9:
		start = maxTime
	default:
		start = s.Start.UnixNano()
	}
	if length := int64(s.Duration); length > 0 && length < maxTime-start {
		return start, start + length
	}
	return start, start
}

// timeless reports whether the span has neither a duration nor a start, which may come as 1970.
// Zipkin allows such spans.
func (s *Span) timeless() bool {
	return s.Duration == 0 && (s.Start.IsZero() || s.Start.UnixNano() == 0)
}

// outOfRange reports whether the start was clamped.
func (n *node) outOfRange() bool { return n.start == minTime || n.start == maxTime }

// operation returns the index of the span's operation.
func (b *builder) operation(s *Span) uint32 {
	key := operationKey{service: b.processes.service(s.Process), name: s.Operation}
	i, ok := b.operations[key]
	if !ok {
		i = uint32(len(b.operations))
		b.operations[key] = i
	}
	return i
}

// compareNodes orders by start, then the longest first, then by content.
func (p *processes) compareNodes(a, b *node) int {
	switch {
	case a.start != b.start:
		return cmp.Compare(a.start, b.start)
	case a.end != b.end:
		return cmp.Compare(b.end, a.end)
	case a.id != b.id:
		return cmp.Compare(a.id, b.id)
	}
	return p.compareSpans(a.span, b.span)
}

// removeDuplicates leaves one node for each span id, or a client and a server.
func (b *builder) removeDuplicates() {
	b.servers = make(map[SpanID]int32)
	slices.SortFunc(b.unclear, func(i, j int32) int {
		n, m := &b.nodes[i], &b.nodes[j]
		if c := cmp.Compare(n.id, m.id); c != 0 {
			return c
		}
		return b.processes.compareNodes(n, m)
	})
	var last *Span
	for _, i := range b.unclear {
		n := &b.nodes[i]
		if last != nil && b.processes.compareSpans(last, n.span) == 0 {
			b.warn(n, WarnDuplicate, "came twice")
			n.flags |= dropped
			continue
		}
		last = n.span
		if !b.claimID(n, i) {
			n.flags |= dropped
		}
	}
	for _, i := range b.suspect {
		if n := &b.nodes[i]; !n.is(dropped) {
			b.check(n, i)
		}
	}
	b.sortWarnings()
}

// claimID enters node i into the table of ids. It returns false if another span has the id.
func (b *builder) claimID(n *node, i int32) bool {
	id := n.id
	if id == 0 {
		b.warn(n, WarnNoSpanID, "%.80q has no span id", n.span.Operation)
		return true
	}
	at := b.ids.slot(id)
	if at.node == none {
		at.node = i
		return true
	}
	if _, shared := b.servers[id]; !shared {
		switch o := b.nodes[at.node].kind; {
		case o == KindClient && n.kind == KindServer:
			b.servers[id] = i
			return true
		case o == KindServer && n.kind == KindClient:
			b.servers[id], at.node = at.node, i
			return true
		}
	}
	b.warn(n, WarnSameID, "%.80q dropped: it has the id of %.80q", n.span.Operation, b.nodes[at.node].span.Operation)
	return false
}

// check warns about one span's times, and reads its joined time.
func (b *builder) check(n *node, i int32) {
	s := n.span
	switch length := int64(s.Duration); {
	case length < 0:
		b.warn(n, WarnBadDuration, "duration %v counts as zero", s.Duration)
	case length > n.end-n.start:
		b.warn(n, WarnBadDuration, "duration %v counts as zero: it ends out of range", s.Duration)
	}
	switch {
	case s.timeless():
		b.warn(n, WarnBadTime, "has no time: drawn where its parent starts")
	case n.outOfRange():
		b.warn(n, WarnBadTime, "its start %v is out of range: drawn where its parent starts", s.Start.UTC())
	}
	if s.timeless() || n.outOfRange() {
		if b.timeless == nil {
			b.timeless = make(map[int32]bool)
		}
		b.timeless[i] = true
	}
	work, err := s.joined()
	if err != nil {
		b.warn(n, WarnBadJoined, "%s %v", joinedTag, err)
	} else if work > 0 {
		b.joined = append(b.joined, joinedCall{node: i, work: work})
	}
}
