package report_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/gap/report"
	"github.com/gaptrace/gaptrace/internal/page"
	"github.com/gaptrace/gaptrace/internal/spantest/manyspans"
)

func renderHTML(t *testing.T, r *report.Report, o report.HTMLOptions) string {
	t.Helper()
	return renderSite(t, r, o, page.Site{})
}

func renderSite(t *testing.T, r *report.Report, o report.HTMLOptions, site page.Site) string {
	t.Helper()
	var b strings.Builder
	if err := r.HTML(page.Writer{Writer: &b, Site: site}, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var (
	dataGaps = regexp.MustCompile(` data-gaps="([^"]*)"`)
	idAttrs  = regexp.MustCompile(` id="([^"]*)"`)
	hrefs    = regexp.MustCompile(` href="([^"]*)"`)
)

// all returns the matches of the first group of a pattern.
func all(pattern *regexp.Regexp, text string) (matches []string) {
	for _, m := range pattern.FindAllStringSubmatch(text, -1) {
		matches = append(matches, html.UnescapeString(m[1]))
	}
	return matches
}

func TestHTMLDrawsEveryGap(t *testing.T) {
	r, _ := gather(report.Options{Traces: 100}, someTraces())
	var want []string
	for _, trace := range r.Traces() {
		for g := range trace.Gaps(0) {
			if !g.Joined() {
				start, end := g.Start.Sub(trace.Start()), g.End.Sub(trace.Start())
				want = append(want, fmt.Sprintf("%s %s %d %d", g.Class, g.Node.Span().SpanID, start, end))
			}
		}
	}
	var got []string
	for _, data := range all(dataGaps, renderHTML(t, r, report.HTMLOptions{Rows: -1})) {
		got = append(got, strings.Split(data, ";")...)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%d gaps, want %d", len(got), len(want))
	}
}

var outlines = regexp.MustCompile(`<path class="critical" d="([^"]*)"/></svg></span>`)

func TestHTMLOutlinesTheCriticalPath(t *testing.T) {
	r, _ := gather(report.Options{}, [][]gap.Span{fork()})
	text := renderHTML(t, r, report.HTMLOptions{})
	want := []string{
		"M800 0h200v10h-200z", "M0 2h100v6h-100z", "M100 0h180v10h-180z", "M280 2h520v6h-520z",
	}
	if got := all(outlines, text); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	const label = `aria-label="from 10.0 ms to 30.0 ms, 20.0 ms of self time in 1 gap, 18.0 ms of it on the critical path"`
	if !strings.Contains(text, label) {
		t.Errorf("no %s", label)
	}
	r, _ = gather(report.Options{}, [][]gap.Span{comb(5000)})
	got := all(outlines, renderHTML(t, r, report.HTMLOptions{Rows: 1}))
	if len(got) != 1 || strings.Count(got[0], "M") != 1 {
		t.Errorf("5,000 segments less than a pixel apart: %.200q, want one outline", got)
	}
}

func TestHTMLLinksHaveTargets(t *testing.T) {
	traces := someTraces()
	traces = append(traces, traces[0]) // the same ids twice
	for name, o := range map[string]report.HTMLOptions{"all rows": {Rows: -1}, "some rows": {Rows: 3}} {
		r, _ := gather(report.Options{Traces: 100}, traces)
		text := renderHTML(t, r, o)
		found := all(idAttrs, text)
		for i, id := range slices.Sorted(slices.Values(found)) {
			if i > 0 && slices.Sorted(slices.Values(found))[i-1] == id && i < 10 {
				t.Errorf("%s: two elements are %s", name, id)
			}
		}
		if unique := slices.Compact(slices.Sorted(slices.Values(found))); len(unique) != len(found) {
			t.Errorf("%s: %d ids, %d of them unique", name, len(found), len(unique))
		}
		for _, href := range all(hrefs, text) {
			id, local := strings.CutPrefix(href, "#")
			if href != "data:," && (!local || !slices.Contains(found, id)) {
				t.Errorf("%s: no target of the link %s", name, href)
			}
		}
	}
}

func TestHTMLLinksGaps(t *testing.T) {
	r, _ := gather(report.Options{}, [][]gap.Span{inTrace(0xab, request())})
	g := r.Gaps()[0].Worst
	row := fmt.Sprintf("#s-%s-%s", g.TraceID, g.SpanID)
	o := report.HTMLOptions{Jaeger: "https://jaeger.example/ui/"}
	site := page.Site{TraceURL: "trace?id="}
	links := all(hrefs, renderSite(t, r, o, site))
	for _, want := range []string{
		row, "https://jaeger.example/ui/trace/00000000000000ab?uiFind=" + g.SpanID.String(),
		"https://jaeger.example/ui/trace/00000000000000ab",
	} {
		if !slices.Contains(links, want) {
			t.Errorf("no link to %s in %q", want, links)
		}
	}
	r, _ = gather(report.Options{Traces: -1}, [][]gap.Span{inTrace(0xab, request())})
	if links := all(hrefs, renderSite(t, r, o, site)); !slices.Contains(links, "trace?id=00000000000000ab"+row) {
		t.Errorf("no link to the trace's page in %q", links)
	}
	if text := renderHTML(t, r, report.HTMLOptions{}); strings.Contains(text, "Jaeger") ||
		len(all(hrefs, text)) != 1+1+2 {
		t.Errorf("links without a target: %q", all(hrefs, text))
	}
}

func TestHTMLRefusesURLsThatAreNotOfJaeger(t *testing.T) {
	r, _ := gather(report.Options{}, someTraces())
	for _, url := range []string{
		"localhost:16686", "ftp://host", "javascript:alert(1)", "http://", "http://u:hunter2@host", "http://host/%zz",
		"http://host/?x=1", "http://host/#x",
		"//host", "http:///path", "http://[::1", " http://host",
	} {
		var b strings.Builder
		err := r.HTML(&b, report.HTMLOptions{Jaeger: url})
		if err == nil || b.Len() > 0 || strings.Contains(err.Error(), "hunter2") ||
			!strings.Contains(err.Error(), "want http or https") {
			t.Errorf("%s: %v, %d bytes", url, err, b.Len())
		}
	}
}

func TestHTMLPolicy(t *testing.T) {
	r, _ := gather(report.Options{}, someTraces())
	text := renderHTML(t, r, report.HTMLOptions{})
	style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindAllStringSubmatch(text, -1)
	sum := sha256.Sum256([]byte(style[0][1]))
	want := "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	policy := all(regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`), text)
	if len(style) != 1 || len(policy) != 1 || !strings.Contains(policy[0], want) || policy[0] != page.Policy() ||
		!strings.HasPrefix(policy[0], "default-src 'none';") {
		t.Errorf("%d styles, policy %q, want %s", len(style), policy, want)
	}
	forbidden := regexp.MustCompile(`(?i)<script| style="| on[a-z]+="|<(img|iframe|object|link rel="stylesheet)`)
	if found := forbidden.FindAllString(text, -1); found != nil {
		t.Errorf("scripts, styles or loads: %q", found)
	}
}

func TestHTMLEscapesNames(t *testing.T) {
	for name, shown := range map[string]string{
		`<script>alert(1)</script>`: `&lt;script&gt;alert(1)&lt;/script&gt;`,
		`" onclick="alert(1)`:       `&#34; onclick=&#34;alert(1)`,
		"a\u202eb\x00":              "a�b�",
		"שלום":                      "שלום",
		strings.Repeat("x", 300):    strings.Repeat("x", 200) + "…",
	} {
		s := span(1, 0, nil, "", name, 0, 10)
		s.Process = &gap.Process{Service: name}
		r, _ := gather(report.Options{}, [][]gap.Span{{s}})
		text := renderSite(t, r, report.HTMLOptions{Title: name},
			page.Site{Links: []page.Link{{Text: name, URL: "javascript:alert(1)"}}})
		if shownRow := `<b dir="auto">` + shown + `</b>`; strings.Count(text, shownRow) < 3 ||
			strings.Contains(text, "<script") ||
			strings.Contains(text, `onclick="`) {
			t.Errorf("%q is not shown as %s", name, shown)
		}
		if strings.Contains(text, `href="javascript`) {
			t.Error("a link runs a script")
		}
	}
}

func TestHTMLCountsWhatIsLeftOut(t *testing.T) {
	r, _ := gather(report.Options{Traces: 1}, [][]gap.Span{fan(600)})
	for _, test := range []struct {
		o          report.HTMLOptions
		rows       int
		label      string
		operations string
	}{
		{report.HTMLOptions{}, 601, "", ""},
		{report.HTMLOptions{Rows: 10, Operations: 1}, 11, "591 more spans", "and 600 more"},
		{report.HTMLOptions{Rows: -1, Operations: -1}, 601, "", ""},
	} {
		text := renderHTML(t, r, test.o)
		n := strings.Count(text, `<span class="name `)
		if n != test.rows || !strings.Contains(text, test.label) ||
			strings.Contains(text, "more spans") != (test.label != "") ||
			!strings.Contains(text, test.operations) {
			t.Errorf("%+v: %d rows, want %d: %q", test.o, n, test.rows,
				regexp.MustCompile(`\d+ more[^<]*`).FindAllString(text, -1))
		}
	}
}

func TestHTMLOfEmptyReport(t *testing.T) {
	text := renderSite(t, report.New(report.Options{}), report.HTMLOptions{}, page.Site{Intro: "<p>Nothing yet.</p>"})
	for _, want := range []string{
		"<!DOCTYPE html>", "0 traces, 0 spans", "<h1 dir=\"auto\">Gaps</h1>", "<p>Nothing yet.</p>", "</html>",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(text, "<table") {
		t.Error("an empty table")
	}
}

// longestWrite is a writer that remembers its longest write.
type longestWrite int

func (l *longestWrite) Write(p []byte) (int, error) {
	*l = max(*l, longestWrite(len(p)))
	return len(p), nil
}

func TestHTMLIsWrittenInParts(t *testing.T) {
	r, _ := gather(report.Options{}, someTraces())
	size := len(renderHTML(t, r, report.HTMLOptions{}))
	for _, space := range []int{0, 1, size / 2, size - 1} {
		if err := r.HTML(&full{space}, report.HTMLOptions{}); !errors.Is(err, errFull) {
			t.Errorf("space for %d of %d bytes: %v", space, size, err)
		}
	}
	var most longestWrite
	if err := r.HTML(&most, report.HTMLOptions{}); err != nil || int(most) > size/2 {
		t.Errorf("%v; %d of %d bytes at once", err, most, size)
	}
}

func TestHTMLAxis(t *testing.T) {
	label := regexp.MustCompile(`<text x="([0-9.]+)%" y="1em">([^<]*)</text>`)
	for length, want := range map[time.Duration]string{
		0: "0 µs", 1: "0 µs", 999: "0 µs,0.2 µs,0.4 µs,0.6 µs,0.8 µs", 120 * time.Microsecond: "0 µs,50 µs,100 µs",
		23 * time.Millisecond: "0 ms,5 ms,10 ms,15 ms,20 ms", 61 * time.Second: "0 s,20 s,40 s,", math.MaxInt64: "",
	} {
		s := span(1, 0, nil, "", "alone", 0, 0)
		s.Duration = length
		r, _ := gather(report.Options{}, [][]gap.Span{{s}})
		var got []string
		for _, m := range label.FindAllStringSubmatch(renderHTML(t, r, report.HTMLOptions{}), -1) {
			got = append(got, m[2])
		}
		if len(got) > 6 || want != "" && strings.Join(got, ",") != want {
			t.Errorf("%v: %q, want %q", length, got, want)
		}
	}
}

// large returns a trace as a busy server records it: levels of three calls each, which get shorter,
// and some that fail.
func large(t *testing.T, n int) []gap.Span {
	t.Helper()
	var b strings.Builder
	if err := manyspans.Write(&b, "realistic", n, 0); err != nil {
		t.Fatal(err)
	}
	for spans, err := range jaegerjson.Read(strings.NewReader(b.String())) {
		if err != nil {
			t.Fatal(err)
		}
		spans[n-1].Tags = append(spans[n-1].Tags, gap.Field{Key: "error", Value: true})
		return spans
	}
	return nil
}

func TestHTMLOfLargeTrace(t *testing.T) {
	element := regexp.MustCompile(`<[a-z]`)
	rows := regexp.MustCompile(`class="row[ "]`)
	for name, test := range map[string]struct {
		spans                 []gap.Span
		o                     report.HTMLOptions
		rows, bytes, elements int // at most
		contains              string
	}{
		"5,000 spans": {
			large(t, 5000), report.HTMLOptions{}, 250, 300_000, 5000, " shorter than 0.1 % not drawn",
		},
		"5,000 spans, all of them": {large(t, 5000), report.HTMLOptions{Rows: -1}, 5000, 5_000_000, 80_000, " below<"},
		"5,000 spans, some rows": {
			large(t, 5000), report.HTMLOptions{Rows: 100}, 200, 300_000, 5000, " more spans<",
		},
		"5,000 short spans": {fan(5000), report.HTMLOptions{}, 3, 300_000, 5000, "4999 spans shorter than 0.1 % not drawn"},
		"5,000 levels":      {chain(5000), report.HTMLOptions{}, 5000, 3_000_000, 60_000, `<small>(5000)</small>`},
	} {
		r, _ := gather(report.Options{}, [][]gap.Span{test.spans})
		text := renderHTML(t, r, test.o)
		n, elements := len(rows.FindAllString(text, -1)), len(element.FindAllString(text, -1))
		t.Logf("%s: %d rows, %d bytes, %d elements", name, n, len(text), elements)
		if n > test.rows || len(text) > test.bytes || elements > test.elements || !strings.Contains(text, test.contains) {
			t.Errorf("%s: %d rows, %d bytes, %d elements; want at most %d, %d, %d, and %q",
				name, n, len(text), elements, test.rows, test.bytes, test.elements, test.contains)
		}
	}
}

func TestHTMLListsAreClosed(t *testing.T) {
	deep := fan(3)
	for i, s := range chain(100) {
		s.SpanID += 1000
		s.References = []gap.Reference{{TraceID: s.TraceID, SpanID: gap.SpanID(1000 + i)}}
		if i == 0 {
			s.References[0].SpanID = 3
		}
		deep = append(deep, s)
	}
	after := deep[len(deep)-1]
	after.SpanID, after.References = 2000, []gap.Reference{{TraceID: after.TraceID, SpanID: 1050}}
	deep = append(deep, after)
	traces := append(someTraces(), inTrace(20, deep), inTrace(21, fork()), inTrace(22, large(t, 2000)))
	tag := regexp.MustCompile(`<(/?)(ul|li|details|summary|div|span|section|svg|table|tbody|thead|tr|td|th)[ >]`)
	for _, o := range []report.HTMLOptions{{}, {Rows: 3}, {Rows: 50}, {Rows: -1}} {
		r, _ := gather(report.Options{Traces: 100}, traces)
		var open []string
		deepest, folds := 0, 0
		for _, m := range tag.FindAllStringSubmatch(renderHTML(t, r, o), -1) {
			if m[1] == "" {
				if open = append(open, m[2]); m[2] == "details" {
					folds++
				}
				lists := 0
				for _, name := range open {
					if name == "ul" {
						lists++
					}
				}
				deepest = max(deepest, lists)
				continue
			}
			if len(open) == 0 || open[len(open)-1] != m[2] {
				t.Fatalf("%+v: </%s> ends %q", o, m[2], open)
			}
			open = open[:len(open)-1]
		}
		if len(open) > 0 || deepest > 65 || o.Rows <= 0 && (deepest != 65 || folds < 100) {
			t.Errorf("%+v: %q are open, %d lists deep, %d folds", o, open, deepest, folds)
		}
	}
}

var (
	closedFold = regexp.MustCompile(`<details><summary class="row[^"]*" id="s-[0-9a-f]{16}-0*([0-9a-f]+)"`)
	openFold   = regexp.MustCompile(`<details open><summary class="row[^"]*" id="s-[0-9a-f]{16}-0*([0-9a-f]+)"`)
)

// Of many rows only those are open that lead to the critical path or to a failed span.
func TestHTMLFoldsWhatIsNotCritical(t *testing.T) {
	spans := []gap.Span{
		span(1, 0, shop, "server", "root", 0, 1000),
		span(2, 1, shop, "internal", "critical", 0, 1000), span(3, 2, shop, "internal", "work", 500, 1000),
		span(4, 1, shop, "internal", "meanwhile", 10, 900), span(5, 4, shop, "internal", "work", 20, 800),
		span(6, 1, shop, "internal", "failing", 10, 900),
		tagged(span(7, 6, shop, "client", "call", 20, 800), "error", true),
	}
	r, _ := gather(report.Options{}, [][]gap.Span{spans})
	if got := all(openFold, renderHTML(t, r, report.HTMLOptions{})); !slices.Equal(got, []string{"1", "2", "4", "6"}) {
		t.Errorf("of few rows %q are open, want all", got)
	}
	for i := range gap.SpanID(300) {
		spans = append(spans, span(100+i, 5, shop, "client", "call", 30, 40))
	}
	r, _ = gather(report.Options{}, [][]gap.Span{spans})
	text := renderHTML(t, r, report.HTMLOptions{})
	open, closed := all(openFold, text), all(closedFold, text)
	if !slices.Equal(open, []string{"1", "2", "6"}) || !slices.Equal(closed, []string{"4", "5"}) ||
		!strings.Contains(text, `<small class="below">301 spans below</small>`) {
		t.Errorf("%q are open and %q closed", open, closed)
	}
}

func TestHTMLDrawsShortSpansThatMatter(t *testing.T) {
	spans := fan(1500)
	spans[700] = tagged(spans[700], "error", true)
	parent := spans[900]
	spans = append(spans, span(5000, parent.SpanID, shop, "client", "longer than its parent", 1000, 1100))
	spans = append(spans, span(5001, spans[10].SpanID, shop, "client", "below a short span", 1000, 1000))
	r, _ := gather(report.Options{}, [][]gap.Span{spans})
	text := renderHTML(t, r, report.HTMLOptions{})
	for _, want := range []string{
		">child 500<", ">child 699<", ">" + parent.Operation + "<", ">longer than its parent<",
		">1498 spans shorter than 0.1 % not drawn<",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
	if n := strings.Count(text, `class="row`); n != 6 {
		t.Errorf("%d rows, want 6", n)
	}
}

func TestHTMLLinksHaveTexts(t *testing.T) {
	spans := request()
	for i := range spans {
		spans[i].Operation = ""
	}
	r, _ := gather(report.Options{}, [][]gap.Span{spans})
	text := renderHTML(t, r, report.HTMLOptions{})
	if empty := regexp.MustCompile(`<a [^>]*>(<span[^>]*></span>)?</a>`).FindString(text); empty != "" {
		t.Errorf("a link without a text: %s", empty)
	}
	if n := strings.Count(text, ">(no name)<"); n < len(spans) {
		t.Errorf("%d names are replaced", n)
	}
}
