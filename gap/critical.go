package gap

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"time"
)

// Segment is one interval of the critical path. During it the path is in Node itself, not in one of
// its children.
type Segment struct {
	Node       Node
	Class      Class     // of the gap that the segment lies in
	Start, End time.Time // in UTC, half-open
}

// Duration returns the time from Start to End.
func (s Segment) Duration() time.Duration { return s.End.Sub(s.Start) }

// CriticalPath returns the segments of the critical path of each root, ordered by time. The roots
// are in the order of [Trace.Roots].
//
// The segments of a root do not overlap, and add up to its duration, with those of its later waits
// if it is a call that has some below it. They add up to less if the root shares its path with
// others that name the same missing parent. Each lies inside a gap of its span. Two segments of a
// root that touch belong to different spans.
func (t *Trace) CriticalPath() iter.Seq[Segment] {
	return func(yield func(Segment) bool) {
		on, at := int32(none), int64(0) // the path is in this node at this time
		advance := func(to int64) bool {
			start := at
			at = max(at, to)
			return start >= to || yield(Segment{Node{t, on}, t.nodes[on].class, moment(start), moment(to)})
		}
		leave := func(to int32) bool { // moves up from node on to node to, an ancestor or itself
			for on != to {
				if !advance(t.windows[on].end) {
					return false
				}
				on = t.nodes[on].parent
			}
			return true
		}
		for i := int32(0); i < int32(len(t.nodes)); {
			n, w := &t.nodes[i], t.windows[i]
			if t.isStream(i) {
				w = t.frame(i).path
			}
			if w.length() == 0 { // if it is in a frame, what is below it is yielded with its other spans
				i = n.next
				continue
			}
			if !leave(n.parent) || on != none && !advance(w.start) {
				return
			}
			if n.parent == none {
				at = w.start
			}
			on, at = i, max(at, w.start)
			i++
			if n.is(segmented) {
				for _, s := range t.segmentsFrom(on, w) {
					if !yield(Segment{Node{t, s.node}, t.nodes[s.node].class, moment(s.start), moment(s.end)}) {
						return
					}
					at = s.end
				}
				on, i = n.parent, n.next
			}
		}
		leave(none)
	}
}

// Worst returns at most n gaps: those with the most self time on the critical path, the worst
// first. Ties go to the longer gap, then to the one that came first. Wire and remote gaps are left
// out, since they do not count as self time. The gaps may come from several traces.
func Worst(gaps iter.Seq[Gap], n int) []Gap {
	if n <= 0 {
		return nil
	}
	var worst []Gap
	trim := func() {
		slices.SortStableFunc(worst, func(a, b Gap) int {
			return cmp.Or(cmp.Compare(b.CriticalTime, a.CriticalTime), cmp.Compare(b.Time, a.Time))
		})
		worst = worst[:min(n, len(worst))]
	}
	for g := range gaps {
		if g.Class != ClassSelf {
			continue
		}
		if len(worst)-n >= max(n, 64) { // so that a million gaps take no more memory than a few
			trim()
		}
		worst = append(worst, g)
	}
	trim()
	return slices.Clip(worst)
}

// window is an interval, usually the one in which the critical path is in a span or below it.
type window struct{ start, end int64 }

func (w window) length() int64 { return w.end - w.start }

// clip returns the part of start to end that is in the window. It is empty if they do not overlap.
func (w window) clip(start, end int64) window {
	start = max(start, w.start)
	return window{start, max(start, min(end, w.end))}
}

// findPath finds the window of every node, parents first. In a node's window the path is in the
// node's children, one after the other, and in the node itself during its gaps:
//
//	root  |-----------------------------|
//	  a         |----------|
//	  b                |-------|
//	  c           |--|                     windows:
//	root  [=============================]  all of it
//	  a         [=====]                    until b starts
//	  b                [=======]           all of it
//	  c                                    empty, since the path is in a
//
// A frame is walked like one span, see the package comment. The windows of its children may then
// reach into the time between its spans. findSegments takes this time from them.
//
// It uses the memory of children, and returns it.
func (t *Trace) findPath(orphans [][]int32, children []pathChild) []pathChild {
	t.windows = resized(t.windows, len(t.nodes))
	clear(t.windows)
	for i := int32(0); i < int32(len(t.nodes)); i = t.nodes[i].next {
		t.windows[i] = window{t.nodes[i].start, t.nodes[i].end}
		if t.isStream(i) {
			for _, wait := range t.frame(i).spans[1:] {
				t.windows[wait] = window{t.nodes[wait].start, t.nodes[wait].end}
			}
		}
	}
	add := func(c int32, w window) {
		if n := &t.nodes[c]; w.clip(n.start, n.end).length() > 0 {
			children = append(children, pathChild{n.end, c, int32(len(children))})
		}
	}
	for _, group := range orphans {
		all := window{maxTime, minTime}
		for _, i := range group {
			all.start, all.end = min(all.start, t.nodes[i].start), max(all.end, t.nodes[i].end)
			t.windows[i] = window{}
		}
		children = children[:0]
		for _, i := range group {
			add(i, all)
		}
		t.walkBack(all, children)
	}
	var ofFrame []int32
	for i := int32(0); i < int32(len(t.nodes)); {
		n, w := &t.nodes[i], t.windows[i]
		var f *frame
		if n.is(framed) {
			if f = t.frame(i); f.spans[0] == i {
				f.path = t.pathIn(f)
			}
			w = f.path
		}
		children = children[:0]
		switch {
		case w.length() == 0:
			i = n.next
			continue
		case f == nil:
			for c := i + 1; c < n.next; c = t.nodes[c].next {
				if t.nodes[c].is(blocking) {
					add(c, w)
				}
			}
		case f.spans[0] == i:
			ofFrame = t.blockingChildren(f, ofFrame[:0])
			t.sortSiblings(ofFrame)
			for _, c := range ofFrame {
				add(c, w)
			}
		} // otherwise it is a wait, whose children were walked with those of its call
		t.walkBack(w, children)
		i++
	}
	t.findSegments()
	return children
}

// pathIn returns frame.path: from the first moment in which the critical path is in one of the
// frame's spans to the last.
func (t *Trace) pathIn(f *frame) (all window) {
	for _, i := range f.spans {
		if w := t.windows[i]; w.length() > 0 {
			if all.length() == 0 {
				all = w
			}
			all.end = w.end
		}
	}
	return all
}

// walkBack finds the windows of children. It walks from the end of their parent's window w back to
// its start. At each moment the walk goes back into
//
//  1. the child that ends at this moment, since the parent went on after it;
//  2. otherwise a child that is running at this moment, and would end later;
//  3. otherwise the parent itself, back to the moment at which another child ends.
//
// Of several children it takes the first.
func (t *Trace) walkBack(w window, children []pathChild) {
	// Sorted by end. Of those that end together, the first child is last, so that it is taken
	// first.
	slices.SortFunc(children, func(a, b pathChild) int {
		return cmp.Or(cmp.Compare(a.end, b.end), cmp.Compare(b.place, a.place))
	})
	// Of the children that end after this moment, only the first is needed, which starts first.
	// Once the walk is at its start, all the others start later.
	running := pathChild{node: none, place: math.MaxInt32}
	for at := w.end; at > w.start; {
		for len(children) > 0 && children[len(children)-1].end > at {
			if c := children[len(children)-1]; c.place < running.place {
				running = c
			}
			children = children[:len(children)-1]
		}
		next := running.node
		switch {
		case len(children) > 0 && children[len(children)-1].end == at:
			next = children[len(children)-1].node
		case running.node != none && t.nodes[running.node].start < at:
		case len(children) > 0:
			at = children[len(children)-1].end
			continue
		default:
			return
		}
		t.windows[next] = window{max(w.start, t.nodes[next].start), at}
		at = t.windows[next].start
	}
}

// pathChild is a child that the path may go on in, with its place in the order of [Node.Children].
type pathChild struct {
	end         int64
	node, place int32
}
