package gap_test

import (
	"math"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

func TestBrokenTracesAreMended(t *testing.T) {
	look(t, map[string]drawing{
		"several roots": {spans: "A [0,1)\n B [2,3)\n C [2,3) <B", tree: "A B C<B", gaps: "A self [0,1), C self [2,3)"},
		"a missing parent makes an incomplete root": {
			spans: "A [0,9)\n B [1,5) <X", tree: "A B(incomplete)", gaps: "A self [0,9), B self [1,5)", warnings: "missing-parent B",
		},
		"so does a missing cause": {spans: "B [1,5) ~X", tree: "B(incomplete)", gaps: "B self [1,5)", warnings: "missing-parent B"},
		"a wait whose parent is missing hangs below its call": {
			spans: "B [0,2) client <X\n C [3,4) client <X ~B", tree: "B(incomplete) C~B(incomplete)",
			gaps: "B remote [0,2), C remote [3,4)", warnings: "missing-parent B, missing-parent C",
		},
		"a parent in another trace is none": {spans: "A [0,2)\n B [0,2) <A7", tree: "A B", gaps: "A self [0,2), B self [0,2)"},
		"no id is no parent":                {spans: "A [0,2) <?", tree: "A", gaps: "A self [0,2)"},
		"spans without an id are kept": {
			spans: "? [0,2)\n ?2 [0,2)\n ?2 [0,2)", tree: "? ?2", gaps: "? self [0,2), ?2 self [0,2)", warnings: "no-span-id, no-span-id, duplicate",
		},
		"a span below itself is a root": {spans: "A [0,2) <A", tree: "A", gaps: "A self [0,2)", warnings: "cycle A"},
		"below itself and another":      {spans: "A [0,2)\n B [0,1) <B <A", tree: "A B<A", gaps: "A self [1,2), B self [0,1)", warnings: "cycle B"},
		"a cycle is cut where it starts": {
			spans: "A [5,7) <C\n B [1,9) <A\n C [3,8) <B\n D [0,1) <A", tree: "B C<B A<C D<A",
			gaps: "B self [1,3), B self [8,9), C self [3,5), C self [7,8), A self [5,7), D self [0,1)", warnings: "cycle B",
		},
		"the same span twice is one": {
			spans: "A [0,9)\n B [1,5) <A joined=1\n B [1,5) <A joined=1", tree: "A B<A",
			gaps: "A self [0,1), A self 1 of [1,5) of B, A self [5,9), B self [1,5)", warnings: "duplicate B",
		},
		"of two spans with one id the first is kept": {
			spans: "A [0,9)\n B2 [2,5) <A\n B1 [1,5) <A", tree: "A B1<A", gaps: "A self [0,1), A self [5,9), B1 self [1,5)", warnings: "same-id B",
		},
		"else the longer, else the lesser": {
			spans: "A [0,9)\n A2 [0,9)\n B1 [1,5)\n B2 [1,6)", tree: "A B2", gaps: "A self [0,9), B2 self [1,6)", warnings: "same-id A, same-id B",
		},
		"a negative duration is none": {spans: "A [0,9)\n B [5,3) <A", tree: "A B<A", gaps: "A self [0,9)", warnings: "bad-duration B"},
		"the trace with the most spans is kept": {
			spans: "A [0,9) trace=3\n B [0,9) trace=3\n C [0,9) <A trace=4\n D [0,9)", tree: "A B", gaps: "A self [0,9), B self [0,9)",
			warnings: "foreign-trace, foreign-trace",
		},
		"of equals the one with the lowest id": {spans: "A [0,9) trace=4\n B [0,9) trace=3", tree: "B", gaps: "B self [0,9)", warnings: "foreign-trace"},
	})
}

func TestSpansThatNobodyTimedDoNotStretchATrace(t *testing.T) {
	look(t, map[string]drawing{
		"one is where its parent starts": {
			spans: "A [5,9) @x/1\n B [0,0) timeless <A @y/2", tree: "A B<A", gaps: "A self [5,9)", path: "A[5,9)", warnings: "bad-time B",
		},
		"and its parent, too":        {spans: "A [5,9)\n B [0,0) timeless <A\n C [0,0) timeless <B", tree: "A B<A C<B", gaps: "A self [5,9)", warnings: "bad-time B, bad-time C"},
		"a root, where others start": {spans: "A [0,0) timeless\n B [5,9) <A @x/1\n C [3,4)", tree: "C A B~A(detached)", gaps: "C self [3,4), B self [5,9)", warnings: "bad-time A"},
		"it moves with its parent": {
			spans: "A [100,200) client @x/1\n B [0,60) server <A @y/2\n C [0,0) timeless <B @y/2\n D [10,20) <C @y/2", tree: "A B<A C<B D~C(detached)",
			gaps: "A wire [100,120), A wire [180,200), B self [120,180), D self [130,140)", warnings: "bad-time C, clock-skew B",
		},
		"all of them": {spans: "A [0,0) timeless\n B [0,0) timeless <A", tree: "A B<A", gaps: "", warnings: "bad-time A, bad-time B"},
	})
}

func TestSharedIdsOfZipkinAreSplit(t *testing.T) {
	look(t, map[string]drawing{
		"the server is the client's child": {
			spans: "A [0,20) @a\n B [2,12) client <A @a\n Bs [4,10) server <A @b", tree: "A B<A Bs<B",
			gaps: "A self [0,2), A self [12,20), B wire [2,4), B wire [10,12), Bs self [4,10)",
		},
		"even where its clock is early": {
			spans: "Bs [1,9) server @b\n B [2,12) client @a", tree: "B Bs<B", gaps: "B wire [2,3), B wire [11,12), Bs self [3,11)",
			warnings: "clock-skew B",
		},
		"children hang below the server": {
			spans: "B [2,12) client @a\n Bs [4,10) server @b\n C [5,6) <B @b\n D [7,8) <B @d", tree: "B Bs<B C<Bs D<Bs",
			gaps: "B wire [2,4), B wire [10,12), Bs self [4,5), Bs self [6,7), Bs self [8,10), C self [5,6), D self [7,8)",
		},
		"save those of the client's process": {
			spans: "B [2,12) client @a\n Bs [4,10) server @b\n C [2,3) client <B @a", tree: "B C<B Bs<B",
			gaps: "B wire [3,4), B wire [10,12), C remote [2,3), Bs self [4,10)",
		},
		"which does not help where there is one process": {
			spans: "B [2,12) client\n Bs [4,10) server\n C [5,6) <B", tree: "B Bs<B C<Bs",
			gaps: "B wire [2,4), B wire [10,12), Bs self [4,5), Bs self [6,10), C self [5,6)",
		},
		"waits of the client stay its siblings": {
			spans: "A [0,20) @a\n B [2,12) client <A @a joined=1\n Bs [4,10) server <A @b\n C [13,15) client <A ~B @a", tree: "A B<A Bs<B C<A",
			gaps: "A self [0,2), A self 1 of [2,15) of B, A self [12,13), A self [15,20), B wire [2,4), B wire [10,12), Bs self [4,10), C remote [13,15)",
		},
		"a third of the kind is dropped": {
			spans: "B [2,12) client @a\n B2 [3,12) client @a\n Bs [4,10) server @b\n Bt [5,10) server @b", tree: "B Bs<B",
			gaps: "B wire [2,4), B wire [10,12), Bs self [4,10)", warnings: "same-id B, same-id B",
		},
		"a client that refers to itself is not below its server": {
			spans: "B [2,12) client <B\n Bs [4,10) server", tree: "B Bs<B", gaps: "B wire [2,4), B wire [10,12), Bs self [4,10)", warnings: "cycle B",
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
		"negative duration":        {gap.Span{Start: at(7), Duration: -1}, at(7), 0, "bad-duration B"},
		"most negative duration":   {gap.Span{Start: at(7), Duration: math.MinInt64}, at(7), 0, "bad-duration B"},
		"end of 292 years":         {gap.Span{Start: at(7), Duration: math.MaxInt64}, at(7), 0, "bad-duration B"},
		"end after 2116":           {gap.Span{Start: at(7), Duration: far}, at(7), 0, "bad-duration B"},
		"start before 1823":        {gap.Span{Start: epoch.Add(-far).Add(-far), Duration: 2}, at(0), 2, "bad-time B"},
		"no start":                 {gap.Span{Duration: 2}, at(0), 2, "bad-time B"},
		"no start, endless":        {gap.Span{Duration: math.MaxInt64}, at(0), 0, "bad-duration B, bad-time B"},
		"start after 2116":         {gap.Span{Start: epoch.Add(far)}, at(0), 0, "bad-time B"},
		"start and end after 2116": {gap.Span{Start: epoch.Add(far), Duration: 2}, at(0), 0, "bad-duration B, bad-time B"},
		"start after all that is":  {gap.Span{Start: time.Unix(math.MaxInt64, 0), Duration: -2}, at(0), 0, "bad-duration B, bad-time B"},
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
				if n.Span().SpanID == test.span.SpanID && (!n.Start().Equal(test.start) || n.Duration() != test.duration) {
					t.Errorf("the span is at %v for %v", n.Start(), n.Duration())
				}
				if n.Depth() == 0 && n.SelfTime() != 9*time.Microsecond-test.duration {
					t.Errorf("its parent works for %v", n.SelfTime())
				}
			}
			hold(t, trace, warnings)
			orderDoesNotMatter(t, all)
		})
	}
}

func TestTracesOfTimesOutOfRangeAlone(t *testing.T) {
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

func TestTimesBefore1970AreTimes(t *testing.T) {
	all := spans(t, "A [0,100)\n B [10,12) client <A joined=7\n C [20,30) client <A ~B")
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

func TestNodesComeDepthFirstAndByTime(t *testing.T) {
	trace, _ := gap.Build(spans(t, "D [30,40) <A\n C [12,13) <B\n B [10,20) <A\n E [10,15) <A\n R [5,6)\n A [0,100)\n F [10,20) <A"))
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

func TestIterationMayStopAnywhere(t *testing.T) {
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

func TestNamesAreThoseOfJaeger(t *testing.T) {
	for want, got := range map[string]interface{ String() string }{
		"000000000000002a":                 gap.SpanID(42),
		"00000000000000ff":                 gap.TraceID{Low: 255},
		"0000000000000001000000000000000f": gap.TraceID{High: 1, Low: 15},
		"internal":                         gap.KindInternal,
		"consumer":                         gap.KindConsumer,
		"kind 9":                           gap.Kind(9),
		"wire":                             gap.ClassWire,
		"class 9":                          gap.Class(9),
		"span 0000000000000001: odd":       gap.Warning{SpanID: 1, Message: "odd"},
		"odd":                              gap.Warning{Message: "odd"},
	} {
		if got.String() != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestSpansAreTheSameIfAllThatIsInThemIs(t *testing.T) {
	span := func(change func(*gap.Span)) gap.Span {
		s := gap.Span{
			SpanID: 1, Operation: "A", Start: epoch, Duration: time.Second,
			References: []gap.Reference{{SpanID: 2}}, Process: &gap.Process{Service: "a", Tags: []gap.Field{{Key: "ip", Value: "::1"}}},
			Tags: []gap.Field{{"s", "x"}, {"i", int64(1)}, {"f", math.NaN()}, {"b", []byte{1}}, {"t", true}, {"n", nil}},
			Logs: []gap.Log{{Time: epoch, Fields: []gap.Field{{"event", "error"}}}},
		}
		change(&s)
		return s
	}
	same := func(*gap.Span) {}
	for name, change := range map[string]func(*gap.Span){
		"nothing":         same,
		"operation":       func(s *gap.Span) { s.Operation = "B" },
		"reference":       func(s *gap.Span) { s.References[0].SpanID++ },
		"reference type":  func(s *gap.Span) { s.References[0].Type = gap.FollowsFrom },
		"reference trace": func(s *gap.Span) { s.References[0].TraceID.High = 1 },
		"no references":   func(s *gap.Span) { s.References = nil },
		"no process":      func(s *gap.Span) { s.Process = nil },
		"service":         func(s *gap.Span) { s.Process.Service = "b" },
		"process tag":     func(s *gap.Span) { s.Process.Tags[0].Value = "::2" },
		"key":             func(s *gap.Span) { s.Tags[0].Key = "z" },
		"string":          func(s *gap.Span) { s.Tags[0].Value = "y" },
		"integer":         func(s *gap.Span) { s.Tags[1].Value = int64(2) },
		"type":            func(s *gap.Span) { s.Tags[1].Value = "1" },
		"float":           func(s *gap.Span) { s.Tags[2].Value = 0.5 },
		"bytes":           func(s *gap.Span) { s.Tags[3].Value = []byte{2} },
		"bool":            func(s *gap.Span) { s.Tags[4].Value = false },
		"nil":             func(s *gap.Span) { s.Tags[5].Value = "" },
		"time of a log":   func(s *gap.Span) { s.Logs[0].Time = epoch.Add(1) },
		"field of a log":  func(s *gap.Span) { s.Logs[0].Fields[0].Value = "retry" },
		"warning":         func(s *gap.Span) { s.Warnings = []string{"odd"} },
	} {
		all := []gap.Span{span(same), span(change), span(change)}
		var kept *gap.Span
		for range len(all) { // in every rotation
			all = append(all[1:], all[0])
			trace, warnings := gap.Build(all)
			if trace.Len() != 1 || len(warnings) < 2 {
				t.Fatalf("%s: %d spans, %s", name, trace.Len(), codes(warnings))
			}
			if same := codes(warnings[:2]) == "duplicate \x01, duplicate \x01"; same != (name == "nothing") {
				t.Errorf("%s: %s", name, codes(warnings))
			}
			for n := range trace.Nodes() {
				if kept == nil {
					kept = new(*n.Span())
				} else if !equal(*kept, *n.Span()) {
					t.Errorf("%s: another span is kept in another order", name)
				}
			}
		}
	}
}

// equal says whether Build takes two spans for one.
func equal(a, b gap.Span) bool {
	_, warnings := gap.Build([]gap.Span{a, b})
	return len(warnings) > 0 && warnings[0].Code == gap.WarnDuplicate
}

func TestTraceIDsAreReadAsTheyAreWritten(t *testing.T) {
	for text, want := range map[string]gap.TraceID{
		"0000000000000001": {Low: 1}, "1": {Low: 1}, "ABCdef": {Low: 0xabcdef}, "0": {},
		"00000000000000010000000000000002": {High: 1, Low: 2}, "10000000000000002": {High: 1, Low: 2},
		"ffffffffffffffffffffffffffffffff": {High: math.MaxUint64, Low: math.MaxUint64},
	} {
		if got, err := gap.ParseTraceID(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
		if got, err := gap.ParseTraceID(want.String()); err != nil || got != want {
			t.Errorf("%v: %v, %v", want, got, err)
		}
	}
	for _, text := range []string{"", "x", "+1", "0x1", "1_0", " 1", "000000000000000000000000000000001", "x0000000000000001", "0000000000000000-000000000000001"} {
		if got, err := gap.ParseTraceID(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}
