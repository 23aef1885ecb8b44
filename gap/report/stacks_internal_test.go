package report

import (
	"fmt"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// Traces that bring no new stack must not take memory: a command may read millions of them.
func TestStacksKeepFewTraces(t *testing.T) {
	var s Stacks
	for id := range uint64(1000) {
		trace, _ := gap.Build([]gap.Span{{
			TraceID: gap.TraceID{Low: id + 1}, SpanID: 1, Operation: fmt.Sprint("operation ", id%3),
			Start: time.Unix(1_800_000_000, 0), Duration: time.Second,
		}})
		s.Add(trace)
	}
	if len(s.frames) != 3 || len(s.traces) != 3 {
		t.Errorf("%d frames and %d traces, want 3 and 3", len(s.frames), len(s.traces))
	}
}
