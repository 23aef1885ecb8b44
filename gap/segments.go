package gap

import (
	"cmp"
	"math/bits"
	"slices"
)

// segment is one interval of the critical path. Most segments follow from the windows, see
// [Trace.CriticalPath]. Kept are those in and below a frame if the path is in a child of one of its
// spans while another of them is blocked.
type segment struct {
	node       int32
	next       int32 // the next segment of the same node, or none
	start, end int64
}

// segmentsFrom returns the segments that start in the window w of span i, which is in a frame.
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
	before := make([]int64, len(t.nodes)+1) // by node: the length of the segments of all nodes before it
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
	elsewhere := func(i int32) bool { // the path is in node i outside the window of the node's parent
		w, parent := t.windows[i], t.windows[t.nodes[i].parent]
		return w.length() > 0 && (w.start < parent.start || w.end > parent.end)
	}
	for i := range t.frames {
		f := &t.frames[i]
		if t.nodes[f.spans[0]].is(segmented) {
			continue
		}
		children = t.blockingChildren(f, children[:0])
		if t.isStream(f.spans[0]) || slices.ContainsFunc(children, elsewhere) {
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

// pathEvent is a moment at which the path may enter or leave nodes, by their ranks.
type pathEvent struct {
	at     int64
	kind   pathEventKind
	lo, hi int32
}

type pathEventKind uint8

const (
	enter   pathEventKind = iota // the window of rank lo starts
	leave                        // the window of rank lo ends
	suspend                      // the path leaves a span of a frame; ranks lo to hi-1 are all below the frame
	resume                       // the path enters the next span of the frame
)

// segmentFrame finds the segments in and below a frame. It ranks the nodes, so that the path is
// always in the highest rank of those whose window has started, has not ended, and is not
// suspended:
//
//	get            |----|               rank 0
//	get wait               |------|     rank 1
//	  server         |----------|       rank 2, suspended between get and its wait
//	    query          |------|         rank 3, suspended as well
//	segments       002233  33332211
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

// rank returns the nodes in and below a frame, by rank, and their events. The spans of a frame come
// first, then all nodes below it, one child after the other. Nodes that the path does not reach are
// left out.
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
		node   int32
		pauses []pathEvent // of a frame below which all nodes have been ranked; hi is not yet set
	}
	stack := []unit{{node: f.spans[0]}}
	for len(stack) > 0 {
		u := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if u.pauses != nil {
			for _, e := range u.pauses {
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
		if pauses := t.pauses(spans, int32(len(order))); pauses != nil {
			stack = append(stack, unit{pauses: pauses})
		}
		for _, i := range spans {
			for c := i + 1; c < t.nodes[i].next; c = t.nodes[c].next {
				stack = append(stack, unit{node: c})
			}
		}
	}
	return order, events
}

// pauses returns the events between the windows of a frame's spans. Their hi is not yet set.
func (t *Trace) pauses(spans []int32, lo int32) (pauses []pathEvent) {
	end := int64(maxTime)
	for _, i := range spans {
		w := t.windows[i]
		if w.length() == 0 {
			continue
		}
		if end < w.start {
			pauses = append(pauses, pathEvent{at: end, kind: suspend, lo: lo}, pathEvent{at: w.start, kind: resume, lo: lo})
		}
		end = w.end
	}
	return pauses
}

// ranks is a set of ranks. A range of ranks can be suspended, whether or not they are in the set.
// It is a binary tree in an array: the root is 1, the children of i are 2i and 2i+1, and the leaves
// are the ranks.
type ranks struct {
	size      int
	best      []int32 // by place: its highest rank in the set that no place below it suspends, or none
	suspended []int32 // by place: how often it suspends all its ranks
}

func newRanks(n int) ranks {
	size := 1 << bits.Len(uint(n))
	r := ranks{size, make([]int32, 2*size), make([]int32, 2*size)}
	for i := range r.best {
		r.best[i] = none
	}
	return r
}

// get returns the highest rank of place i that is in the set and not suspended, or none. It ignores
// the places above i.
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

// suspend suspends ranks lo to hi-1, or undoes it.
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

// update finds best for all places above i.
func (r *ranks) update(i int) {
	for i /= 2; i > 0; i /= 2 {
		r.best[i] = max(r.get(2*i), r.get(2*i+1))
	}
}
