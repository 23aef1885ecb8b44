package gap_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// A server streams its answer S while the client reads it: the call B, then the waits C and D.
const stream = "A [0,100) server\n B [10,20) client <A\n C [30,50) client <A wait=B\n D [60,70) client <A wait=B\n "

func TestFrames(t *testing.T) {
	check(t, map[string]drawing{
		"a server works during all waits": {
			spans: stream + "S [12,68) server <B", tree: "A B<A S<B B wait<A B wait<A",
			path: "A[0,10) B[10,12) S[12,20) A[20,30) S[30,50) A[50,60) S[60,68) B wait[68,70) A[70,100)",
			gaps: "A self [0,10), A self [20,30), A self [50,60), A self [70,100), B wire [10,12), S self [12,68), " +
				"B wait wire [68,70)",
		},
		"a server outlives the last wait": {
			spans: stream + "S [12,80) server <B", tree: "A B<A S<B(outlives) B wait<A B wait<A", gaps: "-",
			path: "A[0,10) B[10,12) S[12,20) A[20,30) S[30,50) A[50,60) S[60,70) A[70,100)",
		},
		"a child after the last wait is detached": {
			spans: stream + "S [75,80) <B", tree: "A B<A S~B(detached) B wait<A B wait<A", gaps: "-",
			path: "A[0,10) B[10,20) A[20,30) B wait[30,50) A[50,60) B wait[60,70) A[70,100)",
		},
		"a child of a wait covers the call, too": {
			spans: stream + "S [15,40) <D", tree: "A B<A B wait<A B wait<A S<B wait", gaps: "-",
			path: "A[0,10) B[10,15) S[15,20) A[20,30) S[30,40) B wait[40,50) A[50,60) B wait[60,70) A[70,100)",
		},
		"the waits of a root are below it": {
			spans: "B [0,10) client\n C [20,30) client wait=B\n S [5,28) server <B", tree: "B S<B B wait~B",
			path: "B[0,5) S[5,10) S[20,28) B wait[28,30)", gaps: "B wire [0,5), S self [5,28), B wait wire [28,30)",
		},
		"a root that did not wait has waits": {
			spans: "B [0,0) client\n C [20,30) client wait=B\n S [5,28) server <B", tree: "B S<B B wait~B",
			path: "S[20,28) B wait[28,30)", gaps: "S self [5,28), B wait wire [28,30)",
		},
		"the waits of an orphan are next to it": {
			spans: "B [0,10) client <X\n C [20,30) client <X wait=B\n S [5,28) server <B",
			tree:  "B(incomplete) S<B B wait(incomplete)", path: "B[0,5) S[5,10) S[20,28) B wait[28,30)",
			gaps: "B wire [0,5), S self [5,28), B wait wire [28,30)", warnings: "missing-parent B, missing-parent C",
		},
		"another operation is no wait": {
			spans: "A [0,100)\n B [10,20) client <A\n C [30,50) client <A ~B\n S [12,45) server <B",
			tree:  "A B<A S<B(outlives) C<A", gaps: "-",
		},
		"nor is a span that starts before the call ends": {
			spans: "A [0,100)\n B [10,20) client <A\n C [19,50) client <A wait=B\n S [12,45) server <B",
			tree:  "A B<A S<B(outlives) B wait<A", gaps: "-",
		},
	})
}

func TestOrphansShareOnePath(t *testing.T) {
	check(t, map[string]drawing{
		"at the same time": {
			spans: "A [0,50) <X\n B [0,50) <X\n C [0,50) <X", path: "A[0,50)", gaps: "-",
			warnings: "missing-parent A, missing-parent B, missing-parent C",
		},
		"one after the other": {
			spans: "A [0,20) <X\n B [10,30) <X\n C [40,50) <X\n D [45,48) <C", gaps: "-",
			path:     "A[0,10) B[10,30) C[40,45) D[45,48) C[48,50)",
			warnings: "missing-parent A, missing-parent B, missing-parent C",
		},
		"except those of another parent": {
			spans: "A [0,50) <X\n B [0,50) <Y", path: "A[0,50) B[0,50)", gaps: "-",
			warnings: "missing-parent A, missing-parent B",
		},
	})
	trace, _ := gap.Build(spans(t, "A [0,50) <X\n B [0,50) <Y\n C [10,60) <X"))
	if got := trace.CriticalTime(); got != 60*time.Microsecond || !trace.Incomplete() {
		t.Errorf("critical time %v, incomplete %v", got, trace.Incomplete())
	}
}

func TestCallAndWaits(t *testing.T) {
	trace, _ := gap.Build(spans(t, stream))
	var got []string
	for n := range trace.Nodes() {
		waits := len(slices.Collect(n.Waits()))
		got = append(got, fmt.Sprintf("%c of %c has %d", rune(n.Span().SpanID), rune(n.Call().Span().SpanID), waits))
	}
	if got, want := strings.Join(got, ", "), "A of A has 0, B of B has 2, C of B has 0, D of B has 0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestPositions(t *testing.T) {
	for text, want := range map[string]string{
		"A [0,9)":                           "A all of it",
		"A [0,9)\n B [2,3) <A\n C [5,6) <A": "A before B, A after B, before C, A after C, B all of it, C all of it",
		"A [0,9) joined=1\n B [2,7) client <A joined=1": "A before B, A within B, A after B, B all of it",
		stream: "A before B, A after B, before B, A after B, before B, A after B, B all of it, B wait all of it, " +
			"B wait all of it",
		"A [0,9)\n B [2,5) <A\n C [4,5) <A\n D [7,8) <A\n E [7,9) <A": "A before B, A after B, before E, B all of it, " +
			"C all of it, E all of it, D all of it",
		"A [0,9)\n B [0,9) ~A": "A all of it, B all of it",
	} {
		trace, _ := gap.Build(spans(t, text))
		var got []string
		for g := range trace.Gaps(0) {
			got = append(got, g.Node.Span().Operation+" "+g.Position().String())
		}
		if got := strings.Join(got, ", "); got != want {
			t.Errorf("%s\n%s\nwant %s", text, got, want)
		}
	}
}

func TestGapGroups(t *testing.T) {
	var s gap.Summary
	add(&s, spans(t, "A [0,10) @shop\n B [2,4) client <A @shop\n C [6,8) client <A @shop"))
	add(&s, spans(t, "A [0,30) @shop trace=2\n B [2,4) client <A2 @shop trace=2\n C [14,18) client <A2 @shop trace=2"))
	var got []string
	for g := range s.Gaps() {
		got = append(got, fmt.Sprintf("%s %s %v %v: %d of %d, %d critical, median %d, worst %d of trace %d at %d\n",
			g.Service, g.Operation, g.Class, g.Position, g.Count, g.Time.Microseconds(), g.CriticalTime.Microseconds(),
			g.Times.Quantile(0.5).Microseconds(), g.Worst.Time.Microseconds(), g.Worst.TraceID.Low,
			g.Worst.At.Microseconds()))
	}
	want := "shop A self after C: 2 of 14, 14 critical, median 2, worst 12 of trace 2 at 18\n" +
		"shop A self after B, before C: 2 of 12, 12 critical, median 2, worst 10 of trace 2 at 4\n" +
		"shop C remote all of it: 2 of 6, 6 critical, median 2, worst 4 of trace 2 at 14\n" +
		"shop A self before B: 2 of 4, 4 critical, median 2, worst 2 of trace 1 at 0\n" +
		"shop B remote all of it: 2 of 4, 4 critical, median 2, worst 2 of trace 1 at 2\n"
	if got := strings.Join(got, ""); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
