package gap_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/gaptrace/gaptrace/gap"
)

// explanations draws the explained gaps: "A [0,10): cpu 4, lock 6".
func explanations(t *gap.Trace) string {
	var lines []string
	for g := range t.Gaps(0) {
		if g.Explanation == nil {
			continue
		}
		var parts []string
		for _, p := range g.Explanation.Parts {
			parts = append(parts, fmt.Sprintf("%v %d", p.Cause, p.Duration.Microseconds()))
		}
		lines = append(lines, fmt.Sprintf("%s [%d,%d): %s", g.Node.Span().Operation,
			g.Start.Sub(epoch).Microseconds(), g.End.Sub(epoch).Microseconds(), strings.Join(parts, ", ")))
	}
	return strings.Join(lines, "\n")
}

// whole explains all of a gap by one part.
func whole(g gap.Gap, cause gap.Cause, e gap.Evidence) *gap.Explanation {
	return &gap.Explanation{Parts: []gap.Part{{Cause: cause, Duration: g.Time, Evidence: e}}}
}

func TestExplained(t *testing.T) {
	trace, _ := gap.Build(spans(t, "A [0,100) server\n B [10,40) client <A joined=5\n C [60,80) <A"))
	var asked []string
	explained := trace.Explained(func(g gap.Gap) *gap.Explanation {
		asked = append(asked, fmt.Sprintf("%s %v %v", g.Node.Span().Operation, g.Class, g.Joined()))
		switch {
		case g.Joined():
			return whole(g, gap.CauseLock, gap.Evidence{})
		case g.Class == gap.ClassRemote:
			return nil
		case g.Start.Equal(epoch):
			return whole(g, gap.CauseGC, gap.Evidence{})
		}
		return whole(g, gap.CauseCPU, gap.Evidence{})
	})
	want := []string{
		"A self false", "A self true", "A self false", "A self false", "B remote false", "C self false",
	}
	if !slices.Equal(asked, want) {
		t.Errorf("asked for %q, want %q", asked, want)
	}
	wantGaps := "A [0,10): gc 10\nA [10,40): lock 5\nA [40,60): cpu 20\nA [80,100): cpu 20\nC [60,80): cpu 20"
	if got := explanations(explained); got != wantGaps || !explained.HasExplanations() {
		t.Errorf("got\n%s\nwant\n%s", got, wantGaps)
	}
	if got := explanations(trace); got != "" || trace.HasExplanations() {
		t.Errorf("the trace itself has explanations:\n%s", got)
	}
	none := explained.Explained(func(g gap.Gap) *gap.Explanation {
		if g.Explanation == nil && g.Class == gap.ClassSelf {
			t.Errorf("the explanation of the gap at %v is not passed on", g.Start)
		}
		return nil
	})
	if got := explanations(none); got != "" || none.HasExplanations() {
		t.Errorf("explained by nothing:\n%s", got)
	}
	for a := range trace.Nodes() {
		for b := range explained.Nodes() {
			if a == b {
				t.Errorf("the copy has the node of %s", a.Span().Operation)
			}
		}
	}
	if gaps(trace) != gaps(explained) || tree(trace) != tree(explained) || trace.SelfTime() != explained.SelfTime() {
		t.Error("the copy differs")
	}
}

// Two calls of one parent may hide work in the same time.
func TestExplainedTellsJoinedGapsApart(t *testing.T) {
	trace, _ := gap.Build(spans(t, "A [0,100) server\n B [10,40) client <A joined=5\n C [10,40) client <A joined=7"))
	explained := trace.Explained(func(g gap.Gap) *gap.Explanation {
		if !g.Joined() {
			return nil
		}
		return whole(g, gap.CauseSleep, gap.Evidence{})
	})
	if got, want := explanations(explained), "A [10,40): sleep 5\nA [10,40): sleep 7"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestCauses(t *testing.T) {
	e := gap.Explanation{Parts: []gap.Part{
		{Cause: gap.CauseCPU, Duration: 5},
		{Cause: gap.CauseLock, Duration: math.MaxInt64},
		{Cause: gap.CauseCPU, Duration: 2, Evidence: gap.Evidence{Reason: "another"}},
		{Cause: gap.CauseCPU, Duration: -9},
		{Cause: gap.CauseLock, Duration: 1},
		{Cause: gap.Cause(gap.NumCauses), Duration: 4},
		{Cause: 255, Duration: 4},
		{Cause: gap.CauseOther, Duration: 3},
	}}
	want := [gap.NumCauses]time.Duration{gap.CauseCPU: 7, gap.CauseLock: math.MaxInt64, gap.CauseOther: 3}
	if got := e.Causes(); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

// The strings of an explanation may be parts of a whole execution trace.
func TestSumsCopyTheirStrings(t *testing.T) {
	recording := strings.Repeat("main.work ", 1<<10)
	function := recording[:len("main.work")]
	trace, _ := gap.Build(spans(t, "A [0,100) server"))
	var s gap.Summary
	s.Add(trace.Explained(func(g gap.Gap) *gap.Explanation {
		return whole(g, gap.CauseCPU, gap.Evidence{Frame: gap.Frame{Function: function}})
	}))
	for o := range s.Operations() {
		copied := o.Parts[0].Frame.Function
		if copied != function || unsafe.StringData(copied) == unsafe.StringData(function) {
			t.Errorf("%q keeps the execution trace in memory", copied)
		}
	}
}

func TestNamesOfEvidence(t *testing.T) {
	names := map[string]bool{}
	for c := range gap.Cause(gap.NumCauses) {
		names[c.String()] = true
	}
	if len(names) != gap.NumCauses || names[""] || !names["no cpu"] || !names["other"] {
		t.Errorf("names of causes: %v", names)
	}
	for got, want := range map[fmt.Stringer]string{
		gap.CauseRunnable: "runnable", gap.Cause(200): "cause 200",
		gap.ByClock: "clock", gap.BySamples: "samples", gap.Unconfirmed: "unconfirmed", gap.Proof(9): "proof 9",
		gap.Frame{}: "", gap.Frame{File: "/src/shop/page.go", Line: 31}: "page.go:31",
		gap.Frame{File: `C:\src\page.go`, Line: 7}: "page.go:7", gap.Frame{File: "page.go"}: "page.go:0",
		gap.Frame{Function: "main.main"}: ":0",
	} {
		if got.String() != want {
			t.Errorf("%#v is %q, want %q", got, got.String(), want)
		}
	}
}

// parts draws what a summary knows about its gaps and operations.
func parts(s *gap.Summary) string {
	var b strings.Builder
	draw := func(all []gap.Part) {
		for _, p := range all {
			fmt.Fprintf(&b, ", %v %d %v %s %d", p.Cause, p.Duration.Microseconds(), p.Frame, p.Reason, p.Samples)
		}
		b.WriteByte('\n')
	}
	for g := range s.Gaps() {
		fmt.Fprintf(&b, "%s %s", g.Operation, g.Position)
		draw(g.Parts)
	}
	for o := range s.Operations() {
		fmt.Fprintf(&b, "%s", o.Name)
		draw(o.Parts)
	}
	return b.String()
}

func TestSummaryAddsUpParts(t *testing.T) {
	at := func(line int) gap.Frame { return gap.Frame{File: "page.go", Line: line} }
	var s gap.Summary
	for i := range 3 {
		trace, _ := gap.Build(spans(t, fmt.Sprintf(
			"A [0,100) server trace=%[1]d\n B [10,40) client <A%[1]d joined=5 trace=%[1]d", i+1)))
		if i < 2 {
			trace = trace.Explained(func(g gap.Gap) *gap.Explanation {
				held := gap.Evidence{
					Reason: "sync", Frame: at(2), HeldBy: gap.Holder{SpanID: gap.SpanID(i + 1)}, Goroutine: uint64(i), Samples: 1,
				}
				switch {
				case g.Joined():
					return whole(g, gap.CauseGC, gap.Evidence{Frame: at(2)})
				case g.Class == gap.ClassRemote:
					return whole(g, gap.CauseNetwork, gap.Evidence{})
				case g.Start.Equal(epoch):
					return whole(g, gap.CauseLock, held)
				}
				return &gap.Explanation{Parts: []gap.Part{
					{Cause: gap.CauseCPU, Duration: 40 * time.Microsecond, Evidence: gap.Evidence{Frame: at(1)}},
					{Cause: gap.CauseGC, Duration: 15 * time.Microsecond, Evidence: gap.Evidence{Frame: at(2)}},
					{Cause: gap.CauseGC, Duration: 5 * time.Microsecond, Evidence: gap.Evidence{Frame: at(1)}},
					{Cause: gap.CauseSleep, Duration: -5},
				}}
			})
		}
		s.Add(trace)
	}
	const want = `A after B, cpu 80 page.go:1  0, gc 30 page.go:2  0, gc 10 page.go:1  0, sleep 0   0
B all of it, network 60   0
A before B, lock 20 page.go:2 sync 2
A within B, gc 10 page.go:2  0
A, cpu 80 page.go:1  0, gc 40 page.go:2  0, lock 20 page.go:2 sync 2, gc 10 page.go:1  0, sleep 0   0
B
`
	if got := parts(&s); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for g := range s.Gaps() {
		for _, p := range g.Parts {
			if p.HeldBy != (gap.Holder{}) || p.Goroutine != 0 {
				t.Errorf("a sum of %v has the evidence of one gap: %+v", g.Position, p)
			}
		}
	}
}

// randomly explains some gaps of a trace.
func randomly(random *rand.Rand, t *gap.Trace) *gap.Trace {
	return t.Explained(func(g gap.Gap) *gap.Explanation {
		e := &gap.Explanation{}
		for range random.IntN(5) - 1 {
			e.Parts = append(e.Parts, gap.Part{
				Cause: gap.Cause(random.IntN(gap.NumCauses + 2)), Duration: time.Duration(random.Int64()>>random.IntN(64) - 1),
				Evidence: gap.Evidence{
					Frame:  gap.Frame{Function: "f", File: fmt.Sprint(random.IntN(2)), Line: random.IntN(2)},
					Reason: fmt.Sprint(random.IntN(2)), Client: fmt.Sprint(random.IntN(2)), Wrapper: fmt.Sprint(random.IntN(2)),
					Rule:  fmt.Sprint(random.IntN(2)),
					Proof: gap.Proof(random.IntN(4)), Samples: int(random.Int64()>>random.IntN(64)) - 1, Goroutine: random.Uint64(),
				},
			})
		}
		if len(e.Parts) == 0 && random.IntN(2) == 0 {
			return nil
		}
		return e
	})
}

func TestMergeOfPartsDoesNotDependOnTheOrder(t *testing.T) {
	for seed := range uint64(cases / 4) {
		random := rand.New(rand.NewPCG(seed, 5))
		var traces []*gap.Trace
		for i := range 1 + random.IntN(8) {
			all := forest(random)
			for j := range all {
				all[j].TraceID.Low = uint64(i)
				all[j].Operation = fmt.Sprint(random.IntN(3))
			}
			trace, _ := gap.Build(all)
			if random.IntN(4) > 0 {
				trace = randomly(random, trace)
			}
			traces = append(traces, trace)
		}
		var want gap.Summary
		for _, trace := range traces {
			want.Add(trace)
		}
		for range 4 {
			random.Shuffle(len(traces), func(i, j int) { traces[i], traces[j] = traces[j], traces[i] })
			some := make([]gap.Summary, 1+random.IntN(4))
			for _, trace := range traces {
				some[random.IntN(len(some))].Add(trace)
			}
			for len(some) > 1 { // merge any two
				i, last := random.IntN(len(some)-1), len(some)-1
				some[i].Merge(&some[last])
				some = some[:last]
			}
			if !alike(&some[0], &want) {
				t.Fatalf("seed %d: got\n%s\nwant\n%s", seed, parts(&some[0]), parts(&want))
			}
		}
	}
}

func TestMergeCopiesParts(t *testing.T) {
	trace, _ := gap.Build(spans(t, "A [0,100)"))
	explained := trace.Explained(func(g gap.Gap) *gap.Explanation { return whole(g, gap.CauseCPU, gap.Evidence{}) })
	var a, b gap.Summary
	a.Add(explained)
	before := slices.Collect(a.Gaps())
	b.Merge(&a)
	b.Add(explained)
	b.Merge(&b)
	if got := slices.Collect(a.Gaps()); !reflect.DeepEqual(got, before) {
		t.Errorf("the merged summary changed: %+v, before %+v", got, before)
	}
	for o := range b.Operations() {
		if len(o.Parts) != 1 || o.Parts[0].Duration != 400*time.Microsecond || o.SelfTime != o.Parts[0].Duration {
			t.Errorf("merged with itself: %+v", o.Parts)
		}
	}
}

// Explanations must cost nothing if there are none.
func TestSummaryOfUnexplainedTracesAllocatesNothingMore(t *testing.T) {
	trace, _ := gap.Build(spans(t, "A [0,100) server\n B [10,40) client <A joined=5\n C [60,80) <A"))
	explained := trace.Explained(func(g gap.Gap) *gap.Explanation { return whole(g, gap.CauseCPU, gap.Evidence{}) })
	cost := func(trace *gap.Trace) float64 {
		var s gap.Summary
		s.Add(trace)
		return testing.AllocsPerRun(100, func() { s.Add(trace) })
	}
	var empty gap.Summary
	empty.Add(trace)
	if got, want := cost(trace), cost(explained); got > 5 || got != want {
		t.Errorf("%v allocations, %v if the gaps are explained", got, want)
	}
	for g := range empty.Gaps() {
		if g.Parts != nil {
			t.Errorf("parts without an explanation: %+v", g.Parts)
		}
	}
	for o := range empty.Operations() {
		if o.Parts != nil {
			t.Errorf("parts without an explanation: %+v", o.Parts)
		}
	}
}
