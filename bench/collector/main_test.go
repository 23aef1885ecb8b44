package main

import (
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// All connectors count every span.
func TestConnectorsCountAllSpans(t *testing.T) {
	for _, c := range connectors {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, err := c.start(t.Context(), math.MaxInt, time.Minute)
				if err != nil {
					t.Fatal(err)
				}
				const traces = 60 // not a multiple of tracesInBatches
				for _, batch := range batches(1, traces) {
					if err := r.ConsumeTraces(t.Context(), batch); err != nil {
						t.Error(err)
					}
				}
				time.Sleep(2 * time.Hour) // released, then exported
				synctest.Wait()
				if r.spans != traces*spansPerTrace {
					t.Errorf("%d spans, want %d", r.spans, traces*spansPerTrace)
				}
				if err := r.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestTable(t *testing.T) {
	var table strings.Builder
	if err := run(t.Context(), &table, 2, 1100, 100); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(table.String()), "\n")
	if len(lines) != 1+len(connectors) || !strings.Contains(lines[1], " 1.00 (1.00 to 1.00) ") {
		t.Errorf("got\n%s", &table)
	}
}
