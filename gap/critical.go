package gap

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"time"
)

// Segment is a stretch of the critical path: time of a span in which it waited for none of its children.
type Segment struct {
	Node       Node
	Class      Class     // whose time it is, as that of the gap it lies in
	Start, End time.Time // in UTC, half-open
}

// Duration returns the time from Start to End.
func (p Segment) Duration() time.Duration { return p.End.Sub(p.Start) }

// CriticalPath returns the pieces of the critical path of each root, by time, the roots in the order of [Trace.Roots].
// The pieces of a root neither overlap nor leave anything out: they add up to its duration. No two that touch are of
// one span, and each lies inside a gap of its span.
func (t *Trace) CriticalPath() iter.Seq[Segment] {
	return func(yield func(Segment) bool) {
		on, at := int32(none), int64(0) // the path is at this moment of this span
		tell := func(end int64) bool {
			start := at
			at = end
			return start == end || yield(Segment{Node{t, on}, t.nodes[on].class, moment(start), moment(end)})
		}
		leave := func(to int32) bool { // on is a span on the path below to, or to itself
			for on != to {
				if !tell(t.windows[on].end) {
					return false
				}
				on = t.nodes[on].parent
			}
			return true
		}
		for i := int32(0); i < int32(len(t.nodes)); {
			w := t.windows[i]
			if w.length() == 0 { // and so is that of all below
				i = t.nodes[i].next
				continue
			}
			if !leave(t.nodes[i].parent) || on != none && !tell(w.start) {
				return
			}
			on, at = i, w.start
			i++
		}
		leave(none)
	}
}

// Worst returns the n gaps that hold the most self time on the critical path, of equals those that hold the most
// time, the worst first and what is alike in the order it came in. Wire and Remote gaps hold no self time, and are left out.
// The gaps may be some of a trace's, or those of many traces.
func Worst(gaps iter.Seq[Gap], n int) []Gap {
	if n <= 0 {
		return nil
	}
	var worst []Gap
	cut := func() {
		slices.SortStableFunc(worst, func(a, b Gap) int {
			return cmp.Or(cmp.Compare(b.CriticalTime, a.CriticalTime), cmp.Compare(b.Time, a.Time))
		})
		worst = worst[:min(n, len(worst))]
	}
	for g := range gaps {
		if g.Class != ClassSelf {
			continue
		}
		if len(worst)-n >= max(n, 64) { // so that a million gaps need no more memory than a few
			cut()
		}
		worst = append(worst, g)
	}
	cut()
	return slices.Clip(worst)
}

// window is the part of a span's time that the critical path spends in it or below it.
type window struct{ start, end int64 }

func (w window) length() int64 { return w.end - w.start }

// clip returns the part of start to end that is in the window, empty if none is.
func (w window) clip(start, end int64) window {
	start = max(start, w.start)
	return window{start, max(start, min(end, w.end))}
}

// findPath finds the window of every span, walking back from the end of each root. At any moment the path goes on in
// the child that ends just then, as it is what the span went on after; failing that, in one that goes on, up to this
// moment; failing that, in the span itself, down to the last end of a child before. Of several children it is the
// one that starts first, the first of [Node.Children] if these are several, too.
//
// So a span's own part of the path is what its window and its gaps have in common: it is never in the span itself as long
// as there is a child.
func (t *Trace) findPath() {
	t.windows = make([]window, len(t.nodes))
	var children []int32
	for i := int32(0); i < int32(len(t.nodes)); {
		n := &t.nodes[i]
		if n.parent == none {
			t.windows[i] = window{n.start, n.end}
		}
		w := t.windows[i] // found, as parents come first
		if w.length() == 0 {
			i = n.next
			continue
		}
		children = children[:0]
		for c := i + 1; c < n.next; c = t.nodes[c].next {
			if child := &t.nodes[c]; child.is(blocking) && child.start < child.end && w.clip(child.start, child.end).length() > 0 {
				children = append(children, c)
			}
		}
		t.walkBack(w, children)
		i++
	}
}

// walkBack gives the children their windows in that of their parent.
func (t *Trace) walkBack(w window, children []int32) {
	// Taken from the back they come by their ends, and of those that end together the first is first.
	slices.SortFunc(children, func(a, b int32) int {
		return cmp.Or(cmp.Compare(t.nodes[a].end, t.nodes[b].end), cmp.Compare(b, a))
	})
	// Of the children that end after this moment only the first need be known: once the path has been in it, all
	// of them have started later.
	first := int32(math.MaxInt32)
	for at := w.end; at > w.start; {
		for len(children) > 0 && t.nodes[children[len(children)-1]].end > at {
			first = min(first, children[len(children)-1])
			children = children[:len(children)-1]
		}
		next := first
		switch {
		case len(children) > 0 && t.nodes[children[len(children)-1]].end == at:
			next = children[len(children)-1]
		case first != math.MaxInt32 && t.nodes[first].start < at:
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
