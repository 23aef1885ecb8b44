package report_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/report"
)

// formats returns every format of a report on the traces.
func formats(t *testing.T, o report.Options, traces [][]gap.Span) map[string]string {
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
	write("folded", func(b *bytes.Buffer) error { return s.Folded(b, report.FoldedOptions{}) })
	write("profile", func(b *bytes.Buffer) error {
		var compressed bytes.Buffer
		if err := s.Profile(&compressed, report.ProfileOptions{}); err != nil {
			return err
		}
		r, err := gzip.NewReader(&compressed)
		if err != nil {
			return err
		}
		_, err = io.Copy(b, r)
		return err
	})
	return all
}

func TestOrderMakesNoDifference(t *testing.T) {
	traces := someTraces()
	alike := inTrace(1, request())
	alike[4].Operation = "another"
	traces = append(traces, alike) // ranks the same as the first trace
	o := report.Options{Traces: 3, Gaps: 7}
	want := formats(t, o, traces)
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		random.Shuffle(len(traces), func(i, j int) { traces[i], traces[j] = traces[j], traces[i] })
		for i := range traces {
			traces[i] = slices.Clone(traces[i])
			random.Shuffle(len(traces[i]), func(j, k int) { traces[i][j], traces[i][k] = traces[i][k], traces[i][j] })
		}
		for name, got := range formats(t, o, traces) {
			if got != want[name] {
				t.Fatalf("%s:\n%s\nwant\n%s", name, got, want[name])
			}
		}
	}
}

func TestOptions(t *testing.T) {
	traces := someTraces()
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
	if got, want := few.Gaps(), all.Gaps()[:4]; !reflect.DeepEqual(got, want) {
		t.Errorf("gaps %v\nwant %v", got, want)
	}
	none, _ := gather(report.Options{Traces: -1, Gaps: -1}, traces)
	if len(none.Traces()) != 0 || len(none.Gaps()) != 0 {
		t.Errorf("%d traces and %d gaps are kept, want none", len(none.Traces()), len(none.Gaps()))
	}
	large, _ := gather(report.Options{AtLeast: 20 * 1e6}, traces)
	for _, g := range large.Gaps() {
		if longest := g.Times.Quantile(1); longest < 20*1e6 {
			t.Errorf("a gap of %v is listed", longest)
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

func TestGapsAreThoseOfPackageGap(t *testing.T) {
	for _, spans := range someTraces() {
		trace, warnings := gap.Build(spans)
		r := report.New(report.Options{Gaps: 100_000})
		r.Add(trace, warnings)
		var summary gap.Summary
		summary.Add(trace)
		var want []gap.GapGroup
		for g := range summary.Gaps() {
			if g.Class == gap.ClassSelf {
				want = append(want, g)
			}
		}
		if got := r.Gaps(); !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v\nwant %+v", got, want)
		}
	}
}

func TestEmptyReport(t *testing.T) {
	r, s := gather(report.Options{}, [][]gap.Span{nil})
	var b strings.Builder
	if err := r.Text(&b, report.TextOptions{}); err != nil || b.String() != "" {
		t.Errorf("%q, %v", b.String(), err)
	}
	read(t, s)
}

func TestFormatsEscapeNames(t *testing.T) {
	const hostile = "a\x1b]0;title\x07\x1b[2J\r\nb\u202ec\xff"
	spans := request()
	for i := range spans {
		spans[i].Operation = hostile
		spans[i].Process = &gap.Process{Service: hostile}
	}
	spans[3].References[0].SpanID = 77 // missing, so a warning holds names
	for name, got := range formats(t, report.Options{}, [][]gap.Span{spans}) {
		if name == "profile" || name == "html" { // TestHTMLEscapesNames checks the page
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
