package report

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/rollup"
	"github.com/gaptrace/gaptrace/internal/printable"
)

// Options say how much a [Report] keeps.
type Options struct {
	Traces  int           // draw at most this many traces; 0 means 10, less than 0 none
	Gaps    int           // list at most this many groups of gaps; 0 means 20, less than 0 none
	AtLeast time.Duration // list only groups with a gap of at least this length
	By      string        // the key of a tag that splits operations by its value, see gap.Summary.By
}

// Report collects what package gap finds in traces: a summary of all of them, and the traces to
// draw, those with the most self time on their critical paths. Create it by [New], add traces, then
// write it in any format.
//
// Memory grows with the number of operations, with that of the positions of their gaps, and with
// the size of the drawn traces. A Report is not safe for concurrent use.
type Report struct {
	options  Options
	drawn    top[drawn]
	summary  gap.Summary
	traces   int
	spans    int
	caveats  caveats
	warnings map[gap.WarningCode]int
	notes    []string
}

// drawn is a trace to draw.
type drawn struct {
	trace    *gap.Trace
	warnings []gap.Warning
	critical time.Duration // trace.CriticalTime
}

// New returns an empty [Report].
func New(o Options) *Report {
	o.Traces, o.Gaps = cmp.Or(o.Traces, 10), cmp.Or(o.Gaps, 20)
	return &Report{
		options:  o,
		summary:  gap.Summary{By: o.By},
		warnings: map[gap.WarningCode]int{},
		drawn:    top[drawn]{most: o.Traces, compare: compareDrawn},
	}
}

// Add adds a trace with the warnings of [gap.Build]. An empty trace is ignored. The order of calls
// makes no difference.
func (r *Report) Add(t *gap.Trace, warnings []gap.Warning) {
	if t.Len() == 0 {
		return
	}
	r.traces++
	r.spans += t.Len()
	for _, w := range warnings {
		r.warnings[w.Code] += 1 + w.More
	}
	r.caveats.add(t)
	r.summary.Add(t)
	if r.options.Traces > 0 {
		r.drawn.add(drawn{trace: t, warnings: warnings, critical: t.CriticalTime()})
	}
}

// AddPartial adds the traces of a partial. None of them is drawn. [Options].By must be the tag that
// splits the operations of the partial.
func (r *Report) AddPartial(p *rollup.Partial) {
	add := func(sum *int, n int64) { *sum += int(min(n, int64(math.MaxInt-*sum))) } // they may be from an untrusted file
	add(&r.traces, p.Traces)
	add(&r.spans, p.Spans)
	add(&r.caveats.incomplete, p.Incomplete)
	add(&r.caveats.moved, p.Moved)
	for code, n := range p.Warnings {
		count := r.warnings[code]
		add(&count, n)
		r.warnings[code] = count
	}
	r.summary.Merge(&p.Summary)
}

// AddSeenAgain adds n to the number of traces that are later parts of traces that were added
// before. Such a part counts as a trace, so the figures for it are wrong. Every format has this
// number.
func (r *Report) AddSeenAgain(n int) { r.caveats.seenAgain += n }

// counts formats the number of traces and spans: "3 traces (1 seen again), 20 spans".
func (r *Report) counts() string {
	return fmt.Sprintf("%d %s%s, %d %s%s",
		r.traces, printable.Plural(r.traces, "trace"), r.caveats.ofTraces(),
		r.spans, printable.Plural(r.spans, "span"), r.caveats.ofSpans())
}

func compareDrawn(a, b drawn) int {
	return cmp.Or(
		cmp.Compare(b.critical, a.critical),
		cmp.Compare(b.trace.Duration(), a.trace.Duration()),
		compareTraces(a.trace, b.trace),
	)
}

// compareTraces orders traces by id, then by content.
func compareTraces(a, b *gap.Trace) int {
	if c := cmp.Or(a.ID().Compare(b.ID()), cmp.Compare(b.Len(), a.Len())); c != 0 {
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
			compareBools(n.Failed(), m.Failed()),
		); c != 0 {
			return c
		}
		if c := slices.CompareFunc(n.Span().Tags, m.Span().Tags, compareTags); c != 0 {
			return c
		}
	}
	return 0
}

func compareTags(a, b gap.Field) int {
	return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(fmt.Sprint(a.Value), fmt.Sprint(b.Value)))
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

// Gaps returns the gaps that the report lists, by operation and position, the worst first. They are
// those of [gap.Summary.Gaps] that count as self time.
func (r *Report) Gaps() (worst []gap.GapGroup) {
	for g := range r.summary.Gaps() {
		if len(worst) >= r.options.Gaps {
			break
		}
		if g.Class == gap.ClassSelf && g.Times.Quantile(1) >= r.options.AtLeast {
			worst = append(worst, g)
		}
	}
	return worst
}

// Traces returns the drawn traces. The one with the most self time on its critical path is first.
func (r *Report) Traces() []*gap.Trace {
	var traces []*gap.Trace
	for _, d := range r.drawn.sorted() {
		traces = append(traces, d.trace)
	}
	return traces
}

// Summary returns the summary of all traces. It is not a copy: later calls of Add change it.
func (r *Report) Summary() *gap.Summary { return &r.summary }

// Count returns the number of traces that were added, and the number of their spans.
func (r *Report) Count() (traces, spans int) { return r.traces, r.spans }
