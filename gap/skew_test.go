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
		"a child that starts early moves into the middle": {
			spans: "A [10,110) @a\n B [0,50) <A @b", gaps: "A self [10,35), A self [85,110), B self [35,85)",
			warnings: "clock-skew B",
		},
		"a child that ends late moves with the spans of its process below it": {
			spans:    "A [10,110) @a\n B [50,120) <A @b\n C [60,80) <B @b\n D [90,95) ~B @b\n E [61,62) <C",
			warnings: "clock-skew B", tree: "A B<A C<B E<C D~B",
			gaps: "A self [10,25), A self [95,110), B self [25,35), B self [55,95), C self [35,36), " +
				"C self [37,55), E self [36,37), D self [65,70)",
		},
		"a child that would be detached moves": {
			spans: "A [0,10) client @a\n B [1000,1006) server <A @b", gaps: "A wire [0,2), A wire [8,10), B self [2,8)",
			warnings: "clock-skew B",
		},
		"a longer child moves only if it starts early": {
			spans: "A [10,110) @a\n B [0,150) <A @b\n C [20,170) <A @c", tree: "A B<A(outlives) C<A(outlives)",
			gaps: "B self [10,160), C self [20,170)", warnings: "clock-skew B",
		},
		"siblings are sorted again": {
			spans: "A [10,110) @a\n B [0,20) <A @a\n C [90,190) <A @c\n D [95,130) <A @d", tree: "A B<A C<A D<A",
			gaps: "B self [0,20), C self [10,110), D self [42,77)", warnings: "clock-skew C, clock-skew D",
		},
		"each process moves to fit its moved parent": {
			spans:    "A [0,100) @a\n B [1000,1060) <A @b\n C [5010,5030) <B @c\n D [31,32) <C @b",
			warnings: "clock-skew B, clock-skew C, clock-skew D",
			gaps: "A self [0,20), A self [80,100), B self [20,40), B self [60,80), C self [40,49), " +
				"C self [50,60), D self [49,50)",
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
			spans: "A [10,110) @a/h\n B [0,50) <A @a/i", gaps: "A self [10,35), A self [85,110), B self [35,85)",
			warnings: "clock-skew B",
		},
	})
}

func TestMaxSkew(t *testing.T) {
	input := spans(t, "A [10,110) @a\n B [0,50) <A @b\n C [60,61) <B @b") // by 35 µs, and then C starts 45 µs late
	for most, want := range map[time.Duration]string{
		math.MaxInt64:           "A self [10,35), A self [85,110), B self [35,85), C self [95,96)",
		35 * time.Microsecond:   "A self [10,35), A self [85,110), B self [35,85), C self [95,96)",
		35*time.Microsecond - 1: "A self [50,110), B self [0,50), C self [60,61)",
		0:                       "A self [50,110), B self [0,50), C self [60,61)",
		-1:                      "A self [50,110), B self [0,50), C self [60,61)",
	} {
		trace, warnings := gap.Build(input, gap.WithMaxSkew(most))
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
	if moved < cases/2 {
		t.Errorf("only %d spans moved", moved)
	}
}
