package gap

import "cmp"

// link finds every node's parent.
func (b *builder) link() {
	b.parents = make([]int32, len(b.nodes))
	for i, id := range b.only {
		b.parents[i] = none
		if id != 0 {
			b.parents[i] = b.ids.find(id)
		}
	}
	for i := range b.nodes {
		n := &b.nodes[i]
		switch {
		case n.is(dropped):
			b.parents[i] = gone
		case b.parents[i] != none && len(b.servers) == 0:
			n.flags |= childOf
		default:
			b.parents[i] = none
			b.linkNode(int32(i))
		}
	}
	b.only = nil
	b.order()
}

func (b *builder) linkNode(i int32) {
	n := &b.nodes[i]
	id := n.id
	if server, shared := b.servers[id]; shared && server == i {
		b.parents[i] = b.ids.slot(id).node
		n.flags |= childOf
	}
	var lost, lostCause SpanID // the first missing ones of either type
	for _, ref := range n.span.References {
		if ref.Type == FollowsFrom {
			n.flags |= follows
		}
		if n.is(childOf) || ref.SpanID == 0 || !b.within(ref) {
			continue
		}
		if ref.SpanID == id {
			b.warn(n, WarnCycle, "refers to itself")
			continue
		}
		parent := b.find(ref.SpanID, n.span)
		switch {
		case ref.Type == ChildOf && parent == none:
			lost = cmp.Or(lost, ref.SpanID)
		case ref.Type == ChildOf:
			b.parents[i] = parent
			n.flags |= childOf
		case parent == none:
			lostCause = cmp.Or(lostCause, ref.SpanID)
		case b.parents[i] == none:
			b.parents[i] = parent
		}
	}
	if n.is(childOf) {
		return
	}
	if b.parents[i] == none {
		lost = cmp.Or(lost, lostCause)
	}
	if lost != 0 {
		n.flags |= incomplete
		b.warn(n, WarnMissingParent, "its parent %v is not in the trace", lost)
	}
}

func (b *builder) within(ref Reference) bool {
	return ref.TraceID == b.trace || ref.TraceID == TraceID{}
}

// find returns the node with an id, seen from a span that refers to it, or none.
func (b *builder) find(id SpanID, from *Span) int32 {
	i := b.ids.find(id)
	if len(b.servers) == 0 {
		return i
	}
	if server, shared := b.servers[id]; shared {
		process := b.processes.machine(from.Process).process
		ofServer := process == b.processes.machine(b.nodes[server].span.Process).process
		if ofServer || process != b.processes.machine(b.nodes[i].span.Process).process {
			return server
		}
	}
	return i
}

// cut makes a forest of what references in a circle have tied together. From every node it walks up to where a walk
// has been; where that was this walk, there is a cycle.
func (b *builder) cut() {
	walked := make([]int32, len(b.nodes)) // by which walk, 0 for none
	for i := range b.nodes {
		walk, at := int32(i)+1, int32(i)
		if b.parents[at] == gone {
			continue
		}
		for at != none && walked[at] == 0 {
			walked[at] = walk
			at = b.parents[at]
		}
		if at == none || walked[at] != walk {
			continue
		}
		first := at
		for on := b.parents[at]; on != at; on = b.parents[on] {
			if b.processes.compareNodes(&b.nodes[on], &b.nodes[first]) < 0 {
				first = on
			}
		}
		n := &b.nodes[first]
		b.warn(n, WarnCycle, "is an ancestor of its parent %v", b.nodes[b.parents[first]].id)
		b.parents[first] = none
		n.flags &^= childOf
	}
	b.order()
}
