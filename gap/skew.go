package gap

import "time"

// Option adjusts how Build reads spans.
type Option func(*builder)

// WithMaxSkew sets the most by which Build moves the spans of a process to correct its clock: any amount unless said,
// none at all for zero or less. What it would take more for is not moved, and clipped to its parent as any child is.
// Either way a [WarnClockSkew] warning tells the amount.
func WithMaxSkew(most time.Duration) Option {
	return func(b *builder) { b.maxSkew = max(0, int64(most)) }
}

// correctedByJaeger is part of what Jaeger says in the warnings of a span that it has moved.
const correctedByJaeger = "timestamps were adjusted by"

// correct moves children whose clock differs from that of their parent, which has its final times.
func (b *builder) correct(parent int32, children []int32) {
	p := &b.nodes[parent]
	inherited := int64(0) // by how much the parent was moved
	if b.moved != nil {
		inherited = b.moved[parent]
	}
	for _, c := range children {
		n := &b.nodes[c]
		delta := skew(p, n)
		if delta == 0 && inherited == 0 {
			continue // whatever their clocks
		}
		switch {
		case b.processes.oneClock(p.span.Process, n.span.Process):
			delta = inherited
		case !n.is(childOf) || p.kind == KindProducer && n.kind == KindConsumer:
			delta = 0 // it may be late because nobody waits for it
		case delta == 0:
		case b.timeless[parent]:
			delta = 0 // it is nowhere to fit into
		case max(delta, -delta) > b.maxSkew:
			b.warn(n, WarnClockSkew, "its clock seems to need %v, and is not corrected by more than %v", time.Duration(delta), time.Duration(b.maxSkew))
			delta = 0
		default:
			b.warn(n, WarnClockSkew, "moved by %v, with what is below it by the same clock", time.Duration(delta))
		}
		if delta == 0 {
			continue
		}
		if b.moved == nil {
			b.moved = make([]int64, len(b.nodes))
		}
		b.moved[c] = delta
		if b.timeless[c] {
			continue // it is where its parent is
		}
		n.start, n.end = move(n.start, delta), move(n.end, delta)
	}
}

// skew returns by how much the clock of n has to be set forward for n to fit into its parent, by Jaeger's rule: a child
// that does not fit is put into the middle, as if requests took as long as answers. One that is too long may have
// outlived its parent's patience: it just does not start first.
func skew(parent, n *node) int64 {
	longer := (parent.end - parent.start) - (n.end - n.start)
	switch {
	case longer < 0:
		return max(0, parent.start-n.start)
	case n.start >= parent.start && n.end <= parent.end:
		return 0
	}
	return parent.start + longer/2 - n.start
}

// move adds to a time, and stays in range.
func move(at, by int64) int64 {
	switch {
	case by > 0 && at > maxTime-by:
		return maxTime
	case by < 0 && at < minTime-by:
		return minTime
	}
	return at + by
}
