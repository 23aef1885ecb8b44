package report_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/report"
)

// inTrace puts spans into another trace.
func inTrace(id uint64, spans []gap.Span) []gap.Span {
	spans = slices.Clone(spans)
	for i := range spans {
		s := &spans[i]
		s.TraceID.Low = id
		s.References = slices.Clone(s.References)
		for j := range s.References {
			s.References[j].TraceID.Low = id
		}
	}
	return spans
}

// some is traces of several kinds: a request, one that lacks spans, one whose clock is off, deep ones and a wide one.
func some() [][]gap.Span {
	incomplete := request()[1:]
	skewed := request()
	skewed[0].Process = &gap.Process{Service: "reader", Tags: []gap.Field{{Key: "hostname", Value: "a"}}}
	other := &gap.Process{Service: "bookshop", Tags: []gap.Field{{Key: "hostname", Value: "b"}}}
	for i := range skewed[1:] {
		skewed[i+1].Process = other
		skewed[i+1].Start = skewed[i+1].Start.Add(1e9)
	}
	var traces [][]gap.Span
	for i, spans := range [][]gap.Span{request(), incomplete, skewed, chain(5), chain(300), fan(600), {span(1, 0, nil, "", "alone", 5, 6)}} {
		traces = append(traces, inTrace(uint64(i+1), spans))
	}
	return traces
}

func gather(o report.Options, traces [][]gap.Span) (*report.Report, *report.Stacks) {
	r, s := report.New(o), &report.Stacks{}
	for _, spans := range traces {
		t, warnings := gap.Build(spans)
		r.Add(t, warnings)
		s.Add(t)
	}
	return r, s
}

// faces is all that can be written of traces.
func faces(t *testing.T, o report.Options, traces [][]gap.Span) map[string]string {
	t.Helper()
	r, s := gather(o, traces)
	all := map[string]string{}
	write := func(name string, to func(*bytes.Buffer) error) {
		var b bytes.Buffer
		if err := to(&b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		all[name] = b.String()
	}
	write("text", func(b *bytes.Buffer) error { return r.Text(b, report.TextOptions{}) })
	write("json", func(b *bytes.Buffer) error { return r.JSON(b) })
	write("html", func(b *bytes.Buffer) error { return r.HTML(b, report.HTMLOptions{}) })
	write("perfetto", func(b *bytes.Buffer) error { return r.Perfetto(b) })
	write("folded", func(b *bytes.Buffer) error { return s.Folded(b) })
	write("profile", func(b *bytes.Buffer) error { return s.Profile().WriteUncompressed(b) })
	return all
}

func TestTheOrderOfTracesAndSpansMakesNoDifference(t *testing.T) {
	traces := some()
	alike := inTrace(1, request())
	alike[4].Operation = "another"
	traces = append(traces, alike) // in all that ranks a trace it is as the first
	o := report.Options{Traces: 3, Gaps: 7}
	want := faces(t, o, traces)
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		random.Shuffle(len(traces), func(i, j int) { traces[i], traces[j] = traces[j], traces[i] })
		for i := range traces {
			traces[i] = slices.Clone(traces[i])
			random.Shuffle(len(traces[i]), func(j, k int) { traces[i][j], traces[i][k] = traces[i][k], traces[i][j] })
		}
		for name, got := range faces(t, o, traces) {
			if got != want[name] {
				t.Fatalf("%s:\n%s\nwant\n%s", name, got, want[name])
			}
		}
	}
}

func TestTheWorstAreKept(t *testing.T) {
	traces := some()
	all, _ := gather(report.Options{Traces: 100, Gaps: 10_000}, traces)
	if n, spans := all.Count(); n != len(traces) || spans != 7+6+7+5+300+601+1 {
		t.Errorf("%d traces, %d spans", n, spans)
	}
	if len(all.Traces()) != len(traces) {
		t.Errorf("%d of %d traces are drawn", len(all.Traces()), len(traces))
	}
	few, _ := gather(report.Options{Traces: 2, Gaps: 4}, traces)
	if got, want := ids(few.Traces()), ids(all.Traces())[:2]; !slices.Equal(got, want) {
		t.Errorf("traces %v are drawn, want %v", got, want)
	}
	if got, want := few.Gaps(), all.Gaps()[:4]; !slices.Equal(got, want) {
		t.Errorf("gaps %v\nwant %v", got, want)
	}
	none, _ := gather(report.Options{Traces: -1, Gaps: -1}, traces)
	if len(none.Traces()) != 0 || len(none.Gaps()) != 0 {
		t.Errorf("%d traces and %d gaps are kept, want none", len(none.Traces()), len(none.Gaps()))
	}
	large, _ := gather(report.Options{AtLeast: 20 * 1e6}, traces)
	for _, g := range large.Gaps() {
		if g.Time < 20*1e6 {
			t.Errorf("a gap of %v is listed", g.Time)
		}
	}
	if len(large.Gaps()) == 0 {
		t.Error("no gap is listed")
	}
}

func ids(traces []*gap.Trace) (ids []uint64) {
	for _, t := range traces {
		ids = append(ids, t.ID().Low)
	}
	return ids
}

func TestAGapIsWorthWhatPackageGapSays(t *testing.T) {
	for _, spans := range some() {
		trace, warnings := gap.Build(spans)
		r := report.New(report.Options{Gaps: 100_000})
		r.Add(trace, warnings)
		want := map[report.WorstGap]int{}
		incomplete := false
		for n := range trace.Nodes() {
			incomplete = incomplete || n.Incomplete()
		}
		for g := range trace.Gaps(0) {
			if g.Class == gap.ClassSelf {
				want[report.WorstGap{
					TraceID: trace.ID(), SpanID: g.Node.Span().SpanID, Service: g.Node.Service(), Operation: g.Node.Span().Operation,
					Start: g.Start, End: g.End, At: g.Start.Sub(trace.Start()), Time: g.Time, CriticalTime: g.CriticalTime,
					Joined: g.Joined(), Incomplete: incomplete,
				}]++
			}
		}
		for _, g := range r.Gaps() {
			want[g]--
		}
		for g, n := range want {
			if n != 0 {
				t.Errorf("%+v is there %d times too rarely", g, n)
			}
		}
	}
}

func TestTextTellsAll(t *testing.T) {
	const want = `
Trace 0000000000000001  100 ms, 7 spans, self 39.9 ms, critical 39.9 ms

                                  ╷0 ms                 ╷50 ms                       time       self
reader: HTTP GET                  ▒▒▒▒████████████████████████████████████▒▒▒▒   100.0 ms
└ bookshop: HTTP GET /books/{id}      █████░░░░█████████░░░░█████░░░░█████        80.0 ms    29.9 ms
  ├ redis get                         █████                                       10.0 ms
  ├ sql query +1                               █████████    █████                 30.0 ms
  ├ redis set                                                   █                  0.1 ms
  └ render                                                           ░░░░░        10.0 ms    10.0 ms

█ blocked, or covered by the spans below   ░ gap: self time   ▒ gap: on the wire

Worst gaps, by self time on the critical path
 critical     self        at  span                            trace
  10.0 ms  10.0 ms  +20.0 ms  bookshop: HTTP GET /books/{id}  0000000000000001
  10.0 ms  10.0 ms  +50.0 ms  bookshop: HTTP GET /books/{id}  0000000000000001
  10.0 ms  10.0 ms  +80.0 ms  bookshop: render                0000000000000001
  9.90 ms  9.90 ms  +70.1 ms  bookshop: HTTP GET /books/{id}  0000000000000001

Operations of 1 trace, 7 spans, by self time on the critical path
   count      p50      p95      p99 self p50 self p95 self p99 critical   share  operation                       worst in trace
       1  80.0 ms  80.0 ms  80.0 ms  29.9 ms  29.9 ms  29.9 ms  29.9 ms  74.9 %  bookshop: HTTP GET /books/{id}  0000000000000001
       1  10.0 ms  10.0 ms  10.0 ms  10.0 ms  10.0 ms  10.0 ms  10.0 ms  25.1 %  bookshop: render                0000000000000001
       1   100 ms   100 ms   100 ms        0        0        0        0   0.0 %  reader: HTTP GET                0000000000000001
       1  20.0 ms  20.0 ms  20.0 ms        0        0        0        0   0.0 %  bookshop: sql query             0000000000000001
and 3 more operations
`
	r, _ := gather(report.Options{}, [][]gap.Span{request()})
	var b strings.Builder
	if err := r.Text(&b, report.TextOptions{Operations: 4}); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); "\n"+got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestTextTellsWhatWasMended(t *testing.T) {
	r, _ := gather(report.Options{}, some())
	var b strings.Builder
	if err := r.Text(&b, report.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"  warning: span 0000000000000002: ", "(spans are missing)", "Warnings: 1 clock-skew, 1 missing-parent\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
}

func TestAnEmptyReportSaysNothingOfTraces(t *testing.T) {
	r, s := gather(report.Options{}, [][]gap.Span{nil})
	var b strings.Builder
	if err := r.Text(&b, report.TextOptions{}); err != nil || b.String() != "" {
		t.Errorf("%q, %v", b.String(), err)
	}
	if err := s.Profile().CheckValid(); err != nil {
		t.Error(err)
	}
}

func TestNoTableIsWiderThanTheTerminal(t *testing.T) {
	traces := some()
	traces[0][1].Operation = strings.Repeat("本", 100)
	traces[1][0].TraceID.High = 1 << 60
	r, _ := gather(report.Options{}, traces)
	for width := 60; width <= 200; width++ {
		var b strings.Builder
		if err := r.Text(&b, report.TextOptions{Width: width}); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if n := ansi.StringWidth(line); n > width {
				t.Fatalf("%d columns of %d: %s", n, width, line)
			}
		}
	}
}

func TestNamesCannotReachTheTerminal(t *testing.T) {
	const hostile = "a\x1b]0;title\x07\x1b[2J\r\nb\u202ec\xff"
	spans := request()
	for i := range spans {
		spans[i].Operation = hostile
		spans[i].Process = &gap.Process{Service: hostile}
	}
	spans[3].References[0].SpanID = 77 // missing, which is warned of
	for name, got := range faces(t, report.Options{}, [][]gap.Span{spans}) {
		if name == "profile" || name == "html" { // a page has its own test
			continue
		}
		for _, r := range got {
			if r != '\n' && r < ' ' || r == '\u202e' && name != "json" && name != "perfetto" {
				t.Errorf("%s holds %q:\n%.3000q", name, r, got)
				break
			}
		}
	}
}
