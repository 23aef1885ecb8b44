package report_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/gap/report"
	"github.com/gaptrace/gaptrace/internal/spantest/manyspans"
)

func built(b *testing.B, shape string, n int) *gap.Trace {
	b.Helper()
	var text bytes.Buffer
	if err := manyspans.Write(&text, shape, n, 0); err != nil {
		b.Fatal(err)
	}
	for spans, err := range jaegerjson.Read(&text) {
		if err != nil {
			b.Fatal(err)
		}
		trace, _ := gap.Build(spans)
		return trace
	}
	return nil
}

// BenchmarkFormats adds one trace to a report, and writes each format.
func BenchmarkFormats(b *testing.B) {
	for _, shape := range manyspans.Shapes {
		for _, n := range []int{1_000, 100_000} {
			trace := built(b, shape, n)
			r, s := report.New(report.Options{}), &report.Stacks{}
			r.Add(trace, nil)
			s.Add(trace)
			for _, format := range []struct {
				name string
				do   func() error
			}{
				{"add", func() error { report.New(report.Options{}).Add(trace, nil); return nil }},
				{"stacks", func() error { new(report.Stacks).Add(trace); return nil }},
				{"text", func() error { return r.Text(io.Discard, report.TextOptions{}) }},
				{"json", func() error { return r.JSON(io.Discard) }},
				{"html", func() error { return r.HTML(io.Discard, report.HTMLOptions{}) }},
				{"perfetto", func() error { return r.Perfetto(io.Discard) }},
				{"profile", func() error { return s.Profile(io.Discard, report.ProfileOptions{}) }},
				{"folded", func() error { return s.Folded(io.Discard, report.FoldedOptions{}) }},
			} {
				b.Run(fmt.Sprintf("%s/%s/%d", format.name, shape, n), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						if err := format.do(); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/span")
				})
			}
		}
	}
}
