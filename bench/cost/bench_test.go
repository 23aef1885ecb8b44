package main

import (
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/bench/internal/peer"
)

// BenchmarkCost is every cell of the table, for go test's own tools. The figures are of the whole call, its raw one included.
func BenchmarkCost(b *testing.B) {
	t := inMemory()
	defer t.close()
	name := strings.NewReplacer(" ", "_", ",", "", ":", "", "/", "-")
	for _, c := range cases() {
		m := open(c, t, peer.All())
		for _, cell := range m.cells {
			b.Run(name.Replace(c.title())+"/"+name.Replace(cell.contender)+"/"+name.Replace(cell.state.String()), func(b *testing.B) {
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
