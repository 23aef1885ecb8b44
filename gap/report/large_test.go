package report_test

import (
	"bytes"
	"cmp"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/report"
)

// In quadratic time this would take hours.
func TestManyGapsOfOneSpan(t *testing.T) {
	r, s := gather(report.Options{Gaps: 1_000_000}, [][]gap.Span{comb(100_000)})
	for name, write := range map[string]func(io.Writer) error{
		"html":     func(w io.Writer) error { return r.HTML(w, report.HTMLOptions{}) },
		"json":     r.JSON,
		"text":     func(w io.Writer) error { return r.Text(w, report.TextOptions{}) },
		"perfetto": r.Perfetto,
		"profile":  func(w io.Writer) error { return s.Profile(w, report.ProfileOptions{}) },
	} {
		if err := write(io.Discard); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := gapsListed(r); n != 100_000 {
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
	byCritical := func(a, b gap.GapGroup) int { return cmp.Compare(b.CriticalTime, a.CriticalTime) }
	if n := gapsListed(r); n != 10*traces || !slices.IsSortedFunc(r.Gaps(), byCritical) {
		t.Errorf("%d gaps", n)
	}
}

func gapsListed(r *report.Report) (sum int64) {
	for _, g := range r.Gaps() {
		sum += g.Count
	}
	return sum
}

func TestSumsOfLongDurationsAreNotNegative(t *testing.T) {
	long := func(id uint64) []gap.Span {
		spans := []gap.Span{
			span(1, 0, shop, "server", "a", 0, 1),
			span(2, 0, shop, "server", "b", 0, 1),
			span(3, 0, shop, "server", "c", 0, 1),
		}
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
