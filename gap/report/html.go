package report

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"html/template"
	"io"
	"iter"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/page"
	"github.com/gaptrace/gaptrace/internal/printable"
)

// HTMLOptions are the options of [Report.HTML]. The zero value is for a file.
type HTMLOptions struct {
	Title      string // "" means "Gaps"
	Jaeger     string // http or https URL of a Jaeger UI, to link traces and gaps to; "" links none
	Rows       int    // show at most this many spans in a waterfall; 0 means 10,000, less than 0 all, see HTML
	Operations int    // list at most this many operations; 0 means 100, less than 0 all

	// Tags are the keys of tags that waterfalls show. Of a call with later waits they show the
	// call's.
	Tags []string
}

// HTML writes a page with the waterfall of each drawn trace, the worst gaps, and the operations.
// The page loads nothing and has no JavaScript; its own Content-Security-Policy forbids both.
//
// A span with spans below it can be folded. In a trace with more than 200 rows, only those are open
// that lead to the critical path or to a failed span. In a trace with more than 1,000 spans, those
// that are shorter than 0.1 % of it are only counted, unless they failed or o.Rows is negative.
//
// If gaps have explanations, their bars are divided by cause: in the order of time, or in
// proportion if there are too many moments. Pointing at a row, or moving the focus to it, shows the
// evidence for its longest gaps. The tables have the [Verdict] of each gap.
//
// HTML returns the first error of w. If o.Jaeger is invalid, it returns an error that does not
// repeat the URL, which may contain a password, and writes nothing.
//
// The attributes data-gaps are for programs. They have each gap that a waterfall draws, as
//
//	class span-id start end
//
// with times in nanoseconds from the start of the trace. Gaps that are too narrow to be drawn apart
// share an attribute, separated by ";".
func (r *Report) HTML(w io.Writer, o HTMLOptions) error {
	jaeger, err := jaegerUI(o.Jaeger)
	if err != nil {
		return err
	}
	o.Title, o.Rows, o.Operations = cmp.Or(o.Title, "Gaps"), cmp.Or(o.Rows, 10_000), cmp.Or(o.Operations, 100)
	debug, _ := w.(page.Writer)
	p := &htmlPage{
		HTMLOptions: o, Site: debug.Site, report: r, gaps: r.Gaps(), jaeger: jaeger, anchors: map[anchor]bool{},
	}
	for i, d := range r.drawn.sorted() {
		p.Drawn = append(p.Drawn, p.waterfall(i+1, d))
	}
	b := bufio.NewWriterSize(w, 32<<10) // the page is written while it is made
	if err := page.Template().Execute(b, p); err != nil {
		return err
	}
	return b.Flush()
}

// htmlPage is what the template sees.
type htmlPage struct {
	HTMLOptions
	page.Site
	Drawn   []*htmlTrace
	report  *Report
	gaps    []gap.GapGroup
	jaeger  *url.URL        // nil if there are no links to Jaeger
	anchors map[anchor]bool // of the rows on this page
	path    path            // of the trace that is being written
	bar     htmlBar         // of the row that is being written
}

// Style returns the style sheet.
func (p *htmlPage) Style() template.CSS { return page.Style() }

// Policy returns the Content-Security-Policy.
func (p *htmlPage) Policy() string { return page.Policy() }

// anchor identifies a row of a waterfall.
type anchor struct {
	trace gap.TraceID
	span  gap.SpanID
}

func (a anchor) String() string { return "s-" + a.trace.String() + "-" + a.span.String() }

// jaegerUI parses the URL of a Jaeger UI. It refuses a password, which every reader of the page
// would see.
func jaegerUI(text string) (*url.URL, error) {
	if text == "" {
		return nil, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" ||
		u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		const want = "want http or https, a host and perhaps a path, nothing else"
		return nil, errors.New("report: invalid URL of a Jaeger UI: " + want)
	}
	return u, nil
}

// Counts returns how many traces and spans were added.
func (p *htmlPage) Counts() string { return p.report.counts() }

// Single reports whether only one trace was added, and it is drawn. It then comes before the
// tables.
func (p *htmlPage) Single() bool { return len(p.Drawn) == 1 && p.report.traces == 1 }

// Warnings returns the number of warnings of each code.
func (p *htmlPage) Warnings() string {
	var words []string
	for _, code := range sortedCodes(p.report.warnings) {
		words = append(words, fmt.Sprintf("%d %s", p.report.warnings[code], printable.Name(string(code))))
	}
	return strings.Join(words, ", ")
}

// htmlSpan names a span, with links to it.
type htmlSpan struct {
	Service, Name string
	TraceID       gap.TraceID
	Row           string // URL of the span's row, on this page or on that of its trace; "" if neither has it
	Jaeger        string // URL in a Jaeger UI; "" if there is none
}

// htmlName formats the name of an operation. It is never empty, since a link needs a text.
func htmlName(operation string) string { return cmp.Or(printable.Name(operation), "(no name)") }

func (p *htmlPage) span(service, operation string, trace gap.TraceID, id gap.SpanID) htmlSpan {
	s := htmlSpan{
		Service: printable.Name(service),
		Name:    htmlName(operation),
		TraceID: trace,
		Jaeger:  p.jaegerURL(trace, id),
	}
	at := anchor{trace, id}
	switch {
	case p.anchors[at]:
		s.Row = "#" + at.String()
	case p.TraceURL != "":
		s.Row = p.TraceURL + trace.String() + "#" + at.String()
	}
	return s
}

// Notes returns what the explanations of gaps leave open.
func (p *htmlPage) Notes() []string { return p.report.shownNotes() }

// Explained reports whether a gap of a drawn trace has an explanation.
func (p *htmlPage) Explained() bool {
	return slices.ContainsFunc(p.Drawn, func(t *htmlTrace) bool { return len(t.Causes) > 0 })
}

// HasJaeger reports whether there is a Jaeger UI to link to.
func (p *htmlPage) HasJaeger() bool { return p.jaeger != nil }

// jaegerURL returns the URL of a trace in Jaeger's UI, with a span highlighted unless its id is 0.
func (p *htmlPage) jaegerURL(trace gap.TraceID, span gap.SpanID) string {
	if p.jaeger == nil {
		return ""
	}
	u := p.jaeger.JoinPath("trace", trace.String())
	if span != 0 {
		u.RawQuery = url.Values{"uiFind": {span.String()}}.Encode()
	}
	return u.String()
}

// htmlGap is a row of the table of gaps.
type htmlGap struct {
	gap.GapGroup
	Span     htmlSpan // the one with the worst of the gaps
	Position string
	Verdict  string
	P50, P95 time.Duration
}

// Gaps returns the worst gaps.
func (p *htmlPage) Gaps() iter.Seq[htmlGap] {
	return func(yield func(htmlGap) bool) {
		for _, g := range p.gaps {
			span := p.span(g.Service, g.Operation, g.Worst.TraceID, g.Worst.SpanID)
			span.Name += valueOf(g.Tagged, g.TagValue)
			row := htmlGap{
				g, span, position(g.Position), verdictOf(g.Parts, g.Time), g.Times.Quantile(0.5), g.Times.Quantile(0.95),
			}
			if !yield(row) {
				return
			}
		}
	}
}

// HasGaps reports whether the table of gaps has a row.
func (p *htmlPage) HasGaps() bool { return len(p.gaps) > 0 }

// htmlOperation is a row of the table of operations.
type htmlOperation struct {
	gap.Operation
	Span                 htmlSpan // the one with the most self time
	Durations, SelfTimes []string // quantiles
	Percent              string
	Verdict              string
}

// Ops returns the rows of the table of operations.
func (p *htmlPage) Ops() iter.Seq[htmlOperation] {
	return func(yield func(htmlOperation) bool) {
		n := 0
		for o := range p.report.summary.Operations() {
			if n == p.Operations {
				return
			}
			n++
			row := htmlOperation{
				Operation: o,
				Span:      p.span(o.Service, o.Name, o.Worst.TraceID, o.Worst.SpanID),
				Percent:   fmt.Sprintf("%.1f", 100*o.Share),
				Verdict:   verdictOf(o.Parts, o.SelfTime),
			}
			row.Span.Name += valueOf(o.Tagged, o.TagValue)
			for _, q := range quantiles {
				row.Durations = append(row.Durations, duration(o.Durations.Quantile(q)))
				row.SelfTimes = append(row.SelfTimes, duration(o.SelfTimes.Quantile(q)))
			}
			if !yield(row) {
				return
			}
		}
	}
}

// MoreOps returns how many operations the table leaves out.
func (p *htmlPage) MoreOps() int {
	n := 0
	for range p.report.summary.Operations() {
		n++
	}
	if p.Operations < 0 {
		return 0
	}
	return max(n-p.Operations, 0)
}

// shortest returns the duration of the shortest spans that are drawn. Shorter ones of a large trace
// are less than a pixel wide.
func (p *htmlPage) shortest(t *gap.Trace) time.Duration {
	const large = 1000 // spans
	if p.Rows < 0 || t.Len() <= large {
		return 0
	}
	return t.Duration() / 1000
}

// waterfall prepares a trace. It runs before the template, which links to the rows of all traces.
func (p *htmlPage) waterfall(number int, d drawn) *htmlTrace {
	t := &htmlTrace{
		page: p, Number: number, drawn: d, length: max(d.trace.Duration(), 1),
		rows: rows(d.trace, p.Rows, p.shortest(d.trace)), ids: map[gap.Node]anchor{},
	}
	t.unit, t.unitName = unitOf(t.length)
	t.explain()
	for _, r := range t.rows {
		if len(r.nodes) == 0 {
			continue
		}
		// If two spans have one id, or a trace was added twice, only the first row gets the anchor.
		if a := (anchor{d.trace.ID(), r.nodes[0].Span().SpanID}); !p.anchors[a] {
			p.anchors[a] = true
			t.ids[r.nodes[0]] = a
		}
	}
	return t
}

// longest returns the longest gaps that keep accepts, ordered by start, and how many more there
// are.
func longest(t *gap.Trace, most int, keep func(gap.Gap) bool) (gaps []gap.Gap, more int) {
	all := top[gap.Gap]{most: most, compare: func(a, b gap.Gap) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(a.Node.Index(), b.Node.Index()),
			a.Start.Compare(b.Start))
	}}
	for g := range t.Gaps(0) {
		if keep(g) {
			all.add(g)
			more++
		}
	}
	gaps = all.sorted()
	slices.SortStableFunc(gaps, func(a, b gap.Gap) int { return a.Start.Compare(b.Start) })
	return gaps, more - len(gaps)
}

// OperationHead returns the heading of the table's first column.
func (p *htmlPage) OperationHead() string {
	head := p.report.operationHead()
	return strings.ToUpper(head[:1]) + head[1:]
}

// HasOps reports whether the table of operations has a row.
func (p *htmlPage) HasOps() bool { return p.report.traces > 0 }

// Heads returns the headings of the quantiles, twice.
func (p *htmlPage) Heads() (heads []string) {
	for range 2 {
		for _, q := range quantiles {
			heads = append(heads, fmt.Sprintf("p%.0f", 100*q))
		}
	}
	return heads
}
