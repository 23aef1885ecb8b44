package report_test

import (
	"io"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/report"
)

func TestText(t *testing.T) {
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
━ ┄ ┅ the same, not on the critical path

Worst gaps, by self time on the critical path
 critical     self   count      p50      p95    worst        at  span, and where in it                                              worst in trace
  10.0 ms  10.0 ms       1  10.0 ms  10.0 ms  10.0 ms  +20.0 ms  bookshop: HTTP GET /books/{id}, after redis get, before sql query  0000000000000001
  10.0 ms  10.0 ms       1  10.0 ms  10.0 ms  10.0 ms  +50.0 ms  bookshop: HTTP GET /books/{id}, after sql query, before sql query  0000000000000001
  10.0 ms  10.0 ms       1  10.0 ms  10.0 ms  10.0 ms  +80.0 ms  bookshop: render, all of it                                        0000000000000001
  9.90 ms  9.90 ms       1  9.90 ms  9.90 ms  9.90 ms  +70.1 ms  bookshop: HTTP GET /books/{id}, after redis set, before render     0000000000000001

Operations of 1 trace, 7 spans, by self time on the critical path
   count      p50      p95      p99 self p50 self p95 self p99 critical   share  operation                       worst in trace
       1  80.0 ms  80.0 ms  80.0 ms  29.9 ms  29.9 ms  29.9 ms  29.9 ms  74.9 %  bookshop: HTTP GET /books/{id}  0000000000000001
       1  10.0 ms  10.0 ms  10.0 ms  10.0 ms  10.0 ms  10.0 ms  10.0 ms  25.1 %  bookshop: render                0000000000000001
       1   100 ms   100 ms   100 ms        0        0        0        0   0.0 %  reader: HTTP GET
       1  20.0 ms  20.0 ms  20.0 ms        0        0        0        0   0.0 %  bookshop: sql query
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

func TestTextShowsWarnings(t *testing.T) {
	r, _ := gather(report.Options{}, someTraces())
	var b strings.Builder
	if err := r.Text(&b, report.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"  warning: span 0000000000000002: ", " with spans missing)", "Warnings: 1 clock-skew, 1 missing-parent\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
}

func TestTableFitsTheTerminal(t *testing.T) {
	traces := someTraces()
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

func TestASCIIOnly(t *testing.T) {
	spans := request()
	spans[2].Duration = 1234
	spans[5].Operation = strings.Repeat("long ", 100)
	short := inTrace(2, []gap.Span{span(1, 0, shop, "server", "short", 0, 0.3)})
	r, _ := gather(report.Options{}, append(someTraces(), spans, short))
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
		t.Error("no duration in microseconds")
	}
}

func TestPositionsNextToSpansWithoutNames(t *testing.T) {
	r, _ := gather(report.Options{}, [][]gap.Span{{
		span(1, 0, shop, "server", "GET", 0, 10), span(2, 1, shop, "client", "", 2, 4), span(3, 1, shop, "client", "", 6, 8),
	}})
	text := written(t, func(w io.Writer) error { return r.Text(w, report.TextOptions{}) })
	for _, want := range []string{
		"GET, before (no name) ", "GET, after (no name), before (no name) ", "GET, after (no name) ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
