package gap_test

import (
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

func TestGaps(t *testing.T) {
	check(t, map[string]drawing{
		"no spans":                {},
		"a span alone is one gap": {spans: "A [0,100)", gaps: "A self [0,100)"},
		"before, between and after": {
			spans: "A [0,100)\n B [10,20) <A\n C [50,60) <A",
			gaps:  "A self [0,10), A self [20,50), A self [60,100), B self [10,20), C self [50,60)",
		},
		"children that touch": {
			spans: "A [0,100)\n B [0,50) <A client\n C [50,100) <A client", gaps: "B remote [0,50), C remote [50,100)",
		},
		"children that overlap": {
			spans: "A [0,100)\n B [0,60) <A client\n C [50,100) <A client", gaps: "B remote [0,60), C remote [50,100)",
		},
		"a child inside another": {
			spans: "A [0,100)\n B [10,90) <A\n C [20,30) <A",
			gaps:  "A self [0,10), A self [90,100), B self [10,90), C self [20,30)",
		},
		"a child that contains its parent leaves no gap": {
			spans: "A [10,30)\n B [0,40) <A", tree: "A B<A(outlives)", gaps: "B self [0,40)",
		},
		"a child that starts before its parent is clipped": {
			spans: "A [10,30)\n B [0,20) <A", gaps: "A self [20,30), B self [0,20)",
		},
		"a child that outlives its parent is clipped": {
			spans: "A [0,30)\n B [20,40) <A", tree: "A B<A(outlives)", gaps: "A self [0,20), B self [20,40)",
		},
		"a child that starts when its parent is over is detached": {
			spans: "A [0,30)\n B [30,40) <A\n C [50,60) <A", tree: "A B~A(detached) C~A(detached)",
			gaps: "A self [0,30), B self [30,40), C self [50,60)",
		},
		"a child that ends before its parent starts covers nothing": {
			spans: "A [50,60)\n B [0,10) <A", tree: "A B<A", gaps: "A self [50,60), B self [0,10)",
		},
		"a grandchild is not subtracted": {
			spans: "A [0,100)\n B [0,30) <A\n C [10,60) <B", tree: "A B<A C<B(outlives)",
			gaps: "A self [30,100), B self [0,10), C self [10,60)",
		},
		"a child of no length covers nothing": {
			spans: "A [0,100)\n B [50,50) <A\n C [100,100) <A", tree: "A B<A C<A", gaps: "A self [0,100)",
		},
		"a span of no length has no gap": {
			spans: "A [5,5)\n B [5,9) <A", tree: "A B~A(detached)", gaps: "B self [5,9)",
		},
	})
}

func TestBlockingChildren(t *testing.T) {
	check(t, map[string]drawing{
		"FollowsFrom is drawn, not subtracted": {
			spans: "A [0,100)\n B [10,20) ~A", tree: "A B~A", gaps: "A self [0,100), B self [10,20)",
		},
		"a FollowsFrom child that ends late is not flagged": {
			spans: "A [0,9)\n B [5,20) ~A", tree: "A B~A", gaps: "A self [0,9), B self [5,20)",
		},
		"ChildOf next to FollowsFrom blocks, in either order": {
			spans: "A [0,100)\n B [10,20) <A client\n C [30,40) <A ~B client\n D [50,60) ~B <A client",
			tree:  "A B<A C<A D<A",
			gaps: "A self [0,10), A self [20,30), A self [40,50), A self [60,100), B remote [10,20), " +
				"C remote [30,40), D remote [50,60)",
		},
		"of several parents the first counts": {
			spans: "A [0,9)\n B [0,9) <A\n C [0,5) <B <A", tree: "A B<A C<B", gaps: "B self [5,9), C self [0,5)",
		},
		"of several parents the first that is there counts": {
			spans: "A [0,9)\n C [0,5) <X ~A <A", tree: "A C<A", gaps: "A self [5,9), C self [0,5)",
		},
		"a producer does not wait for its consumer": {
			spans: "A [0,10) producer\n B [5,30) consumer <A\n C [0,3) <A", tree: "A C<A B~A",
			gaps: "A self [3,10), C self [0,3), B self [5,30)",
		},
		"any other parent waits for a consumer": {
			spans: "A [0,10)\n B [5,8) consumer <A", tree: "A B<A", gaps: "A self [0,5), A self [8,10), B self [5,8)",
		},
	})
}

// Traces for which these tools were seen to find other gaps.
func TestGapsDifferFromOthers(t *testing.T) {
	check(t, map[string]drawing{
		"Jaeger's critical path blames 50 on A": {
			spans: "A [0,100)\n B [0,60) <A\n C [50,100) <A", gaps: "B self [0,60), C self [50,100)",
		},
		"Jaeger's critical path loses B, which touches C": {
			spans: "A [0,100)\n B [0,50) <A\n C [50,100) <A", gaps: "B self [0,50), C self [50,100)",
		},
		"Jaeger's backend clips C before B in one of seven runs": {
			spans: "A [0,30)\n B [10,40) <A\n C [20,60) <B", tree: "A B<A(outlives) C<B(outlives)",
			gaps: "A self [0,10), B self [10,20), C self [20,60)",
		},
		"CRISP 14 says 35, but 25 are uncovered": {
			spans: "A [0,80)\n B [10,30) <A\n C [20,45) <A\n D [40,65) <A",
			gaps:  "A self [0,10), A self [65,80), B self [10,30), C self [20,45), D self [40,65)",
		},
		"CRISP 20 says 0, but 10 are uncovered": {
			spans: "A [0,600)\n B [10,210) <A\n C [205,305) <A\n D [300,600) <A",
			gaps:  "A self [0,10), B self [10,210), C self [205,305), D self [300,600)",
		},
		"CRISP drops a child that contains its parent, and the whole subtree": {
			spans: "A [0,50)\n B [10,20) <A\n C [5,30) <B\n D [12,18) <C", tree: "A B<A C<B(outlives) D<C",
			gaps: "A self [0,10), A self [20,50), C self [5,12), C self [18,30), D self [12,18)",
		},
	})
}

func TestSelfTime(t *testing.T) {
	trace, _ := gap.Build(spans(t, "A [0,100) server\n B [10,40) client <A joined=4\n"+
		"C [50,60) internal <A\n D [60,61) client <A"))
	want := map[string]time.Duration{"A": 63, "B": 0, "C": 10, "D": 0}
	for n := range trace.Nodes() {
		if got := n.SelfTime(); got != want[n.Span().Operation]*time.Microsecond {
			t.Errorf("self time of %s: %v", n.Span().Operation, got)
		}
	}
}

func TestGapsOfAtLeast(t *testing.T) {
	trace, _ := gap.Build(spans(t, "A [0,100)\n B [10,30) client <A joined=4\n C [35,90) client <A"))
	for least, want := range map[time.Duration]int{
		-1: 6, 0: 6, 4 * time.Microsecond: 6, 4001: 5, 5001: 4, 10 * time.Microsecond: 4, 21 * time.Microsecond: 1,
		time.Second: 0,
	} {
		got := 0
		for g := range trace.Gaps(least) {
			if got++; g.Time < least {
				t.Errorf("gap of %v, want at least %v", g.Time, least)
			}
		}
		if got != want {
			t.Errorf("%d gaps of at least %v, want %d", got, least, want)
		}
	}
}

func TestNanosecondsAreExact(t *testing.T) {
	all := spans(t, "A [0,1)\n B [0,1) <A")
	all[1].Duration -= 3
	trace, _ := gap.Build(all)
	for g := range trace.Gaps(0) {
		if g.Time != 3 || !g.Start.Equal(epoch.Add(997)) || !g.End.Equal(epoch.Add(1000)) {
			t.Errorf("got %v from %v to %v", g.Time, g.Start, g.End)
		}
		break
	}
}
