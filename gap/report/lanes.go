package report

import (
	"cmp"
	"container/heap"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// lanes are the threads of a process. On a lane each span is inside the one before it, or after it:
//
//	lane 1  |---A---------------------|  |--D--|
//	          |--B (child of A)--|
//	lane 2         |---C---------------|           overlaps A, and is no child of it
type lanes struct {
	process int
	all     int
	free    freeLanes
}

// lane is one thread. Its stack holds the spans that are open, each below its parent.
type lane struct {
	process, thread int
	stack           []gap.Node
	end             time.Time // of the first span of stack
}

func newLanes(process int) *lanes { return &lanes{process: process} }

// place puts a span on a lane. It is the parent's lane if the parent is the last open span on it,
// and the span blocks its parent without outliving it. Otherwise it is a free lane. Spans come
// ordered by start.
func (l *lanes) place(n gap.Node, above *lane) *lane {
	if above != nil && above.process == l.process && n.Blocking() && !n.Outlives() {
		for len(above.stack) > 0 && !above.stack[len(above.stack)-1].End().After(n.Start()) {
			above.stack = above.stack[:len(above.stack)-1]
		}
		if parent, _ := n.Parent(); len(above.stack) > 0 && above.stack[len(above.stack)-1] == parent {
			above.stack = append(above.stack, n)
			return above
		}
	}
	var at *lane
	if len(l.free) > 0 && !l.free[0].end.After(n.Start()) {
		at = heap.Pop(&l.free).(*lane)
	} else {
		l.all++
		at = &lane{process: l.process, thread: l.all}
	}
	at.stack, at.end = append(at.stack[:0], n), n.End()
	heap.Push(&l.free, at)
	return at
}

// freeLanes is a heap of lanes, with the one that ends first at its root.
type freeLanes []*lane

func (f freeLanes) Len() int { return len(f) }
func (f freeLanes) Less(i, j int) bool {
	return cmp.Or(f[i].end.Compare(f[j].end), cmp.Compare(f[i].thread, f[j].thread)) < 0
}
func (f freeLanes) Swap(i, j int) { f[i], f[j] = f[j], f[i] }
func (f *freeLanes) Push(x any)   { *f = append(*f, x.(*lane)) }
func (f *freeLanes) Pop() any {
	last := len(*f) - 1
	x := (*f)[last]
	*f = (*f)[:last]
	return x
}
