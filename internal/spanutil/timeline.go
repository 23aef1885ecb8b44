package spanutil

import (
	"cmp"
	"math"
	"slices"
	"time"
)

const (
	// Buffered is the longest read that counts as work instead of a wait: its data was in a buffer.
	// The value is measured: 100 µs does not make gaps more accurate, and 0 doubles the spans.
	Buffered = 20 * time.Microsecond

	// joinBudget is how much of the caller's work the joined waits of a call may cover, or 1 % of
	// the call if that is more.
	joinBudget = 100 * time.Microsecond
)

// interval is one wait, or several joined ones. Its times count from the beginning of the call.
type interval struct{ start, end time.Duration }

// timeline holds a call's waits. They are disjoint and added in order. Each kept interval becomes a
// span. To keep their number small, close waits are joined, and then cover the work between them:
//
//	waits    |--1--|   |-2-|              |--3--|
//	kept     |-------------|              |-----|
//	blocked  |#####|   |###|              |#####|
//	joined          |##|
type timeline struct {
	kept    []interval
	max     int32         // the largest length of kept
	count   int32         // waits added; it does not overflow
	blocked time.Duration // the length of all waits
	joined  time.Duration // the work that kept covers: its length is blocked + joined
}

// add appends a wait, and joins the two closest ones if there are more than max. If one goroutine
// leaves while another enters, they may read the clock in the wrong order. The overlap then belongs
// to the earlier wait.
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

// between returns the work between kept interval i and the next.
func (t *timeline) between(i int) time.Duration { return t.kept[i+1].start - t.kept[i].end }

// closest returns the i with the least work between interval i and the next.
func (t *timeline) closest() int {
	best := 0
	for i := 1; i+1 < len(t.kept); i++ {
		if t.between(i) < t.between(best) {
			best = i
		}
	}
	return best
}

// join joins interval i and the next.
func (t *timeline) join(i int) {
	t.joined += t.between(i)
	t.kept[i].end = t.kept[i+1].end
	t.kept = slices.Delete(t.kept, i+1, i+2)
}

// settle joins waits, the closest first, as long as the covered work stays within the budget. It is
// called once, after the last wait.
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
	joins := make([]bool, last) // whether to join interval i and the next
	for _, i := range order {
		if work := t.between(i); work > 0 && t.joined+work >= budget {
			break
		}
		t.joined += t.between(i)
		joins[i] = true
	}
	settled := t.kept[:1]
	for i, join := range joins {
		if join {
			settled[len(settled)-1].end = t.kept[i+1].end
		} else {
			settled = append(settled, t.kept[i+1])
		}
	}
	t.kept = settled
}
