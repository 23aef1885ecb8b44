package gap_test

import (
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

var shapes = map[string]func(n int) []gap.Span{
	// every span below the one before, and a microsecond shorter on both sides
	"chain": func(n int) []gap.Span {
		return shape(n, func(i int) (parent int, start, length int) { return i - 1, i, 2 * (n - i) })
	},
	// all below the first, one after the other with as much between
	"fan": func(n int) []gap.Span {
		return shape(n, func(i int) (parent int, start, length int) {
			if i == 0 {
				return -1, 0, 2 * n
			}
			return 0, 2 * i, 1
		})
	},
	// eight below each, as in a real trace
	"tree": func(n int) []gap.Span {
		starts, lengths := make([]int, n), make([]int, n)
		return shape(n, func(i int) (parent int, start, length int) {
			starts[i], lengths[i] = 0, 1_000_000_000
			if i == 0 {
				return -1, starts[i], lengths[i]
			}
			parent = (i - 1) / 8
			starts[i] = starts[parent] + (i-1)%8*lengths[parent]/8
			lengths[i] = lengths[parent] / 9
			return parent, starts[i], lengths[i]
		})
	},
	// traces as they are: a handler calls databases, and other services that call on, some of them at once, some with
	// waits that hide work; in 32 services with 10 operations each
	"realistic": realistic,
	// all alike, below the first
	"alike": func(n int) []gap.Span {
		return shape(n, func(i int) (parent int, start, length int) { return min(i, 1) - 1, 0, 100 })
	},
	// each of which is below the next, and the last below the first
	"cycle": func(n int) []gap.Span {
		return shape(n, func(i int) (parent int, start, length int) { return (i + 1) % n, i, 1 })
	},
}

func shape(n int, of func(i int) (parent, start, length int)) []gap.Span {
	all := make([]gap.Span, n)
	tags := []gap.Field{{Key: "component", Value: "net/http"}, {Key: "span.kind", Value: "server"}}
	references := make([]gap.Reference, n)
	for i := range all {
		parent, start, length := of(i)
		all[i] = gap.Span{
			SpanID: gap.SpanID(i + 1), Start: epoch.Add(time.Duration(start) * time.Microsecond),
			Duration: time.Duration(length) * time.Microsecond, Tags: tags,
		}
		if parent >= 0 {
			references[i].SpanID = gap.SpanID(parent + 1)
			all[i].References = references[i : i+1]
		}
	}
	return all
}

func TestLargeTracesAreOrdinary(t *testing.T) {
	for _, test := range []struct {
		shape       string
		n           int
		gaps        int
		pieces      int           // of the critical path
		self        time.Duration // of the first root
		depth       int
		warningsAre string
	}{
		{"chain", million, 2*million - 1, 2*million - 1, 2 * time.Microsecond, million - 1, ""},
		{"fan", million / 10, million/10 + million/10 - 1, 2*million/10 - 1, time.Duration(million/10+1) * time.Microsecond, 1, ""},
		{"alike", million, million - 1, 1, 0, 1, ""},
		{"cycle", million, million, 1, 1 * time.Microsecond, million - 1, "cycle \x01"},
	} {
		t.Run(test.shape, func(t *testing.T) {
			began := time.Now()
			trace, warnings := gap.Build(shapes[test.shape](test.n))
			gaps, depth := 0, 0
			for range trace.Gaps(0) {
				gaps++
			}
			pieces, spans := 0, int64(0)
			for range trace.CriticalPath() {
				pieces++
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
			if pieces != test.pieces || spans != int64(test.n) {
				t.Errorf("%d pieces, %d spans", pieces, spans)
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
