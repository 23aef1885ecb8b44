package report

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"iter"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/printable"
)

// HTMLOptions say how to write a page. The zero value is for a file.
type HTMLOptions struct {
	Title      string // "" means "Gaps"
	Jaeger     string // the URL of a Jaeger UI, http or https, to which traces and gaps are linked. "" means none
	Rows       int    // of a waterfall, at most and beside those that say what is left out. 0 means 10,000, less than 0 all
	Operations int    // in the table, at most. 0 means 100, less than 0 all

	// These fit the page into a site.
	Links []Link        // shown at the top, before what is on the page itself
	Trace string        // what stands before the id in the URL of a page for a trace, to which the traces are linked that are not drawn here. "" means none
	Intro template.HTML // put before everything that was found. Tables in it look like the page's own
}

// Link is a way to another page.
type Link struct {
	Text string
	URL  string // may be relative. Of absolute ones only http, https and mailto are linked to
}

// HTML writes a page that needs nothing but itself, and no JavaScript: a waterfall of each trace that is drawn, a table of the worst
// gaps, and one of the operations. It is written as it is made. An error is w's, or says why o.Jaeger is no URL to link to, without
// repeating it; then nothing is written.
//
// The page allows itself nothing, by a Content-Security-Policy of its own, but its style. Who serves it may send [HTMLPolicy], too.
//
// Each gap that a waterfall draws is in the attribute data-gaps of what draws it: its class, the id of its span, and when it starts and
// ends, in nanoseconds from the start of the trace; and ";" between gaps that are too narrow to be told apart, and drawn as one.
func (r *Report) HTML(w io.Writer, o HTMLOptions) error {
	jaeger, err := jaegerUI(o.Jaeger)
	if err != nil {
		return err
	}
	o.Title, o.Rows, o.Operations = cmp.Or(o.Title, "Gaps"), cmp.Or(o.Rows, 10_000), cmp.Or(o.Operations, 100)
	p := &page{HTMLOptions: o, pageParts: parts(), report: r, jaeger: jaeger, anchors: map[anchor]bool{}}
	for i, d := range r.drawn.sorted() {
		p.Drawn = append(p.Drawn, p.waterfall(i+1, d))
	}
	b := bufio.NewWriterSize(w, 32<<10)
	if err := p.template.Execute(b, p); err != nil {
		return err
	}
	return b.Flush()
}

// HTMLPolicy returns the Content-Security-Policy that pages of [Report.HTML] state, for who serves them: nothing is loaded, no script
// runs, and no style but the page's own applies.
func HTMLPolicy() string { return parts().Policy }

// pageParts are what all pages are made of.
type pageParts struct {
	template *template.Template
	Style    template.CSS
	Policy   string
}

//go:embed page.html page.css
var pageFiles embed.FS

// parts reads them when the first page is written: importing the package costs nothing.
var parts = sync.OnceValue(func() pageParts {
	style, err := pageFiles.ReadFile("page.css")
	if err != nil {
		panic(err) // it is embedded
	}
	sum := sha256.Sum256(style)
	return pageParts{
		template: template.Must(template.New("page.html").Funcs(template.FuncMap{"duration": duration}).ParseFS(pageFiles, "page.html")),
		Style:    template.CSS(style),
		// An image of nothing keeps browsers from asking for /favicon.ico.
		Policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; img-src data:; base-uri 'none'; form-action 'none'",
	}
})

// page is what the template sees.
type page struct {
	HTMLOptions
	pageParts
	Drawn   []*htmlTrace
	report  *Report
	jaeger  *url.URL        // nil: none
	anchors map[anchor]bool // those that the page has
}

// anchor names a row of a waterfall.
type anchor struct {
	trace gap.TraceID
	span  gap.SpanID
}

func (a anchor) String() string { return "s-" + a.trace.String() + "-" + a.span.String() }

// jaegerUI reads the URL of a Jaeger UI. A password in it would be shown to everyone who sees the page.
func jaegerUI(text string) (*url.URL, error) {
	if text == "" {
		return nil, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("report: the URL of Jaeger's UI: want http:// or https://, a host, perhaps a path, and nothing else")
	}
	return u, nil
}

// Counts says how much the report is about.
func (p *page) Counts() string {
	traces, spans := p.report.Count()
	return fmt.Sprintf("%d %s, %d %s", traces, printable.Plural(traces, "trace"), spans, printable.Plural(spans, "span"))
}

// Single says whether the page is about one trace, which is what its reader wants to see first.
func (p *page) Single() bool { return len(p.Drawn) == 1 && p.report.traces == 1 }

// Warnings counts those of all traces.
func (p *page) Warnings() string {
	var words []string
	for _, code := range sortedCodes(p.report.warnings) {
		words = append(words, fmt.Sprintf("%d %s", p.report.warnings[code], code))
	}
	return strings.Join(words, ", ")
}

// htmlSpan is a span, or an operation with the worst of its spans, and where more is told of it.
type htmlSpan struct {
	Service, Name string
	TraceID       gap.TraceID
	Row           string // the URL of the span's row, or of its trace's page; "" if there is neither
	Jaeger        string
}

func (p *page) span(service, operation string, trace gap.TraceID, id gap.SpanID) htmlSpan {
	s := htmlSpan{Service: printable.Name(service), Name: printable.Name(operation), TraceID: trace, Jaeger: p.jaegerURL(trace, id)}
	at := anchor{trace, id}
	switch {
	case p.anchors[at]:
		s.Row = "#" + at.String()
	case p.Trace != "":
		s.Row = p.Trace + trace.String() + "#" + at.String()
	}
	return s
}

// HasJaeger says whether there is a Jaeger UI to link to.
func (p *page) HasJaeger() bool { return p.jaeger != nil }

// jaegerURL is where Jaeger's UI shows a trace, and points to a span of it unless that is 0.
func (p *page) jaegerURL(trace gap.TraceID, span gap.SpanID) string {
	if p.jaeger == nil {
		return ""
	}
	u := p.jaeger.JoinPath("trace", trace.String())
	if span != 0 {
		u.RawQuery = url.Values{"uiFind": {span.String()}}.Encode()
	}
	return u.String()
}

// htmlGap is a line of the table of gaps.
type htmlGap struct {
	WorstGap
	Span htmlSpan
}

// Gaps returns the worst gaps.
func (p *page) Gaps() iter.Seq[htmlGap] {
	return func(yield func(htmlGap) bool) {
		for _, g := range p.report.gaps.sorted() {
			if !yield(htmlGap{g, p.span(g.Service, g.Operation, g.TraceID, g.SpanID)}) {
				return
			}
		}
	}
}

// HasGaps says whether there is a gap to be listed.
func (p *page) HasGaps() bool { return p.report.gaps.Len() > 0 }

// htmlOperation is a line of the table of operations.
type htmlOperation struct {
	gap.Operation
	Span                 htmlSpan // the worst
	Durations, SelfTimes []string // their quantiles
	Percent              string
}

// Ops returns the operations that are listed.
func (p *page) Ops() iter.Seq[htmlOperation] {
	return func(yield func(htmlOperation) bool) {
		n := 0
		for o := range p.report.summary.Operations() {
			if n == p.Operations {
				return
			}
			n++
			line := htmlOperation{
				Operation: o,
				Span:      p.span(o.Service, o.Name, o.Worst.TraceID, o.Worst.SpanID),
				Percent:   fmt.Sprintf("%.1f", 100*o.Share),
			}
			for _, q := range quantiles {
				line.Durations = append(line.Durations, duration(o.Durations.Quantile(q)))
				line.SelfTimes = append(line.SelfTimes, duration(o.SelfTimes.Quantile(q)))
			}
			if !yield(line) {
				return
			}
		}
	}
}

// MoreOps counts the operations that are not listed.
func (p *page) MoreOps() int {
	n := 0
	for range p.report.summary.Operations() {
		n++
	}
	if p.Operations < 0 {
		return 0
	}
	return max(n-p.Operations, 0)
}

// waterfall prepares a trace: which of its spans have a row must be known before anything links to one.
func (p *page) waterfall(number int, d drawn) *htmlTrace {
	t := &htmlTrace{page: p, Number: number, drawn: d, length: max(span(d.trace), 1), rows: rows(d.trace, p.Rows), ids: map[gap.Node]anchor{}}
	t.unit, t.unitName = unitOf(t.length)
	for _, r := range t.rows {
		if len(r.nodes) == 0 {
			continue
		}
		// Two spans of one id, or a trace added twice: an id on a page is one element's.
		if a := (anchor{d.trace.ID(), r.nodes[0].Span().SpanID}); !p.anchors[a] {
			p.anchors[a] = true
			t.ids[r.nodes[0]] = a
		}
	}
	return t
}

// longest returns the gaps of a trace that hold the most time, by when they start.
func longest(t *gap.Trace, most int) []gap.Gap {
	all := worst[gap.Gap]{most: most, compare: func(a, b gap.Gap) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(a.Node.Index(), b.Node.Index()), a.Start.Compare(b.Start))
	}}
	for g := range t.Gaps(0) {
		if g.Class != gap.ClassRemote {
			all.add(g)
		}
	}
	gaps := all.sorted()
	slices.SortStableFunc(gaps, func(a, b gap.Gap) int { return a.Start.Compare(b.Start) })
	return gaps
}

// HasOps says whether there is an operation to be listed.
func (p *page) HasOps() bool { return p.report.traces > 0 }

// Heads name the quantiles.
func (p *page) Heads() (heads []string) {
	for range 2 {
		for _, q := range quantiles {
			heads = append(heads, fmt.Sprintf("p%.0f", 100*q))
		}
	}
	return heads
}
