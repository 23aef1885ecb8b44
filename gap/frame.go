package gap

import (
	"cmp"
	"slices"
	"strings"
)

// waitSuffix ends the operation of a later wait. The rest is the call's operation.
const waitSuffix = " wait"

// frame is a call with its later waits, see the package comment. A call without later waits has
// none: its node serves as its frame.
type frame struct {
	spans   []int32 // the call, then its waits in the order of their starts; they do not overlap
	end     int64   // of the last span
	profile []edge  // how many blocking children of the spans run, and when
	path    window  // from the first moment in which the critical path is in one of the spans to the last
	first   int     // Trace.segments[first:last] are those in the spans and below them
	last    int
}

// edge is a moment at which children of a frame start or end.
type edge struct {
	at             int64
	running        int64 // how many children run from now to the next edge
	ended, started int32 // the first of the children that end now, and of those that start; or none
}

// findFrames finds which of these siblings are later waits, and adds them to the frames of their
// calls. If belowCall is set, it looks for waits that are children of their call, which is a root.
// Otherwise it looks for siblings of their call, which must have their final times.
func (b *builder) findFrames(siblings []int32, belowCall bool) {
	var waits []int32
	for _, i := range siblings {
		if n := &b.nodes[i]; n.is(mayWait) && !n.is(framed) && belowCall == (b.parents[i] != none && !n.is(childOf)) {
			waits = append(waits, i)
		}
	}
	if waits == nil {
		return
	}
	b.sortSiblings(waits)
	// A call's name is shorter than that of its waits, so it is known whether the call is a wait.
	slices.SortStableFunc(waits, func(i, j int32) int {
		return cmp.Compare(len(b.nodes[i].span.Operation), len(b.nodes[j].span.Operation))
	})
	for _, i := range waits {
		call := b.callOf(i)
		if call == none {
			continue
		}
		if b.frameOf == nil {
			b.frameOf = make([]int32, len(b.nodes))
		}
		if c := &b.nodes[call]; !c.is(framed) {
			b.frameOf[call] = int32(len(b.frames))
			b.frames = append(b.frames, frame{spans: []int32{call}})
			c.flags |= framed
		}
		f := &b.frames[b.frameOf[call]]
		f.spans, f.end = append(f.spans, i), b.nodes[i].end
		b.frameOf[i] = b.frameOf[call]
		b.nodes[i].flags |= framed
	}
}

// callOf returns the call that node i is a later wait of, or none.
func (b *builder) callOf(i int32) int32 {
	w := &b.nodes[i]
	for _, ref := range w.span.References {
		if ref.Type != FollowsFrom || !b.inTrace(ref) {
			continue
		}
		call := b.ids.find(ref.SpanID)
		if call == none || !b.sameParent(call, i) {
			continue
		}
		c := &b.nodes[call]
		operation, _ := strings.CutSuffix(w.span.Operation, waitSuffix)
		if operation != c.span.Operation || w.start <= c.start || w.start < c.end {
			continue
		}
		if c.is(framed) {
			if f := &b.frames[b.frameOf[call]]; f.spans[0] != call || w.start < f.end {
				continue
			}
		}
		return call
	}
	return none
}

// sameParent reports whether a node, by its parent, may be a wait of the call. Both must name the
// same parent, which may be missing. If the call names none, the wait must be its child, but only
// by FollowsFrom.
func (b *builder) sameParent(call, wait int32) bool {
	c, w := &b.nodes[call], &b.nodes[wait]
	switch parent := b.parents[call]; {
	case parent != none:
		return parent == b.parents[wait] && c.is(childOf) && w.is(childOf)
	case c.is(incomplete):
		return b.parents[wait] == none && b.lost[call] != 0 && b.lost[call] == b.lost[wait]
	}
	return b.parents[wait] == call && !w.is(childOf) && b.lost[wait] == 0
}

// bounds returns when the frame of a node starts and ends. A node that is not framed is its own
// frame.
func (b *builder) bounds(i int32) window {
	if n := &b.nodes[i]; !n.is(framed) {
		return window{n.start, n.end}
	}
	f := &b.frames[b.frameOf[i]]
	return window{b.nodes[f.spans[0]].start, f.end}
}

// placeFrames hands the frames to t, whose nodes are in another order.
func (b *builder) placeFrames(t *Trace) {
	t.frames, t.frameOf = b.frames, make([]int32, len(t.nodes))
	for f := range t.frames {
		spans := t.frames[f].spans
		for k, i := range spans {
			spans[k] = b.places[i]
		}
	}
	slices.SortFunc(t.frames, func(f, g frame) int { return cmp.Compare(f.spans[0], g.spans[0]) })
	for f := range t.frames {
		for _, i := range t.frames[f].spans {
			t.frameOf[i] = int32(f)
		}
	}
}

// frame returns the frame of a framed node.
func (t *Trace) frame(i int32) *frame { return &t.frames[t.frameOf[i]] }

// bounds returns when the frame of a node starts and ends. A node that is not framed is its own
// frame.
func (t *Trace) bounds(i int32) window {
	if n := &t.nodes[i]; !n.is(framed) {
		return window{n.start, n.end}
	}
	f := t.frame(i)
	return window{t.nodes[f.spans[0]].start, f.end}
}

// call returns the call of a later wait, and any other node itself.
func (t *Trace) call(i int32) int32 {
	if i == none || !t.nodes[i].is(framed) {
		return i
	}
	return t.frame(i).spans[0]
}

// isStream reports whether node i is a call without a parent, whose later waits are below it. The
// critical path is in all of them.
func (t *Trace) isStream(i int32) bool {
	n := &t.nodes[i]
	if n.parent != none || !n.is(framed) {
		return false
	}
	spans := t.frame(i).spans
	return spans[0] == i && t.nodes[spans[1]].parent == i
}

// blockingChildren appends to children the blocking children of all spans of the frame, except
// those of zero length.
func (t *Trace) blockingChildren(f *frame, children []int32) []int32 {
	for _, i := range f.spans {
		for c := i + 1; c < t.nodes[i].next; c = t.nodes[c].next {
			if child := &t.nodes[c]; child.is(blocking) && child.start < child.end {
				children = append(children, c)
			}
		}
	}
	return children
}

// sortSiblings sorts the children of a frame like those of one span.
func (t *Trace) sortSiblings(children []int32) {
	slices.SortFunc(children, func(a, b int32) int {
		n, m := &t.nodes[a], &t.nodes[b]
		return cmp.Or(
			cmp.Compare(n.start, m.start), cmp.Compare(m.end, n.end), cmp.Compare(n.id, m.id), cmp.Compare(a, b),
		)
	})
}

// profileFrames finds how many children of each frame run, and when.
func (t *Trace) profileFrames() {
	var children, byEnd []int32
	for i := range t.frames {
		f := &t.frames[i]
		children = t.blockingChildren(f, children[:0])
		t.sortSiblings(children)
		byEnd = append(byEnd[:0], children...)
		slices.SortStableFunc(byEnd, func(a, b int32) int { return cmp.Compare(t.nodes[a].end, t.nodes[b].end) })
		running, ends := int64(0), byEnd
		for starts := children; len(ends) > 0; {
			e := edge{at: t.nodes[ends[0]].end, ended: none, started: none}
			if len(starts) > 0 {
				e.at = min(e.at, t.nodes[starts[0]].start)
			}
			if t.nodes[ends[0]].end == e.at {
				e.ended = ends[0]
			}
			if len(starts) > 0 && t.nodes[starts[0]].start == e.at {
				e.started = starts[0]
			}
			for ; len(ends) > 0 && t.nodes[ends[0]].end == e.at; ends = ends[1:] {
				running--
			}
			for ; len(starts) > 0 && t.nodes[starts[0]].start == e.at; starts = starts[1:] {
				running++
			}
			e.running = running
			f.profile = append(f.profile, e)
		}
	}
}

// during divides the interval from start to end at the frame's edges. For each part it yields how
// many children run, the first child that ends where the part starts, and the first that starts
// where it ends. Either may be none.
func (f *frame) during(start, end int64, yield func(part window, running int64, ended, started int32) bool) bool {
	next, found := slices.BinarySearchFunc(f.profile, start, func(e edge, at int64) int { return cmp.Compare(e.at, at) })
	part, running, ended := window{start: start}, int64(0), int32(none)
	if next > 0 {
		running = f.profile[next-1].running
	}
	if found {
		running, ended = f.profile[next].running, f.profile[next].ended
		next++
	}
	for ; next < len(f.profile) && f.profile[next].at < end; next++ {
		e := &f.profile[next]
		part.end = e.at
		if !yield(part, running, ended, e.started) {
			return false
		}
		part.start, running, ended = e.at, e.running, e.ended
	}
	part.end = end
	return start == end || yield(part, running, ended, none)
}
