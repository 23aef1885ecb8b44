package gap_test

import (
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

func TestLargeTraces(t *testing.T) {
	const tenth = million / 10
	for _, test := range []struct {
		shape       string
		n           int
		gaps        int
		segments    int           // of the critical path
		self        time.Duration // of the first root
		depth       int
		warningsAre string
	}{
		{"chain", million, 2*million - 1, 2*million - 1, 2 * time.Microsecond, million - 1, ""},
		{"fan", tenth, 2*tenth - 1, 2*tenth - 1, (tenth + 1) * time.Microsecond, 1, ""},
		{"alike", million, million - 1, 1, 0, 1, ""},
		{"waits", million, 3*million/2 - 1, 3*million/2 - 1, (million + 1) * time.Microsecond, 2, ""},
		{"nested waits", million + 1, 3*million/2 + 2, 2*million + 1, 3 * time.Microsecond, million / 2, ""},
		{"cycle", million, million, 1, 1 * time.Microsecond, million - 1, "cycle \x01"},
	} {
		t.Run(test.shape, func(t *testing.T) {
			began := time.Now()
			trace, warnings := gap.Build(shapes[test.shape](test.n))
			gaps, depth := 0, 0
			for range trace.Gaps(0) {
				gaps++
			}
			segments, spans := 0, int64(0)
			for range trace.CriticalPath() {
				segments++
			}
			var s gap.Summary
			s.Add(trace)
			for o := range s.Operations() {
				spans += o.Count
			}
			for n := range trace.Nodes() {
				depth = max(depth, n.Depth())
			}
			t.Logf("%d spans in %v", test.n, time.Since(began))
			if gaps != test.gaps || depth != test.depth || codes(warnings) != test.warningsAre {
				t.Errorf("%d gaps, depth %d, %q", gaps, depth, codes(warnings))
			}
			if segments != test.segments || spans != int64(test.n) {
				t.Errorf("%d segments, %d spans", segments, spans)
			}
			for root := range trace.Roots() {
				if self := root.SelfTime(); self != test.self {
					t.Errorf("self time %v", self)
				}
				break
			}
		})
	}
}
