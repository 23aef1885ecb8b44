package report_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/report"
)

func TestWaterfallCountsWhatIsLeftOut(t *testing.T) {
	drawn := draw(t, fan(1000), report.TextOptions{Rows: 10})
	if n := strings.Count(drawn, "\n"); n != 1+10+1+3 { // the axis, the rows, those left out, the legend
		t.Errorf("%d lines:\n%s", n, drawn)
	}
	for _, want := range []string{"bookshop: root", "├ child 500 ", "├ child 0 ", "└ … 991 more spans\n"} {
		if !strings.Contains(drawn, want) {
			t.Errorf("%q is missing:\n%s", want, drawn)
		}
	}
	if all := draw(t, fan(1000), report.TextOptions{Rows: -1}); strings.Count(all, "child ") != 1000 ||
		strings.Contains(all, "more") {
		t.Errorf("less than all rows were drawn:\n%.2000s", all)
	}
}

func TestWaterfallCountsSpansBelowThoseLeftOut(t *testing.T) {
	spans := fan(1000)
	for i := range 100 { // below the last child
		parent := spans[len(spans)-1]
		below := parent
		below.SpanID, below.Operation = gap.SpanID(2000+i), "below"
		below.References = []gap.Reference{{Type: gap.ChildOf, TraceID: parent.TraceID, SpanID: parent.SpanID}}
		spans = append(spans, below)
	}
	if drawn := draw(t, spans, report.TextOptions{Rows: 200}); !strings.Contains(drawn, "… 901 more spans") {
		t.Errorf("200 of 1,101 spans:\n%s", drawn)
	}
}

func TestWaterfallOfDeepTrace(t *testing.T) {
	drawn := draw(t, chain(100_000), report.TextOptions{Rows: 20})
	for _, want := range []string{"bookshop: call 0", "└ call 1 ", "└ (19) call 19 ", "… 99980 more spans"} {
		if !strings.Contains(drawn, want) {
			t.Errorf("%q is missing:\n%s", want, drawn)
		}
	}
	for line := range strings.Lines(drawn) {
		if len([]rune(line)) > 101 {
			t.Errorf("a wide line: %s", line)
		}
	}
}

func TestWorstSpansAreShownWithTheirAncestors(t *testing.T) {
	spans := fan(1000)
	deepest := spans[501] // child 500; all its time is covered by a span 5 levels below
	for i := range 5 {
		below := deepest
		below.SpanID, below.Operation = gap.SpanID(5000+i), fmt.Sprint("level ", i)
		below.References = []gap.Reference{{Type: gap.ChildOf, TraceID: deepest.TraceID, SpanID: deepest.SpanID}}
		spans = append(spans, below)
		deepest = below
	}
	drawn := draw(t, spans, report.TextOptions{Rows: 7})
	if !strings.Contains(drawn, "└ level 4 ") || !strings.Contains(drawn, "… 999 more spans") {
		t.Errorf("%s", drawn)
	}
}

func TestWaitsAreOnTheRowOfTheirCall(t *testing.T) {
	spans := []gap.Span{span(1, 0, shop, "server", "root", 0, 1e6)}
	const calls = 20_000
	for i := range calls {
		at := float64(i)
		call := span(gap.SpanID(2*i+2), 1, shop, "client", "sql query", at, at+0.1)
		spans = append(spans, call,
			wait(gap.SpanID(2*i+3), call.SpanID, span(0, 1, shop, "client", "sql query", at+0.2, at+0.3)))
	}
	started := time.Now()
	drawn := draw(t, spans, report.TextOptions{Rows: -1})
	if n := strings.Count(drawn, "sql query +1 "); n != calls {
		t.Errorf("%d calls with a wait, want %d", n, calls)
	}
	t.Log(time.Since(started)) // quadratic time would be minutes
}

func TestSpanNamedLikeAWaitHasItsOwnRow(t *testing.T) {
	spans := request()
	spans[4].References[1].SpanID = 3 // it follows from a span of another name
	drawn := draw(t, spans, report.TextOptions{})
	if !strings.Contains(drawn, "├ sql query wait ") || strings.Contains(drawn, "+1") {
		t.Errorf("%s", drawn)
	}
}

// If the worst spans are too deep to be shown with their ancestors, the next ones are shown.
func TestWorstSpansThatFitAreShown(t *testing.T) {
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
