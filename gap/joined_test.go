package gap_test

import (
	"math"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

func TestJoinedTime(t *testing.T) {
	check(t, map[string]drawing{
		"goes to the parent, next to its gaps": {
			spans: "A [0,100) server\n B [10,40) client <A joined=4",
			gaps:  "A self [0,10), A self 4 of [10,40) of B, A self [40,100), B remote [10,40)",
		},
		"lies in the call and its later waits": {
			spans: "A [0,100) server\n B [10,12) client <A joined=7\n C [20,30) client <A wait=B\n " +
				"D [40,45) client <A wait=B",
			gaps: "A self [0,10), A self 7 of [10,45) of B, A self [12,20), A self [30,40), A self [45,100), " +
				"B remote [10,12), B wait remote [20,30), B wait remote [40,45)",
		},
		"is no more than they cover": {
			spans: "A [0,100)\n B [10,12) client <A joined=70\n C [20,30) client <A wait=B", warnings: "bad-joined B",
			gaps: "A self [0,10), A self 12 of [10,30) of B, A self [12,20), A self [30,100), " +
				"B remote [10,12), B wait remote [20,30)",
		},
		"is no more than they cover within the parent": {
			spans: "A [10,20)\n B [0,13) client <A joined=9\n C [18,40) client <A wait=B", warnings: "bad-joined B",
			tree: "A B<A B wait<A(outlives)",
			gaps: "A self 5 of [10,20) of B, A self [13,18), B remote [0,13), B wait remote [18,40)",
		},
		"of two calls at once is no more than they cover together": {
			spans: "A [0,100)\n B [0,50) client <A joined=40\n C [10,60) client <A joined=40", warnings: "bad-joined C",
			gaps: "A self 40 of [0,50) of B, A self 20 of [10,60) of C, A self [60,100), B remote [0,50), " +
				"C remote [10,60)",
		},
		"does not lie in a wait that overlaps its call": {
			spans: "A [0,100)\n B [0,50) client <A joined=80\n C [40,60) client <A wait=B", warnings: "bad-joined B",
			gaps: "A self 50 of [0,50) of B, A self [60,100), B remote [0,50), B wait remote [40,60)",
		},
		"does not lie in waits below another parent": {
			spans:    "A [0,100)\n B [0,10) client <A joined=20\n C [40,60) client <B wait=B\n D [60,70) wait=B",
			warnings: "bad-joined B", tree: "A B<A B wait~B(detached) B wait~B",
			gaps: "A self 10 of [0,10) of B, A self [10,100), B remote [0,10), B wait remote [40,60), B wait self [60,70)",
		},
		"of a call that nobody waits for is lost": {
			spans:    "A [0,100)\n B [0,10) client ~A joined=2\n C [100,110) client <A joined=2",
			warnings: "bad-joined B, bad-joined C", gaps: "A self [0,100), B remote [0,10), C remote [100,110)",
		},
		"without a parent is lost": {spans: "B [0,10) client joined=2", gaps: "B remote [0,10)"},
		"below a client is remote": {
			spans: "A [0,10) client\n B [0,10) client <A joined=2", gaps: "A remote 2 of [0,10) of B, B remote [0,10)",
		},
		"that is negative is ignored": {
			spans: "A [0,10)\n B [0,10) client <A joined=-2", gaps: "B remote [0,10)", warnings: "bad-joined B",
		},
	})
}

func TestJoinedTimeIsAnyInteger(t *testing.T) {
	for _, value := range []any{
		3, int8(3), int16(3), int32(3), int64(3), uint(3), uint8(3), uint16(3), uint32(3), uint64(3), float64(3),
		"3", " 3 ",
	} {
		if got := selfTimeWithJoined(t, value, ""); got != 3*time.Microsecond {
			t.Errorf("%T %v gives back %v", value, value, got)
		}
	}
	for _, value := range []any{
		"", "three", 3.5, true, nil, []byte("3"), -3, "-3",
		uint64(1) << 63, uint64(math.MaxUint64), "18446744073709551613", 1.8446744073709550e19,
	} { // negative, without their sign
		if got := selfTimeWithJoined(t, value, "bad-joined B"); got != 0 {
			t.Errorf("%T %v gives back %v", value, value, got)
		}
	}
	for _, value := range []any{int64(1) << 62, "99999999999999999999", 1e300} { // clamped to B
		if got := selfTimeWithJoined(t, value, "bad-joined B"); got != 10*time.Microsecond {
			t.Errorf("%T %v gives back %v", value, value, got)
		}
	}
}

func selfTimeWithJoined(t *testing.T, value any, warnings string) time.Duration {
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
