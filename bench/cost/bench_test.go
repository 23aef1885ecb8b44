package main

import (
	"strings"
	"testing"
)

// BenchmarkCost measures every cell of the table for go test's tools. A figure is the cost of the
// whole call, including the raw one.
func BenchmarkCost(b *testing.B) {
	t := inMemory()
	defer t.close()
	name := strings.NewReplacer(" ", "_", ",", "", ":", "", "/", "-").Replace
	for _, c := range cases() {
		m := open(c, t, contenders())
		for _, cell := range m.cells {
			path := name(c.title()) + "/" + name(cell.contender) + "/" + name(cell.state.String())
			b.Run(path, func(b *testing.B) {
				ctx, finish := cell.under()
				b.ReportAllocs()
				for calls := 0; b.Loop(); calls++ {
					if calls == 32 {
						b.StopTimer()
						finish()
						cell.tracer.flush()
						ctx, finish = cell.under()
						calls = 0
						b.StartTimer()
					}
					cell.client.call(ctx)
				}
				finish()
			})
		}
	}
}
