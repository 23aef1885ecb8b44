package report

import (
	"cmp"
	"container/heap"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// lanes are the threads of a process in Perfetto's format, which cannot show spans that overlap on
// one thread. On a lane each span lies inside the span before it, or after it:
//
//	lane 1  |---A---------------------|  |--D--|
//	          |--B (child of A)--|
//	lane 2         |---C---------------|           overlaps A, and is no child of it
type lanes struct {
	process int // id
	count   int // of lanes; each lane's id is its number, from 1
	lanes   lanesByEnd
}

// lane is one thread. Its stack holds the open spans, each after its parent.
type lane struct {
	process, thread int
	stack           []gap.Node
	end             time.Time // of the first span of stack
}

func newLanes(process int) *lanes { return &lanes{process: process} }

// place puts a span on a lane: on its parent's lane if the parent is the last open span there, and
// the span blocks its parent and does not end after it. Otherwise it puts the span on a lane
// without open spans. Call it for spans in the order of their starts. above is the parent's lane,
// or nil.
func (l *lanes) place(n gap.Node, above *lane) *lane {
	if above != nil && above.process == l.process && n.Blocking() && !endsLater(n) {
		for len(above.stack) > 0 && !above.stack[len(above.stack)-1].End().After(n.Start()) {
			above.stack = above.stack[:len(above.stack)-1]
		}
		if parent, _ := n.Parent(); len(above.stack) > 0 && above.stack[len(above.stack)-1] == parent {
			above.stack = append(above.stack, n)
			return above
		}
	}
	at := l.free(n.Start(), n.End())
	at.stack = append(at.stack[:0], n)
	return at
}

// free returns a lane that has nothing from start on, and keeps it until end. Call it in the order
// of starts.
func (l *lanes) free(start, end time.Time) *lane {
	var at *lane
	if len(l.lanes) > 0 && !l.lanes[0].end.After(start) {
		at = heap.Pop(&l.lanes).(*lane)
	} else {
		l.count++
		at = &lane{process: l.process, thread: l.count}
	}
	at.end = end
	heap.Push(&l.lanes, at)
	return at
}

// endsLater reports whether a span ends after its parent. If the parent has later waits, the span
// need not outlive it.
func endsLater(n gap.Node) bool {
	parent, ok := n.Parent()
	return ok && n.End().After(parent.End())
}

// lanesByEnd is a heap of all lanes of a process, with the one that ends first at its root.
type lanesByEnd []*lane

func (l lanesByEnd) Len() int { return len(l) }
func (l lanesByEnd) Less(i, j int) bool {
	return cmp.Or(l[i].end.Compare(l[j].end), cmp.Compare(l[i].thread, l[j].thread)) < 0
}
func (l lanesByEnd) Swap(i, j int) { l[i], l[j] = l[j], l[i] }
func (l *lanesByEnd) Push(x any)   { *l = append(*l, x.(*lane)) }
func (l *lanesByEnd) Pop() any {
	last := len(*l) - 1
	x := (*l)[last]
	*l = (*l)[:last]
	return x
}
