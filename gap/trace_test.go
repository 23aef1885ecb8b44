package gap_test

import (
	"math"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

func TestNodesAreDepthFirst(t *testing.T) {
	trace, _ := gap.Build(
		spans(t, "D [30,40) <A\n C [12,13) <B\n B [10,20) <A\n E [10,15) <A\n R [5,6)\n A [0,100)\n F [10,20) <A"),
	)
	if got, want := tree(trace), "A B<A C<B F<A E<A D<A R"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	var depths []int
	for n := range trace.Nodes() {
		depths = append(depths, n.Depth())
	}
	for i, want := range []int{0, 1, 2, 1, 1, 1, 0} {
		if depths[i] != want {
			t.Errorf("depths %v", depths)
			break
		}
	}
}

func TestIterationStopsAnywhere(t *testing.T) {
	trace, _ := gap.Build(spans(t, "A [0,100)\n B [10,20) <A joined=2\n C [30,40) <A\n D [200,210)"))
	for stop := range 8 {
		seen := 0
		for range trace.Gaps(0) {
			if seen++; seen > stop {
				break
			}
		}
	}
	for range trace.Nodes() {
		break
	}
	for range trace.Roots() {
		break
	}
}

func TestSumsOfATrace(t *testing.T) {
	trace, _ := gap.Build(spans(t, "A [0,100) server\n B [10,40) client <A joined=4\n C [20,60) <A\n D [200,210)"))
	if got := trace.Duration(); got != 210*time.Microsecond {
		t.Errorf("duration %v", got)
	}
	var self, critical time.Duration
	for n := range trace.Nodes() {
		self += n.SelfTime()
		critical += n.CriticalTime()
	}
	if got := trace.SelfTime(); got != self || got != 104*time.Microsecond {
		t.Errorf("self time %v, sum over the spans %v", got, self)
	}
	if got := trace.CriticalTime(); got != critical || got <= 0 || got > self {
		t.Errorf("critical time %v, sum over the spans %v", got, critical)
	}
	empty, _ := gap.Build(nil)
	if empty.Duration() != 0 || empty.SelfTime() != 0 || empty.CriticalTime() != 0 {
		t.Errorf("an empty trace lasts %v", empty.Duration())
	}
	roots := []gap.Span{forever, forever, forever} // the sum of three overflows
	for i := range roots {
		roots[i].SpanID = gap.SpanID(i + 1)
	}
	long, _ := gap.Build(roots)
	if long.SelfTime() != math.MaxInt64 || long.CriticalTime() != long.Duration() {
		t.Errorf("self time %v, critical time %v", long.SelfTime(), long.CriticalTime())
	}
}

func TestFailedSpans(t *testing.T) {
	for name, test := range map[string]struct {
		values []any
		want   bool
	}{
		"no tag": {nil, false}, "true": {[]any{true}, true}, "a string": {[]any{"true"}, true},
		"false": {[]any{false}, false}, "a message": {[]any{"timeout"}, false}, "a number": {[]any{int64(1)}, false},
		"set and cleared": {[]any{true, false}, false}, "cleared and set": {[]any{false, "true"}, true},
	} {
		s := gap.Span{SpanID: 1, Duration: 1}
		for _, v := range test.values {
			s.Tags = append(s.Tags, gap.Field{Key: "error", Value: v})
		}
		trace, _ := gap.Build([]gap.Span{s})
		for n := range trace.Nodes() {
			if n.Failed() != test.want {
				t.Errorf("%s: failed %v, want %v", name, n.Failed(), test.want)
			}
		}
	}
}
