package gap

import (
	"cmp"
	"time"
)

// Option adjusts [Build]. An argument of zero stands for the default, and a nil Option is ignored.
type Option func(*builder)

// DefaultMaxSkew is how far Build moves a span at most, unless [WithMaxSkew] says otherwise. NTP
// steps a clock that is off by more than 128 ms (STEPT in RFC 5905). So two clocks that it keeps
// are at most 256 ms apart.
const DefaultMaxSkew = 256 * time.Millisecond

// WithMaxSkew bounds how far Build moves a span to correct a clock. Zero stands for
// [DefaultMaxSkew]; a negative duration turns the correction off. A span that would have to move
// farther stays where it is, even if it then covers little of its parent. A [WarnClockSkew] warning
// names the amount in both cases.
func WithMaxSkew(most time.Duration) Option {
	return func(b *builder) { b.maxSkew = int64(cmp.Or(most, DefaultMaxSkew)) }
}

// correctedByJaeger is part of the warning that Jaeger adds to a span that it has moved.
const correctedByJaeger = "timestamps were adjusted by"

// correctClocks moves children whose clock differs from that of their parent. The parent must have
// its final times.
func (b *builder) correctClocks(parent int32, children []int32) {
	p, frame := &b.nodes[parent], b.bounds(parent)
	inherited := int64(0) // how far the parent was moved
	if b.moved != nil {
		inherited = b.moved[parent]
	}
	for _, c := range children {
		n := &b.nodes[c]
		delta := skew(frame, n, p.kind == KindClient && n.kind == KindServer)
		if delta == 0 && inherited == 0 {
			continue // whether or not they share a clock
		}
		switch {
		case b.processes.oneClock(p.span.Process, n.span.Process):
			delta = inherited
		case !n.is(childOf) || p.kind == KindProducer && n.kind == KindConsumer:
			delta = 0 // the parent does not wait for it, so its times may be right
		case delta == 0:
		case b.timeless[parent]:
			delta = 0 // the parent has no length to fit into
		case max(delta, -delta) > b.maxSkew:
			b.warn(n, WarnClockSkew, "not moved: its clock seems to differ by %v, and the most is %v",
				time.Duration(delta), time.Duration(max(0, b.maxSkew)))
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

// skew returns how far a child has to move to lie inside its parent's frame, if its clock is wrong.
// It is zero for a child that starts inside, even if it ends later. It is also zero for one that
// starts later, except the server of a call, which cannot start after the call:
//
//	frame              |-----------|
//	child          |-----|                   starts before the frame
//	  moved            |-----|               starts with it
//	server                           |---|   starts after the frame
//	  moved                    |---|         ends with it
func skew(frame window, child *node, serverOfCall bool) int64 {
	switch {
	case child.start < frame.start:
		return frame.start - child.start
	case serverOfCall && child.start >= frame.end:
		return max(frame.start, frame.end-(child.end-child.start)) - child.start
	}
	return 0
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
