package gap

import (
	"math"
	"math/bits"
	"slices"
	"time"
)

// Histogram counts durations in buckets, 32 for each power of two. A quantile differs by at most
// 1.6 % from the exact one, and not at all below 64 ns or if there are at most eight durations. A
// histogram takes at most 15 kB.
type Histogram struct {
	few      []int64  // the durations, sorted; nil if there are more than a few
	first    int      // the bucket of counts[0]
	counts   []uint64 // from the lowest bucket that is not empty to the highest
	n        uint64
	min, max int64 // exact
}

// aFew is how many durations a histogram keeps exactly. Most positions of gaps have no more.
const aFew = 8

// Quantile returns the duration that a part q of the counted durations does not exceed. The median
// is that for 0.5. For 0 or less it returns the shortest, for 1 or more the longest; both are
// exact. It returns zero if nothing was counted.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.n == 0 {
		return 0
	}
	switch rank := math.Ceil(q * float64(h.n)); {
	case rank >= float64(h.n):
		return time.Duration(h.max)
	case rank > 1 && h.few != nil: // false for NaN
		return time.Duration(h.few[int(rank)-1])
	case rank > 1:
		left := uint64(rank)
		for i, count := range h.counts {
			if left <= count {
				return time.Duration(max(h.min, min(middle(h.first+i), h.max)))
			}
			left -= count
		}
	}
	return time.Duration(h.min)
}

// add counts a duration, which must not be negative.
func (h *Histogram) add(d int64) {
	if h.n < aFew {
		h.addFew(d)
		return
	}
	h.spread()
	h.count(d)
}

// addFew adds to few.
func (h *Histogram) addFew(d int64) {
	if h.n == 0 {
		h.few = make([]int64, 0, aFew)
		h.min, h.max = d, d
	}
	i, _ := slices.BinarySearch(h.few, d)
	h.few = slices.Insert(h.few, i, d)
	h.n++
	h.min, h.max = min(h.min, d), max(h.max, d)
}

// spread moves the durations from few to the buckets.
func (h *Histogram) spread() {
	few := h.few
	if few == nil {
		return
	}
	*h = Histogram{}
	for _, d := range few {
		h.count(d)
	}
}

// count counts a duration in its bucket.
func (h *Histogram) count(d int64) {
	i := bucket(d) - h.first
	if h.n == 0 || i < 0 || i >= len(h.counts) {
		h.mergeCounts(&Histogram{first: bucket(d), counts: []uint64{1}, n: 1, min: d, max: d})
		return
	}
	h.counts[i]++
	h.n++
	h.min, h.max = min(h.min, d), max(h.max, d)
}

func (h *Histogram) merge(other *Histogram) {
	switch {
	case other.n == 0:
		return
	case addCounts(h.n, other.n) > aFew:
		h.spread()
		if other.few == nil {
			h.mergeCounts(other)
		}
		for _, d := range other.few {
			h.count(d)
		}
	default:
		for _, d := range other.few {
			h.addFew(d)
		}
	}
}

func (h *Histogram) mergeCounts(other *Histogram) {
	if h.n == 0 {
		h.first, h.min, h.max = other.first, other.min, other.max
	}
	if missing := h.first - other.first; missing > 0 {
		h.counts = slices.Insert(h.counts, 0, make([]uint64, missing)...)
		h.first = other.first
	}
	offset := other.first - h.first
	if missing := offset + len(other.counts) - len(h.counts); missing > 0 {
		h.counts = append(h.counts, make([]uint64, missing)...)
	}
	for i, count := range other.counts {
		h.counts[offset+i] = addCounts(h.counts[offset+i], count)
	}
	h.n = addCounts(h.n, other.n)
	h.min, h.max = min(h.min, other.min), max(h.max, other.max)
}

// addCounts adds two counts. A sum of more than math.MaxInt64 is math.MaxInt64: untrusted summaries
// may have any counts.
func addCounts(a, b uint64) uint64 { return min(a+b, math.MaxInt64) }

func (h Histogram) clone() Histogram {
	h.few, h.counts = slices.Clone(h.few), slices.Clone(h.counts)
	return h
}

// bucket returns the bucket of a duration. Durations of at most six bits have a bucket each. Above,
// the highest six bits decide, the first of which is always 1:
//
//	duration        bucket
//	0 … 63          0 … 63     one for each
//	64 … 127        64 … 95    one for 2 durations
//	128 … 255       96 … 127   one for 4
//	1abcdeX…X       32 × number of X + 1abcde (in binary)
func bucket(d int64) int {
	ignored := max(0, bits.Len64(uint64(d))-6)
	return ignored<<5 + int(d>>ignored)
}

// middle returns the middle of a bucket.
func middle(bucket int) int64 {
	ignored := max(0, bucket>>5-1)
	low := int64(bucket-ignored<<5) << ignored
	return low + (1<<ignored-1)/2
}
