package debug

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/report"
	"github.com/gaptrace/gaptrace/internal/page"
	"github.com/gaptrace/gaptrace/internal/printable"
)

// answer is what a request is answered with, before it is rendered.
type answer struct {
	report  *report.Report
	stacks  report.Stacks
	spans   [][]gap.Span // of each included trace, for format=jaeger
	html    report.HTMLOptions
	site    page.Site
	problem *problem // nil if there are traces
	notes   []string // what the explanations do not know, or what no span covers
	all     int      // number of traces, included or not
	chosen  []entry  // the included traces, the newest first
	matrix  []line   // of all traces, included or not
}

// entry is a trace in a list.
type entry struct {
	ID                 gap.TraceID
	Service, Operation string // of the first root
	Start              time.Time
	End                time.Time     // of the trace
	Duration           time.Duration // of the first root
	Self, Critical     time.Duration
	Spans              int
	Failed             bool // a span has an error
	Incomplete         bool // spans are missing
}

func describe(t *gap.Trace) entry {
	e := entry{ID: t.ID(), End: t.End(), Spans: t.Len(), Self: t.SelfTime(), Critical: t.CriticalTime()}
	for root := range t.Roots() {
		e.Service, e.Operation = printable.Name(root.Service()), printable.Name(root.Span().Operation)
		e.Start, e.Duration = root.Start(), root.Duration()
		break
	}
	for n := range t.Nodes() {
		e.Incomplete = e.Incomplete || n.Incomplete()
		e.Failed = e.Failed || n.Failed()
	}
	return e
}

// analyse analyses all traces, and reports on those that the filter includes, explained or not. It
// stops when the client is gone.
func (h *handler) analyse(ctx context.Context, f filter, format string, explained bool) *answer {
	a := &answer{}
	var all []entry
	var chosen []*gap.Trace
	var warnings [][]gap.Warning
	for _, spans := range slices.Backward(h.source.Traces()) {
		if ctx.Err() != nil {
			break
		}
		t, ofTrace := gap.Build(spans)
		if t.Len() == 0 {
			continue
		}
		e := describe(t)
		all = append(all, e)
		if f.includes(e) {
			a.chosen = append(a.chosen, e)
			chosen = append(chosen, t)
			warnings = append(warnings, ofTrace)
			if format == "jaeger" {
				a.spans = append(a.spans, h.served(spans))
			}
		}
	}
	a.all, a.matrix = len(all), matrix(all)
	if explained {
		if h.explainAll(ctx, a, chosen); a.problem != nil {
			return a
		}
	}
	a.report = report.New(report.Options{Traces: drawnTraces(a.chosen, format)})
	for i, t := range chosen {
		a.report.Add(t, warnings[i])
		if format == "pprof" {
			a.stacks.Add(t)
		}
	}
	return a
}

// analyseTrace reports on one trace, explained or not.
func (h *handler) analyseTrace(ctx context.Context, id gap.TraceID, explained bool) *answer {
	a := &answer{report: report.New(report.Options{})}
	spans := h.source.Trace(id)
	t, warnings := gap.Build(spans)
	if t.Len() == 0 {
		a.problem = &problem{
			status: http.StatusNotFound, title: "Trace " + id.String() + " is not here",
			text: "It was never recorded, or newer traces have replaced it.",
		}
		return a
	}
	query := url.Values{"id": {id.String()}}
	path, other := "trace", page.Link{Text: "Explain", URL: withQuery("explain", query)}
	if explained {
		traces := []*gap.Trace{t}
		if h.explainAll(ctx, a, traces); a.problem != nil {
			return a
		}
		t = traces[0]
		path, other = "explain", page.Link{Text: "Without explanations", URL: withQuery("trace", query)}
		a.site.Intro = intro{Notes: a.notes}.html()
	}
	a.report.Add(t, warnings)
	a.stacks.Add(t)
	a.spans = [][]gap.Span{h.served(spans)}
	root := describe(t)
	a.html.Title = strings.TrimPrefix(root.Service+": "+root.Operation, ": ")
	a.site.Links = []page.Link{toAllTraces}
	if h.explainer != nil {
		a.site.Links = append(a.site.Links, other)
	}
	a.site.Links = append(a.site.Links, formatLinks(path, query)...)
	return a
}

// maxDrawn bounds the spans of all drawn traces in JSON and Perfetto's format. A single trace may
// have more.
const maxDrawn = 20_000

// drawnTraces returns report.Options.Traces. JSON and Perfetto's format have every span of a drawn
// trace. So it returns how many traces fit into maxDrawn even if the largest ones are drawn.
func drawnTraces(chosen []entry, format string) int {
	const most, none = 10, -1
	switch format {
	case "html", "pprof", "jaeger": // the page links to the traces, and the others have all of them
		return none
	case "text": // it shows a bounded number of rows
		return most
	}
	var sizes []int
	for _, e := range chosen {
		sizes = append(sizes, e.Spans)
	}
	slices.Sort(sizes)
	n, spans := 0, 0
	for _, size := range slices.Backward(sizes) {
		if spans += size; n == most || spans > maxDrawn {
			break
		}
		n++
	}
	return max(n, 1) // trace?id=… would draw this one, too
}

// line is one operation in the matrix of traces.
type line struct {
	Service, Operation string
	Counts             []int // by bucket, in the order of allBuckets
	All                int
}

// matrix counts traces by operation and bucket. The operation with the most traces is first.
func matrix(all []entry) []line {
	type key struct{ service, operation string }
	places := map[key]int{}
	var lines []line
	for _, e := range all {
		k := key{e.Service, e.Operation}
		i, ok := places[k]
		if !ok {
			i = len(lines)
			places[k] = i
			lines = append(lines, line{
				Service: e.Service, Operation: e.Operation, Counts: make([]int, len(buckets)+1),
			})
		}
		l := &lines[i]
		l.All++
		l.Counts[bucketOf(e.Duration)]++
		if e.Failed {
			l.Counts[len(buckets)]++
		}
	}
	slices.SortFunc(lines, func(a, b line) int {
		return cmp.Or(
			cmp.Compare(b.All, a.All), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Operation, b.Operation),
		)
	})
	return lines
}
