package report_test

import (
	"bytes"
	"cmp"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/report"
)

// comb is a server that works between its n clients' calls: one gap for each.
func comb(n int) []gap.Span {
	spans := []gap.Span{span(1, 0, shop, "server", "root", 0, 2*float64(n))}
	for i := range n {
		spans = append(spans, span(gap.SpanID(i+2), 1, shop, "client", "call", float64(2*i), float64(2*i+1)))
	}
	return spans
}

// What takes more than linear time takes hours here.
func TestManyGapsOfOneSpan(t *testing.T) {
	r, s := gather(report.Options{Gaps: 1_000_000}, [][]gap.Span{comb(100_000)})
	for name, face := range map[string]func(io.Writer) error{
		"html":     func(w io.Writer) error { return r.HTML(w, report.HTMLOptions{}) },
		"json":     r.JSON,
		"text":     func(w io.Writer) error { return r.Text(w, report.TextOptions{}) },
		"perfetto": r.Perfetto,
		"profile":  func(w io.Writer) error { return s.Profile().Write(w) },
	} {
		if err := face(io.Discard); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(r.Gaps()); n != 100_000 {
		t.Errorf("%d gaps are listed", n)
	}
}

func TestManyGapsOfManyTraces(t *testing.T) {
	few := comb(10)
	r := report.New(report.Options{Gaps: 1_000_000, Traces: -1})
	const traces = 20_000
	for i := range traces {
		trace, warnings := gap.Build(inTrace(uint64(i+1), few))
		r.Add(trace, warnings)
	}
	gaps := r.Gaps()
	if len(gaps) != 10*traces || !slices.IsSortedFunc(gaps, func(a, b report.WorstGap) int { return cmp.Compare(b.CriticalTime, a.CriticalTime) }) {
		t.Errorf("%d gaps", len(gaps))
	}
}

// JSON writes the gaps of a span in pieces when they are many.
func TestJSONHasEachOfManyGapsOnce(t *testing.T) {
	for _, n := range []int{999, 1000, 1001, 2000, 3500} {
		r, _ := gather(report.Options{}, [][]gap.Span{comb(n)})
		spans := decode(t, r).Traces[0].Spans
		if len(spans) != n+1 || len(spans[0].Gaps) != n || spans[0].Operation != "root" {
			t.Errorf("%d spans, %d gaps of %q; want %d", len(spans), len(spans[0].Gaps), spans[0].Operation, n)
		}
		for i, g := range spans[0].Gaps {
			if g.Start != int64(2*i+1)*int64(time.Millisecond) {
				t.Fatalf("gap %d starts at %d", i, g.Start)
			}
		}
	}
}

func TestSumsOfLongTimesAreNotNegative(t *testing.T) {
	long := func(id uint64) []gap.Span {
		spans := []gap.Span{span(1, 0, shop, "server", "a", 0, 1), span(2, 0, shop, "server", "b", 0, 1), span(3, 0, shop, "server", "c", 0, 1)}
		for i := range spans {
			spans[i].Duration = 80 * 365 * 24 * time.Hour
		}
		return inTrace(id, spans)
	}
	r, s := gather(report.Options{}, [][]gap.Span{long(1), long(2), inTrace(3, request())})
	var b bytes.Buffer
	if err := r.JSON(&b); err != nil {
		t.Fatal(err)
	}
	if i := bytes.Index(b.Bytes(), []byte(`_ns":-`)); i >= 0 {
		t.Errorf("%s", b.Bytes()[max(0, i-20):i+20])
	}
	if r.Traces()[0].ID().Low == 3 {
		t.Error("the longest traces are not the worst")
	}
	var all int64
	for _, sample := range read(t, s).Sample {
		if all += sample.Value[1]; sample.Value[1] < 0 || all < 0 {
			t.Fatalf("self time %d, %d in all", sample.Value[1], all)
		}
	}
}

func TestASCIIIsAllThatIsWritten(t *testing.T) {
	spans := request()
	spans[2].Duration = 1234
	spans[5].Operation = strings.Repeat("long ", 100)
	short := inTrace(2, []gap.Span{span(1, 0, shop, "server", "short", 0, 0.3)})
	r, _ := gather(report.Options{}, append(some(), spans, short))
	var b strings.Builder
	if err := r.Text(&b, report.TextOptions{ASCII: true, Width: 130, Rows: 10}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if i := strings.IndexFunc(line, func(r rune) bool { return r > 126 }); i >= 0 {
			t.Errorf("%q", line)
		}
	}
	if !strings.Contains(b.String(), " us") {
		t.Error("no microsecond is told")
	}
}

func TestOperationsThatReadAlikeAreApart(t *testing.T) {
	_, s := gather(report.Options{}, [][]gap.Span{
		inTrace(1, []gap.Span{span(1, 0, &gap.Process{Service: "s"}, "server", "a: b", 0, 1)}),
		inTrace(2, []gap.Span{span(1, 0, &gap.Process{Service: "s: a"}, "server", "b", 0, 2)}),
	})
	p := read(t, s)
	files := map[string]string{}
	for _, f := range p.Function {
		files[f.Filename] = f.Name
	}
	if len(p.Function) != 2 || files["s"] != "s: a: b" || files["s: a"] != "s: a: b" {
		t.Errorf("functions %v", files)
	}
}

// The worst spans lie too deep to be shown with their ancestors: then it is the turn of those behind them.
func TestTheWorstThatCanBeShownIsShown(t *testing.T) {
	spans := chain(12)
	for i := range gap.SpanID(6) {
		at := float64(i)
		spans = append(spans, span(100+i, 12, shop, "server", "too deep", at, at+1))
	}
	root := spans[0]
	root.Duration = 100 * time.Millisecond
	spans[0] = root
	for i := range gap.SpanID(20) {
		spans = append(spans, span(200+i, 1, shop, "client", "nothing", 20+float64(i), 20.5+float64(i)))
	}
	spans = append(spans, span(300, 1, shop, "server", "near", 60, 60.7))
	if drawn := draw(t, spans, report.TextOptions{Rows: 5}); !strings.Contains(drawn, "near ") {
		t.Errorf("%s", drawn)
	}
}
