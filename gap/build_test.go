package gap_test

import (
	"math"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

func TestBrokenTraces(t *testing.T) {
	check(t, map[string]drawing{
		"several roots": {spans: "A [0,1)\n B [2,3)\n C [2,3) <B", tree: "A B C<B", gaps: "A self [0,1), C self [2,3)"},
		"a missing parent makes an incomplete root": {
			spans: "A [0,9)\n B [1,5) <X", tree: "A B(incomplete)", gaps: "A self [0,9), B self [1,5)",
			warnings: "missing-parent B",
		},
		"a missing FollowsFrom parent makes an incomplete root, too": {
			spans: "B [1,5) ~X", tree: "B(incomplete)", gaps: "B self [1,5)", warnings: "missing-parent B",
		},
		"a wait whose parent is missing is next to its call": {
			spans: "B [0,2) client <X\n C [3,4) client <X ~B", tree: "B(incomplete) C(incomplete)",
			gaps: "B remote [0,2), C remote [3,4)", warnings: "missing-parent B, missing-parent C",
		},
		"a parent in another trace does not count": {
			spans: "A [0,2)\n B [0,2) <A7", tree: "A B", gaps: "A self [0,2), B self [0,2)",
		},
		"span id 0 names no parent": {spans: "A [0,2) <?", tree: "A", gaps: "A self [0,2)"},
		"spans without an id are kept": {
			spans: "? [0,2)\n ?2 [0,2)\n ?2 [0,2)", tree: "? ?2", gaps: "? self [0,2), ?2 self [0,2)",
			warnings: "no-span-id, no-span-id, duplicate",
		},
		"a span below itself is a root": {spans: "A [0,2) <A", tree: "A", gaps: "A self [0,2)", warnings: "cycle A"},
		"a span below itself and another is below the other": {
			spans: "A [0,2)\n B [0,1) <B <A", tree: "A B<A", gaps: "A self [1,2), B self [0,1)", warnings: "cycle B",
		},
		"the first span of a cycle becomes a root": {
			spans: "A [5,7) <C\n B [1,9) <A\n C [3,8) <B\n D [0,1) <A", tree: "B C<B A<C D<A",
			gaps:     "B self [1,3), B self [8,9), C self [3,5), C self [7,8), A self [5,7), D self [0,1)",
			warnings: "cycle B",
		},
		"the same span twice is one": {
			spans: "A [0,9)\n B [1,5) <A joined=1\n B [1,5) <A joined=1", tree: "A B<A",
			gaps: "A self [0,1), A self 1 of [1,5) of B, A self [5,9), B self [1,5)", warnings: "duplicate B",
		},
		"of two spans with one id the first is kept": {
			spans: "A [0,9)\n B2 [2,5) <A\n B1 [1,5) <A", tree: "A B1<A",
			gaps: "A self [0,1), A self [5,9), B1 self [1,5)", warnings: "same-id B",
		},
		"spans in two formats are one": {
			spans: "A [0,9)\n B [2,5) server <A @x\n B [2,5) client <A @x\n A [1,9) new\n" +
				"B [3,5) client <A @x/h\n B [3,6) server <A @x/h\n B [9,10) <A @x", tree: "A B<A B<B",
			gaps: "A self [0,2), A self [5,9), B self [2,5)", warnings: "same-id A +3",
		},
		"a span with a time is kept rather than one without": {
			spans: "A [0,9)\n B1 [0,0) timeless <A\n B2 [2,5) <A", tree: "A B2<A",
			gaps: "A self [0,2), A self [5,9), B2 self [2,5)", warnings: "same-id B",
		},
		"of two that start together the longer is kept, then the lesser": {
			spans: "A [0,9)\n A2 [0,9)\n B1 [1,5)\n B2 [1,6)", tree: "A B2", gaps: "A self [0,9), B2 self [1,6)",
			warnings: "same-id A +1",
		},
		"a negative duration counts as zero": {
			spans: "A [0,9)\n B [5,3) <A", tree: "A B<A", gaps: "A self [0,9)", warnings: "bad-duration B",
		},
		"the trace with the most spans is kept": {
			spans: "A [0,9) trace=3\n B [0,9) trace=3\n C [0,9) <A trace=4\n D [0,9)", tree: "A B",
			gaps: "A self [0,9), B self [0,9)", warnings: "foreign-trace, foreign-trace",
		},
		"of traces with equally many spans the lowest id is kept": {
			spans: "A [0,9) trace=4\n B [0,9) trace=3", tree: "B", gaps: "B self [0,9)", warnings: "foreign-trace",
		},
	})
}

func TestSpansWithoutTimes(t *testing.T) {
	check(t, map[string]drawing{
		"a span without times starts with its parent": {
			spans: "A [5,9) @x/1\n B [0,0) timeless <A @y/2", tree: "A B<A", gaps: "A self [5,9)", path: "A[5,9)",
			warnings: "bad-time B",
		},
		"a child of a span without times starts with it": {
			spans: "A [5,9)\n B [0,0) timeless <A\n C [0,0) timeless <B", tree: "A B<A C<B", gaps: "A self [5,9)",
			warnings: "bad-time B, bad-time C",
		},
		"a root starts with the first span": {
			spans: "A [0,0) timeless\n B [5,9) <A @x/1\n C [3,4)", tree: "C A B~A(detached)",
			gaps: "C self [3,4), B self [5,9)", warnings: "bad-time A",
		},
		"a span without times moves with its parent": {
			spans: "A [100,200) client @x/1\n B [0,60) server <A @y/2\n " +
				"C [0,0) timeless <B @y/2\n D [10,20) <C @y/2",
			tree:     "A B<A C<B D~C(detached)",
			gaps:     "A wire [160,200), B self [100,160), D self [110,120)",
			warnings: "bad-time C, clock-skew B",
		},
		"a trace without any times stays": {
			spans: "A [0,0) timeless\n B [0,0) timeless <A", tree: "A B<A", gaps: "",
			warnings: "bad-time A, bad-time B",
		},
	})
}

func TestSharedIDsOfZipkin(t *testing.T) {
	check(t, map[string]drawing{
		"the server is the client's child": {
			spans: "A [0,20) @a\n B [2,12) client <A @a\n Bs [4,10) server <A @b", tree: "A B<A Bs<B",
			gaps: "A self [0,2), A self [12,20), B wire [2,4), B wire [10,12), Bs self [4,10)",
		},
		"the server is the client's child even if its clock is early": {
			spans: "Bs [1,9) server @b\n B [2,12) client @a", tree: "B Bs<B",
			gaps: "B wire [10,12), Bs self [2,10)", warnings: "clock-skew B",
		},
		"children hang below the server": {
			spans: "B [2,12) client @a\n Bs [4,10) server @b\n C [5,6) <B @b\n D [7,8) <B @d", tree: "B Bs<B C<Bs D<Bs",
			gaps: "B wire [2,4), B wire [10,12), Bs self [4,5), Bs self [6,7), Bs self [8,10), C self [5,6), " +
				"D self [7,8)",
		},
		"children of the client's process hang below the client": {
			spans: "B [2,12) client @a\n Bs [4,10) server @b\n C [2,3) client <B @a", tree: "B C<B Bs<B",
			gaps: "B wire [3,4), B wire [10,12), C remote [2,3), Bs self [4,10)",
		},
		"within one process all are below the server": {
			spans: "B [2,12) client\n Bs [4,10) server\n C [5,6) <B", tree: "B Bs<B C<Bs",
			gaps: "B wire [2,4), B wire [10,12), Bs self [4,5), Bs self [6,10), C self [5,6)",
		},
		"waits of the client stay its siblings": {
			spans: "A [0,20) @a\n B [2,12) client <A @a joined=1\n Bs [4,10) server <A @b\n C [13,15) client <A wait=B @a",
			tree:  "A B<A Bs<B B wait<A",
			gaps: "A self [0,2), A self 1 of [2,15) of B, A self [12,13), A self [15,20), B wire [2,4), " +
				"B wire [10,12), Bs self [4,10), B wait wire [13,15)",
		},
		"a third span is dropped": {
			spans: "B [2,12) client @a\n B2 [3,12) client @a\n Bs [4,10) server @b\n Bt [5,10) server @b",
			tree:  "B Bs<B", gaps: "B wire [2,4), B wire [10,12), Bs self [4,10)", warnings: "same-id B +1",
		},
		"a client that refers to itself is not below its server": {
			spans: "B [2,12) client <B\n Bs [4,10) server", tree: "B Bs<B",
			gaps: "B wire [2,4), B wire [10,12), Bs self [4,10)", warnings: "cycle B",
		},
	})
}

func TestTimesOutOfRange(t *testing.T) {
	const far = 200 * 365 * 24 * time.Hour
	at := func(us time.Duration) time.Time { return epoch.Add(us * time.Microsecond) }
	for name, test := range map[string]struct {
		span     gap.Span
		start    time.Time
		duration time.Duration
		codes    string
	}{
		"negative duration":      {gap.Span{Start: at(7), Duration: -1}, at(7), 0, "bad-duration B"},
		"most negative duration": {gap.Span{Start: at(7), Duration: math.MinInt64}, at(7), 0, "bad-duration B"},
		"end of 292 years":       {gap.Span{Start: at(7), Duration: math.MaxInt64}, at(7), 0, "bad-duration B"},
		"end after 2116":         {gap.Span{Start: at(7), Duration: far}, at(7), 0, "bad-duration B"},
		"start before 1823":      {gap.Span{Start: epoch.Add(-far).Add(-far), Duration: 2}, at(0), 2, "bad-time B"},
		"no end":                 {gap.Span{Start: at(7), Duration: time.Unix(0, 0).Sub(at(7))}, at(7), 0, "bad-duration B"},
		"no start":               {gap.Span{Duration: 2}, at(0), 2, "bad-time B"},
		"no start, endless":      {gap.Span{Duration: math.MaxInt64}, at(0), 0, "bad-duration B, bad-time B"},
		"start after 2116":       {gap.Span{Start: epoch.Add(far)}, at(0), 0, "bad-time B"},
		"start and end after 2116": {
			gap.Span{Start: epoch.Add(far), Duration: 2}, at(0), 0, "bad-duration B, bad-time B",
		},
		"start after year 292e9": {
			gap.Span{Start: time.Unix(math.MaxInt64, 0), Duration: -2}, at(0), 0, "bad-duration B, bad-time B",
		},
	} {
		t.Run(name, func(t *testing.T) {
			all := spans(t, "A [0,10)\n B [0,10) <A\n C [3,4) <A")
			test.span.TraceID, test.span.SpanID, test.span.References = all[1].TraceID, all[1].SpanID, all[1].References
			all[1] = test.span
			trace, warnings := gap.Build(all)
			if got := codes(warnings); got != test.codes {
				t.Errorf("warnings %v", warnings)
			}
			if got := trace.End().Sub(trace.Start()); got != 10*time.Microsecond {
				t.Errorf("the trace lasts %v", got)
			}
			for n := range trace.Nodes() {
				if n.Span().SpanID == test.span.SpanID &&
					(!n.Start().Equal(test.start) || n.Duration() != test.duration) {
					t.Errorf("the span is at %v for %v", n.Start(), n.Duration())
				}
				if n.Depth() == 0 && n.SelfTime() != 9*time.Microsecond-test.duration {
					t.Errorf("self time of its parent: %v", n.SelfTime())
				}
			}
			hold(t, trace, warnings)
			orderDoesNotMatter(t, all)
		})
	}
}

func TestAllTimesOutOfRange(t *testing.T) {
	all := []gap.Span{
		{SpanID: 1, Duration: math.MaxInt64},
		{SpanID: 2, Start: time.Unix(math.MaxInt64, 0), Duration: time.Hour, References: []gap.Reference{{SpanID: 1}}},
		{SpanID: 3, Start: time.Unix(math.MinInt64, 0), Duration: time.Hour, References: []gap.Reference{{SpanID: 2}}},
	}
	for n := range all {
		trace, warnings := gap.Build(all[n:])
		if trace.Len() != 3-n || trace.End().Before(trace.Start()) {
			t.Errorf("%d spans from %v to %v", trace.Len(), trace.Start(), trace.End())
		}
		hold(t, trace, warnings)
		orderDoesNotMatter(t, all[n:])
	}
}

func TestTimesBefore1970(t *testing.T) {
	all := spans(t, "A [0,100)\n B [10,12) client <A joined=7\n C [20,30) client <A wait=B")
	for i := range all {
		all[i].Start = all[i].Start.AddDate(-100, 0, 0)
	}
	trace, _ := gap.Build(all)
	for root := range trace.Roots() {
		if got := root.SelfTime(); got != 95*time.Microsecond {
			t.Errorf("self time %v", got)
		}
	}
}

// Build reuses memory, but none of a trace that was not released.
func TestTraceOutlivesTheNextBuild(t *testing.T) {
	for range 10 { // the memory is another one after a collection
		first, _ := gap.Build([]gap.Span{{SpanID: 1, Process: &gap.Process{Service: "first"}}})
		gap.Build([]gap.Span{{SpanID: 1, Process: &gap.Process{Service: "second"}}})
		for n := range first.Nodes() {
			if got := n.Service(); got != "first" {
				t.Fatalf("the service became %q", got)
			}
		}
	}
}

// Nothing of a released trace is left in those that use its memory.
func TestRelease(t *testing.T) {
	const traces = 300
	var want []string
	for seed := range uint64(traces) {
		spans, maxSkew := specTrace(seed)
		want = append(want, dump(gap.Build(spans, gap.WithMaxSkew(maxSkew))))
	}
	for seed := range uint64(traces) {
		spans, maxSkew := specTrace(seed)
		trace, warnings := gap.Build(spans, gap.WithMaxSkew(maxSkew))
		if got := dump(trace, warnings); got != want[seed] {
			t.Fatalf("seed %d: got\n%s\nwant\n%s", seed, got, want[seed])
		}
		trace.Release()
	}
}
