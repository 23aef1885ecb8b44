package explain

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"golang.org/x/exp/trace"

	"github.com/gaptrace/gaptrace/gap"
)

// Recording is what an execution trace says about the spans that left marks in it.
type Recording struct {
	maxSpans    int
	keep        func(gap.TraceID) bool
	dropped     map[uint64]bool // traces, by the low half of their IDs
	droppedMost time.Duration   // the longest span of a dropped trace
	spans       map[spanKey]*span
	order       []*span // in the order of their marks
	byGoroutine map[trace.GoID][]*span
	places      []place
	reasons     []string
	wall        wallClock
	start, end  trace.Time
	events      int
	notes       []string
	err         error // why the execution trace could not be read to its end
	badMarks    int
	badMark     error // the last one
	badClocks   int
	hasClocks   bool // there are readings of CPU clocks
	hasSamples  bool // there are samples of a CPU profile
	coarse      int  // spans with so many entries that their times are approximate
	entries     int  // of all spans
	forgotten   int  // spans that are partly unobserved, since their history was dropped
	acts        acts
}

func (r *Recording) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

const startClocks = "call cpuclock.Start of package gap/cpuclock in the program"

// finish completes the recording.
func (r *Recording) finish(e *reader) {
	r.places, r.reasons, r.wall, r.hasSamples = e.places.all, e.reasons, e.wall, e.hasSamples
	r.byGoroutine = map[trace.GoID][]*span{}
	for _, s := range r.order {
		if s.Kind != gap.KindClient {
			r.byGoroutine[s.goroutine] = append(r.byGoroutine[s.goroutine], s)
		}
	}
	for _, spans := range r.byGoroutine {
		slices.SortFunc(spans, func(a, b *span) int { return cmp.Compare(a.end, b.end) })
	}
	switch {
	case len(r.order) == 0:
		r.note("no span has a mark in the execution trace: open the tracer with tracer.WithExecutionTrace()")
	case !r.hasClocks && !r.hasSamples:
		r.note("no CPU clocks were recorded, so \"cpu\" includes time in which the kernel gave no CPU: " + startClocks)
	case !r.hasClocks:
		r.note("no CPU clocks were recorded, so only samples say how much of \"cpu\" had a CPU: " + startClocks)
	}
	if len(r.wall.known) == 0 && len(r.order) > 0 {
		r.note("the execution trace has no clock snapshot, so it is assumed that spans ended when they were finished")
	}
	if r.badMarks > 0 {
		r.note("malformed marks: %d, the last one: %v", r.badMarks, r.badMark)
	}
	if r.badClocks > 0 {
		r.note("malformed readings of CPU clocks: %d", r.badClocks)
	}
	if len(r.dropped) > 0 {
		r.note("there are more than %d spans (Options.MaxSpans): traces of at most %v are left out, %d in all",
			r.maxSpans, r.droppedMost, len(r.dropped))
	}
	if r.coarse > 0 {
		r.note("the program changed its state so often that times within a span are approximate, in %d spans", r.coarse)
	}
	if r.forgotten > 0 {
		r.note("what happened first in long spans was forgotten (Options.MaxHistory), in %d of them", r.forgotten)
	}
}

// Notes returns what could not be known, a sentence each.
func (r *Recording) Notes() []string { return slices.Clone(r.notes) }

// Err returns why the execution trace could not be read to its end. It is nil if it could.
func (r *Recording) Err() error { return r.err }

// Events returns the number of events of the execution trace.
func (r *Recording) Events() int { return r.events }

// Traces returns the marked spans by trace. The trace with the newest span is last. Spans of one
// service share a [gap.Process].
func (r *Recording) Traces() [][]gap.Span {
	byID := map[gap.TraceID][]gap.Span{}
	newest := map[gap.TraceID]int{}
	services := map[string]*gap.Process{}
	for i, s := range r.order {
		p := services[s.Service]
		if p == nil {
			p = &gap.Process{Service: s.Service}
			services[s.Service] = p
		}
		byID[s.TraceID] = append(byID[s.TraceID], s.Mark.Span(p))
		newest[s.TraceID] = i
	}
	traces := make([][]gap.Span, 0, len(byID))
	for _, spans := range byID {
		traces = append(traces, spans)
	}
	slices.SortFunc(traces, func(a, b []gap.Span) int { return cmp.Compare(newest[a[0].TraceID], newest[b[0].TraceID]) })
	return traces
}

// Explain returns a copy of the trace whose gaps have explanations. Only gaps of [gap.ClassSelf]
// have one. Time that the execution trace does not have, and the gaps of spans without a mark, are
// [gap.CauseUnobserved].
func (r *Recording) Explain(t *gap.Trace) *gap.Trace {
	return t.Explained(r.ExplainGap)
}

// Has reports whether any span of the trace has a mark in the execution trace.
func (r *Recording) Has(t *gap.Trace) bool {
	for n := range t.Nodes() {
		if r.find(n) != nil {
			return true
		}
	}
	return false
}

// missingNote returns a note about traces without a mark in the execution trace, or "".
func missingNote(missing, traces int) string {
	switch {
	case missing == 0:
		return ""
	case missing == traces:
		return "no span of the traces is in the execution trace: it is of another process or another time"
	}
	return fmt.Sprintf("%d of %d traces are not in the execution trace", missing, traces)
}

func (r *Recording) find(n gap.Node) *span {
	s := n.Span()
	return r.spans[spanKey{s.TraceID.Low, s.SpanID, n.Kind() == gap.KindClient}]
}
