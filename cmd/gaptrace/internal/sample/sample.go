// Package sample keeps a bounded sample of any number of values. The same values give the same
// sample, whatever their order.
package sample

import (
	"cmp"
	"container/heap"
	"slices"

	"github.com/gaptrace/gaptrace/gap"
)

// Sample keeps the values that come with the lowest hashes. The hashes do not depend on the values,
// so each value is as likely to be kept as any other. The zero Sample keeps nothing.
type Sample struct {
	Most  int // how many values to keep
	added int64
	kept  highest
}

type element struct {
	hash  uint64
	value int64
}

// Add adds a value. Values of one trace, or of one span, come with the same hash.
func (s *Sample) Add(hash uint64, value int64) {
	s.added++
	e := element{hash, value}
	switch {
	case len(s.kept) < s.Most:
		s.kept = append(s.kept, e)
		heap.Fix(&s.kept, len(s.kept)-1) // Push would allocate an interface
	case s.Most > 0 && compare(e, s.kept[0]) < 0:
		s.kept[0] = e
		heap.Fix(&s.kept, 0)
	}
}

// Added returns how many values were added.
func (s *Sample) Added() int64 { return s.added }

// Len returns how many values the sample has.
func (s *Sample) Len() int { return len(s.kept) }

// Values returns the values of the sample in ascending order.
func (s *Sample) Values() []int64 {
	values := make([]int64, len(s.kept))
	for i, e := range s.kept {
		values[i] = e.value
	}
	slices.Sort(values)
	return values
}

// compare orders elements by hash. A hash may come twice, if a trace comes in two parts: then the
// value decides, since the order in which they came must not.
func compare(a, b element) int {
	return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.value, b.value))
}

// highest is a heap whose root is the element that orders last.
type highest []element

func (h highest) Len() int           { return len(h) }
func (h highest) Less(i, j int) bool { return compare(h[i], h[j]) > 0 }
func (h highest) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h highest) Push(any)           { panic("unused") }
func (h highest) Pop() any           { panic("unused") }

// Hash returns the hash of a span, or with the span id zero that of a trace. It is that of the
// right half of the trace id, since some spans of a trace may have only that half.
func Hash(trace gap.TraceID, span gap.SpanID) uint64 {
	return mix(mix(trace.Low) + uint64(span))
}

// mix spreads x over all 64 bits, so that ids that count up give a fair sample, too. It is the
// finalizer of SplitMix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
