package gap

import (
	"cmp"
	"slices"
	"strings"
)

// link finds every node's parent.
func (b *builder) link() {
	b.parents = resized(b.parents, len(b.nodes))
	for i, id := range b.soleParents {
		b.parents[i] = none
		if id != 0 {
			b.parents[i] = b.ids.find(id)
		}
	}
	for i := range b.nodes {
		n := &b.nodes[i]
		switch {
		case n.is(dropped):
			b.parents[i] = removed
		case b.parents[i] != none && len(b.servers) == 0:
			n.flags |= childOf
		default:
			b.parents[i] = none
			b.linkNode(int32(i))
		}
	}
	if len(b.nodes) > maxReused {
		b.soleParents = nil
	}
	for i, lost := range b.lost { // the map's order does not matter
		if p := b.parents[i]; p != none && b.lost[p] == lost {
			b.parents[i] = none // its sibling, as far as is known
		}
	}
	b.sortWarnings()
}

// linkNode finds the parent of a node whose parent link has not found, for example since it has
// several references or shares ids with others.
func (b *builder) linkNode(i int32) {
	n := &b.nodes[i]
	id := n.id
	if server, shared := b.servers[id]; shared && server == i {
		b.parents[i] = b.ids.find(id)
		n.flags |= childOf
	}
	var lost, lostCause SpanID // the first missing spans that ChildOf and FollowsFrom name
	for _, ref := range n.span.References {
		if ref.Type == FollowsFrom && strings.HasSuffix(n.span.Operation, waitSuffix) {
			n.flags |= mayWait
			b.mayWait = true
		}
		if n.is(childOf) || ref.SpanID == 0 || !b.inTrace(ref) {
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
	if lost != 0 {
		if b.lost == nil {
			b.lost = make(map[int32]SpanID)
		}
		b.lost[i] = lost
	} else if b.parents[i] == none {
		lost = lostCause
	}
	if lost != 0 {
		n.flags |= incomplete
		b.warn(n, WarnMissingParent, "its parent %v is not in the trace", lost)
	}
}

// inTrace reports whether a reference is to a span of this trace.
func (b *builder) inTrace(ref Reference) bool {
	return b.isOurs(ref.TraceID) || ref.TraceID == TraceID{}
}

// find returns the node with an id, or none. If a client and a server share the id, the process of
// the span that refers to it decides, see Build.
func (b *builder) find(id SpanID, from *Span) int32 {
	i := b.ids.find(id)
	if len(b.servers) == 0 {
		return i
	}
	if server, shared := b.servers[id]; shared {
		rank := b.processes.machine(from.Process).rank
		ofServer := rank == b.processes.machine(b.nodes[server].span.Process).rank
		if ofServer || rank != b.processes.machine(b.nodes[i].span.Process).rank {
			return server
		}
	}
	return i
}

// breakCycles makes the first span of each cycle a root. It walks up from each node until it finds
// a node that was visited before. If the same walk visited it, there is a cycle.
func (b *builder) breakCycles() {
	b.visited = resized(b.visited, len(b.nodes))
	visited := b.visited
	clear(visited)
	for i := range b.nodes {
		walk, at := int32(i)+1, int32(i)
		if b.parents[at] == removed {
			continue
		}
		for at != none && visited[at] == 0 {
			visited[at] = walk
			at = b.parents[at]
		}
		if at == none || visited[at] != walk {
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
	b.sortWarnings()
}

// orphans returns the roots that name the same missing parent, in groups. It needs the places of
// the nodes.
func (b *builder) orphans() (groups [][]int32) {
	if len(b.lost) < 2 {
		return nil
	}
	byParent := make(map[SpanID][]int32)
	for i, parent := range b.lost {
		if b.parents[i] == none {
			byParent[parent] = append(byParent[parent], b.places[i])
		}
	}
	for _, group := range byParent {
		if len(group) > 1 {
			slices.Sort(group)
			groups = append(groups, group)
		}
	}
	return groups
}
