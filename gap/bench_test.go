package gap_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// realistic makes requests to services: each span of a server has up to a dozen clients' below it, most of them one after the
// other, of which some have a server below them in turn.
func realistic(n int) []gap.Span {
	random := rand.New(rand.NewPCG(1, 5))
	var services []*gap.Process
	var operations []string
	for i := range 32 {
		services = append(services, &gap.Process{
			Service: fmt.Sprint("service-", i),
			Tags:    []gap.Field{{Key: "hostname", Value: fmt.Sprint("host-", i)}, {Key: "ip", Value: fmt.Sprint("10.0.0.", i)}},
		})
		operations = append(operations, fmt.Sprint("HTTP GET /resource/", i))
	}
	calls := []string{"sql query", "sql exec", "redis get", "redis pipeline", "elasticsearch search", "HTTP GET", "HTTP POST"}
	tags := func(kind string) []gap.Field {
		return []gap.Field{
			{Key: "component", Value: "net/http"},
			{Key: "peer.hostname", Value: "10.0.0.1"},
			{Key: "http.status_code", Value: int64(200)},
			{Key: "span.kind", Value: kind},
		}
	}
	server, client := tags("server"), tags("client")
	joined := append(tags("client"), gap.Field{Key: "wait.joined_us", Value: int64(1)})

	all := make([]gap.Span, 0, n)
	span := func(parent int, process *gap.Process, operation string, tags []gap.Field, start, length time.Duration) int {
		s := gap.Span{
			SpanID: gap.SpanID(random.Uint64()), Operation: operation, Process: process, Tags: tags,
			Start: epoch.Add(start), Duration: length,
		}
		if parent >= 0 {
			s.References = []gap.Reference{{SpanID: all[parent].SpanID}}
		}
		all = append(all, s)
		return len(all) - 1
	}
	open := []int{span(-1, services[0], operations[0], server, 0, time.Minute)}
	for len(all) < n {
		i := random.IntN(len(open)) // the more there are the wider it gets
		at := open[i]
		open[i] = open[len(open)-1]
		if open = open[:len(open)-1]; len(open) == 0 {
			open = append(open, 0)
		}
		process, from, to := all[at].Process, all[at].Start.Sub(epoch), all[at].Start.Sub(epoch)+all[at].Duration
		for range 4 + random.IntN(8) {
			if len(all) == n {
				break
			}
			length := 1000 + time.Duration(random.Int64N(1+int64(to-from)/6))
			start := from + time.Duration(random.Int64N(max(1, int64(to-from-length))))
			switch call := calls[random.IntN(len(calls))]; {
			case call[:4] == "HTTP" && len(all)+1 < n:
				c := span(at, process, call, client, start, length)
				s := span(c, services[random.IntN(len(services))], operations[random.IntN(10)], server, start+length/20, length*9/10)
				open = append(open, s)
			case length > 10_000 && random.IntN(10) == 0 && len(all)+1 < n:
				c := span(at, process, call, joined, start, length)
				w := span(at, process, call+" wait", client, start+length*11/10, length/2)
				all[w].References = append(all[w].References, gap.Reference{Type: gap.FollowsFrom, SpanID: all[c].SpanID})
			default:
				span(at, process, call, client, start, length)
			}
		}
	}
	return all
}

var sizes = []struct {
	name string
	n    int
}{{"1e4", 10_000}, {"1e5", 100_000}, {"1e6", 1_000_000}}

// loop runs f on the spans, and tells what CPU time that took.
func loop(b *testing.B, spans int, f func()) {
	before := cpuTime()
	for b.Loop() {
		f()
	}
	cpu := float64(cpuTime()-before) / float64(b.N)
	b.ReportMetric(cpu/1e6, "cpu-ms/op")
	b.ReportMetric(cpu/float64(spans), "cpu-ns/span")
}

// each measures a function of the spans of every shape and size, which come in no order.
func each(b *testing.B, names []string, measure func(b *testing.B, all []gap.Span)) {
	for _, name := range names {
		for _, size := range sizes {
			b.Run(name+"/"+size.name, func(b *testing.B) {
				all := shapes[name](size.n)
				random := rand.New(rand.NewPCG(1, 6))
				random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
				for i := range all { // in memory they lie as a reader of that order would have made them
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

// BenchmarkAnalysis is all that there is to find out: Build, Gaps, CriticalPath and Summary.Add.
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
