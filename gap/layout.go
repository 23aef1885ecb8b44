package gap

import (
	"cmp"
	"slices"
)

// layout brings the nodes into depth-first order.
func (b *builder) layout() *Trace {
	t := &Trace{id: b.trace, services: b.processes.services, operations: make([]operationKey, len(b.operations))}
	for key, i := range b.operations {
		t.operations[i] = key
	}
	if b.corrected > 0 {
		b.warn(nil, WarnClockSkew, "clocks were corrected by Jaeger, as it says of %d of the spans: none is moved again", b.corrected)
		b.order()
	}

	// children[first[p+1]:first[p+2]] are those of p; the roots are p = none
	first := make([]int32, len(b.nodes)+2)
	kept := 0
	for _, p := range b.parents {
		if p != gone {
			first[p+2]++
			kept++
		}
	}
	for p := range len(first) - 1 {
		first[p+1] += first[p]
	}
	children := make([]int32, kept)
	filled := slices.Clone(first)
	for i, p := range b.parents {
		if p != gone {
			children[filled[p+1]] = int32(i)
			filled[p+1]++
		}
	}

	b.places = filled[:len(b.nodes)]
	order := make([]int32, 0, len(b.nodes)) // the nodes as t has them
	var stack []int32
	var keys []siblingKey
	push := func(parent int32) {
		siblings := children[first[parent+1]:first[parent+2]]
		if b.timeless != nil {
			b.giveTime(parent, siblings)
		}
		if parent != none && b.corrected == 0 {
			b.correct(parent, siblings)
		}
		if len(siblings) > 1 {
			keys = b.sort(siblings, keys)
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
	b.order() // as it points to nodes that are about to move
	t.nodes = b.move(order)
	for _, n := range slices.Backward(t.nodes) {
		if n.parent != none {
			p := &t.nodes[n.parent]
			p.next = max(p.next, n.next)
		}
	}
	return t
}

// move brings the nodes into this order, in place, as those of a large trace are not to be there twice, and tells each where it is.
func (b *builder) move(order []int32) []node {
	kept := len(order)
	for i, p := range b.parents { // what is left out goes behind the others
		if p == gone {
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
	nodes := b.nodes[:kept:kept]
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

// giveTime puts children that have no time where their parent starts, which has its final times, and such roots where the first span
// does that has one.
func (b *builder) giveTime(parent int32, children []int32) {
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
				if b.parents[i] != gone && !b.timeless[int32(i)] {
					start = min(start, b.nodes[i].start)
				}
			}
			if start == maxTime {
				return // nobody has one
			}
		}
		n := &b.nodes[c]
		n.start, n.end = start, start+min(n.end-n.start, maxTime-start)
	}
}

// siblingKey is what siblings are sorted by, side by side for those that have many.
type siblingKey struct {
	start, end int64
	id         SpanID
	node       int32
}

// sort orders siblings as compareNodes does. The keys are scratch space, to be handed in again.
func (b *builder) sort(siblings []int32, keys []siblingKey) []siblingKey {
	keys = slices.Grow(keys[:0], len(siblings))
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
	return keys
}

// judge says of every span whether its parent waits for it, and of which class its gaps are.
func (t *Trace) judge() {
	t.start, t.end = maxTime, minTime
	for i := range t.nodes {
		n := &t.nodes[i]
		t.start, t.end = min(t.start, n.start), max(t.end, n.end)
		if n.kind == KindClient {
			n.class = ClassRemote
		}
		if !n.is(childOf) {
			continue
		}
		p := &t.nodes[n.parent]
		if p.kind == KindClient && n.kind == KindServer {
			p.class = ClassWire
		}
		switch {
		case p.kind == KindProducer && n.kind == KindConsumer:
		case n.end <= p.end:
			n.flags |= blocking
		case n.start < p.end:
			n.flags |= blocking | outlives
		default:
			n.flags |= detached
		}
	}
}
