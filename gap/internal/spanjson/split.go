package spanjson

import "github.com/gaptrace/gaptrace/gap"

// ByTrace splits spans by their trace, in the order in which the traces begin. A trace id of 64
// bits counts as the one of 128 bits whose right half it is, as [gap.Build] sees it, unless several
// such ids are among the spans.
func ByTrace(spans []gap.Span) [][]gap.Span {
	mixed := false
	for i := range spans {
		if spans[i].TraceID != spans[0].TraceID {
			mixed = true
			break
		}
	}
	if !mixed {
		return [][]gap.Span{spans}
	}
	wholes := map[uint64]gap.TraceID{} // by right half; zero if several have it
	for i := range spans {
		id := spans[i].TraceID
		if other, ok := wholes[id.Low]; id.High != 0 && (!ok || other == id) {
			wholes[id.Low] = id
		} else if id.High != 0 {
			wholes[id.Low] = gap.TraceID{}
		}
	}
	groups := map[gap.TraceID]int{}
	var counts []int
	groupOf := make([]int, len(spans))
	for i := range spans {
		id := spans[i].TraceID
		if whole := wholes[id.Low]; id.High == 0 && id.Low != 0 && whole != (gap.TraceID{}) {
			id = whole
		}
		g, ok := groups[id]
		if !ok {
			g = len(counts)
			groups[id] = g
			counts = append(counts, 0)
		}
		groupOf[i] = g
		counts[g]++
	}
	split := make([][]gap.Span, len(counts))
	for g, n := range counts {
		split[g] = make([]gap.Span, 0, n)
	}
	for i, g := range groupOf {
		split[g] = append(split[g], spans[i])
	}
	return split
}
