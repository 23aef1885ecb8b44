package explain

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
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
	wall        clocks
	start, end  trace.Time
	events      int
	notes       []string
	err         error // why the execution trace could not be read to its end
	badMarks    int
	badMark     error // the last one
	badClocks   int
	clocks      bool // there are readings of CPU clocks
	sampled     bool // there are samples of a CPU profile
	coarse      int  // spans with so many entries that their times are approximate
	entries     int  // of all spans
	forgotten   int  // spans that are partly unobserved, since their history was dropped
	acts        acts
}

// spanKey identifies a span. The low half of the trace's ID is enough, and some sources have no
// other.
type spanKey struct {
	trace  uint64
	span   gap.SpanID
	client bool // a client and a server may share an ID
}

func (r *Recording) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// add adds a span, unless it was finished twice or its trace is not kept.
func (r *Recording) add(s *span) {
	key := s.key()
	if r.spans[key] != nil || r.dropped[s.TraceID.Low] || r.keep != nil && !r.keep(s.TraceID) {
		return
	}
	if len(r.order) >= r.maxSpans || r.entries > maxEntries {
		r.dropShort()
	}
	r.spans[key] = s
	r.order = append(r.order, s)
	r.entries += len(s.entries)
}

// maxEntries is how many entries of all spans are kept. They take 64 MB.
const maxEntries = 2_000_000

func (s *span) key() spanKey { return spanKey{s.TraceID.Low, s.SpanID, s.Kind == gap.KindClient} }

// dropShort drops the traces with the shortest spans, until a quarter of the spans is gone. It
// first drops traces that have their root, since the root of the others may be long.
func (r *Recording) dropShort() {
	type size struct {
		trace   uint64
		longest time.Duration
		spans   int
		rooted  bool
	}
	sizes := map[uint64]*size{}
	for _, s := range r.order {
		t := sizes[s.TraceID.Low]
		if t == nil {
			t = &size{trace: s.TraceID.Low}
			sizes[s.TraceID.Low] = t
		}
		t.longest = max(t.longest, s.Duration)
		t.rooted = t.rooted || len(s.References) == 0 || s.Kind == gap.KindServer || s.Kind == gap.KindConsumer
		t.spans++
	}
	ordered := slices.SortedFunc(maps.Values(sizes), func(a, b *size) int {
		return cmp.Or(cmp.Compare(a.longest, b.longest), cmp.Compare(a.trace, b.trace))
	})
	gone := 0
	drop := func(t *size) {
		if gone < len(r.order)/4 && !r.dropped[t.trace] {
			r.dropped[t.trace] = true
			r.droppedMost = max(r.droppedMost, t.longest)
			gone += t.spans
		}
	}
	for _, t := range ordered[:len(ordered)/2] {
		if t.rooted {
			drop(t)
		}
	}
	for _, t := range ordered {
		drop(t)
	}
	maps.DeleteFunc(r.spans, func(k spanKey, _ *span) bool { return r.dropped[k.trace] })
	r.order = shrunk(slices.DeleteFunc(r.order, func(s *span) bool { return r.dropped[s.TraceID.Low] }))
	r.entries = 0
	for _, s := range r.order {
		r.entries += len(s.entries)
	}
}

const startClocks = "call cpuclock.Start of package gap/cpuclock in the program"

// finish completes the recording.
func (r *Recording) finish(e *reader) {
	r.places, r.reasons, r.wall, r.sampled = e.places.all, e.reasons, e.wall, e.sampled
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
	case !r.clocks && !r.sampled:
		r.note("no CPU clocks were recorded, so \"cpu\" includes time in which the kernel gave no CPU: " + startClocks)
	case !r.clocks:
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

// Duration returns how long the execution trace lasts.
func (r *Recording) Duration() time.Duration { return r.end.Sub(r.start) }

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

// ExplainGap explains one gap, as [Recording.Explain] does. It returns nil if the gap is not of
// [gap.ClassSelf].
func (r *Recording) ExplainGap(g gap.Gap) *gap.Explanation {
	if g.Class != gap.ClassSelf {
		return nil
	}
	s := r.find(g.Node)
	if s == nil {
		return unexplained(g.Time, "the span has no mark")
	}
	x := explainer{Recording: r, span: s, gap: g, parts: map[partKey]int{}}
	x.from, x.to = x.at(g.Start), x.at(g.End)
	if x.to < x.from || !g.Joined() && x.to-x.from != trace.Time(g.Time) { // times of untrusted input overflow
		return unexplained(g.Time, "")
	}
	if g.Joined() {
		return x.explainJoined()
	}
	return x.explain()
}

func unexplained(length time.Duration, reason string) *gap.Explanation {
	return &gap.Explanation{Parts: []gap.Part{{Duration: length, Evidence: gap.Evidence{Reason: reason}}}}
}

// explainer makes the explanation of one gap.
type explainer struct {
	*Recording
	span     *span
	gap      gap.Gap
	from, to trace.Time
	parts    map[partKey]int // index into result.Parts
	lines    map[trace.GoID]line
	result   gap.Explanation
}

// partKey is what the entries of a part have in common.
type partKey struct {
	cause  gap.Cause
	proof  gap.Proof
	place  uint32
	reason uint8
	by     trace.GoID // trace.NoGoroutine for the goroutine of the span
	holder *span
	wait   uint32
}

// at converts a time of the trace, which may have moved the span.
func (x *explainer) at(t time.Time) trace.Time {
	return x.span.start + trace.Time(t.Add(-x.gap.Node.Moved()).Sub(x.span.Start))
}

func (x *explainer) explain() *gap.Explanation {
	at := x.from
	x.each(x.from, x.to, func(start, end trace.Time, k partKey) {
		x.put(at, start, unobserved)
		x.put(start, end, k)
		at = end
	})
	x.put(at, x.to, unobserved)
	if x.span.coarse {
		x.result.Moments = nil
	}
	x.proveBySamples()
	x.sort()
	return &x.result
}

// each yields what happened in the part of an interval in which the span lasts.
func (x *explainer) each(from, to trace.Time, yield func(start, end trace.Time, k partKey)) {
	entries := x.span.entries
	i := max(0, sort.Search(len(entries), func(i int) bool { return entries[i].start > from })-1)
	for ; i < len(entries) && entries[i].start < to; i++ {
		end := min(x.span.end, to)
		if i+1 < len(entries) {
			end = min(entries[i+1].start, to)
		}
		if start := max(entries[i].start, from); start < end {
			yield(start, end, x.key(&entries[i], end))
		}
	}
}

// explainJoined explains joined time. Each cause has the share that it has of the time of the
// call's spans, without the waits for the network.
func (x *explainer) explainJoined() *gap.Explanation {
	sum := int64(0)
	during := func(n gap.Node) {
		x.each(max(x.at(n.Start()), x.from), min(x.at(n.End()), x.to), func(start, end trace.Time, k partKey) {
			if k.cause != gap.CauseNetwork {
				x.put(start, end, k)
				sum += int64(end - start)
			}
		})
	}
	during(x.gap.Call)
	for wait := range x.gap.Call.Waits() {
		during(wait)
	}
	x.result.Moments = nil
	if sum == 0 {
		return unexplained(x.gap.Time, "between waits that were joined")
	}
	x.sort()
	rest := x.gap.Time
	parts := x.result.Parts
	for i := range parts {
		parts[i].Duration = time.Duration(float64(x.gap.Time) * float64(parts[i].Duration) / float64(sum))
		rest -= parts[i].Duration
	}
	parts[0].Duration += rest // what rounding left
	x.result.Parts = slices.DeleteFunc(parts, func(p gap.Part) bool { return p.Duration <= 0 })
	return &x.result
}

var unobserved = partKey{by: trace.NoGoroutine}

// key returns the key of the part to which an entry belongs. The entry ends at end.
func (x *explainer) key(e *entry, end trace.Time) partKey {
	a := &x.acts.all[e.act]
	k := partKey{cause: a.cause, proof: a.proof, place: a.place, reason: a.reason, by: e.goroutine}
	followed := a.waitCause != gap.CauseUnobserved
	waits := a.cause == gap.CauseLock || a.cause == gap.CauseChannel || a.cause == gap.CauseSelect ||
		a.cause == gap.CauseOther
	if !followed && !waits {
		return k
	}
	holder := x.holder(e.waker, end)
	switch {
	case followed && holder != nil && holder.TraceID != x.span.TraceID:
		// The program worked for another request, so this is a wait for that one.
		return partKey{cause: a.waitCause, place: a.wait, reason: a.waitReason, by: e.waker, holder: holder}
	case followed:
		k.wait = a.wait
	default:
		k.holder, k.by = holder, e.waker
	}
	return k
}

// holder returns the innermost span for which the waker worked when it ended the wait.
func (x *explainer) holder(waker trace.GoID, at trace.Time) *span {
	if waker == trace.NoGoroutine {
		return nil
	}
	spans := x.byGoroutine[waker] // ordered by end, so the innermost of those that last is the first
	i := sort.Search(len(spans), func(i int) bool { return spans[i].end >= at })
	const most = 1000 // later spans of a goroutine that works for request after request
	for _, s := range spans[i:min(len(spans), i+most)] {
		if s.from < at && s != x.span {
			return s
		}
	}
	return nil
}

// put adds an interval to its part.
func (x *explainer) put(start, end trace.Time, k partKey) {
	if start >= end {
		return
	}
	i, ok := x.parts[k]
	if !ok {
		i = len(x.result.Parts)
		x.parts[k] = i
		x.result.Parts = append(x.result.Parts, gap.Part{Cause: k.cause, Evidence: x.evidence(k)})
	}
	x.result.Parts[i].Duration += time.Duration(end - start)
	offset := func(t trace.Time) time.Time { return x.gap.Start.Add(time.Duration(t - x.from)) }
	if n := len(x.result.Moments); n > 0 && x.result.Moments[n-1].Part == i {
		x.result.Moments[n-1].End = offset(end)
		return
	}
	x.result.Moments = append(x.result.Moments, gap.Moment{Start: offset(start), End: offset(end), Part: i})
}

func (x *explainer) evidence(k partKey) gap.Evidence {
	where := &x.places[k.place]
	e := gap.Evidence{Frame: where.user, Proof: k.proof}
	if k.by != trace.NoGoroutine {
		e.Goroutine = uint64(k.by)
	}
	switch k.cause {
	case gap.CauseCPU, gap.CauseNoCPU, gap.CauseThrottled:
		x.countSamples(k, &e)
	case gap.CauseSyscall, gap.CauseCgo:
		e.Reason = where.call
	case gap.CauseNetwork:
		e.Client, e.Wrapper, e.Reason = where.client, where.wrapper, cmp.Or(x.reasons[k.reason], where.call)
	case gap.CauseUnobserved:
		e.Reason = x.whyUnobserved()
	default:
		e.Reason = x.reasons[k.reason]
		if where.wait == waitGroupWait || where.wait == mutexWait {
			e.Reason = where.call
		}
	}
	if e.Frame == (gap.Frame{}) && k.wait != 0 {
		e.Frame = x.places[k.wait].user // where the span's goroutine waited for the other
	}
	if h := k.holder; h != nil {
		e.HeldBy = gap.Holder{TraceID: h.TraceID, SpanID: h.SpanID, Service: h.Service, Operation: h.Operation}
	}
	return e
}

func (x *explainer) whyUnobserved() string {
	switch {
	case x.span.forgotten:
		return "forgotten"
	case x.from < x.start:
		return "before the recording"
	case x.to > x.end:
		return "after the recording"
	}
	return ""
}

// countSamples sets the number of samples that a goroutine has in the gap, and the line that most
// of them have.
func (x *explainer) countSamples(k partKey, e *gap.Evidence) {
	if x.lines == nil {
		x.lines = x.countAll()
	}
	id := k.by
	if id == trace.NoGoroutine {
		id = x.span.goroutine
	}
	l := x.lines[id]
	e.Frame = l.frame
	if k.cause == gap.CauseCPU {
		e.Samples, l.samples = l.samples, 0 // they count once
		x.lines[id] = l
	}
}

// line is where a goroutine ran for most of a gap.
type line struct {
	frame   gap.Frame
	samples int // of a CPU profile, at all lines
}

// countAll counts the samples in the gap by goroutine. Where a goroutine was preempted matters only
// if there are no others.
func (x *explainer) countAll() map[trace.GoID]line {
	type place struct {
		goroutine trace.GoID
		frame     gap.Frame
	}
	counts := map[place]int{}
	lines := map[trace.GoID]line{}
	for _, s := range x.span.samples {
		if s.at < x.from || s.at >= x.to {
			continue
		}
		weight := 1
		l := lines[s.goroutine]
		if s.exact {
			l.samples++
			weight = maxSamples
		}
		lines[s.goroutine] = l
		if frame := x.places[s.place].user; frame != (gap.Frame{}) {
			counts[place{s.goroutine, frame}] += weight
		}
	}
	most := map[trace.GoID]int{}
	for p, n := range counts {
		l := lines[p.goroutine]
		if n > most[p.goroutine] || n == most[p.goroutine] && strings.Compare(p.frame.String(), l.frame.String()) < 0 {
			most[p.goroutine], l.frame = n, p.frame
			lines[p.goroutine] = l
		}
	}
	return lines
}

// proveBySamples judges the parts that Go calls running by the samples of a CPU profile, if there
// are no CPU clocks. A sample stands for 10 ms.
func (x *explainer) proveBySamples() {
	if !x.sampled || x.clocks {
		return
	}
	const each = 10 * time.Millisecond
	for i := range x.result.Parts {
		p := &x.result.Parts[i]
		if p.Cause != gap.CauseCPU || p.Proof != gap.Unconfirmed || p.Duration < 5*each {
			continue // too short for a judgement
		}
		p.Proof = gap.BySamples
		// At least 5 samples are expected. Chance makes their number n off by about sqrt(n), which
		// is less than half.
		if sampled := time.Duration(p.Samples) * each; sampled < p.Duration/2 {
			rest := *p
			rest.Cause, rest.Duration, rest.Samples = gap.CauseNoCPU, p.Duration-sampled, 0
			p.Duration = sampled
			x.result.Parts = append(x.result.Parts, rest)
			x.result.Moments = nil // when it had no CPU is unknown
		}
	}
	x.result.Parts = slices.DeleteFunc(x.result.Parts, func(p gap.Part) bool { return p.Duration == 0 })
}

// maxParts is how many parts of a gap have evidence.
const maxParts = 100

// sort orders the parts by duration. If there are too many, it first joins the shortest of each
// cause.
func (x *explainer) sort() {
	x.order()
	if len(x.result.Parts) <= maxParts {
		return
	}
	const kept = maxParts - gap.NumCauses
	parts := x.result.Parts[:kept:kept]
	places := make([]int, len(x.result.Parts))
	rest := map[gap.Cause]int{}
	for i, p := range x.result.Parts {
		if places[i] = i; i < kept {
			continue
		}
		to, ok := rest[p.Cause]
		if !ok {
			to = len(parts)
			rest[p.Cause] = to
			parts = append(parts, gap.Part{Cause: p.Cause, Evidence: gap.Evidence{Proof: p.Proof}})
		}
		parts[to].Duration += p.Duration
		places[i] = to
	}
	x.result.Parts = parts
	x.move(places)
	x.order()
}

// order orders the parts by duration.
func (x *explainer) order() {
	order := make([]int, len(x.result.Parts))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(x.result.Parts[b].Duration, x.result.Parts[a].Duration)
	})
	parts, places := make([]gap.Part, len(order)), make([]int, len(order))
	for to, from := range order {
		parts[to], places[from] = x.result.Parts[from], to
	}
	x.result.Parts = parts
	x.move(places)
}

// move gives each moment the new place of its part, and joins moments that are then alike.
func (x *explainer) move(places []int) {
	moments := x.result.Moments[:0]
	for _, m := range x.result.Moments {
		m.Part = places[m.Part]
		if n := len(moments); n > 0 && moments[n-1].Part == m.Part {
			moments[n-1].End = m.End
			continue
		}
		moments = append(moments, m)
	}
	x.result.Moments = moments
}
