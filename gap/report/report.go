package report

import (
	"cmp"
	"iter"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// Options say how much a [Report] keeps.
type Options struct {
	Traces  int           // how many traces are drawn: those with the most self time on their critical paths. 0 means 10, less than 0 none
	Gaps    int           // how many gaps are listed, as [gap.Worst] ranks them. 0 means 20, less than 0 none
	AtLeast time.Duration // gaps that hold less are not listed
}

// Report is what was found in traces. Add them, then write it in any of its forms. It holds memory by operations, and by the
// traces that are to be drawn. It is not to be used by several goroutines at once.
type Report struct {
	options  Options
	drawn    worst[drawn]
	gaps     worst[WorstGap]
	summary  gap.Summary
	traces   int
	spans    int
	warnings map[gap.WarningCode]int
}

// WorstGap is a [gap.WorstGap] that stands for itself, so that its trace can be dropped.
type WorstGap struct {
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
	critical time.Duration // self time on the critical path
}

// New returns an empty Report.
func New(o Options) *Report {
	o.Traces, o.Gaps = cmp.Or(o.Traces, 10), cmp.Or(o.Gaps, 20)
	return &Report{
		options: o, warnings: map[gap.WarningCode]int{},
		drawn: worst[drawn]{most: o.Traces, compare: compareDrawn}, gaps: worst[WorstGap]{most: o.Gaps, compare: compareGaps},
	}
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
			d.critical = plus(d.critical, n.CriticalTime())
		}
		r.drawn.add(d)
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
		r.gaps.add(WorstGap{
			TraceID: t.ID(), SpanID: span.SpanID, Service: g.Node.Service(), Operation: span.Operation,
			Class: g.Class, Start: g.Start, End: g.End, At: g.Start.Sub(t.Start()),
			Time: g.Time, CriticalTime: g.CriticalTime, Joined: g.Joined(), Incomplete: incomplete,
		})
	}
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
		cmp.Compare(span(b.trace), span(a.trace)),
		compareTraces(a.trace, b.trace),
	)
}

// compareTraces orders traces by their ids, and two of one id by what is in them.
func compareTraces(a, b *gap.Trace) int {
	if c := cmp.Or(compareTraceIDs(a.ID(), b.ID()), cmp.Compare(b.Len(), a.Len())); c != 0 {
		return c
	}
	next, stop := iter.Pull(b.Nodes())
	defer stop()
	for n := range a.Nodes() {
		m, _ := next()
		if c := cmp.Or(
			n.Start().Compare(m.Start()), n.End().Compare(m.End()), cmp.Compare(n.Depth(), m.Depth()),
			cmp.Compare(n.Span().SpanID, m.Span().SpanID), cmp.Compare(n.Service(), m.Service()),
			cmp.Compare(n.Span().Operation, m.Span().Operation), cmp.Compare(n.Kind(), m.Kind()),
			cmp.Compare(n.SelfTime(), m.SelfTime()), cmp.Compare(n.CriticalTime(), m.CriticalTime()),
		); c != 0 {
			return c
		}
	}
	return 0
}

func compareGaps(a, b WorstGap) int {
	return cmp.Or(
		cmp.Compare(b.CriticalTime, a.CriticalTime), cmp.Compare(b.Time, a.Time),
		compareTraceIDs(a.TraceID, b.TraceID), a.Start.Compare(b.Start), a.End.Compare(b.End), cmp.Compare(a.SpanID, b.SpanID),
		cmp.Compare(a.Service, b.Service), cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.At, b.At),
		compareBools(a.Joined, b.Joined), compareBools(a.Incomplete, b.Incomplete),
	)
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func compareTraceIDs(a, b gap.TraceID) int {
	return cmp.Or(cmp.Compare(a.High, b.High), cmp.Compare(a.Low, b.Low))
}

// Gaps returns the worst gaps, the worst first.
func (r *Report) Gaps() []WorstGap { return r.gaps.sorted() }

// Traces returns the traces that are drawn, the one with the most self time on its critical path first.
func (r *Report) Traces() []*gap.Trace {
	var traces []*gap.Trace
	for _, d := range r.drawn.sorted() {
		traces = append(traces, d.trace)
	}
	return traces
}

// Summary returns what all traces say of each operation. It goes on changing with the report.
func (r *Report) Summary() *gap.Summary { return &r.summary }

// Count returns how many traces have been added, and how many spans they have.
func (r *Report) Count() (traces, spans int) { return r.traces, r.spans }
