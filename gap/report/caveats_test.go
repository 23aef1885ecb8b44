package report_test

import (
	"io"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/report"
)

// A server whose clock is behind, in a trace in which the parent of another span is missing.
func TestMovedSpansAndIncompleteTracesAreMarked(t *testing.T) {
	other := &gap.Process{Service: "stock", Tags: []gap.Field{{Key: "hostname", Value: "b"}}}
	spans := inTrace(0xab, []gap.Span{
		span(1, 0, shop, "client", "HTTP GET", 10, 20),
		span(2, 1, other, "server", "GET /stock", 5, 10),
		span(3, 7, shop, "internal", "orphan", 12, 13),
	})
	got := formats(t, report.Options{}, [][]gap.Span{spans})
	ascii, _ := gather(report.Options{}, [][]gap.Span{spans})
	got["ASCII"] = written(t, func(w io.Writer) error { return ascii.Text(w, report.TextOptions{ASCII: true}) })
	for name, want := range map[string][]string{
		"text": {
			"→ stock: GET /stock", "→ moved", ", spans are missing\n", "0000000000ab (spans are missing)\n",
			"1 trace (1 with spans missing), 3 spans (1 moved)",
		},
		"ASCII": {"> stock: GET /stock", "< > moved"},
		"html": {
			"moved by &#43;5.00 ms", "<li>spans are missing</li>", "<small>spans are missing</small>",
			"1 trace (1 with spans missing), 3 spans (1 moved)",
		},
		"json": {
			`"incomplete":1,"moved":1`, `"moved_ns":5000000`, `"incomplete":true,"warnings"`,
			`"critical_ns":5000000,"incomplete":true}`, // of a gap
			`"self_ns":5000000,"incomplete":true}`,     // of an operation
		},
		"perfetto": {`"moved_ms":5`, `"spans_moved":"1"`, `"traces_incomplete":"1"`, "ab (spans are missing)"},
		"folded":   {"(traces that lack spans: 1) 0\n", "(spans moved: 1) 0\n"},
		"profile":  {"traces that lack spans: 1", "spans moved: 1"},
	} {
		for _, want := range want {
			if !strings.Contains(got[name], want) {
				t.Errorf("%s: no %q in\n%s", name, want, got[name])
			}
		}
	}
	whole := formats(t, report.Options{}, [][]gap.Span{inTrace(0xab, spans[:1])})
	for name, text := range whole {
		if strings.Contains(text, "moved") && name != "json" || strings.Contains(text, "missing") {
			t.Errorf("%s: a mark in %s", name, text)
		}
	}
}

func TestIncompleteTracesAreMarkedInNarrowTables(t *testing.T) {
	r, _ := gather(report.Options{Traces: -1}, [][]gap.Span{
		inTrace(1, []gap.Span{span(1, 7, shop, "internal", "an orphan whose parent was not recorded", 0, 2)}),
		inTrace(2, []gap.Span{span(1, 0, shop, "internal", "whole", 0, 1)}),
	})
	for _, width := range []int{0, 60, 80, 100, 200} {
		text := written(t, func(w io.Writer) error { return r.Text(w, report.TextOptions{Width: width}) })
		if got := strings.Count(text, "(spans are missing)"); got != 2 { // a gap and an operation
			t.Errorf("width %d: %d marks in\n%s", width, got, text)
		}
	}
}
