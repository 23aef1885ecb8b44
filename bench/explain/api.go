package main

import (
	"bytes"
	"time"

	"github.com/gaptrace/gaptrace/explain"
	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/cpuclock"
)

// explainGaps returns the explained gaps of each span in an execution trace, and what package
// explain says about the recording.
func explainGaps(executionTrace []byte) (map[gap.SpanID][]gap.Gap, []string, error) {
	recording, err := explain.Read(bytes.NewReader(executionTrace), explain.Options{})
	if err != nil {
		return nil, nil, err
	}
	gaps := map[gap.SpanID][]gap.Gap{}
	for _, spans := range recording.Traces() {
		built, _ := gap.Build(spans)
		for g := range recording.Explain(built).Gaps(0) {
			id := g.Node.Span().SpanID
			gaps[id] = append(gaps[id], g)
		}
	}
	return gaps, recording.Notes(), nil
}

// startClocks writes the CPU clocks of threads into the execution trace until stop is called.
func startClocks() (stop func()) {
	stop = cpuclock.Start(cpuclock.Options{})
	time.Sleep(untilClocks)
	return stop
}

// untilClocks is how long after the start of a recording there are CPU clocks: cpuclock notices it
// within 20 ms.
const untilClocks = 50 * time.Millisecond
