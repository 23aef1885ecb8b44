package gap_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

func TestQuantilesAreWithinTwoPercent(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 4))
	for name, duration := range map[string]func(i int) time.Duration{
		"all alike":       func(int) time.Duration { return 123456789 },
		"none":            func(int) time.Duration { return 0 },
		"a few ns":        func(int) time.Duration { return time.Duration(random.IntN(200)) },
		"even":            func(int) time.Duration { return time.Duration(random.Int64N(int64(time.Second))) },
		"exponential":     func(int) time.Duration { return time.Duration(random.ExpFloat64() * 1e6) },
		"of any length":   func(int) time.Duration { return time.Duration(math.Exp(random.Float64() * 42)) },
		"two far apart":   func(i int) time.Duration { return time.Duration(1 + i%2*1_000_000_000) },
		"ever longer":     func(i int) time.Duration { return time.Duration(i) * time.Microsecond },
		"powers of two":   func(i int) time.Duration { return 1 << (i % 62) },
		"and a ns less":   func(i int) time.Duration { return 1<<(i%62) - 1 },
		"ends of buckets": func(i int) time.Duration { return time.Duration(33+i%32)<<(i%50) - 1 },
	} {
		for _, n := range []int{1, 2, 3, 8, 9, 100, 1000, 20000} {
			durations := make([]time.Duration, n)
			for i := range durations {
				durations[i] = duration(i)
			}
			var s gap.Summary
			add(&s, lasting(durations))
			slices.Sort(durations)
			for o := range s.Operations() {
				for _, q := range []float64{
					math.Inf(-1), -1, 0, 1e-9, 0.01, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1, 2, math.Inf(1),
					math.NaN(),
				} {
					want := durations[0]
					if q > 0 {
						want = durations[max(0, int(math.Ceil(min(q, 1)*float64(n)))-1)]
					}
					for _, got := range []time.Duration{o.Durations.Quantile(q), o.SelfTimes.Quantile(q)} {
						exact := n <= 8 || q >= 1 || q <= 0
						if off := math.Abs(float64(got - want)); off > 0.02*float64(want) || exact && off != 0 {
							t.Fatalf("%s, quantile %v of %d: %v, want %v", name, q, n, got, want)
						}
					}
				}
			}
		}
	}
	if got := new(gap.Histogram).Quantile(0.5); got != 0 {
		t.Errorf("median of an empty histogram: %v", got)
	}
}

func TestQuantilesNeverFall(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 4))
	durations := make([]time.Duration, 999)
	for i := range durations {
		durations[i] = time.Duration(math.Exp(random.Float64() * 30))
	}
	var s gap.Summary
	add(&s, lasting(durations))
	for o := range s.Operations() {
		before := time.Duration(0)
		for i := range 2000 {
			got := o.Durations.Quantile(float64(i) / 1999)
			if got < before {
				t.Fatalf("quantile %v falls from %v to %v", float64(i)/1999, before, got)
			}
			before = got
		}
	}
}

// lasting returns a trace of roots with these durations.
func lasting(durations []time.Duration) []gap.Span {
	all := make([]gap.Span, len(durations))
	for i, d := range durations {
		all[i] = gap.Span{SpanID: gap.SpanID(i + 1), Start: epoch, Duration: d}
	}
	return all
}
