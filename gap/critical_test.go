package gap_test

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

func TestCriticalPath(t *testing.T) {
	check(t, map[string]drawing{
		"no spans":     {},
		"a span alone": {spans: "A [0,9)", path: "A[0,9)", gaps: "-"},
		"a child":      {spans: "A [0,9)\n B [2,5) <A", path: "A[0,2) B[2,5) A[5,9)", gaps: "-"},
		"a span and its child": {
			spans: "A [0,9)\n B [2,5) <A\n C [3,4) <B", path: "A[0,2) B[2,3) C[3,4) B[4,5) A[5,9)", gaps: "-",
		},
		"of two children at once, the longer": {
			spans: "A [0,9)\n B [2,5) <A\n C [2,7) <A", path: "A[0,2) C[2,7) A[7,9)", gaps: "-",
		},
		"one child after the other": {
			spans: "A [0,9)\n B [2,5) <A\n C [5,7) <A", path: "A[0,2) B[2,5) C[5,7) A[7,9)", gaps: "-",
		},
		"two children that overlap": {
			spans: "A [0,9)\n B [2,5) <A\n C [4,7) <A", path: "A[0,2) B[2,4) C[4,7) A[7,9)", gaps: "-",
		},
		"of two that go on, the one that starts first": {
			spans: "A [0,9)\n B [3,6) <A\n C [2,7) <A\n D [5,8) <A", path: "A[0,2) C[2,5) D[5,8) A[8,9)", gaps: "-",
		},
		"a child that ends now comes before one that goes on": {
			spans: "A [0,9)\n B [1,7) <A\n C [3,5) <A\n D [5,8) <A", path: "A[0,1) B[1,3) C[3,5) D[5,8) A[8,9)",
			gaps: "-",
		},
		"of two that end now, the longer": {
			spans: "A [0,9)\n B [3,5) <A\n C [2,5) <A", path: "A[0,2) C[2,5) A[5,9)", gaps: "-",
		},
		"of two alike, the lower id": {
			spans: "A [0,9)\n C [2,5) <A\n B [2,5) <A", path: "A[0,2) B[2,5) A[5,9)", gaps: "-",
		},
		"a child up to its parent's end": {
			spans: "A [0,9)\n B [5,12) <A", path: "A[0,5) B[5,9)", gaps: "-",
		},
		"a child that its parent saw end comes before one that outlives it": {
			spans: "A [0,9)\n B [5,12) <A\n C [6,9) <A", path: "A[0,5) B[5,6) C[6,9)", gaps: "-",
		},
		"a child from its parent's start on": {spans: "A [3,9)\n B [0,5) <A", path: "B[3,5) A[5,9)", gaps: "-"},
		"a child that contains its parent":   {spans: "A [3,9)\n B [0,12) <A", path: "B[3,9)", gaps: "-"},
		"a grandchild within all above it": {
			spans: "A [3,9)\n B [2,7) <A\n C [0,12) <B", path: "C[3,7) A[7,9)", gaps: "-",
		},
		"no child of no length": {
			spans: "A [0,9)\n B [5,5) <A\n C [9,9) <A\n D [0,0) <A", path: "A[0,9)", gaps: "-",
		},
		"nothing if the root has no length": {spans: "A [5,5)\n B [5,5) <A", gaps: ""},
		"no child that nobody waits for": {
			spans: "A [0,9) producer\n B [2,4) ~A\n C [5,6) consumer <A\n D [9,11) <A", path: "A[0,9)", gaps: "-",
		},
		"nothing below a child that nobody waits for": {spans: "A [0,9)\n B [2,4) ~A\n C [3,4) <B", path: "A[0,9)", gaps: "-"},
		"of every root, each for itself": {
			spans: "A [0,9)\n B [2,5) <A\n C [4,12)\n D [11,12) <C", path: "A[0,2) B[2,5) A[5,9) C[4,11) D[11,12)",
			gaps: "-",
		},
		"of an incomplete root, too": {
			spans: "A [0,9)\n B [2,5) <X", path: "A[0,9) B[2,5)", gaps: "-", warnings: "missing-parent B",
		},
		"through a child clipped from both": {
			spans: "A [0,9)\n B [1,8) <A\n C [0,3) <B\n D [2,9) <B", path: "A[0,1) C[1,2) D[2,8) A[8,9)", gaps: "-",
		},
	})
}

// Traces for which these tools were seen to find another path.
func TestCriticalPathDiffersFromOthers(t *testing.T) {
	check(t, map[string]drawing{
		"Jaeger goes from C to A": {
			spans: "A [0,100)\n B [0,60) <A\n C [50,100) <A", path: "B[0,50) C[50,100)", gaps: "-",
		},
		"Jaeger loses B, which touches C": {
			spans: "A [0,100)\n B [0,50) <A\n C [50,100) <A", path: "B[0,50) C[50,100)", gaps: "-",
		},
		"Jaeger's backend says B [1040,1030)": {
			spans: "A [0,30)\n B [10,40) <A\n C [20,60) <B", path: "A[0,10) B[10,20) C[20,30)", gaps: "-",
		},
		"CRISP 14 blames 10 of B on A": {
			spans: "A [0,80)\n B [10,30) <A\n C [20,45) <A\n D [40,65) <A",
			path:  "A[0,10) B[10,20) C[20,40) D[40,65) A[65,80)", gaps: "-",
		},
		"CRISP 20 takes 10 from A": {
			spans: "A [0,600)\n B [10,210) <A\n C [205,305) <A\n D [300,600) <A",
			path:  "A[0,10) B[10,205) C[205,300) D[300,600)", gaps: "-",
		},
		"CRISP drops a child that contains its parent": {
			spans: "A [0,50)\n B [10,20) <A\n C [5,30) <B\n D [12,18) <C",
			path:  "A[0,10) C[10,12) D[12,18) C[18,20) A[20,50)", gaps: "-",
		},
	})
}

// critical draws how much of each gap is on the critical path: "A 3 of 10".
func critical(gaps iter.Seq[gap.Gap]) string {
	var words []string
	for g := range gaps {
		words = append(words,
			fmt.Sprintf("%s %d of %d", g.Node.Span().Operation, g.CriticalTime.Microseconds(), g.Time.Microseconds()))
	}
	return strings.Join(words, ", ")
}

func TestCriticalTimeOfGaps(t *testing.T) {
	for name, test := range map[string]struct{ spans, want string }{
		"all, none and some of a gap": {
			"A [0,9)\n B [1,6) <A\n C [4,8) <A\n D [2,3) <A", "A 1 of 1, A 1 of 1, B 3 of 5, D 0 of 1, C 4 of 4",
		},
		"joined time is on the path if its call is": {
			"A [0,30)\n B [10,20) client <A joined=4", "A 10 of 10, A 4 of 4, A 10 of 10, B 10 of 10",
		},
		"half of the joined time if half of its call is": {
			"A [0,30)\n B [10,20) client <A joined=4\n C [15,25) <A",
			"A 10 of 10, A 2 of 4, A 5 of 5, B 5 of 10, C 10 of 10",
		},
		"joined time in proportion to all spans of the call": {
			"A [0,30)\n B [10,20) client <A joined=9\n C [22,28) client <A wait=B\n D [15,22) <A",
			"A 10 of 10, A 6 of 9, A 2 of 2, B 5 of 10, D 7 of 7, B wait 6 of 6",
		},
		"no joined time if another call is on the path": {
			"A [0,30)\n B [10,20) client <A joined=4\n C [5,25) client <A",
			"A 5 of 5, A 0 of 4, A 5 of 5, C 20 of 20, B 0 of 10",
		},
		"none below a span that nobody waits for": {
			"A [0,30)\n B [10,20) ~A\n C [12,13) <B", "A 30 of 30, B 0 of 2, B 0 of 7, C 0 of 1",
		},
	} {
		trace, _ := gap.Build(spans(t, test.spans))
		if got := critical(trace.Gaps(0)); got != test.want {
			t.Errorf("%s: %s\nwant %s", name, got, test.want)
		}
	}
}

func TestWorst(t *testing.T) {
	trace, _ := gap.Build(spans(t, "A [0,100) server\n B [10,40) <A\n C [10,60) <A client\n D [60,63) <A\n"+
		"E [66,80) ~A\n F [82,90) ~A"))
	for n, want := range map[int]string{
		-1: "", 0: "", 1: "A 37 of 37", 2: "A 37 of 37, A 10 of 10", 4: "A 37 of 37, A 10 of 10, D 3 of 3, B 0 of 30",
		math.MaxInt: "A 37 of 37, A 10 of 10, D 3 of 3, B 0 of 30, E 0 of 14, F 0 of 8",
	} {
		if got := critical(slices.Values(gap.Worst(trace.Gaps(0), n))); got != want {
			t.Errorf("worst %d: %s\nwant %s", n, got, want)
		}
	}
}

func TestWorstOfMany(t *testing.T) {
	all := make([]gap.Gap, 5000)
	for i := range all {
		all[i] = gap.Gap{
			Time: time.Duration(i * 7919 % 40), CriticalTime: time.Duration(i * 104729 % 50),
			Start: epoch.Add(time.Duration(i)),
		}
	}
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b gap.Gap) int {
		if a.CriticalTime != b.CriticalTime {
			return cmp.Compare(b.CriticalTime, a.CriticalTime)
		}
		return cmp.Compare(b.Time, a.Time)
	})
	for _, n := range []int{1, 7, 64, 1000, 4999, 5000, 6000} {
		if got, want := gap.Worst(slices.Values(all), n), sorted[:min(n, len(all))]; !slices.Equal(got, want) {
			t.Errorf("the worst %d are not the first %d", n, n)
		}
	}
}

func TestPathAndGapsStopAnywhere(t *testing.T) {
	trace, _ := gap.Build(spans(t, "A [0,100)\n B [10,40) <A joined=3\n C [20,30) <B\n D [50,60)\n E [52,53) <D"))
	segments, gaps := slices.Collect(trace.CriticalPath()), slices.Collect(trace.Gaps(0))
	for n := range len(segments) {
		var got []gap.Segment
		for p := range trace.CriticalPath() {
			if got = append(got, p); len(got) > n {
				break
			}
		}
		if !slices.Equal(got, segments[:n+1]) {
			t.Errorf("the first %d segments are %v", n+1, got)
		}
	}
	for n := range len(gaps) {
		var got []gap.Gap
		for g := range trace.Gaps(0) {
			if got = append(got, g); len(got) > n {
				break
			}
		}
		if !slices.Equal(got, gaps[:n+1]) {
			t.Errorf("the first %d gaps are %v", n+1, got)
		}
	}
}
