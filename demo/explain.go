package main

import (
	"bytes"
	"fmt"
	"runtime/trace"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/explain"
	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/cpuclock"
)

// executionTrace is what the Go runtime recorded while the requests were made.
type executionTrace struct {
	recorded bytes.Buffer
	running  bool
	clocks   func() // stops the sampler of CPU clocks
	err      error  // why nothing was recorded
}

// start starts to record. The sampler notices that before the first request reaches the shop.
func (e *executionTrace) start() {
	if e.err = trace.Start(&e.recorded); e.err == nil {
		e.clocks, e.running = cpuclock.Start(cpuclock.Options{Profile: true}), true
	}
}

// stop stops recording, if it has not been stopped.
func (e *executionTrace) stop() {
	if e.running {
		e.clocks()
		trace.Stop()
		e.running = false
	}
}

// explained returns the requests with what the program did in their gaps. The notes say what is
// unknown.
func (e *executionTrace) explained(requests []request) (result []request, notes []string, err error) {
	if e.err != nil {
		return requests, []string{fmt.Sprintf("the gaps are not explained: %v", e.err)}, nil
	}
	recording, err := explain.Read(&e.recorded, explain.Options{})
	if err != nil {
		return nil, nil, err
	}
	for _, r := range requests {
		result = append(result, r.explained(recording.ExplainGap))
	}
	return result, recording.Notes(), nil
}

// explained returns the request with explanations of its gaps.
func (r request) explained(explain func(gap.Gap) *gap.Explanation) request {
	shop := r.shop.Index()
	r.trace = r.trace.Explained(explain)
	for n := range r.trace.Nodes() {
		if n.Index() == shop {
			r.shop = n
		}
	}
	return r
}

// causes adds up what a span's program did in all its gaps.
func causes(n gap.Node) (sums [gap.NumCauses]time.Duration) {
	for g := range n.Gaps(0) {
		if g.Explanation != nil {
			for cause, d := range g.Explanation.Causes() {
				sums[cause] += d
			}
		}
	}
	return sums
}

// inWords formats causes: "CPU 35.7 + waiting for a CPU 9.6 + GC 0.7 + other 0.2".
func inWords(sums [gap.NumCauses]time.Duration) string {
	total := time.Duration(0)
	for _, d := range sums {
		total += d
	}
	noCPU := sums[gap.CauseRunnable] + sums[gap.CauseNoCPU] + sums[gap.CauseThrottled]
	parts := []string{fmt.Sprintf("CPU %s", number(sums[gap.CauseCPU]))}
	for _, p := range []struct {
		name string
		time time.Duration
	}{
		{"waiting for a CPU", noCPU},
		{"GC", sums[gap.CauseGC]},
		{"other", total - sums[gap.CauseCPU] - noCPU - sums[gap.CauseGC]},
	} {
		if p.time >= 50*time.Microsecond { // not rounded to nothing
			parts = append(parts, p.name+" "+number(p.time))
		}
	}
	return strings.Join(parts, " + ")
}

// number formats a duration in milliseconds.
func number(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d)/float64(time.Millisecond)) }
