package spanutil

import (
	"cmp"
	"math"
	"slices"
	"time"
)

const (
	// Buffered is how long a read takes at most that found its data in a buffer: it was work, no wait.
	// Measured: at 100 µs gaps are no truer, at 0 the picture is twice as noisy.
	Buffered = 20 * time.Microsecond

	// Joining waits may hide this much work of the caller, or 1 % of the call if that is more.
	joinBudget = 100 * time.Microsecond
)

// interval is one stretch of waiting, half-open, in time since the call began.
type interval struct{ start, end time.Duration }

// timeline is the record of a call's waits. They are disjoint and added in order.
type timeline struct {
	kept    []interval    // what will be drawn
	max     int32         // how many intervals are kept at most
	count   int32         // waits added, as many as fit
	blocked time.Duration // their length in all
	joined  time.Duration // what lies between joined ones: kept intervals cover blocked + joined
}

// add appends a wait. Two goroutines that leave and enter at once may read the clock in the
// other order than they did so; the overlap is the earlier wait's.
func (t *timeline) add(w interval) {
	if n := len(t.kept); n > 0 {
		w.start = max(w.start, t.kept[n-1].end)
	}
	w.end = max(w.end, w.start)
	if t.count < math.MaxInt32 {
		t.count++
	}
	t.blocked += w.end - w.start
	t.kept = append(t.kept, w)
	if len(t.kept) > int(t.max) {
		t.join(t.closest())
	}
}

// between is the work between kept interval i and the next.
func (t *timeline) between(i int) time.Duration { return t.kept[i+1].start - t.kept[i].end }

func (t *timeline) closest() int {
	best := 0
	for i := 1; i+1 < len(t.kept); i++ {
		if t.between(i) < t.between(best) {
			best = i
		}
	}
	return best
}

func (t *timeline) join(i int) {
	t.joined += t.between(i)
	t.kept[i].end = t.kept[i+1].end
	t.kept = slices.Delete(t.kept, i+1, i+2)
}

// settle joins what need not be told apart, the closest first, as long as the work hidden
// stays within the budget. It is called once, after the last wait.
func (t *timeline) settle() {
	last := len(t.kept) - 1
	if last < 1 {
		return
	}
	budget := max(joinBudget, (t.kept[last].end-t.kept[0].start)/100)
	order := make([]int, last)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(t.between(a), t.between(b)) })
	hide := make([]bool, last)
	for _, i := range order {
		if work := t.between(i); work > 0 && t.joined+work >= budget {
			break
		}
		t.joined += t.between(i)
		hide[i] = true
	}
	drawn := t.kept[:1]
	for i, hidden := range hide {
		if hidden {
			drawn[len(drawn)-1].end = t.kept[i+1].end
		} else {
			drawn = append(drawn, t.kept[i+1])
		}
	}
	t.kept = drawn
}
