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
// The segments of a root do not overlap, and add up to its duration. Each lies inside a gap of its
// span. Two segments that touch belong to different spans.
func (t *Trace) CriticalPath() iter.Seq[Segment] {
	return func(yield func(Segment) bool) {
		on, at := int32(none), int64(0) // the path is in this node at this time
		advance := func(to int64) bool {
			start := at
			at = to
			return start == to || yield(Segment{Node{t, on}, t.nodes[on].class, moment(start), moment(to)})
		}
		leave := func(to int32) bool { // from on up to one of its ancestors, or to itself
			for on != to {
				if !advance(t.windows[on].end) {
					return false
				}
				on = t.nodes[on].parent
			}
			return true
		}
		for i := int32(0); i < int32(len(t.nodes)); {
			w := t.windows[i]
			if w.length() == 0 { // then so are those of all nodes below it
				i = t.nodes[i].next
				continue
			}
			if !leave(t.nodes[i].parent) || on != none && !advance(w.start) {
				return
			}
			on, at = i, w.start
			i++
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

// findPath finds the window of every node, parents first. In its window, the path is in the node's
// children, one after the other, and in the node itself during its gaps:
//
//	root  |-----------------------------|
//	  a        |-----------|
//	  b               |--------|
//	  c           |--|                     window
//	root  [=============================]  all of it
//	  a        [=====]                     until b starts
//	  b               [========]           until it ends
//	  c                                    empty: the path is in a meanwhile
func (t *Trace) findPath() {
	t.windows = make([]window, len(t.nodes))
	var children []int32
	for i := int32(0); i < int32(len(t.nodes)); {
		n := &t.nodes[i]
		if n.parent == none {
			t.windows[i] = window{n.start, n.end}
		}
		w := t.windows[i]
		if w.length() == 0 {
			i = n.next
			continue
		}
		children = children[:0]
		for c := i + 1; c < n.next; c = t.nodes[c].next {
			child := &t.nodes[c]
			if child.is(blocking) && child.start < child.end && w.clip(child.start, child.end).length() > 0 {
				children = append(children, c)
			}
		}
		t.walkBack(w, children)
		i++
	}
}

// walkBack gives children their windows, walking from the end of their parent's window to its
// start. At any moment the path goes on in
//
//  1. the child that ends at this moment, since the parent went on after it;
//  2. otherwise a child that is still running, up to this moment;
//  3. otherwise the parent itself, back to the moment when another child ends.
//
// Of several children it takes the first of [Node.Children], which starts first.
func (t *Trace) walkBack(w window, children []int32) {
	// The last to end is last. Of those that end together, the first of Node.Children is last.
	slices.SortFunc(children, func(a, b int32) int {
		return cmp.Or(cmp.Compare(t.nodes[a].end, t.nodes[b].end), cmp.Compare(b, a))
	})
	// Of the children that end after this moment only the first is needed. Once the path has been
	// in it, all the others start later than this moment.
	running := int32(math.MaxInt32)
	for at := w.end; at > w.start; {
		for len(children) > 0 && t.nodes[children[len(children)-1]].end > at {
			running = min(running, children[len(children)-1])
			children = children[:len(children)-1]
		}
		next := running
		switch {
		case len(children) > 0 && t.nodes[children[len(children)-1]].end == at:
			next = children[len(children)-1]
		case running != math.MaxInt32 && t.nodes[running].start < at:
		case len(children) > 0:
			at = t.nodes[children[len(children)-1]].end
			continue
		default:
			return
		}
		t.windows[next] = window{max(w.start, t.nodes[next].start), at}
		at = t.windows[next].start
	}
}
