package gap_test

import (
	"math"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

func TestGapIsWhatNoChildCovers(t *testing.T) {
	look(t, map[string]drawing{
		"no spans":                  {},
		"a span alone is one gap":   {spans: "A [0,100)", gaps: "A self [0,100)"},
		"before, between and after": {spans: "A [0,100)\n B [10,20) <A\n C [50,60) <A", gaps: "A self [0,10), A self [20,50), A self [60,100), B self [10,20), C self [50,60)"},
		"children that touch":       {spans: "A [0,100)\n B [0,50) <A client\n C [50,100) <A client", gaps: "B remote [0,50), C remote [50,100)"},
		"children that overlap":     {spans: "A [0,100)\n B [0,60) <A client\n C [50,100) <A client", gaps: "B remote [0,60), C remote [50,100)"},
		"a child inside another":    {spans: "A [0,100)\n B [10,90) <A\n C [20,30) <A", gaps: "A self [0,10), A self [90,100), B self [10,90), C self [20,30)"},
		"a child that contains its parent leaves none": {
			spans: "A [10,30)\n B [0,40) <A", tree: "A B<A(outlives)", gaps: "B self [0,40)",
		},
		"a child that starts before its parent is clipped": {spans: "A [10,30)\n B [0,20) <A", gaps: "A self [20,30), B self [0,20)"},
		"a child that outlives its parent is clipped": {
			spans: "A [0,30)\n B [20,40) <A", tree: "A B<A(outlives)", gaps: "A self [0,20), B self [20,40)",
		},
		"a child that starts when its parent is over is detached": {
			spans: "A [0,30)\n B [30,40) <A\n C [50,60) <A", tree: "A B~A(detached) C~A(detached)",
			gaps: "A self [0,30), B self [30,40), C self [50,60)",
		},
		"a child that ends before its parent starts covers nothing": {spans: "A [50,60)\n B [0,10) <A", tree: "A B<A", gaps: "A self [50,60), B self [0,10)"},
		"a grandchild is not subtracted": {
			spans: "A [0,100)\n B [0,30) <A\n C [10,60) <B", tree: "A B<A C<B(outlives)",
			gaps: "A self [30,100), B self [0,10), C self [10,60)",
		},
		"a child of no length covers nothing": {spans: "A [0,100)\n B [50,50) <A\n C [100,100) <A", tree: "A B<A C<A", gaps: "A self [0,100)"},
		"a span of no length has no gap":      {spans: "A [5,5)\n B [5,9) <A", tree: "A B~A(detached)", gaps: "B self [5,9)"},
	})
}

func TestSpanWaitsForItsChildOfChildrenOnly(t *testing.T) {
	look(t, map[string]drawing{
		"FollowsFrom is drawn, not subtracted": {
			spans: "A [0,100)\n B [10,20) ~A", tree: "A B~A", gaps: "A self [0,100), B self [10,20)",
		},
		"a FollowsFrom child that ends late is not flagged": {spans: "A [0,9)\n B [5,20) ~A", tree: "A B~A", gaps: "A self [0,9), B self [5,20)"},
		"ChildOf beside FollowsFrom is waited for, in either order": {
			spans: "A [0,100)\n B [10,20) <A client\n C [30,40) <A ~B client\n D [50,60) ~B <A client", tree: "A B<A C<A D<A",
			gaps: "A self [0,10), A self [20,30), A self [40,50), A self [60,100), B remote [10,20), C remote [30,40), D remote [50,60)",
		},
		"of several parents the first counts": {
			spans: "A [0,9)\n B [0,9) <A\n C [0,5) <B <A", tree: "A B<A C<B", gaps: "B self [5,9), C self [0,5)",
		},
		"of several parents the first that is there counts": {spans: "A [0,9)\n C [0,5) <X ~A <A", tree: "A C<A", gaps: "A self [5,9), C self [0,5)"},
		"a producer does not wait for its consumer": {
			spans: "A [0,10) producer\n B [5,30) consumer <A\n C [0,3) <A", tree: "A C<A B~A",
			gaps: "A self [3,10), C self [0,3), B self [5,30)",
		},
		"anything else waits for a consumer": {spans: "A [0,10)\n B [5,8) consumer <A", tree: "A B<A", gaps: "A self [0,5), A self [8,10), B self [5,8)"},
	})
}

func TestKindOfTheSpanClassesItsGaps(t *testing.T) {
	look(t, map[string]drawing{
		"not a client's: self": {
			spans: "A [0,1) server\n B [1,2) internal\n C [2,3) producer\n D [3,4) consumer\n E [4,5) SERVER\n F [5,6) whatever",
			gaps:  "A self [0,1), B self [1,2), C self [2,3), D self [3,4), E self [4,5), F self [5,6)",
		},
		"a client around its server: wire": {
			spans: "A [0,10) client\n B [2,8) <A server", gaps: "A wire [0,2), A wire [8,10), B self [2,8)",
		},
		"a client around a detached server: still wire": {spans: "A [0,10) client\n B [12,18) <A server", gaps: "A wire [0,10), B self [12,18)"},
		"a childless client: remote":                    {spans: "A [0,10) client", gaps: "A remote [0,10)"},
		"a client around another client: remote": {
			spans: "A [0,10) client\n B [2,8) <A client\n C [3,7) server <B", gaps: "A remote [0,2), A remote [8,10), B wire [2,3), B wire [7,8), C self [3,7)",
		},
		"a server that only follows from the client: remote": {spans: "A [0,10) client\n B [2,8) ~A server", gaps: "A remote [0,10), B self [2,8)"},
		"a kind set twice counts as last set":                {spans: "A [0,10) server client", gaps: "A remote [0,10)"},
		"a server below a span that is no client":            {spans: "A [0,10)\n B [2,8) server <A", gaps: "A self [0,2), A self [8,10), B self [2,8)"},
	})
}

// The traces on which the tools named here were seen to give another answer.
func TestGapIsRightWhereOthersAreNot(t *testing.T) {
	look(t, map[string]drawing{
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
		"CRISP 14 says 35 where 25 are uncovered": {
			spans: "A [0,80)\n B [10,30) <A\n C [20,45) <A\n D [40,65) <A",
			gaps:  "A self [0,10), A self [65,80), B self [10,30), C self [20,45), D self [40,65)",
		},
		"CRISP 20 says 0 where 10 are uncovered": {
			spans: "A [0,600)\n B [10,210) <A\n C [205,305) <A\n D [300,600) <A",
			gaps:  "A self [0,10), B self [10,210), C self [205,305), D self [300,600)",
		},
		"CRISP drops a child that contains its parent, and the whole subtree": {
			spans: "A [0,50)\n B [10,20) <A\n C [5,30) <B\n D [12,18) <C", tree: "A B<A C<B(outlives) D<C",
			gaps: "A self [0,10), A self [20,50), C self [5,12), C self [18,30), D self [12,18)",
		},
	})
}

func TestJoinedTimeIsGivenBack(t *testing.T) {
	look(t, map[string]drawing{
		"to the parent, beside what is uncovered": {
			spans: "A [0,100) server\n B [10,40) client <A joined=4",
			gaps:  "A self [0,10), A self 4 of [10,40) of B, A self [40,100), B remote [10,40)",
		},
		"by a call and its waits, wherever it hides": {
			spans: "A [0,100) server\n B [10,12) client <A joined=7\n C [20,30) client <A ~B\n D [40,45) client <A ~B",
			gaps: "A self [0,10), A self 7 of [10,45) of B, A self [12,20), A self [30,40), A self [45,100), " +
				"B remote [10,12), C remote [20,30), D remote [40,45)",
		},
		"never more than they cover": {
			spans: "A [0,100)\n B [10,12) client <A joined=70\n C [20,30) client <A ~B", warnings: "bad-joined B",
			gaps: "A self [0,10), A self 12 of [10,30) of B, A self [12,20), A self [30,100), B remote [10,12), C remote [20,30)",
		},
		"never more than they cover within the parent": {
			spans: "A [10,20)\n B [0,13) client <A joined=9\n C [18,40) client <A ~B", warnings: "bad-joined B", tree: "A B<A C<A(outlives)",
			gaps: "A self 5 of [10,20) of B, A self [13,18), B remote [0,13), C remote [18,40)",
		},
		"never more by two calls at once than they cover together": {
			spans: "A [0,100)\n B [0,50) client <A joined=40\n C [10,60) client <A joined=40", warnings: "bad-joined C",
			gaps: "A self 40 of [0,50) of B, A self 20 of [10,60) of C, A self [60,100), B remote [0,50), C remote [10,60)",
		},
		"once where a wait overlaps its call": {
			spans: "A [0,100)\n B [0,50) client <A joined=80\n C [40,60) client <A ~B", warnings: "bad-joined B",
			gaps: "A self 60 of [0,60) of B, A self [60,100), B remote [0,50), C remote [40,60)",
		},
		"not by what follows from elsewhere": {
			spans: "A [0,100)\n B [0,10) client <A joined=20\n C [40,60) client <B ~B\n D [60,70) ~B", warnings: "bad-joined B",
			tree: "A B<A C~B(detached) D~B",
			gaps: "A self 10 of [0,10) of B, A self [10,100), B remote [0,10), C remote [40,60), D self [60,70)",
		},
		"not by a call that nobody waits for": {
			spans: "A [0,100)\n B [0,10) client ~A joined=2\n C [100,110) client <A joined=2", warnings: "bad-joined B, bad-joined C",
			gaps: "A self [0,100), B remote [0,10), C remote [100,110)",
		},
		"not without a parent": {spans: "B [0,10) client joined=2", gaps: "B remote [0,10)"},
		"as no work of a client": {
			spans: "A [0,10) client\n B [0,10) client <A joined=2", gaps: "A remote 2 of [0,10) of B, B remote [0,10)",
		},
		"unless it is negative": {spans: "A [0,10)\n B [0,10) client <A joined=-2", gaps: "B remote [0,10)", warnings: "bad-joined B"},
	})
}

func TestJoinedTimeIsReadFromAnyInteger(t *testing.T) {
	for _, value := range []any{
		3, int8(3), int16(3), int32(3), int64(3), uint(3), uint8(3), uint16(3), uint32(3), uint64(3), float64(3), "3", " 3 ",
	} {
		if got := ownWithJoined(t, value, ""); got != 3*time.Microsecond {
			t.Errorf("%T %v gives back %v", value, value, got)
		}
	}
	for _, value := range []any{
		"", "three", 3.5, true, nil, []byte("3"), -3, "-3",
		uint64(1) << 63, uint64(math.MaxUint64), "18446744073709551613", 1.8446744073709550e19,
	} { // negative, without their sign
		if got := ownWithJoined(t, value, "bad-joined B"); got != 0 {
			t.Errorf("%T %v gives back %v", value, value, got)
		}
	}
	for _, value := range []any{int64(1) << 62, "99999999999999999999", 1e300} { // clamped to B
		if got := ownWithJoined(t, value, "bad-joined B"); got != 10*time.Microsecond {
			t.Errorf("%T %v gives back %v", value, value, got)
		}
	}
}

func ownWithJoined(t *testing.T, value any, warnings string) time.Duration {
	t.Helper()
	all := spans(t, "A [0,10)\n B [0,10) client <A")
	all[1].Tags = append(all[1].Tags, gap.Field{Key: "wait.joined_us", Value: value})
	trace, got := gap.Build(all)
	if codes(got) != warnings {
		t.Errorf("%T %v: warnings %s", value, value, codes(got))
	}
	for root := range trace.Roots() {
		return root.SelfTime()
	}
	return -1
}

func TestSelfTimeIsGapsAndJoinedTimeButNotOfAClient(t *testing.T) {
	trace, _ := gap.Build(spans(t, "A [0,100) server\n B [10,40) client <A joined=4\n C [50,60) internal <A\n D [60,61) client <A"))
	want := map[string]time.Duration{"A": 63, "B": 0, "C": 10, "D": 0}
	for n := range trace.Nodes() {
		if got := n.SelfTime(); got != want[n.Span().Operation]*time.Microsecond {
			t.Errorf("%s works for %v", n.Span().Operation, got)
		}
	}
}

func TestGapsHoldAtLeast(t *testing.T) {
	trace, _ := gap.Build(spans(t, "A [0,100)\n B [10,30) client <A joined=4\n C [35,90) client <A"))
	for least, want := range map[time.Duration]int{-1: 6, 0: 6, 4 * time.Microsecond: 6, 4001: 5, 5001: 4, 10 * time.Microsecond: 4, 21 * time.Microsecond: 1, time.Second: 0} {
		got := 0
		for g := range trace.Gaps(least) {
			if got++; g.Time < least {
				t.Errorf("gap of %v is no %v", g.Time, least)
			}
		}
		if got != want {
			t.Errorf("%d gaps of at least %v, want %d", got, least, want)
		}
	}
}

func TestNanosecondsAreKept(t *testing.T) {
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
