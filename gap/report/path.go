package report

import (
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// window is when the critical path is in a span or below it, counted from the start of the trace.
// It is empty if the path is never there.
type window struct{ start, end time.Duration }

func (w window) empty() bool { return w.start >= w.end }

// union returns the shortest window that contains both.
func (w window) union(other window) window {
	switch {
	case w.empty():
		return other
	case other.empty():
		return w
	}
	return window{min(w.start, other.start), max(w.end, other.end)}
}

// clip returns the part of a gap that is in the window: the part on the critical path.
func (w window) clip(trace *gap.Trace, g gap.Gap) window {
	return window{max(w.start, g.Start.Sub(trace.Start())), min(w.end, g.End.Sub(trace.Start()))}
}

// windows returns the window of each span, by [gap.Node.Index].
func windows(t *gap.Trace) []window {
	all := make([]window, t.Len())
	for s := range t.CriticalPath() {
		i := s.Node.Index()
		all[i] = all[i].union(window{s.Start.Sub(t.Start()), s.End.Sub(t.Start())})
	}
	const none = -1
	parents := make([]int32, t.Len())
	for n := range t.Nodes() {
		parents[n.Index()] = none
		if p, ok := n.Parent(); ok {
			parents[n.Index()] = int32(p.Index())
		}
	}
	for i := len(all) - 1; i >= 0; i-- { // children come after their parents
		if p := parents[i]; p != none {
			all[p] = all[p].union(all[i])
		}
	}
	return all
}
