package gap

import "time"

// Option adjusts [Build].
type Option func(*builder)

// WithMaxSkew bounds how far Build moves a span to correct a clock. The default is no bound; zero
// or less turns the correction off. A span that would have to move farther stays where it is, even
// if it then covers little of its parent. A [WarnClockSkew] warning names the amount, whether the
// span was moved or not.
func WithMaxSkew(most time.Duration) Option {
	return func(b *builder) { b.maxSkew = max(0, int64(most)) }
}

// correctedByJaeger is part of the warning that Jaeger adds to a span that it has moved.
const correctedByJaeger = "timestamps were adjusted by"

// correctClocks moves children whose clock differs from that of their parent. The parent must have
// its final times.
func (b *builder) correctClocks(parent int32, children []int32) {
	p := &b.nodes[parent]
	inherited := int64(0) // how far the parent was moved
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
			delta = 0 // the parent does not wait for it, so it may be late
		case delta == 0:
		case b.timeless[parent]:
			delta = 0 // the parent has no length to fit into
		case max(delta, -delta) > b.maxSkew:
			b.warn(n, WarnClockSkew, "not moved: its clock seems to differ by %v, and the most is %v",
				time.Duration(delta), time.Duration(b.maxSkew))
			delta = 0
		default:
			b.warn(n, WarnClockSkew, "moved by %v, with the spans below it that have the same clock",
				time.Duration(delta))
		}
		if delta == 0 {
			continue
		}
		if b.moved == nil {
			b.moved = make([]int64, len(b.nodes))
		}
		b.moved[c] = delta
		if b.timeless[c] {
			continue // placeTimeless has put it where its parent is
		}
		n.start, n.end = shift(n.start, delta), shift(n.end, delta)
	}
}

// skew returns how far n has to move to fit into its parent, by Jaeger's rule. A child that does
// not fit is moved into the middle, as if the request had taken as long as the response:
//
//	parent        |---------------|
//	as reported             |---------|
//	moved            |---------|
//
// A child that is longer than its parent may have outlived the parent's timeout. It moves only if
// it starts too early, and then to the parent's start.
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

// shift adds by to a time, and clamps the sum to minTime and maxTime.
func shift(at, by int64) int64 {
	switch {
	case by > 0 && at > maxTime-by:
		return maxTime
	case by < 0 && at < minTime-by:
		return minTime
	}
	return at + by
}
