// Command collector compares the connector gap with the connector spanmetrics of OpenTelemetry's
// Collector: how many spans they take in a second of CPU time, and how much memory a waiting span
// needs. docs/PERFORMANCE.md has the results.
//
//	go run ./bench/collector
//
// All connectors get the same spans, in turn, in one process. A trace has 20 spans of four
// services, with four attributes each. The spans of each service come in batches of their own, as
// receivers decode them. The connectors' histograms and exemplars are set alike. spanmetrics keeps
// no spans.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"math"
	"os"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/gaptrace/gaptrace/internal/spantest/cputime"
)

func main() {
	rounds := flag.Int("rounds", 15, "how often each connector is measured")
	traces := flag.Int("traces", 5000, "traces in a round")
	waiting := flag.Int("waiting", 20000, "traces that wait when the memory is measured")
	flag.Parse()
	if err := run(context.Background(), os.Stdout, *rounds, *traces, *waiting); err != nil {
		log.Fatal(err)
	}
}

// result is what was measured of a connector.
type result struct {
	perSecond []float64 // spans in a second of CPU time, by round
	bytes     float64   // of the heap, for each span that waits
}

// run measures and writes a table.
func run(ctx context.Context, w io.Writer, rounds, traces, waiting int) error {
	results := make([]result, len(connectors))
	for i, c := range connectors {
		if c.buffers {
			var err error
			if results[i].bytes, err = heap(ctx, c, waiting); err != nil {
				return err
			}
		}
	}
	if err := throughput(ctx, results, rounds, traces); err != nil {
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "connector\tspans per CPU second\tof spanmetrics\tbytes per waiting span\t")
	for i, c := range connectors {
		bytes := "none wait"
		if c.buffers {
			bytes = fmt.Sprintf("%.0f", results[i].bytes)
		}
		var ratios []float64 // of the same round
		for round, n := range results[i].perSecond {
			ratios = append(ratios, n/results[0].perSecond[round])
		}
		slices.Sort(ratios)
		fmt.Fprintf(table, "%s\t%.0f\t%.2f (%.2f to %.2f)\t%s\t\n", c.name, median(results[i].perSecond), median(ratios),
			ratios[0], ratios[len(ratios)-1], bytes)
	}
	return table.Flush()
}

// throughput measures each connector once in a round. Machines change their speed between rounds,
// not within them.
func throughput(ctx context.Context, results []result, rounds, traces int) error {
	const keep = 1000 // traces that wait, so that each round analyzes as many traces as come
	var started []*running
	for _, c := range connectors {
		r, err := c.start(ctx, keep, hour)
		if err != nil {
			return err
		}
		started = append(started, r)
	}
	spans := 0
	for round := -1; round < rounds; round++ { // the first one fills the buffers, and does not count
		for i := range started {
			i = (i + round + 1) % len(started)
			all := batches(uint64((round+1)*traces), traces)
			runtime.GC()
			began := cputime.OfProcess()
			for _, batch := range all {
				if err := started[i].ConsumeTraces(ctx, batch); err != nil {
					return err
				}
			}
			took := cputime.OfProcess() - began
			if took <= 0 {
				return fmt.Errorf("the CPU time is unknown on %s", runtime.GOOS)
			}
			if round >= 0 {
				results[i].perSecond = append(results[i].perSecond, float64(traces*spansPerTrace)/took.Seconds())
			}
		}
		spans += traces * spansPerTrace
	}
	for i, r := range started {
		if err := r.Shutdown(ctx); err != nil {
			return err
		}
		if connectors[i].buffers && r.spans != spans { // spanmetrics exports nothing when it stops
			return fmt.Errorf("%s counted %d spans, want %d", connectors[i].name, r.spans, spans)
		}
	}
	return nil
}

// heap returns how much larger the heap is for each span that waits.
func heap(ctx context.Context, c measured, traces int) (bytes float64, err error) {
	r, err := c.start(ctx, math.MaxInt, hour)
	if err != nil {
		return 0, err
	}
	before := heapInUse()
	const step = 500 // not all at once: batches must not count
	for from := 0; from < traces; from += step {
		for _, batch := range batches(uint64(from), min(step, traces-from)) {
			if err := r.ConsumeTraces(ctx, batch); err != nil {
				return 0, err
			}
		}
	}
	spans := traces * spansPerTrace
	bytes = (heapInUse() - before) / float64(spans)
	if err := r.Shutdown(ctx); err != nil {
		return 0, err
	}
	if r.spans != spans {
		return 0, fmt.Errorf("%s counted %d spans, want %d", c.name, r.spans, spans)
	}
	return bytes, nil
}

func heapInUse() float64 {
	var stats runtime.MemStats
	for range 2 { // the second collection frees what finalizers and pools kept
		runtime.GC()
	}
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// hour is longer than a measurement: nothing is released or exported in between.
const hour = time.Hour
