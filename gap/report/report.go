package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// Options say how much a [Report] keeps.
type Options struct {
	Traces  int           // how many traces are drawn: those with the most own time on their critical paths. 0 means 10, less than 0 none
	Gaps    int           // how many gaps are listed, as [gap.Worst] ranks them. 0 means 20, less than 0 none
	AtLeast time.Duration // gaps that hold less are not listed
}

// Report is what was found in traces. Add them, then write it in any of its forms. It holds memory by operations, and by the
// traces that are to be drawn. It is not to be used by several goroutines at once.
type Report struct {
	options  Options
	drawn    []drawn // the worst first
	gaps     []Gap   // the worst first
	summary  gap.Summary
	traces   int
	spans    int
	warnings map[gap.Code]int
}

// Gap is a [gap.Gap] that stands for itself, so that its trace can be dropped.
type Gap struct {
	TraceID            gap.TraceID
	SpanID             gap.SpanID
	Service, Operation string
	Class              gap.Class
	Start, End         time.Time     // in UTC, half-open
	At                 time.Duration // Start, from the start of the trace
	Time, CriticalTime time.Duration // as gap.Gap has them
	Joined             bool
	Incomplete         bool // spans of the trace are missing: the gap may be one of them
}

// drawn is a trace that is to be drawn.
type drawn struct {
	trace    *gap.Trace
	warnings []gap.Warning
	critical time.Duration // own time on the critical path
}

// New returns an empty Report.
func New(o Options) *Report {
	o.Traces, o.Gaps = cmp.Or(o.Traces, 10), cmp.Or(o.Gaps, 20)
	return &Report{options: o, warnings: map[gap.Code]int{}}
}

// Add adds a trace, and what [gap.Build] warned of in it. In which order traces are added makes no difference.
func (r *Report) Add(t *gap.Trace, warnings []gap.Warning) {
	if t.Len() == 0 {
		return
	}
	r.traces++
	r.spans += t.Len()
	for _, w := range warnings {
		r.warnings[w.Code]++
	}
	r.summary.Add(t)
	r.keepGaps(t)
	if r.options.Traces > 0 {
		d := drawn{trace: t, warnings: warnings}
		for n := range t.Nodes() {
			d.critical += n.CriticalTime()
		}
		r.drawn = keep(r.drawn, d, r.options.Traces, compareDrawn)
	}
}

func (r *Report) keepGaps(t *gap.Trace) {
	if r.options.Gaps < 0 {
		return
	}
	worst := gap.Worst(t.Gaps(r.options.AtLeast), r.options.Gaps)
	incomplete := len(worst) > 0 && isIncomplete(t)
	for _, g := range worst {
		span := g.Node.Span()
		r.gaps = keep(r.gaps, Gap{
			TraceID: t.ID(), SpanID: span.SpanID, Service: g.Node.Service(), Operation: span.Operation,
			Class: g.Class, Start: g.Start, End: g.End, At: g.Start.Sub(t.Start()),
			Time: g.Time, CriticalTime: g.CriticalTime, Joined: g.Joined(), Incomplete: incomplete,
		}, r.options.Gaps, compareGaps)
	}
}

// keep inserts one where it belongs in what is sorted, and drops what is then one too many.
func keep[T any](sorted []T, one T, most int, compare func(a, b T) int) []T {
	i, _ := slices.BinarySearchFunc(sorted, one, compare)
	for i < len(sorted) && compare(sorted[i], one) == 0 { // behind its equals
		i++
	}
	if i == most {
		return sorted
	}
	if len(sorted) == most {
		sorted = slices.Delete(sorted, most-1, most)
	}
	return slices.Insert(sorted, i, one)
}

func isIncomplete(t *gap.Trace) bool {
	for n := range t.Nodes() {
		if n.Incomplete() {
			return true
		}
	}
	return false
}

func compareDrawn(a, b drawn) int {
	return cmp.Or(
		cmp.Compare(b.critical, a.critical),
		cmp.Compare(b.trace.End().Sub(b.trace.Start()), a.trace.End().Sub(a.trace.Start())),
		compareTraceIDs(a.trace.ID(), b.trace.ID()),
		cmp.Compare(b.trace.Len(), a.trace.Len()),
	)
}

func compareGaps(a, b Gap) int {
	return cmp.Or(
		cmp.Compare(b.CriticalTime, a.CriticalTime), cmp.Compare(b.Time, a.Time),
		compareTraceIDs(a.TraceID, b.TraceID), a.Start.Compare(b.Start), cmp.Compare(a.SpanID, b.SpanID),
	)
}

func compareTraceIDs(a, b gap.TraceID) int {
	return cmp.Or(cmp.Compare(a.High, b.High), cmp.Compare(a.Low, b.Low))
}

// Gaps returns the worst gaps, the worst first.
func (r *Report) Gaps() []Gap { return slices.Clone(r.gaps) }

// Traces returns the traces that are drawn, the one with the most own time on its critical path first.
func (r *Report) Traces() []*gap.Trace {
	var traces []*gap.Trace
	for _, d := range r.drawn {
		traces = append(traces, d.trace)
	}
	return traces
}

// Summary returns what all traces say of each operation. It goes on changing with the report.
func (r *Report) Summary() *gap.Summary { return &r.summary }

// Count returns how many traces have been added, and how many spans they have.
func (r *Report) Count() (traces, spans int) { return r.traces, r.spans }
