package gap

import (
	"cmp"
	"slices"
	"time"
)

// index fills the table of ids. Like the first loop of link it does nothing else, so that the CPU
// can wait for several slots of the table at once.
func (b *builder) index() {
	b.ids.reset(b.nodes)
	for i := range b.nodes {
		id := b.nodes[i].id
		if id == 0 {
			b.ambiguous = append(b.ambiguous, int32(i))
			continue
		}
		switch at := b.ids.slot(id); {
		case *at == 0:
			*at = int32(i) + 1
		case *at > 0:
			b.ambiguous = append(b.ambiguous, *at-1, int32(i))
			*at = -*at
		default:
			b.ambiguous = append(b.ambiguous, int32(i))
		}
	}
}

// removeDuplicates drops nodes until each span id has one node, or a client and a server.
func (b *builder) removeDuplicates() {
	slices.SortFunc(b.ambiguous, func(i, j int32) int {
		n, m := &b.nodes[i], &b.nodes[j]
		switch {
		case n.id != m.id:
			return cmp.Compare(n.id, m.id)
		case n.hasTime() != m.hasTime():
			if n.hasTime() {
				return -1
			}
			return 1
		}
		return b.processes.compareNodes(n, m)
	})
	var last *Span
	for _, i := range b.ambiguous {
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
	b.collapse(WarnDuplicate)
	b.collapse(WarnSameID)
}

// claimID enters node i into the table of ids. It returns false if another span has the id.
func (b *builder) claimID(n *node, i int32) bool {
	id := n.id
	if id == 0 {
		b.warn(n, WarnNoSpanID, "%.80q has no span id", n.span.Operation)
		return true
	}
	at := b.ids.slot(id)
	if *at < 0 {
		*at = i + 1
		return true
	}
	other := *at - 1
	server, shared := b.servers[id]
	if !shared {
		switch o := b.nodes[other].kind; {
		case o == KindClient && n.kind == KindServer:
			b.share(id, i)
			return true
		case o == KindServer && n.kind == KindClient:
			b.share(id, other)
			*at = i + 1
			return true
		}
	}
	if o := &b.nodes[other]; n.copies(o) || shared && n.copies(&b.nodes[server]) {
		b.warn(n, WarnSameID, "came twice, and the copies differ, as they do in two formats; one dropped")
		return false
	}
	b.warn(n, WarnSameID, "%.80q dropped: it has the id of %.80q", n.span.Operation, b.nodes[other].span.Operation)
	return false
}

// share notes that a server span shares its id with a client.
func (b *builder) share(id SpanID, server int32) {
	if b.servers == nil {
		b.servers = make(map[SpanID]int32)
	}
	b.servers[id] = server
}

// copies reports whether two nodes with the same id are one span that two formats have: Jaeger's
// and Zipkin's round times to microseconds, and each names tags in its own way.
func (n *node) copies(o *node) bool {
	close := func(a, b int64) bool { return max(a-b, b-a) < 2*int64(time.Microsecond) }
	return n.operation == o.operation && n.kind == o.kind && close(n.start, o.start) && close(n.end, o.end)
}
