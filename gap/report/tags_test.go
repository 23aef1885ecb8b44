package report_test

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/report"
)

func tagged(s gap.Span, tags ...any) gap.Span {
	for i := 0; i < len(tags); i += 2 {
		s.Tags = append(slices.Clone(s.Tags), gap.Field{Key: tags[i].(string), Value: tags[i+1]})
	}
	return s
}

// failing returns request with a failed statement, and a failed write to the cache.
func failing() []gap.Span {
	spans := request()
	spans[1] = tagged(spans[1], "http.route", "/books/{id}", "http.status_code", int64(500))
	spans[3] = tagged(spans[3], "error", true, "db.statement", "SELECT title\nFROM books WHERE id = ?")
	spans[5] = tagged(spans[5], "template", "book")
	spans[6] = tagged(spans[6], "error", "true")
	return spans
}

func written(t *testing.T, to func(io.Writer) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := to(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWaterfallShowsFailuresAndTags(t *testing.T) {
	const want = `
                                  ╷0 ms                 ╷50 ms                       time       self
reader: HTTP GET                  ▒▒▒▒████████████████████████████████████▒▒▒▒   100.0 ms
└ bookshop: HTTP GET /books/{id}      █████░░░░█████████░░░░█████░░░░█████        80.0 ms    29.9 ms
  │   http.status_code: 500
  ├ redis get                         █████                                       10.0 ms
  ├ ✗ sql query +1                             █████████    █████                 30.0 ms
  │     db.statement: SELECT title�FROM books WHERE id = ?
  ├ ✗ redis set                                                 █                  0.1 ms
  └ render                                                           ░░░░░        10.0 ms    10.0 ms
        template: book

█ blocked, or covered by the spans below   ░ gap: self time   ▒ gap: on the wire
━ ┄ ┅ the same, not on the critical path   ✗ failed
`
	o := report.TextOptions{Tags: []string{"db.statement", "http.status_code", "template", "none"}}
	if got := draw(t, failing(), o); "\n"+got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	o.Color = true
	if got := draw(t, failing(), o); strings.Count(got, "\x1b[1;31m✗ \x1b[m") != 2 || "\n"+ansi.Strip(got) != want {
		t.Errorf("%q", got)
	}
	o = report.TextOptions{ASCII: true, Width: 60, Tags: []string{"db.statement"}}
	got := draw(t, failing(), o)
	if !strings.Contains(got, "+ ! sql query +1") || !strings.Contains(got, "! failed\n") {
		t.Errorf("%s", got)
	}
	if drawn := draw(t, request(), report.TextOptions{}); strings.Contains(drawn, "failed") {
		t.Errorf("the legend explains what is not there:\n%s", drawn)
	}
}

func TestWaterfallTruncatesTags(t *testing.T) {
	spans := request()
	spans[1] = tagged(spans[1], "long", strings.Repeat("x", 5000), "bytes", []byte{1}, "esc\x1b", "\x1b[2J")
	for _, width := range []int{60, 10_000} {
		got := draw(t, spans, report.TextOptions{Width: width, Tags: []string{"long", "bytes", "esc\x1b"}})
		for line := range strings.Lines(got) {
			if ansi.StringWidth(line) > max(width, 1100) {
				t.Errorf("%d columns", ansi.StringWidth(line))
			}
		}
		for _, want := range []string{"long: xxx", "x…\n", "bytes: AQ==\n", "esc�: �[2J\n"} {
			if !strings.Contains(got, want) {
				t.Errorf("no %q in %.2000s", want, got)
			}
		}
	}
}

func TestHTMLShowsFailuresAndTags(t *testing.T) {
	spans := failing()
	spans[4] = tagged(spans[4], "error", true) // the wait of a call
	spans[3].Tags = spans[3].Tags[:1]
	spans[0] = tagged(spans[0], `<b>"`, "<script>alert(1)</script>\x1b")
	r, _ := gather(report.Options{}, [][]gap.Span{spans})
	text := renderHTML(t, r, report.HTMLOptions{Tags: []string{`<b>"`, "template"}})
	if n := strings.Count(text, ` class="row failed"`); n != 2 {
		t.Errorf("%d rows are failed, want 2", n)
	}
	if n := strings.Count(text, `<small class="failed">failed</small>`); n != 2 {
		t.Errorf("%d rows say so, want 2", n)
	}
	got := regexp.MustCompile(`<small>[^<]*: <span.*?</small>`).FindAllString(text, -1)
	want := []string{
		`<small>&lt;b&gt;&#34;: <span dir="auto">&lt;script&gt;alert(1)&lt;/script&gt;�</span></small>`,
		`<small>template: <span dir="auto">book</span></small>`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestFailuresInOtherFormats(t *testing.T) {
	r, s := gather(report.Options{}, [][]gap.Span{failing()})
	if text := written(t, r.JSON); strings.Count(text, `"failed":true`) != 2 {
		t.Errorf("%s", text)
	}
	failed := 0
	for _, e := range events(t, [][]gap.Span{failing()}) {
		if e.Args["failed"] == true && e.Category == "client" {
			failed++
		}
	}
	if failed != 2 {
		t.Errorf("%d slices are failed, want 2", failed)
	}
	const folded = `reader: HTTP GET;bookshop: HTTP GET /books/{id};bookshop: redis get 10000
reader: HTTP GET;bookshop: HTTP GET /books/{id};bookshop: redis set;(failed) 100
reader: HTTP GET;bookshop: HTTP GET /books/{id};bookshop: sql query;(failed) 20000
reader: HTTP GET;bookshop: HTTP GET /books/{id};bookshop: sql query wait 10000
`
	got := written(t, func(w io.Writer) error { return s.Folded(w, report.FoldedOptions{Time: "remote"}) })
	if got != folded {
		t.Errorf("got\n%s\nwant\n%s", got, folded)
	}
	var labelled []string
	for _, sample := range read(t, s).Sample {
		if sample.HasLabel("failed", "true") {
			labelled = append(labelled, fmt.Sprint(sample.Location[0].Line[0].Function.Name, " ", sample.Value))
		}
	}
	slices.Sort(labelled)
	want := []string{"bookshop: redis set [1 0 0 0 99999 99999]", "bookshop: sql query [1 0 0 0 20000000 20000000]"}
	if !slices.Equal(labelled, want) {
		t.Errorf("%q, want %q", labelled, want)
	}
}

func TestOperationsByTag(t *testing.T) {
	spans := failing()
	spans[3] = tagged(spans[3], "http.route", "<b>\x1b")
	r, _ := gather(report.Options{By: "http.route"}, [][]gap.Span{spans, inTrace(2, request())})
	text := written(t, func(w io.Writer) error { return r.Text(w, report.TextOptions{}) })
	for _, want := range []string{
		"  operation [http.route]  ", "  bookshop: HTTP GET /books/{id} [/books/{id}]  ",
		"  bookshop: HTTP GET /books/{id}                ", "  bookshop: sql query [<b>�]\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	page := renderHTML(t, r, report.HTMLOptions{})
	for _, want := range []string{
		">Operation [http.route]</th>", "sql query [&lt;b&gt;�]<", "/books/{id} [/books/{id}]<",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s", want)
		}
	}
	document := written(t, r.JSON)
	for want, n := range map[string]int{
		`"by":"http.route"`: 1, `"operation":"HTTP GET /books/{id}","value":"/books/{id}","count":1,`: 1,
		`"operation":"HTTP GET /books/{id}","count":1,`: 1, `"value":`: 5, // of two operations and three groups of gaps
	} {
		if got := strings.Count(document, want); got != n {
			t.Errorf("%d times %s, want %d", got, want, n)
		}
	}
	plain, _ := gather(report.Options{}, [][]gap.Span{spans})
	if text := written(t, plain.JSON); strings.Contains(text, `"by"`) || strings.Contains(text, `"value"`) {
		t.Errorf("%s", text)
	}
}
