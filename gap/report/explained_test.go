package report_test

import (
	"encoding/json"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/report"
)

// timed returns an explanation of a gap whose parts follow one another.
func timed(g gap.Gap, parts ...gap.Part) *gap.Explanation {
	e := &gap.Explanation{Parts: parts}
	at := g.Start
	for i, p := range parts {
		e.Moments = append(e.Moments, gap.Moment{Start: at, End: at.Add(p.Duration), Part: i})
		at = at.Add(p.Duration)
	}
	return e
}

// cart is the span that holds the lock that the explained request waits for.
var cart = gap.Holder{
	TraceID: gap.TraceID{Low: 0xab}, SpanID: 0xcd, Service: "bookshop", Operation: "HTTP GET /cart",
}

// explain explains the self time of request. It leaves out the first gap of the handler if whole is
// false.
func explain(t *gap.Trace, whole bool) *gap.Trace {
	return t.Explained(func(g gap.Gap) *gap.Explanation {
		if g.Class != gap.ClassSelf {
			return nil
		}
		switch g.Start.Sub(t.Start()).Milliseconds() {
		case 20:
			if !whole {
				return nil
			}
			return timed(g, part(gap.CauseCPU, 6, atPage), part(gap.CauseNoCPU, 3.5, atPage),
				part(gap.CauseGC, 0.5, gap.Evidence{}))
		case 50:
			return timed(g, part(gap.CauseLock, 8, gap.Evidence{Frame: inCart.Frame, Reason: "sync", HeldBy: cart}),
				part(gap.CauseCPU, 2, atPage))
		case 70:
			client := gap.Evidence{
				Frame: frameAt("page.go", 44), Client: "net/http", Wrapper: "github.com/gaptrace/gaptrace/contrib/nethttp",
				Rule: "GT101",
			}
			return timed(g, part(gap.CauseNetwork, 9.4, client), part(gap.CauseCPU, 0.5, atPage))
		case 80:
			worker := gap.Evidence{Frame: frameAt("render.go", 9), Goroutine: 17, Samples: 1}
			return timed(g, part(gap.CauseCPU, 7, worker), part(gap.CauseRunnable, 2, worker),
				part(gap.CauseUnobserved, 1, gap.Evidence{}))
		}
		return nil
	})
}

// explainedReport returns a report of the explained request.
func explainedReport() (*report.Report, *report.Stacks) {
	r, s := report.New(report.Options{}), &report.Stacks{}
	trace, warnings := gap.Build(request())
	trace = explain(trace, true)
	r.Add(trace, warnings)
	s.Add(trace)
	r.AddNotes([]string{"the execution trace ends early", "no CPU clocks"})
	r.AddNotes([]string{"no CPU clocks"})
	return r, s
}

func TestExplainedText(t *testing.T) {
	const want = `
Trace 0000000000000001  100 ms, 7 spans, self 39.9 ms, critical 39.9 ms

                                  ╷0 ms                 ╷50 ms                       time       self
reader: HTTP GET                  ▒▒▒▒████████████████████████████████████▒▒▒▒   100.0 ms
└ bookshop: HTTP GET /books/{id}      █████░░░░█████████░░░░█████░░░░█████        80.0 ms    29.9 ms
  ├ redis get                         █████                                       10.0 ms
  ├ sql query +1                               █████████    █████                 30.0 ms
  ├ redis set                                                   █                  0.1 ms
  └ render                                                           ░░░░░        10.0 ms    10.0 ms

What the longest gaps were
 +20.0 ms  bookshop: HTTP GET /books/{id}, after redis get, before sql query
           CPU, 6.00 of 10.0 ms, at page.go:31; 3.50 ms waiting for a CPU; 500 µs other
 +50.0 ms  bookshop: HTTP GET /books/{id}, after sql query, before sql query
           lock, 8.00 of 10.0 ms, at cart.go:17, held by HTTP GET /cart (trace 00000000000000ab); 2.00 ms CPU at page.go:31
 +70.1 ms  bookshop: HTTP GET /books/{id}, after redis set, before render
           network (unwrapped client net/http), 9.40 of 9.90 ms, at page.go:44: wrap it with contrib/nethttp (GT101); 500 µs CPU at page.go:31
 +80.0 ms  bookshop: render, all of it
           CPU, 7.00 of 10.0 ms, at render.go:9; 2.00 ms waiting for Go's scheduler; 1.00 ms not observed

█ blocked, or covered by the spans below   ░ gap: self time   ▒ gap: on the wire
━ ┄ ┅ the same, not on the critical path

Worst gaps, by self time on the critical path
 critical     self   count      p50      p95    worst        at  span, and where in it                                              worst in trace
  10.0 ms  10.0 ms       1  10.0 ms  10.0 ms  10.0 ms  +20.0 ms  bookshop: HTTP GET /books/{id}, after redis get, before sql query  0000000000000001
                                                                 CPU, 6.00 of 10.0 ms, at page.go:31; 3.50 ms waiting for a CPU; 500 µs other
  10.0 ms  10.0 ms       1  10.0 ms  10.0 ms  10.0 ms  +50.0 ms  bookshop: HTTP GET /books/{id}, after sql query, before sql query  0000000000000001
                                                                 lock, 8.00 of 10.0 ms, at cart.go:17; 2.00 ms CPU at page.go:31
  10.0 ms  10.0 ms       1  10.0 ms  10.0 ms  10.0 ms  +80.0 ms  bookshop: render, all of it                                        0000000000000001
                                                                 CPU, 7.00 of 10.0 ms, at render.go:9; 2.00 ms waiting for Go's scheduler; 1.00 ms not observed
  9.90 ms  9.90 ms       1  9.90 ms  9.90 ms  9.90 ms  +70.1 ms  bookshop: HTTP GET /books/{id}, after redis set, before render     0000000000000001
                                                                 network (unwrapped client net/http), 9.40 of 9.90 ms, at page.go:44: wrap it with contrib/nethttp (GT101); 500 µs CPU at page.go:31

Operations of 1 trace, 7 spans, by self time on the critical path
   count      p50      p95      p99 self p50 self p95 self p99 critical   share  operation                       worst in trace
       1  80.0 ms  80.0 ms  80.0 ms  29.9 ms  29.9 ms  29.9 ms  29.9 ms  74.9 %  bookshop: HTTP GET /books/{id}  0000000000000001
                                                                                 network (unwrapped client net/http), 9.40 of 29.9 ms, at page.go:44: wrap it with contrib/nethttp (GT101); 8.50 ms CPU at page.go:31; 8.00 ms lock at cart.go:17; 3.50 ms waiting for a CPU
       1  10.0 ms  10.0 ms  10.0 ms  10.0 ms  10.0 ms  10.0 ms  10.0 ms  25.1 %  bookshop: render                0000000000000001
                                                                                 CPU, 7.00 of 10.0 ms, at render.go:9; 2.00 ms waiting for Go's scheduler; 1.00 ms not observed
       1   100 ms   100 ms   100 ms        0        0        0        0   0.0 %  reader: HTTP GET
       1  20.0 ms  20.0 ms  20.0 ms        0        0        0        0   0.0 %  bookshop: sql query
and 3 more operations

Note: the execution trace ends early
Note: no CPU clocks
`
	r, _ := explainedReport()
	got := written(t, func(w io.Writer) error { return r.Text(w, report.TextOptions{Operations: 4}) })
	if "\n"+got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestExplainedTextOfSomeTraces(t *testing.T) {
	r := report.New(report.Options{})
	for i := range uint64(3) {
		trace, warnings := gap.Build(inTrace(i+1, request()))
		r.Add(explain(trace, i == 0), warnings)
	}
	got := written(t, func(w io.Writer) error { return r.Text(w, report.TextOptions{}) })
	for _, want := range []string{
		"CPU, 6.00 of 10.0 ms, at page.go:31; 3.50 ms waiting for a CPU; 500 µs other (10.0 of 30.0 ms explained)\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
}

func TestExplainedTextFitsTheTerminal(t *testing.T) {
	r, _ := explainedReport()
	r.AddNotes([]string{strings.Repeat("long ", 100), strings.Repeat("本", 100)})
	for width := 60; width <= 200; width++ {
		text := written(t, func(w io.Writer) error { return r.Text(w, report.TextOptions{Width: width, Color: true}) })
		for line := range strings.Lines(text) {
			if n := ansi.StringWidth(strings.TrimSuffix(line, "\n")); n > width {
				t.Fatalf("%d columns of %d: %s", n, width, line)
			}
		}
	}
	text := written(t, func(w io.Writer) error { return r.Text(w, report.TextOptions{ASCII: true}) })
	if i := strings.IndexFunc(strings.ReplaceAll(text, "本", ""), func(r rune) bool { return r > 126 }); i >= 0 {
		t.Errorf("not ASCII: %q", text[i:min(i+20, len(text))])
	}
}

// explainedJSON is the part of the schema that explanations add.
type explainedJSON struct {
	Notes      []string
	Operations []struct {
		Operation string
		jsonParts
	}
	Gaps   []struct{ jsonParts }
	Traces []struct {
		Spans []struct {
			Gaps []struct {
				Start       int64 `json:"start_ns"`
				End         int64 `json:"end_ns"`
				Explanation *struct {
					jsonParts
					Moments []struct {
						Start int64 `json:"start_ns"`
						End   int64 `json:"end_ns"`
						Part  int
					}
				}
			}
		}
	}
}

type jsonParts struct {
	Verdict string
	Parts   []struct {
		Cause, Reason, Client, Wrapper, Rule, Proof string
		Duration                                    int64 `json:"duration_ns"`
		Frame                                       *gap.Frame
		HeldBy                                      map[string]string `json:"held_by"`
		Goroutine                                   uint64
		Samples                                     int
	}
}

func decodeExplained(t *testing.T, r *report.Report) (d explainedJSON) {
	t.Helper()
	if err := json.Unmarshal([]byte(written(t, r.JSON)), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestExplainedJSON(t *testing.T) {
	r, _ := explainedReport()
	d := decodeExplained(t, r)
	if want := []string{"the execution trace ends early", "no CPU clocks"}; !slices.Equal(d.Notes, want) {
		t.Errorf("notes %q, want %q", d.Notes, want)
	}
	trace := r.Traces()[0]
	for n := range trace.Nodes() {
		i := 0
		for g := range n.Gaps(0) {
			got := d.Traces[0].Spans[n.Index()].Gaps[i].Explanation
			i++
			if g.Explanation == nil {
				if got != nil {
					t.Errorf("a gap at %v is explained", g.Start)
				}
				continue
			}
			if got.Verdict != report.Verdict(g.Explanation.Parts) {
				t.Errorf("verdict %q", got.Verdict)
			}
			for j, p := range g.Explanation.Parts {
				q := got.Parts[j]
				if q.Cause != p.Cause.String() || q.Duration != int64(p.Duration) || q.Reason != p.Reason || q.Client != p.Client ||
					q.Wrapper != p.Wrapper || q.Rule != p.Rule || q.Goroutine != p.Goroutine || q.Samples != p.Samples ||
					q.Frame != nil && *q.Frame != p.Frame || q.HeldBy != nil && q.HeldBy["operation"] != p.HeldBy.Operation {
					t.Errorf("part %+v, want %+v", q, p)
				}
				m, at := g.Explanation.Moments[j], got.Moments[j]
				if at.Start != int64(m.Start.Sub(trace.Start())) || at.End != int64(m.End.Sub(trace.Start())) || at.Part != m.Part {
					t.Errorf("moment %+v, want %+v", at, m)
				}
			}
		}
	}
	if got := d.Operations[0]; len(got.Parts) != 5 || !strings.HasPrefix(got.Verdict, "network (unwrapped client net/http), 9.40 of") {
		t.Errorf("operation %+v", got)
	}
	if got := d.Gaps[0]; len(got.Parts) != 3 || !strings.HasPrefix(got.Verdict, "CPU, 6.00 of 10.0 ms") {
		t.Errorf("gaps %+v", got)
	}
}

// JSON writes explanations with many parts one after the other.
func TestJSONOfManyParts(t *testing.T) {
	trace, _ := gap.Build(comb(200))
	r := report.New(report.Options{})
	r.Add(hostile(trace), nil)
	gaps := decodeExplained(t, r).Traces[0].Spans[0].Gaps
	if len(gaps) != 200 {
		t.Fatalf("%d gaps", len(gaps))
	}
	for i, g := range gaps {
		if g.Explanation == nil || i%5 == 0 != (len(g.Explanation.Parts) >= 300) {
			t.Fatalf("gap %d: %.1000v", i, g.Explanation)
		}
		at := g.Start
		for _, m := range g.Explanation.Moments {
			if m.Start < at || m.End <= m.Start || m.End > g.End {
				t.Fatalf("gap %d from %d to %d has the moment %+v after %d", i, g.Start, g.End, m, at)
			}
			at = m.End
		}
	}
}

// hostile returns explanations that break every rule.
func hostile(t *gap.Trace) *gap.Trace {
	const name = "a\x1b]0;title\x07\x1b[2J\r\nb\u202ec\xff<script>\"'"
	long := strings.Repeat(name, 1000)
	evidence := gap.Evidence{
		Frame: gap.Frame{Function: long, File: long, Line: -1}, Reason: long, Client: long, Wrapper: long, Rule: long,
		HeldBy:    gap.Holder{TraceID: gap.TraceID{Low: 1}, SpanID: 2, Service: long, Operation: long},
		Goroutine: 1<<64 - 1, Proof: 99, Samples: -5,
	}
	i := 0
	return t.Explained(func(g gap.Gap) *gap.Explanation {
		i++
		e := &gap.Explanation{}
		switch i % 5 {
		case 0:
			return e // without parts
		case 1:
			n := 300
			if i == 1 {
				n = 10_000
			}
			for j := range n {
				evidence := gap.Evidence{Frame: gap.Frame{Function: name, File: name, Line: j}, Goroutine: uint64(j)}
				e.Parts = append(e.Parts, gap.Part{Cause: gap.Cause(j), Duration: time.Duration(j), Evidence: evidence})
				start := g.Start.Add(time.Duration(j) * g.Time / time.Duration(n))
				e.Moments = append(e.Moments, gap.Moment{Start: start, End: start.Add(g.Time / time.Duration(n)), Part: j})
			}
			return e
		case 2:
			e.Parts = []gap.Part{
				{Cause: gap.CauseLock, Duration: -1 << 63, Evidence: evidence},
				{Cause: 255, Duration: 1<<63 - 1, Evidence: evidence},
			}
			e.Moments = []gap.Moment{
				{Start: g.Start.Add(-time.Hour), End: g.End.Add(time.Hour), Part: 0},
				{Start: g.End, End: g.Start, Part: 1},
				{Part: 1},
				{Start: g.Start, End: g.End, Part: -1},
				{Start: g.Start, End: g.End, Part: 2},
				{Start: time.Unix(-1<<62, 0), End: time.Unix(1<<62, 0), Part: 1},
			}
			return e
		case 3: // parts without moments that are longer than the gap
			e.Parts = []gap.Part{
				{Cause: gap.CauseGC, Duration: g.Time * 3}, {Cause: gap.CauseCPU, Duration: g.Time, Evidence: evidence},
			}
			return e
		}
		e.Parts = []gap.Part{{Cause: gap.CauseSyscall, Duration: g.Time / 2, Evidence: evidence}, {}}
		for j := range 1000 { // they overlap
			start := g.Start.Add(time.Duration(j%7) * g.Time / 10)
			e.Moments = append(e.Moments, gap.Moment{Start: start, End: start.Add(g.Time / 3), Part: j % 2})
		}
		return e
	})
}

func TestHTMLDrawsExplainedGaps(t *testing.T) {
	r, _ := explainedReport()
	text := renderHTML(t, r, report.HTMLOptions{})
	for _, want := range []string{
		// CPU until 26 ms, then waiting for a CPU, then GC.
		`<rect class="self known" x="200" y="0" width="100" height="10" data-gaps="self 0000000000000002 20000000 30000000">` +
			"<title>self: 10.0 ms, from 20.0 ms\nCPU, 6.00 of 10.0 ms, at page.go:31; 3.50 ms waiting for a CPU; 500 µs other" +
			`</title></rect><path class="c-cpu" d="M200 0h60v10h-60z"/><path class="c-no-cpu" d="M260 3h35v7h-35z"/>` +
			`<path class="c-gc" d="M295 0h5v10h-5z"/>`,
		// The last millisecond was not observed.
		`<path class="c-cpu" d="M800 0h70v10h-70z"/><path class="c-runnable" d="M870 3h20v7h-20z"/><path class="critical"`,
		`<path class="c-cpu" d="M0 0h30v10h-30z"/></svg> CPU <b>15.5 ms</b></li>` +
			`<li><svg viewBox="0 0 30 10" aria-hidden="true"><path class="c-network" d="M0 5h30v5h-30z"/></svg> ` +
			`network (unwrapped client) <b>9.40 ms</b></li>`,
		`<span class="n">8.00 ms</span><span>lock: <small>at cart.go:17, in shop.render, sync, ` +
			`held by HTTP GET /cart (trace 00000000000000ab)</small></span>`,
		`<small>at page.go:44, in shop.render, client net/http, wrap it with contrib/nethttp (GT101)</small>`,
		`<small>at render.go:9, in shop.render, goroutine 17, 1 sample, by the CPU clock</small>`,
		`<small class="verdict" dir="auto">network (unwrapped client net/http), 9.40 of 29.9 ms, at page.go:44: `,
		`<h2 id="notes">What could not be known</h2>` + "\n" +
			`<ul><li dir="auto">the execution trace ends early</li><li dir="auto">no CPU clocks</li></ul>`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing in\n%s", want, text)
		}
	}
	if n := strings.Count(text, `<span class="why">`); n != 2 {
		t.Errorf("%d rows have evidence, want 2", n)
	}
	r, _ = gather(report.Options{}, [][]gap.Span{request()})
	text = renderHTML(t, r, report.HTMLOptions{})
	_, body, _ := strings.Cut(text, "</style>")
	for _, unwanted := range []string{`"c-`, "known", "why", "verdict", "Evidence", "could not be known"} {
		if strings.Contains(body, unwanted) {
			t.Errorf("a page without explanations has %s", unwanted)
		}
	}
}

var causePaths = regexp.MustCompile(`</rect>((?:<path class="c-[a-z-]+" d="[^"]*"/>)+)`)

// alternating explains each gap as CPU and lock in turns.
func alternating(t *gap.Trace, moments int) *gap.Trace {
	return t.Explained(func(g gap.Gap) *gap.Explanation {
		e := &gap.Explanation{Parts: []gap.Part{
			{Cause: gap.CauseLock, Duration: g.Time / 4}, {Cause: gap.CauseCPU, Duration: g.Time / 4 * 3},
		}}
		for i := range moments {
			at := func(i int) time.Time { return g.Start.Add(g.Time * time.Duration(i) / time.Duration(moments)) }
			e.Moments = append(e.Moments, gap.Moment{Start: at(i), End: at(i + 1), Part: i % 2})
		}
		return e
	})
}

func TestHTMLDrawsManyMomentsInProportion(t *testing.T) {
	trace, _ := gap.Build([]gap.Span{span(1, 0, shop, "server", "root", 0, 1)})
	for moments, want := range map[int]string{
		0:  `<path class="c-cpu" d="M0 0h750v10h-750z"/><path class="c-lock" d="M750 5h250v5h-250z"/>`,
		2:  `<path class="c-cpu" d="M500 0h500v10h-500z"/><path class="c-lock" d="M0 5h500v5h-500z"/>`,
		41: `<path class="c-cpu" d="M0 0h750v10h-750z"/><path class="c-lock" d="M750 5h250v5h-250z"/>`,
	} {
		r := report.New(report.Options{})
		r.Add(alternating(trace, moments), nil)
		if got := all(causePaths, renderHTML(t, r, report.HTMLOptions{})); !slices.Equal(got, []string{want}) {
			t.Errorf("%d moments: %q, want %q", moments, got, want)
		}
	}
	r := report.New(report.Options{})
	r.Add(alternating(trace, 40), nil)
	if got := all(causePaths, renderHTML(t, r, report.HTMLOptions{}))[0]; strings.Count(got, "M") != 40 {
		t.Errorf("40 moments: %s", got)
	}
}

// A gap that has no explanation must not look like CPU.
func TestHTMLOfPartlyExplainedTrace(t *testing.T) {
	trace, _ := gap.Build(request())
	r := report.New(report.Options{})
	r.Add(explain(trace, false), nil)
	text := renderHTML(t, r, report.HTMLOptions{})
	for _, want := range []string{
		`<rect class="self known" x="200" y="0" width="100" height="10" data-gaps="self 0000000000000002 20000000 30000000">` +
			"<title>self: 10.0 ms, from 20.0 ms</title></rect><rect",
		`not observed <b>11.0 ms</b>`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing in\n%s", want, text)
		}
	}
}

func TestHTMLOfManyExplainedGaps(t *testing.T) {
	for name, test := range map[string]struct {
		spans []gap.Span
		bytes int // at most
	}{
		"narrow gaps": {comb(5000), 800_000}, "wide gaps": {comb(200), 500_000}, "many spans": {large(t, 5000), 500_000},
	} {
		trace, _ := gap.Build(test.spans)
		r := report.New(report.Options{})
		r.Add(alternating(trace, 40), nil)
		text := renderHTML(t, r, report.HTMLOptions{Rows: 100})
		t.Logf("%s: %d bytes", name, len(text))
		if len(text) > test.bytes {
			t.Errorf("%s: %d bytes, want at most %d", name, len(text), test.bytes)
		}
		want, got := 0, 0
		for g := range trace.Gaps(0) {
			if g.Class == gap.ClassSelf {
				want++
			}
		}
		for _, data := range all(dataGaps, text) {
			got += strings.Count(data, "self ")
		}
		if name != "many spans" && got != want {
			t.Errorf("%s: %d gaps of self time are drawn, want %d", name, got, want)
		}
	}
}

func TestFormatsOfHostileExplanations(t *testing.T) {
	joined := request()
	joined[3].Tags = append(joined[3].Tags, gap.Field{Key: "wait.joined_us", Value: int64(3000)})
	for name, spans := range map[string][]gap.Span{
		"request": joined, "comb": comb(12), "alone": {span(1, 0, nil, "", "alone", 5, 6)},
	} {
		trace, warnings := gap.Build(spans)
		trace = hostile(trace)
		r, s := report.New(report.Options{}), &report.Stacks{}
		r.Add(trace, warnings)
		r.AddNotes([]string{"note\x1b[2J", strings.Repeat("long", 1000)})
		s.Add(trace)
		html := renderHTML(t, r, report.HTMLOptions{})
		text := written(t, func(w io.Writer) error { return r.Text(w, report.TextOptions{}) })
		folded := written(t, func(w io.Writer) error { return s.Folded(w, report.FoldedOptions{}) })
		t.Logf("%s: %d bytes of HTML, %d of text, %d of folded stacks", name, len(html), len(text), len(folded))
		if len(html) > 300_000 || len(text) > 100_000 {
			t.Errorf("%s: %d bytes of HTML, %d of text", name, len(html), len(text))
		}
		if strings.Contains(html, "<script") {
			t.Errorf("%s: the page does not escape evidence", name)
		}
		for _, all := range []string{text, folded, html} {
			for _, c := range all {
				if c < ' ' && c != '\n' && c != '\t' || c == '\u202e' {
					t.Fatalf("%s: holds %q", name, c)
				}
			}
		}
		written(t, r.JSON)
		written(t, r.Perfetto)
		read(t, s)
	}
}
