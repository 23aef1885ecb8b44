package debug

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/internal/page"
	"github.com/gaptrace/gaptrace/gap/report"
	"github.com/gaptrace/gaptrace/internal/printable"
)

// answer is what a request is answered with, before it is rendered.
type answer struct {
	report  *report.Report
	stacks  report.Stacks
	html    report.HTMLOptions
	site    page.Site
	missing string  // why there is no such trace; "" if there is
	all     int     // number of traces, included or not
	chosen  []entry // the included traces, the newest first
	matrix  []line  // of all traces, included or not
}

// entry is a trace in a list.
type entry struct {
	ID                 gap.TraceID
	Service, Operation string // of the first root
	Start              time.Time
	Duration           time.Duration // of the first root
	Self, Critical     time.Duration
	Spans              int
	Failed             bool // a span has an error
	Incomplete         bool // spans are missing
}

func describe(t *gap.Trace) entry {
	e := entry{ID: t.ID(), Spans: t.Len(), Self: t.SelfTime(), Critical: t.CriticalTime()}
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

// analyse analyses all traces, and reports on those that the filter includes. It stops when the
// client is gone.
func (h *handler) analyse(ctx context.Context, f filter, format string) *answer {
	type built struct {
		trace    *gap.Trace
		warnings []gap.Warning
	}
	a := &answer{}
	var all []entry
	var chosen []built
	for _, spans := range slices.Backward(h.source.Traces()) {
		if ctx.Err() != nil {
			break
		}
		t, warnings := gap.Build(spans)
		if t.Len() == 0 {
			continue
		}
		e := describe(t)
		all = append(all, e)
		if f.includes(e) {
			a.chosen = append(a.chosen, e)
			chosen = append(chosen, built{t, warnings})
		}
	}
	a.all, a.matrix = len(all), matrix(all)
	a.report = report.New(report.Options{Traces: drawnTraces(a.chosen, format)})
	for _, b := range chosen {
		a.report.Add(b.trace, b.warnings)
		if format == "pprof" {
			a.stacks.Add(b.trace)
		}
	}
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
	case "html", "pprof": // the page links to the traces, and a profile is made of all of them
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
