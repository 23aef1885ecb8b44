package gap

import (
	"cmp"
	"math/bits"
	"slices"
)

// segment is one interval of the critical path. Only those in and below a frame are kept, if the
// path is in a child of one of its spans during another span. All others follow from the windows.
type segment struct {
	node       int32
	next       int32 // the next segment of the same node, or none
	start, end int64
}

// segmentsFrom returns the segments that start in the window of a frame's span i.
func (t *Trace) segmentsFrom(i int32, w window) []segment {
	f := t.frame(i)
	all := t.segments[f.first:f.last]
	search := func(at int64) int {
		i, _ := slices.BinarySearchFunc(all, at, func(s segment, at int64) int { return cmp.Compare(s.start, at) })
		return i
	}
	return all[search(w.start):search(w.end)]
}

// timesOnPath returns a function that says how long the path is in a node and below it.
func (t *Trace) timesOnPath() func(i int32) int64 {
	if t.segments == nil {
		return func(i int32) int64 { return t.windows[i].length() }
	}
	before := make([]int64, len(t.nodes)+1) // the time in the segments of all nodes before this one
	for _, s := range t.segments {
		before[s.node+1] += s.end - s.start
	}
	for i := range t.nodes {
		before[i+1] += before[i]
	}
	return func(i int32) int64 {
		if t.nodes[i].is(segmented) {
			return before[t.nodes[i].next] - before[i]
		}
		return t.windows[i].length()
	}
}

// findSegments finds the segments of all frames that need them, the outermost first.
func (t *Trace) findSegments() {
	var children []int32
	elsewhere := func(i int32) bool { // the path is in node i while it is not in the node's parent
		w, parent := t.windows[i], t.windows[t.nodes[i].parent]
		return w.length() > 0 && (w.start < parent.start || w.end > parent.end)
	}
	for i := range t.frames {
		f := &t.frames[i]
		if t.nodes[f.spans[0]].is(segmented) {
			continue
		}
		if children = t.blockingChildren(f, children[:0]); slices.ContainsFunc(children, elsewhere) {
			t.segmentFrame(f)
		}
	}
	if t.segments == nil {
		return
	}
	t.firstOf = make([]int32, len(t.nodes))
	for i := range t.firstOf {
		t.firstOf[i] = none
	}
	for i := range slices.Backward(t.segments) {
		s := &t.segments[i]
		s.next, t.firstOf[s.node] = t.firstOf[s.node], int32(i)
	}
}

// pathEvent is a moment in which ranks lo to hi begin or cease to be on the path.
type pathEvent struct {
	at     int64
	kind   pathEventKind
	lo, hi int32
}

type pathEventKind uint8

const (
	enter   pathEventKind = iota // the window of rank lo begins
	leave                        // it ends
	suspend                      // the path leaves a span of a frame: ranks lo to hi are below it
	resume                       // it enters the next span of the frame
)

// segmentFrame finds the segments in and below a frame. It ranks the nodes in such a way that of
// all nodes whose windows have begun, the path is in the one with the highest rank:
//
//	get            |----|                                        rank 0
//	get wait               |------|                              rank 1
//	  server         |-----------------|                         rank 2; suspended between 0 and 1
//	    query          |-----------|                             rank 3; suspended as well
//	segments       0022333 33332222
func (t *Trace) segmentFrame(f *frame) {
	order, events := t.rank(f)
	slices.SortFunc(events, func(a, b pathEvent) int { return cmp.Compare(a.at, b.at) })
	ranks := newRanks(len(order))
	f.first = len(t.segments)
	on, since := int32(none), int64(0)
	for i, e := range events {
		switch e.kind {
		case enter, leave:
			ranks.set(e.lo, e.kind == enter)
		case suspend, resume:
			ranks.suspend(e.lo, e.hi, e.kind == suspend)
		}
		if i+1 < len(events) && events[i+1].at == e.at {
			continue
		}
		if highest := ranks.highest(); highest != on {
			if on != none {
				t.segments = append(t.segments, segment{node: order[on], start: since, end: e.at})
			}
			on, since = highest, e.at
		}
	}
	f.last = len(t.segments)
}

// rank orders the nodes with windows in and below a frame: those of a frame, then all below it, one
// child after the other.
func (t *Trace) rank(f *frame) (order []int32, events []pathEvent) {
	add := func(i int32) {
		t.nodes[i].flags |= segmented
		if w := t.windows[i]; w.length() > 0 {
			rank := int32(len(order))
			events = append(events, pathEvent{w.start, enter, rank, 0}, pathEvent{w.end, leave, rank, 0})
		}
		order = append(order, i)
	}
	type unit struct {
		node  int32
		holes []pathEvent // if all below a frame has been ranked: its events without hi
	}
	stack := []unit{{node: f.spans[0]}}
	for len(stack) > 0 {
		u := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if u.holes != nil {
			for _, e := range u.holes {
				e.hi = int32(len(order))
				events = append(events, e)
			}
			continue
		}
		spans := []int32{u.node}
		if t.nodes[u.node].is(framed) {
			f := t.frame(u.node)
			if f.spans[0] != u.node || f.path.length() == 0 {
				continue
			}
			spans = f.spans
		} else if t.windows[u.node].length() == 0 {
			continue
		}
		for _, i := range spans {
			add(i)
		}
		if holes := t.holes(spans, int32(len(order))); holes != nil {
			stack = append(stack, unit{holes: holes})
		}
		for _, i := range spans {
			for c := i + 1; c < t.nodes[i].next; c = t.nodes[c].next {
				stack = append(stack, unit{node: c})
			}
		}
	}
	return order, events
}

// holes returns the events between the windows of a frame's spans.
func (t *Trace) holes(spans []int32, lo int32) (holes []pathEvent) {
	end := int64(maxTime)
	for _, i := range spans {
		w := t.windows[i]
		if w.length() == 0 {
			continue
		}
		if end < w.start {
			holes = append(holes, pathEvent{at: end, kind: suspend, lo: lo}, pathEvent{at: w.start, kind: resume, lo: lo})
		}
		end = w.end
	}
	return holes
}

// ranks is a set of ranks of which ranges can be suspended. It is a binary tree in an array: the
// children of i are 2i and 2i+1, and the leaves are the ranks.
type ranks struct {
	size      int
	best      []int32 // the highest rank below that is in the set and not suspended below, or none
	suspended []int32 // how often all ranks below are suspended
}

func newRanks(n int) ranks {
	size := 1 << bits.Len(uint(n))
	r := ranks{size, make([]int32, 2*size), make([]int32, 2*size)}
	for i := range r.best {
		r.best[i] = none
	}
	return r
}

// get returns the highest rank at or below a place in the tree, or none.
func (r *ranks) get(i int) int32 {
	if r.suspended[i] > 0 {
		return none
	}
	return r.best[i]
}

func (r *ranks) highest() int32 { return r.get(1) }

func (r *ranks) set(rank int32, in bool) {
	i := r.size + int(rank)
	r.best[i] = none
	if in {
		r.best[i] = rank
	}
	r.update(i)
}

// suspend suspends ranks lo to hi, or undoes it.
func (r *ranks) suspend(lo, hi int32, on bool) {
	by := int32(1)
	if !on {
		by = -1
	}
	l, h := r.size+int(lo), r.size+int(hi)
	for ; l < h; l, h = l/2, h/2 {
		if l&1 == 1 {
			r.suspended[l] += by
			l++
		}
		if h&1 == 1 {
			h--
			r.suspended[h] += by
		}
	}
	if lo < hi {
		r.update(r.size + int(lo))
		r.update(r.size + int(hi) - 1)
	}
}

// update finds the best rank of all places above i.
func (r *ranks) update(i int) {
	for i /= 2; i > 0; i /= 2 {
		r.best[i] = max(r.get(2*i), r.get(2*i+1))
	}
}
