package gap_test

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/spantest/cputime"
)

var sizes = []struct {
	name string
	n    int
}{{"1e1", 10}, {"1e4", 10_000}, {"1e5", 100_000}, {"1e6", 1_000_000}}

// loop measures the CPU time of f.
func loop(b *testing.B, spans int, f func()) {
	before := cputime.OfProcess()
	for b.Loop() {
		f()
	}
	cpu := float64(cputime.OfProcess()-before) / float64(b.N)
	b.ReportMetric(cpu/1e6, "cpu-ms/op")
	b.ReportMetric(cpu/float64(spans), "cpu-ns/span")
}

// each runs measure for every shape and size. The spans are shuffled.
func each(b *testing.B, names []string, measure func(b *testing.B, all []gap.Span)) {
	for _, name := range names {
		for _, size := range sizes {
			b.Run(name+"/"+size.name, func(b *testing.B) {
				all := shapes[name](size.n)
				random := rand.New(rand.NewPCG(1, 6))
				random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
				for i := range all { // lie in memory in that order, as if they were read from a file
					all[i].References = slices.Clone(all[i].References)
				}
				b.ReportAllocs()
				runtime.GC()
				measure(b, all)
			})
		}
	}
}

var shapeNames = []string{"realistic", "tree", "chain", "fan", "alike"}

// BenchmarkAnalysis runs Build, Gaps, CriticalPath and Summary.Add.
func BenchmarkAnalysis(b *testing.B) {
	each(b, shapeNames, func(b *testing.B, all []gap.Span) {
		loop(b, len(all), func() {
			trace, _ := gap.Build(all)
			for range trace.Gaps(0) {
			}
			for range trace.CriticalPath() {
			}
			new(gap.Summary).Add(trace)
		})
	})
}

func BenchmarkBuild(b *testing.B) {
	each(b, shapeNames, func(b *testing.B, all []gap.Span) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		trace, _ := gap.Build(all)
		runtime.GC()
		runtime.ReadMemStats(&after)
		held := float64(int64(after.HeapAlloc)-int64(before.HeapAlloc)) / float64(len(all))
		runtime.KeepAlive(trace)
		loop(b, len(all), func() { gap.Build(all) })
		b.ReportMetric(held, "held-B/span")
	})
}

func benchmarkTrace(b *testing.B, f func(*gap.Trace)) {
	each(b, []string{"realistic", "chain", "fan"}, func(b *testing.B, all []gap.Span) {
		trace, _ := gap.Build(all)
		loop(b, len(all), func() { f(trace) })
	})
}

func BenchmarkGaps(b *testing.B) {
	benchmarkTrace(b, func(t *gap.Trace) {
		for range t.Gaps(0) {
		}
	})
}

func BenchmarkCriticalPath(b *testing.B) {
	benchmarkTrace(b, func(t *gap.Trace) {
		for range t.CriticalPath() {
		}
	})
}

func BenchmarkWorst(b *testing.B) {
	benchmarkTrace(b, func(t *gap.Trace) { gap.Worst(t.Gaps(0), 20) })
}

func BenchmarkSummaryAdd(b *testing.B) {
	benchmarkTrace(b, func(t *gap.Trace) { new(gap.Summary).Add(t) })
}
