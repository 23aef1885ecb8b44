package gap

import (
	"cmp"
	"slices"
)

// layout sorts the nodes depth first, with siblings by time, and corrects their times on the way.
func (b *builder) layout() *Trace {
	t := b.made
	t.id = b.trace
	t.services = append(t.services, b.processes.services.keys...)
	t.operations = append(t.operations, b.operations.keys...)
	if b.movedByJaeger > 0 {
		b.warn(nil, WarnClockSkew, "no clock is corrected: Jaeger has moved %d of the spans", b.movedByJaeger)
		b.sortWarnings()
	}

	children, first := b.groupByParent()
	order := resized(b.order, len(b.nodes))[:0] // indexes into b.nodes, in the order of t.nodes
	stack := b.stack[:0]
	push := func(parent int32) {
		siblings := children[first[parent+1]:first[parent+2]]
		if b.timeless != nil {
			b.placeTimeless(parent, siblings)
		}
		if b.mayWait && parent != none && b.parents[parent] == none {
			b.findFrames(siblings, true)
		}
		if parent != none && b.movedByJaeger == 0 {
			b.correctClocks(parent, siblings)
		}
		if b.mayWait {
			b.findFrames(siblings, false)
		}
		if len(siblings) > 1 {
			b.sortSiblings(siblings)
		}
		for _, c := range slices.Backward(siblings) {
			stack = append(stack, c)
		}
	}
	for push(none); len(stack) > 0; {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		push(i)
		b.places[i] = int32(len(order))
		order = append(order, i)
	}
	b.order, b.stack = order, stack
	b.sortWarnings() // before reorder, since it needs pointers to nodes
	t.nodes = b.reorder(order)
	if b.frames != nil {
		b.placeFrames(t)
	}
	if b.moved != nil {
		t.moved = make([]int64, len(t.nodes))
		for i, moved := range b.moved {
			if b.parents[i] != removed && !b.timeless[int32(i)] {
				t.moved[b.places[i]] = moved
			}
		}
	}
	for _, n := range slices.Backward(t.nodes) {
		if n.parent != none {
			p := &t.nodes[n.parent]
			p.next = max(p.next, n.next)
		}
	}
	return t
}

// groupByParent returns the children of all nodes: those of p are children[first[p+1]:first[p+2]].
// The children of none, which is -1, are the roots.
func (b *builder) groupByParent() (children, first []int32) {
	b.first = resized(b.first, len(b.nodes)+2)
	first = b.first
	clear(first)
	kept := 0
	for _, p := range b.parents {
		if p != removed {
			first[p+2]++
			kept++
		}
	}
	for p := range len(first) - 1 {
		first[p+1] += first[p]
	}
	b.children = resized(b.children, kept)
	children = b.children
	filled := append(b.places[:0], first...)
	for i, p := range b.parents {
		if p != removed {
			children[filled[p+1]] = int32(i)
			filled[p+1]++
		}
	}
	b.places = filled[:len(b.nodes)] // to be overwritten, which saves an allocation
	return children, first
}

// reorder sorts the nodes into this order in place, since a copy of a large trace would take much
// memory. It also sets their parents and depths.
func (b *builder) reorder(order []int32) []node {
	kept := len(order)
	for i, p := range b.parents { // the dropped ones come last
		if p == removed {
			b.places[i] = int32(len(order))
			order = append(order, int32(i))
		}
	}
	for i := range order {
		if order[i] < 0 {
			continue // it has been moved here
		}
		first, at := b.nodes[i], int32(i)
		for from := order[at]; ; from = order[at] {
			order[at] = ^from
			if from == int32(i) {
				break
			}
			b.nodes[at] = b.nodes[from]
			at = from
		}
		b.nodes[at] = first
	}
	nodes := b.nodes[:kept]
	for i := range nodes {
		n := &nodes[i]
		n.next = int32(i) + 1
		if p := b.parents[^order[i]]; p != none {
			n.parent = b.places[p]
			n.depth = nodes[n.parent].depth + 1
		}
	}
	return nodes
}

// placeTimeless moves children whose start is unknown to the start of their parent, which must have
// its final times. Roots whose start is unknown move to the first known start of the trace.
func (b *builder) placeTimeless(parent int32, children []int32) {
	start := int64(maxTime)
	if parent != none {
		start = b.nodes[parent].start
	}
	for _, c := range children {
		if !b.timeless[c] {
			continue
		}
		if start == maxTime {
			for i := range b.nodes {
				if b.parents[i] != removed && !b.timeless[int32(i)] {
					start = min(start, b.nodes[i].start)
				}
			}
			if start == maxTime {
				return // no start is known
			}
		}
		n := &b.nodes[c]
		n.start, n.end = start, start+min(n.end-n.start, maxTime-start)
	}
}

// siblingKey is what siblings are sorted by. The keys of a large family are next to each other in
// memory, which the nodes are not.
type siblingKey struct {
	start, end int64
	id         SpanID
	node       int32
}

// sortSiblings sorts siblings as compareNodes does.
func (b *builder) sortSiblings(siblings []int32) {
	keys := slices.Grow(b.keys[:0], len(siblings))
	b.keys = keys
	for _, c := range siblings {
		n := &b.nodes[c]
		keys = append(keys, siblingKey{n.start, n.end, n.id, c})
	}
	slices.SortFunc(keys, func(x, y siblingKey) int {
		switch {
		case x.start != y.start:
			return cmp.Compare(x.start, y.start)
		case x.end != y.end:
			return cmp.Compare(y.end, x.end)
		case x.id != y.id:
			return cmp.Compare(x.id, y.id)
		}
		return b.processes.compareSpans(b.nodes[x.node].span, b.nodes[y.node].span)
	})
	for i := range keys {
		siblings[i] = keys[i].node
	}
}
