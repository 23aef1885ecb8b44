package explain

import (
	"cmp"
	"slices"
	"sort"
	"strings"
	"time"

	"golang.org/x/exp/trace"

	"github.com/gaptrace/gaptrace/gap"
)

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
	if !g.Joined() && x.to-x.from != trace.Time(g.Time) { // times of untrusted input overflow
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
	lines    map[trace.GoID]hotLine
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
		e.Client, e.Wrapper, e.Rule = where.client, where.wrapper, where.rule
		e.Reason = cmp.Or(x.reasons[k.reason], where.call)
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

// hotLine is where a goroutine ran for most of a gap.
type hotLine struct {
	frame   gap.Frame
	samples int // of a CPU profile, at all lines
}

// countAll counts the samples in the gap by goroutine. Where a goroutine was preempted matters only
// if there are no others.
func (x *explainer) countAll() map[trace.GoID]hotLine {
	type place struct {
		goroutine trace.GoID
		frame     gap.Frame
	}
	counts := map[place]int{}
	lines := map[trace.GoID]hotLine{}
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
	if !x.hasSamples || x.hasClocks {
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
