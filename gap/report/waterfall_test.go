package report_test

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/report"
)

func draw(t *testing.T, spans []gap.Span, o report.TextOptions) string {
	t.Helper()
	trace, warnings := gap.Build(spans)
	if len(warnings) > 0 {
		t.Fatal(warnings)
	}
	return written(t, func(w io.Writer) error { return report.Waterfall(w, trace, o) })
}

func TestWaterfall(t *testing.T) {
	const want = `
                                  ╷0 ms                 ╷50 ms                       time       self
reader: HTTP GET                  ▒▒▒▒████████████████████████████████████▒▒▒▒   100.0 ms
└ bookshop: HTTP GET /books/{id}      █████░░░░█████████░░░░█████░░░░█████        80.0 ms    29.9 ms
  ├ redis get                         █████                                       10.0 ms
  ├ sql query +1                               █████████    █████                 30.0 ms
  ├ redis set                                                   █                  0.1 ms
  └ render                                                           ░░░░░        10.0 ms    10.0 ms

█ blocked, or covered by the spans below   ░ gap: self time   ▒ gap: on the wire
━ ┄ ┅ the same, not on the critical path
`
	if got := ansi.Strip(draw(t, request(), report.TextOptions{})); "\n"+got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestWaterfallInASCII(t *testing.T) {
	const want = `
                                  |0 ms       |50 ms             time       self
reader: HTTP GET                  ~~####################~~   100.0 ms
\ bookshop: HTTP GET /books/{id}    ###..#####..###..###      80.0 ms    29.9 ms
  + redis get                       ###                       10.0 ms
  + sql query +1                         #####  ###           30.0 ms
  + redis set                                     #            0.1 ms
  \ render                                           ...      10.0 ms    10.0 ms

# blocked, or covered by the spans below   . gap: self time   ~ gap: on the wire
= , - the same, not on the critical path
`
	if got := ansi.Strip(draw(t, request(), report.TextOptions{Width: 80, ASCII: true})); "\n"+got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestLegendOfNarrowTerminal(t *testing.T) {
	const want = "\n# blocked, or covered by the spans below   . gap: self time\n" +
		"~ gap: on the wire   = , - the same, not on the critical path\n"
	if got := draw(t, request(), report.TextOptions{Width: 70, ASCII: true}); !strings.HasSuffix(got, want) {
		t.Errorf("got:\n%s\nwant at its end:%s", got, want)
	}
}

func TestWaterfallIsThinOffTheCriticalPath(t *testing.T) {
	const want = `
                          ╷0 ms     ╷20 ms    ╷40 ms     ╷60 ms    ╷80 ms            time       self
bookshop: GET             ██████████████████████████████████████████░░░░░░░░░░   100.0 ms    20.0 ms
├ stock                   ██████████████████████████████████████████              80.0 ms
│ ├ HTTP GET              ▒▒▒▒▒██████████━┅┅┅┅┅                                   40.0 ms
│ │ └ supplier: HTTP GET       ░░░░░░░░░░┄                                        20.0 ms    20.0 ms
│ └ redis set                            ███████████████████████████              52.0 ms
├ price                   ━━━━━┄┄┄┄┄┄┄┄┄┄┄                                        30.0 ms    20.0 ms
│ └ sql query             ━━━━━                                                   10.0 ms
└ log                                   ┄┄┄┄┄                                     10.0 ms    10.0 ms

█ blocked, or covered by the spans below   ░ gap: self time   ▒ gap: on the wire
━ ┄ ┅ the same, not on the critical path
`
	if got := ansi.Strip(draw(t, fork(), report.TextOptions{})); "\n"+got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// stream returns the spans of a handler that reads a streamed answer, and works between two reads.
func stream() []gap.Span {
	return []gap.Span{
		span(1, 0, shop, "server", "GET", 0, 100),
		span(2, 1, shop, "client", "HTTP GET", 10, 40),
		wait(3, 2, span(0, 1, shop, "client", "HTTP GET", 60, 90)),
		span(4, 2, &gap.Process{Service: "supplier"}, "server", "HTTP GET", 20, 80),
	}
}

func TestWaterfallIsThinBetweenReads(t *testing.T) {
	const want = `
bookshop: GET           ░░░░░█████████████████░░░░░░░░░░█████████████████░░░░░   100.0 ms    40.0 ms
└ HTTP GET +1                ▒▒▒▒▒▒███████████          ███████████▒▒▒▒▒▒         60.0 ms
  └ supplier: HTTP GET             ░░░░░░░░░░░┄┄┄┄┄┄┄┄┄┄░░░░░░░░░░░               60.0 ms    60.0 ms
`
	got := ansi.Strip(draw(t, stream(), report.TextOptions{}))
	if _, bars, _ := strings.Cut(got, "self\n"); !strings.HasPrefix("\n"+bars, want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	r, _ := gather(report.Options{}, [][]gap.Span{stream()})
	outlined := all(outlines, renderHTML(t, r, report.HTMLOptions{}))
	wantOutlined := []string{
		"M0 0h100v10h-100zM400 0h200v10h-200zM900 0h100v10h-100z", "M100 2h100v6h-100zM800 2h100v6h-100z",
		"M200 0h200v10h-200zM600 0h200v10h-200z",
	}
	if !slices.Equal(outlined, wantOutlined) {
		t.Errorf("outlines %q, want %q", outlined, wantOutlined)
	}
}

func TestWaterfallFitsTheTerminal(t *testing.T) {
	spans := request()
	spans[1].Operation = strings.Repeat("本", 50)
	for width := 60; width <= 200; width++ {
		for line := range strings.Lines(draw(t, spans, report.TextOptions{Width: width})) {
			line = strings.TrimSuffix(line, "\n")
			if ansi.StringWidth(line) > width {
				t.Fatalf("%d columns of %d: %s", ansi.StringWidth(line), width, line)
			}
		}
	}
}

func TestWaterfallOfOddTraces(t *testing.T) {
	for name, spans := range map[string][]gap.Span{
		"empty":      nil,
		"no time":    {span(1, 0, nil, "", "now", 0, 0)},
		"one span":   {span(1, 0, shop, "server", "alone", 0, 1e7)},
		"two roots":  {span(1, 0, shop, "server", "a", 0, 1), span(2, 0, shop, "server", "b", 2, 3)},
		"nanosecond": {span(1, 0, shop, "server", "short", 0, 1e-6)},
	} {
		t.Run(name, func(t *testing.T) {
			if got := draw(t, spans, report.TextOptions{}); strings.Count(got, "\n") != len(spans)+4 {
				t.Errorf("%s", got)
			}
		})
	}
}

func TestServicesHaveColours(t *testing.T) {
	got := draw(t, request(), report.TextOptions{Color: true})
	colours := map[string]bool{}
	for line := range strings.Lines(got) {
		if _, after, ok := strings.Cut(line, "\x1b["); ok && strings.Contains(line, "█") {
			colour, _, _ := strings.Cut(after, "m")
			colours[colour] = true
		}
	}
	if len(colours) < 2 {
		t.Errorf("%q", got)
	}
}
