package gap

import (
	"math"
	"math/bits"
	"slices"
	"time"
)

// Histogram counts durations in buckets whose widths grow with what they hold, 32 for each power of two, so that
// a quantile is within 1.6 % of the exact one and a histogram takes at most 15 kB. Below 64 ns it is exact.
type Histogram struct {
	first    int      // the bucket that counts[0] is the count of
	counts   []uint64 // from the lowest bucket that is not empty to the highest
	n        uint64
	min, max int64 // exact
}

// Quantile returns the duration that a share q of all that was counted does not exceed: 0.5 for the median, 0 and less
// for the shortest and 1 and more for the longest, which are exact. It is zero if nothing was counted.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.n == 0 {
		return 0
	}
	switch rank := math.Ceil(q * float64(h.n)); {
	case rank >= float64(h.n):
		return time.Duration(h.max)
	case rank > 1: // and no NaN
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

// add counts a duration that is not negative.
func (h *Histogram) add(d int64) {
	i := bucket(d) - h.first
	if h.n == 0 || i < 0 || i >= len(h.counts) {
		h.merge(&Histogram{first: bucket(d), counts: []uint64{1}, n: 1, min: d, max: d})
		return
	}
	h.counts[i]++
	h.n++
	h.min, h.max = min(h.min, d), max(h.max, d)
}

func (h *Histogram) merge(other *Histogram) {
	if other.n == 0 {
		return
	}
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
		h.counts[offset+i] += count
	}
	h.n += other.n
	h.min, h.max = min(h.min, other.min), max(h.max, other.max)
}

func (h Histogram) clone() Histogram {
	h.counts = slices.Clone(h.counts)
	return h
}

// bucket returns the bucket of a duration. It is the duration itself as long as this has at most six bits; then its
// highest six bits, the first of which is always 1, say which of 32 it is, and the number of the others which 32.
func bucket(d int64) int {
	others := max(0, bits.Len64(uint64(d))-6)
	return others<<5 + int(d>>others)
}

// middle returns the middle of a bucket.
func middle(bucket int) int64 {
	others := max(0, bucket>>5-1)
	low := int64(bucket-others<<5) << others
	return low + (1<<others-1)/2
}
