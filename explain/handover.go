package explain

import (
	"slices"
	"time"

	"golang.org/x/exp/trace"

	"github.com/gaptrace/gaptrace/gap"
)

// queued adds the time in which the goroutine that finished the span still worked for spans of
// other traces that began before it: the span waited in a queue. It returns when that ended.
func (w *walker) queued() trace.Time {
	from := w.span.start
	g := w.goroutines[w.span.goroutine]
	if g == nil {
		return from
	}
	queue := act{cause: gap.CauseOther, reason: w.reason("queued")}
	for _, other := range g.works {
		began := other.start < w.span.start && other.from <= from
		if began && other.end > from && other.end < w.span.end && other.TraceID != w.span.TraceID {
			w.append(from, other.end, trace.NoGoroutine, lead{g.id, queue})
			from = other.end
		}
	}
	return from
}

// handedOver returns the goroutine that handed the span over to the finisher, and when. The
// goroutine ran when the span started, or was created since, but not by the finisher. It is
// trace.NoGoroutine if none is known, or if the finisher itself ran when the span started.
//
// When two goroutines meet at a channel, the second wakes the first. So the span was handed over by
// the first goroutine that woke the finisher after it had finished the span before, or otherwise by
// the one that the finisher last woke from a send.
func (r *reader) handedOver(s *span, exact bool) wakeUp {
	nobody := wakeUp{goroutine: trace.NoGoroutine}
	finisher := r.goroutines[s.goroutine]
	if !exact || s.from > s.start || finisher == nil || len(finisher.pieces) == 0 ||
		finisher.created > s.start-trace.Time(near) ||
		finisher.pieces[0].start > s.start || finisher.runsAt(s.start, precise) {
		return nobody
	}
	after := s.start
	if n := len(finisher.marks); n > 0 && finisher.marks[n-1].trace != s.TraceID {
		after = max(after, finisher.marks[n-1].at)
	} else if n > 1 {
		after = max(after, finisher.marks[n-2].at)
	}
	handsOver := func(w wakeUp) bool {
		g := r.goroutines[w.goroutine]
		return g != nil && g.creator != finisher.id &&
			(g.created > s.start-trace.Time(near) || g.runsAt(s.start, near))
	}
	pieces := finisher.between(after, s.at)
	for i, p := range pieces {
		if p.state != waiting || i+1 == len(pieces) || r.places.all[p.stack].client != "" {
			continue
		}
		if w := (wakeUp{p.waker, pieces[i+1].start}); handsOver(w) {
			return w
		}
	}
	if s.woke.at > after && handsOver(s.woke) {
		return s.woke
	}
	return nobody
}

// The start of a span is precise to some microseconds on the clock of the execution trace, and
// hardly ever off by more than near.
const (
	precise = 10 * time.Microsecond
	near    = 50 * time.Microsecond
)

// runsAt reports whether the goroutine is known to have run near a time.
func (g *goroutine) runsAt(at trace.Time, near time.Duration) bool {
	return slices.ContainsFunc(g.between(at-trace.Time(near), at+trace.Time(near)), func(p piece) bool {
		return p.state == running || p.state == collecting || p.state == inSyscall
	})
}
