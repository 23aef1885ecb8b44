package gap

import (
	"cmp"
	"strings"
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
		if delta == 0 && inherited == 0 || b.siblingCall(c) != none {
			continue // whether or not they share a clock, or moved below
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
		b.move(c, delta)
	}
	if b.moved == nil || !b.mayWait {
		return
	}
	for _, c := range children {
		if call := b.siblingCall(c); call != none {
			if b.moved[call] != inherited {
				b.warn(&b.nodes[c], WarnClockSkew, "moved by %v, with its call", time.Duration(b.moved[call]))
			}
			b.move(c, b.moved[call])
		}
	}
}

// move moves a node, but not those below it.
func (b *builder) move(i int32, by int64) {
	if by == 0 {
		return
	}
	if b.moved == nil {
		b.moved = make([]int64, len(b.nodes))
	}
	b.moved[i] = by
	if n := &b.nodes[i]; !b.timeless[i] { // the others are where their parents are
		n.start, n.end = shift(n.start, by), shift(n.end, by)
	}
}

// siblingCall returns the sibling that node i moves with, or none. The sibling has the same clock,
// and is a call of which i is a later wait, by its operation and the reference to it.
func (b *builder) siblingCall(i int32) int32 {
	w := &b.nodes[i]
	if !w.is(mayWait) || !w.is(childOf) {
		return none
	}
	for _, ref := range w.span.References {
		if ref.Type != FollowsFrom || !b.inTrace(ref) {
			continue
		}
		call := b.ids.find(ref.SpanID)
		if call == none || !b.sameParent(call, i) || b.nodes[call].is(mayWait) {
			continue
		}
		c, operation := &b.nodes[call], strings.TrimSuffix(w.span.Operation, waitSuffix)
		if operation == c.span.Operation && b.processes.oneClock(c.span.Process, w.span.Process) {
			return call
		}
	}
	return none
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
