package gap

import (
	"cmp"
	"maps"
	"math"
	"slices"
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
	t := b.layout()
	t.judge()
	t.findPath()
	b.giveBack(t)
	return t, b.warnings
}

// builder holds what only building needs. Its nodes are in the order of compareNodes.
type builder struct {
	trace    TraceID
	nodes    []node
	byID     map[SpanID]int32
	servers  map[SpanID]int32 // the server spans that share the id of a client, which is in byID
	maxSkew  int64
	moved    []int64 // by how much correct moved the nodes, nil if it moved none
	joined   []hidden
	places   []int32 // where layout put the nodes
	warnings []Warning
}

// Times are kept within 1<<62 ns of 1970, so that no difference of two can overflow.
const (
	minTime = -1 << 62
	maxTime = 1<<62 - 1
)

// collect chooses the trace and brings its spans into order.
func (b *builder) collect(spans []Span) {
	count := make(map[TraceID]int)
	for i := range spans {
		count[spans[i].TraceID]++
	}
	traces := slices.SortedFunc(maps.Keys(count), compareTraceIDs)
	for _, id := range traces {
		if count[id] > count[b.trace] {
			b.trace = id
		}
	}
	for _, id := range traces {
		if id != b.trace {
			b.warn(&Span{}, ForeignTrace, "%d spans of trace %v dropped", count[id], id)
		}
	}
	b.nodes = make([]node, 0, count[b.trace])
	for i := range spans {
		if s := &spans[i]; s.TraceID == b.trace {
			start, end := s.interval()
			b.nodes = append(b.nodes, node{span: s, start: start, end: end, parent: none})
		}
	}
	slices.SortFunc(b.nodes, compareNodes)
}

func (s *Span) interval() (start, end int64) {
	switch seconds := s.Start.Unix(); {
	case seconds <= int64(minTime)/1e9:
		start = minTime
	case seconds >= int64(maxTime)/1e9:
		start = maxTime
	default:
		start = s.Start.UnixNano()
	}
	length := max(0, int64(s.Duration))
	return start, start + min(length, maxTime-start)
}

// compareNodes orders by time: a span that starts earlier or else ends later is first.
func compareNodes(a, b node) int {
	switch {
	case a.start != b.start:
		return cmp.Compare(a.start, b.start)
	case a.end != b.end:
		return cmp.Compare(b.end, a.end)
	case a.span.SpanID != b.span.SpanID:
		return cmp.Compare(a.span.SpanID, b.span.SpanID)
	}
	return compareSpans(a.span, b.span)
}

// identify leaves one node for each span id, or a client and a server.
func (b *builder) identify() {
	b.byID = make(map[SpanID]int32, len(b.nodes))
	b.servers = make(map[SpanID]int32)
	all := b.nodes
	b.nodes = all[:0]
	var last *Span
	for _, n := range all {
		s := n.span
		if last != nil && compareSpans(last, s) == 0 {
			b.warn(s, Duplicate, "came twice")
			continue
		}
		last = s
		n.kind = s.kind()
		if i := int32(len(b.nodes)); b.name(&n, i) {
			b.nodes = append(b.nodes, n)
			b.inspect(&n, i)
		}
	}
}

// name gives node i its id, and says whether it may have it.
func (b *builder) name(n *node, i int32) bool {
	id := n.span.SpanID
	if id == 0 {
		b.warn(n.span, NoSpanID, "%q has no span id", n.span.Operation)
		return true
	}
	other, taken := b.byID[id]
	if !taken {
		b.byID[id] = i
		return true
	}
	if _, shared := b.servers[id]; !shared {
		switch o := b.nodes[other].kind; {
		case o == Client && n.kind == Server:
			b.servers[id] = i
			return true
		case o == Server && n.kind == Client:
			b.byID[id], b.servers[id] = i, other
			return true
		}
	}
	b.warn(n.span, SameID, "%q dropped: it has the id of %q", n.span.Operation, b.nodes[other].span.Operation)
	return false
}

// inspect warns of what is wrong with one span, and reads its joined time.
func (b *builder) inspect(n *node, i int32) {
	s := n.span
	if s.Duration < 0 {
		b.warn(s, BadDuration, "duration %v counts as zero", s.Duration)
	}
	if n.start == minTime || n.end == maxTime {
		b.warn(s, BadTime, "%v + %v is out of range", s.Start.UTC(), s.Duration)
	}
	work, err := s.joined()
	if err != nil {
		b.warn(s, BadJoined, "%s %v", joinedTag, err)
	} else if work > 0 {
		b.joined = append(b.joined, hidden{node: i, work: work})
	}
}

// link finds every node's parent.
func (b *builder) link() {
	for i := range b.nodes {
		n := &b.nodes[i]
		id := n.span.SpanID
		if server, shared := b.servers[id]; shared && server == int32(i) {
			n.parent, n.flags = b.byID[id], childOf
			continue
		}
		var lost, lostCause SpanID // the first missing ones of either type
		for _, ref := range n.span.References {
			if ref.SpanID == 0 || !b.within(ref) {
				continue
			}
			if ref.SpanID == id {
				b.warn(n.span, Cycle, "refers to itself")
				continue
			}
			parent, ok := b.find(ref.SpanID, n.span)
			if ref.Type == ChildOf {
				if ok {
					n.parent, n.flags = parent, childOf
					break
				}
				lost = cmp.Or(lost, ref.SpanID)
			} else if !ok {
				lostCause = cmp.Or(lostCause, ref.SpanID)
			} else if n.parent == none {
				n.parent = parent
			}
		}
		if n.is(childOf) {
			continue
		}
		if n.parent == none {
			lost = cmp.Or(lost, lostCause)
		}
		if lost != 0 {
			n.flags |= incomplete
			b.warn(n.span, MissingParent, "its parent %v is not in the trace", lost)
		}
	}
}

func (b *builder) within(ref Reference) bool {
	return ref.TraceID == b.trace || ref.TraceID == TraceID{}
}

// find returns the node with an id, seen from a span that refers to it.
func (b *builder) find(id SpanID, from *Span) (int32, bool) {
	i, ok := b.byID[id]
	if server, shared := b.servers[id]; shared {
		clients := compareProcesses(from.Process, b.nodes[i].span.Process) == 0
		servers := compareProcesses(from.Process, b.nodes[server].span.Process) == 0
		if servers || !clients {
			return server, true
		}
	}
	return i, ok
}

// cut makes a forest of what references in a circle have tied together. From every node it walks up to where a walk
// has been; where that was this walk, there is a cycle.
func (b *builder) cut() {
	walked := make([]int32, len(b.nodes)) // by which walk, 0 for none
	for i := range b.nodes {
		walk, at := int32(i)+1, int32(i)
		for at != none && walked[at] == 0 {
			walked[at] = walk
			at = b.nodes[at].parent
		}
		if at == none || walked[at] != walk {
			continue
		}
		first := at
		for on := b.nodes[at].parent; on != at; on = b.nodes[on].parent {
			first = min(first, on)
		}
		n := &b.nodes[first]
		b.warn(n.span, Cycle, "is an ancestor of its parent %v", b.nodes[n.parent].span.SpanID)
		n.parent, n.flags = none, n.flags&^childOf
	}
}

// layout brings the nodes into depth-first order.
func (b *builder) layout() *Trace {
	t := &Trace{id: b.trace, nodes: make([]node, 0, len(b.nodes))}

	// children[first[p+1]:first[p+2]] are those of p in the order of b.nodes, and so by time; the roots are p = none
	first := make([]int32, len(b.nodes)+2)
	for i := range b.nodes {
		first[b.nodes[i].parent+2]++
	}
	for p := range len(first) - 1 {
		first[p+1] += first[p]
	}
	children := make([]int32, len(b.nodes))
	filled := slices.Clone(first)
	for i := range b.nodes {
		p := b.nodes[i].parent + 1
		children[filled[p]] = int32(i)
		filled[p]++
	}

	corrected := b.corrected()
	if corrected > 0 {
		b.warn(&Span{}, ClockSkew, "clocks were corrected by Jaeger: %d spans say so, and none is moved again", corrected)
	}

	b.places = filled[:len(b.nodes)]
	var stack []int32
	push := func(parent int32) {
		siblings := children[first[parent+1]:first[parent+2]]
		if corrected == 0 && parent != none && b.correct(parent, siblings) {
			slices.SortFunc(siblings, func(x, y int32) int { return compareNodes(b.nodes[x], b.nodes[y]) })
		}
		for _, c := range slices.Backward(siblings) {
			stack = append(stack, c)
		}
	}
	for push(none); len(stack) > 0; {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		push(i)
		n := b.nodes[i]
		if n.parent != none {
			n.parent = b.places[n.parent]
			n.depth = t.nodes[n.parent].depth + 1
		}
		b.places[i] = int32(len(t.nodes))
		n.next = b.places[i] + 1
		t.nodes = append(t.nodes, n)
	}
	for i := len(t.nodes) - 1; i >= 0; i-- {
		if n := t.nodes[i]; n.parent != none {
			p := &t.nodes[n.parent]
			p.next = max(p.next, n.next)
		}
	}
	return t
}

// judge says of every span whether its parent waits for it, and of which class its gaps are.
func (t *Trace) judge() {
	t.start, t.end = maxTime, minTime
	for i := range t.nodes {
		n := &t.nodes[i]
		t.start, t.end = min(t.start, n.start), max(t.end, n.end)
		if n.kind == Client {
			n.class = Remote
		}
		if !n.is(childOf) {
			continue
		}
		p := &t.nodes[n.parent]
		if p.kind == Client && n.kind == Server {
			p.class = Wire
		}
		switch {
		case p.kind == Producer && n.kind == Consumer:
		case n.end <= p.end:
			n.flags |= blocking
		case n.start < p.end:
			n.flags |= blocking | outlives
		default:
			n.flags |= detached
		}
	}
}
