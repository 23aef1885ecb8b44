package gap

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
)

// Build makes a Trace of the spans, which may come in any order. It never fails, whatever they hold: the
// warnings say what it mended, in an order that does not depend on the order of the spans.
// The trace points to the spans, so they are not to be changed as long as it is in use.
//
//   - Spans of several traces: the trace with the most spans is kept, of equals the one with the lowest id.
//   - A parent is the span that the first ChildOf reference to a span of the trace names. Failing that,
//     it is the span of the first such FollowsFrom reference, which does not wait for its child. References to span id 0
//     and to other traces do not count; a reference without a trace id is one within the trace.
//   - Identical spans are one. A client and a server span with the same id, as Zipkin's are, become
//     parent and child. Others that refer to this id hang below the client if they are of its process and
//     not of the server's, else below the server. Of other spans with the same id the one that starts first
//     is kept, then the longer one, then the lesser by content.
//   - Of a cycle of references, the span that starts first becomes a root.
//   - A span that its parent waits for and that does not fit into it, though it should, was timed by another clock if their
//     processes are on two machines, as far as their ip, hostname and OpenTelemetry's host tags tell. It is moved by
//     Jaeger's rule: into the middle of its parent, or if it is longer to where that starts, and all spans
//     below it by its clock are moved with it. See [WithMaxSkew]. Nothing is moved in a trace of which Jaeger says
//     in [Span.Warnings] that it has done so itself.
func Build(spans []Span, opts ...Option) (*Trace, []Warning) {
	b := builder{maxSkew: math.MaxInt64}
	for _, opt := range opts {
		opt(&b)
	}
	b.collect(spans)
	b.identify()
	b.link()
	b.cut()
	if len(b.joined) == 0 {
		b.ids = ids{} // which is large
	}
	t := b.layout()
	b.nodes, b.parents = nil, nil
	t.judge()
	t.findPath()
	b.giveBack(t)
	b.order()
	return t, b.warnings
}

// builder holds what only building needs. Its nodes are in the order of the spans until layout brings them into theirs: a trace
// of a million spans fits in no cache, so to go over it in its own order and but once is half the art of being fast.
type builder struct {
	trace      TraceID
	nodes      []node
	only       []SpanID // of the nodes, as onlyParent has it
	parents    []int32  // of the nodes, none for a root, gone for one that is left out
	ids        ids
	servers    map[SpanID]int32 // the server spans that share the id of a client, which is in ids
	alike      []int32          // nodes without an id, or with one that another has as well
	odd        []int32          // nodes to be inspected
	timeless   map[int32]bool   // nodes whose start is unknown
	operations map[operationKey]uint32
	processes  processes
	corrected  int // spans that Jaeger has moved
	maxSkew    int64
	moved      []int64 // by how much correct moved the nodes, nil if it moved none
	joined     []hidden
	places     []int32 // where layout put the nodes
	warnings   []Warning
	about      []*node // what the last of the warnings are about, which are not in order yet
}

// Times are kept within 1<<62 ns of 1970, so that no difference of two can overflow.
const (
	minTime = -1 << 62
	maxTime = 1<<62 - 1
)

// choose finds the trace to keep, and returns how many spans it has.
func (b *builder) choose(spans []Span) int {
	count := make(map[TraceID]int)
	for i := 0; i < len(spans); {
		first := i
		for i++; i < len(spans) && spans[i].TraceID == spans[first].TraceID; i++ {
		}
		count[spans[first].TraceID] += i - first
	}
	traces := slices.SortedFunc(maps.Keys(count), compareTraceIDs)
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
	b.order()
	return count[b.trace]
}

// collect makes a node of every span of the trace.
func (b *builder) collect(spans []Span) {
	n := b.choose(spans)
	b.nodes = make([]node, 0, n)
	b.only = make([]SpanID, 0, n)
	b.operations = make(map[operationKey]uint32)
	for i := range spans {
		s := &spans[i]
		if s.TraceID != b.trace {
			continue
		}
		i := int32(len(b.nodes))
		n := node{span: s, id: s.SpanID, parent: none, operation: b.operation(s)}
		n.start, n.end = s.interval()
		joined := n.read(s.Tags)
		if joined || int64(s.Duration) != n.end-n.start || n.outOfRange() || s.timeless() {
			b.odd = append(b.odd, i)
		}
		if slices.ContainsFunc(s.Warnings, func(w string) bool { return strings.Contains(w, correctedByJaeger) }) {
			b.corrected++
		}
		b.nodes = append(b.nodes, n)
		b.only = append(b.only, b.onlyParent(s))
	}
	b.index()
}

// onlyParent returns the id that a span of the usual kind refers to: it has one reference, and that to another of the trace, as
// its parent. It is zero for all others.
func (b *builder) onlyParent(s *Span) SpanID {
	if len(s.References) == 1 {
		if ref := &s.References[0]; ref.Type == ChildOf && ref.SpanID != s.SpanID && b.within(*ref) {
			return ref.SpanID
		}
	}
	return 0
}

// index finds out which nodes have which ids. It does nothing else meanwhile, as does link: so short a loop
// waits for several places of the table at once.
func (b *builder) index() {
	b.ids = newIDs(len(b.nodes))
	for i := range b.nodes {
		id := b.nodes[i].id
		if id == 0 {
			b.alike = append(b.alike, int32(i))
			continue
		}
		switch at := b.ids.slot(id); {
		case at.id == 0:
			*at = slot{id, int32(i)}
		case at.node != none:
			b.alike = append(b.alike, at.node, int32(i))
			at.node = none
		default:
			b.alike = append(b.alike, int32(i))
		}
	}
}

// interval returns when the span started and ended. A start out of range is clamped. A duration
// that is negative, or ends out of range, counts as zero: it is a measuring error, and would hide
// all other spans of the trace.
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

// timeless says whether nobody timed the span: it has neither a start, which comes as 1970 from what counts seconds, nor a duration.
func (s *Span) timeless() bool {
	return s.Duration == 0 && (s.Start.IsZero() || s.Start.UnixNano() == 0)
}

// outOfRange reports whether the start was clamped.
func (n *node) outOfRange() bool { return n.start == minTime || n.start == maxTime }

// operation returns the number of a span's operation.
func (b *builder) operation(s *Span) uint32 {
	key := operationKey{service: b.processes.service(s.Process), name: s.Operation}
	i, ok := b.operations[key]
	if !ok {
		i = uint32(len(b.operations))
		b.operations[key] = i
	}
	return i
}

// compareNodes orders by time: a span that starts earlier or else ends later is first.
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

// identify leaves one node for each span id, or a client and a server.
func (b *builder) identify() {
	b.servers = make(map[SpanID]int32)
	slices.SortFunc(b.alike, func(i, j int32) int {
		n, m := &b.nodes[i], &b.nodes[j]
		if c := cmp.Compare(n.id, m.id); c != 0 {
			return c
		}
		return b.processes.compareNodes(n, m)
	})
	var last *Span
	for _, i := range b.alike {
		n := &b.nodes[i]
		if last != nil && b.processes.compareSpans(last, n.span) == 0 {
			b.warn(n, WarnDuplicate, "came twice")
			n.flags |= dropped
			continue
		}
		last = n.span
		if !b.name(n, i) {
			n.flags |= dropped
		}
	}
	for _, i := range b.odd {
		if n := &b.nodes[i]; !n.is(dropped) {
			b.inspect(n, i)
		}
	}
	b.order()
}

// name gives node i its id, and says whether it may have it.
func (b *builder) name(n *node, i int32) bool {
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

// inspect warns of what is wrong with one span, and reads its joined time.
func (b *builder) inspect(n *node, i int32) {
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
		b.joined = append(b.joined, hidden{node: i, work: work})
	}
}
