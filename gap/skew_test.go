package gap_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

func TestClocksAreCorrectedAcrossProcesses(t *testing.T) {
	check(t, map[string]drawing{
		"a child that fits stays": {
			spans: "A [10,110) @a\n B [20,70) <A @b", gaps: "A self [10,20), A self [70,110), B self [20,70)",
		},
		"a child that fits exactly stays": {
			spans: "A [10,110) @a\n B [10,110) <A @b", gaps: "B self [10,110)",
		},
		"a child that starts early moves to the start, with the spans of its process below it": {
			spans:    "A [10,110) @a\n B [0,50) <A @b\n C [10,20) <B @b\n D [30,35) ~B @b\n E [11,12) <C",
			warnings: "clock-skew B", tree: "A B<A C<B E<C D~B",
			gaps: "A self [60,110), B self [10,20), B self [30,60), C self [20,21), " +
				"C self [22,30), E self [21,22), D self [40,45)",
		},
		"a child that ends late stays": {
			spans: "A [10,110) client @a\n B [50,120) server <A @b", tree: "A B<A(outlives)",
			gaps: "A wire [10,50), B self [50,120)",
		},
		"a server after its client moves to the end": {
			spans: "A [0,10) client @a\n B [1000,1006) server <A @b", gaps: "A wire [0,4), B self [4,10)",
			warnings: "clock-skew B",
		},
		"a server from its client's end on moves to the end": {
			spans: "A [0,10) client @a\n B [10,16) server <A @b", gaps: "A wire [0,4), B self [4,10)",
			warnings: "clock-skew B",
		},
		"a longer server after its client moves to the start": {
			spans: "A [20,30) client @a\n B [1000,1016) server <A @b", tree: "A B<A(outlives)", gaps: "B self [20,36)",
			warnings: "clock-skew B",
		},
		"any other child that starts late stays": {
			spans: "A [0,10) client @a\n B [1000,1006) <A @b", tree: "A B~A(detached)",
			gaps: "A remote [0,10), B self [1000,1006)",
		},
		"a server that starts early moves to the start of the call": {
			spans:    "A [0,100)\n B [10,20) client <A @a\n C [30,60) client <A @a wait=B\n S [5,40) server <B @b",
			tree:     "A B<A S<B B wait<A",
			gaps:     "A self [0,10), A self [20,30), A self [60,100), S self [10,45), B wait wire [45,60)",
			warnings: "clock-skew S",
		},
		"a server after the last wait moves to its end": {
			spans:    "A [0,100)\n B [10,20) client <A @a\n C [30,60) client <A @a wait=B\n S [70,105) server <B @b",
			tree:     "A B<A S<B B wait<A",
			gaps:     "A self [0,10), A self [20,30), A self [60,100), B wire [10,20), S self [25,60)",
			warnings: "clock-skew S",
		},
		"a server that starts during a wait stays": {
			spans: "A [0,100)\n B [10,20) client <A @a\n C [30,60) client <A @a wait=B\n S [40,70) server <B @b",
			tree:  "A B<A S<B(outlives) B wait<A",
			gaps:  "A self [0,10), A self [20,30), A self [60,100), B wire [10,20), S self [40,70), B wait wire [30,40)",
		},
		"later waits move with their call": {
			spans: "A [10,110) client @a\n B [5,20) client <A @b\n C [21,50) client <A @b wait=B\n S [6,48) server <B @b",
			tree:  "A B<A S<B B wait<A", warnings: "clock-skew B, clock-skew C",
			gaps: "A remote [25,26), A remote [55,110), B wire [10,11), S self [11,53), B wait wire [53,55)",
		},
		"a longer child moves only if it starts early": {
			spans: "A [10,110) @a\n B [0,150) <A @b\n C [20,170) <A @c", tree: "A B<A(outlives) C<A(outlives)",
			gaps: "B self [10,160), C self [20,170)", warnings: "clock-skew B",
		},
		"siblings are sorted again": {
			spans: "A [10,110) @a\n B [0,20) <A @c\n C [8,15) <A @d\n D [10,40) <A @a", tree: "A D<A B<A C<A",
			gaps:     "A self [40,110), D self [10,40), B self [10,30), C self [10,17)",
			warnings: "clock-skew B, clock-skew C",
		},
		"each process moves to fit its moved parent": {
			spans:    "A [100,200) @a\n B [20,80) <A @b\n C [10,30) <B @c\n D [31,32) <C @b",
			warnings: "clock-skew B, clock-skew C, clock-skew D",
			gaps:     "A self [160,200), B self [120,160), C self [101,120), D self [100,101)",
		},
	})
}

func TestClocksAreNotCorrected(t *testing.T) {
	check(t, map[string]drawing{
		"within a process": {
			spans: "A [10,110) @a\n B [0,50) <A @a\n C [100,120) <A @a",
			gaps:  "A self [50,100), B self [0,50), C self [100,120)",
		},
		"on one host": {
			spans: "A [10,110) @a/h\n B [0,50) <A @b/h", gaps: "A self [50,110), B self [0,50)",
		},
		"of unknown processes": {
			spans: "A [10,110)\n B [0,50) <A @b\n C [100,120) <B", tree: "A B<A C~B(detached)",
			gaps: "A self [50,110), B self [0,50), C self [100,120)",
		},
		"by a span that nobody waits for": {
			spans: "A [10,110) producer @a\n B [200,250) consumer <A @b\n C [300,310) ~A @c",
			gaps:  "A self [10,110), B self [200,250), C self [300,310)",
		},
		"of roots": {spans: "A [10,110) @a\n B [0,5) @b", gaps: "B self [0,5), A self [10,110)"},
		"twice": {
			spans: "A [10,110) @a\n B [0,50) <A @b\n C [20,21) <A @b corrected",
			gaps:  "A self [50,110), B self [0,50), C self [20,21)", warnings: "clock-skew",
		},
	})
	check(t, map[string]drawing{
		"except on two hosts": {
			spans: "A [10,110) @a/h\n B [0,50) <A @a/i", gaps: "A self [60,110), B self [10,60)",
			warnings: "clock-skew B",
		},
	})
}

func TestMaxSkew(t *testing.T) {
	input := spans(t, "A [45,145) @a\n B [10,60) <A @b\n C [60,61) <B @b") // by 35 µs, and then C is late
	for most, want := range map[time.Duration]string{
		math.MaxInt64:           "A self [95,145), B self [45,95), C self [95,96)",
		35 * time.Microsecond:   "A self [95,145), B self [45,95), C self [95,96)",
		35*time.Microsecond - 1: "A self [60,145), B self [10,60), C self [60,61)",
		0:                       "A self [95,145), B self [45,95), C self [95,96)", // the default, 256 ms
		-1:                      "A self [60,145), B self [10,60), C self [60,61)",
	} {
		trace, warnings := gap.Build(input, gap.WithMaxSkew(most))
		for n := range trace.Nodes() {
			if moved := n.Start().Sub(n.Span().Start); n.Moved() != moved {
				t.Errorf("at most %v: moved by %v, not %v", most, moved, n.Moved())
			}
		}
		if got := gaps(trace); got != want {
			t.Errorf("at most %v: gaps %s\nwant %s", most, got, want)
		}
		if len(warnings) != 1 || warnings[0].Code != gap.WarnClockSkew ||
			!strings.Contains(warnings[0].Message, "35µs") {
			t.Errorf("at most %v: warnings %v", most, warnings)
		}
		hold(t, trace, warnings)
	}
}

func TestCorrectedClocksStayInRange(t *testing.T) {
	far := []*gap.Process{{Service: "a"}, {Service: "b"}}
	first, last := time.Unix(0, -1<<62), time.Unix(0, 1<<62-1)
	under := func(id gap.SpanID) []gap.Reference { return []gap.Reference{{SpanID: id}} }
	for name, parent := range map[string]gap.Span{
		"at the end of the range": {SpanID: 1, Process: far[0], Start: last, Duration: 1},
		"at its start":            {SpanID: 1, Process: far[0], Start: first.Add(-time.Hour), Duration: 0},
		"for all of it":           {SpanID: 1, Process: far[0], Start: forever.Start, Duration: forever.Duration},
		"for the second half":     {SpanID: 1, Process: far[0], Start: time.Unix(0, 1), Duration: 1<<62 - 3},
		"shortly at its start":    {SpanID: 1, Process: far[0], Start: first, Duration: 1},
	} {
		t.Run(name, func(t *testing.T) {
			for _, start := range []time.Time{
				first.Add(-1), forever.Start, epoch, last.Add(-time.Second), last, last.Add(time.Hour),
			} {
				for _, length := range []time.Duration{0, 1, time.Hour, 1 << 61, forever.Duration, math.MaxInt64} {
					all := []gap.Span{
						parent,
						{SpanID: 2, Process: far[1], References: under(1), Start: start, Duration: length},
						{SpanID: 3, Process: far[1], References: under(2), Start: forever.Start, Duration: length},
						{
							SpanID: 4, Process: far[1], References: under(2),
							Start: last.Add(-time.Second), Duration: length,
						},
						{SpanID: 5, Process: far[0], References: under(3), Start: start, Duration: length},
					}
					trace, warnings := gap.Build(all)
					for n := range trace.Nodes() {
						if n.End().Before(n.Start()) {
							t.Errorf("%v ends before it starts", n.Span().SpanID)
						}
					}
					hold(t, trace, warnings)
				}
			}
		})
	}
}

func TestCorrectionIsStable(t *testing.T) {
	processes := []*gap.Process{nil, {Service: "a"}, {Service: "b"}, {Service: "c"}}
	moved := 0
	for seed := range uint64(cases / 2) {
		random := rand.New(rand.NewPCG(seed, 2))
		all := forest(random)
		for i := range all {
			all[i].Process = processes[random.IntN(len(processes))]
		}
		trace, warnings := gap.Build(all)
		hold(t, trace, warnings)
		again := slices.Clone(all)
		for n := range trace.Nodes() {
			if s := &again[n.Span().SpanID-1]; !s.Start.Equal(n.Start()) {
				s.Start = n.Start()
				moved++
			}
		}
		second, warnings := gap.Build(again)
		if got, want := gaps(second), gaps(trace); got != want {
			t.Fatalf("seed %d: gaps %s\nwant %s", seed, got, want)
		}
		if strings.Contains(codes(warnings), string(gap.WarnClockSkew)) {
			t.Fatalf("seed %d: %v", seed, warnings)
		}
		if seed%8 == 0 {
			orderDoesNotMatter(t, all)
		}
	}
	if moved < cases/4 {
		t.Errorf("only %d spans moved", moved)
	}
}
