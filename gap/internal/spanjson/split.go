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
	wholes := wholeIDs(spans)
	groups := make(map[gap.TraceID]int, min(len(spans), 1024))
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
	var shared []gap.Span // an array for several short groups
	for g, n := range counts {
		switch {
		case n > maxShared/4:
			split[g] = make([]gap.Span, 0, n)
			continue
		case n > len(shared):
			shared = make([]gap.Span, min(len(spans), maxShared))
		}
		split[g], shared = shared[:0:n], shared[n:]
	}
	for i, g := range groupOf {
		split[g] = append(split[g], spans[i])
	}
	return split
}

// maxShared is how many spans of short groups share an array. It bounds how many others a group
// holds in memory.
const maxShared = 128

// wholeIDs returns the ids of 128 bits by their right half, or zero if several have it. It returns
// nil if there are no ids of 64 bits.
func wholeIDs(spans []gap.Span) map[uint64]gap.TraceID {
	i := 0
	for i < len(spans) && spans[i].TraceID.High != 0 {
		i++
	}
	if i == len(spans) {
		return nil
	}
	wholes := map[uint64]gap.TraceID{}
	for i := range spans {
		id := spans[i].TraceID
		if id.High == 0 {
			continue
		}
		if other, ok := wholes[id.Low]; ok && other != id {
			wholes[id.Low] = gap.TraceID{}
		} else {
			wholes[id.Low] = id
		}
	}
	return wholes
}
