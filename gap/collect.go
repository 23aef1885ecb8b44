package gap

import (
	"iter"
	"maps"
	"slices"
	"strings"
	"time"
)

// chooseTrace finds the trace to keep. It returns the number of its spans.
func (b *builder) chooseTrace(parts [][]Span) int {
	var first TraceID
	all, several := 0, false
	for id, n := range runs(parts) {
		if all == 0 {
			first = id
		}
		several = several || id != first
		all += n
	}
	if all > 0 && !several {
		b.trace = first
		b.half = b.trace
		if b.trace.Low != 0 {
			b.half.High = 0
		}
		return all
	}
	count := make(map[TraceID]int)
	for id, n := range runs(parts) {
		count[id] += n
	}
	wholes := wholeIDs(count)
	halves := make(map[TraceID]int) // the number of spans that have the half of a whole id
	for low, whole := range wholes {
		half := TraceID{Low: low}
		if n := count[half]; n > 0 && whole != half {
			count[whole] += n
			halves[whole] = n
			delete(count, half)
		}
	}
	traces := slices.SortedFunc(maps.Keys(count), TraceID.Compare)
	for _, id := range traces {
		if count[id] > count[b.trace] {
			b.trace = id
		}
	}
	b.half = b.trace
	if whole := wholes[b.trace.Low]; whole == b.trace {
		b.half = TraceID{Low: b.trace.Low}
	}
	for _, id := range traces {
		if id != b.trace {
			b.warn(nil, WarnForeignTrace, "%d spans of trace %v dropped", count[id], id)
		}
	}
	if n := halves[b.trace]; n > 0 {
		b.warn(nil, WarnHalfID, "spans with only the right half of the trace's id, %v: %d", b.half, n)
	}
	b.sortWarnings()
	return count[b.trace]
}

// runs yields the trace ids of spans, each with how many spans have it that follow each other in a
// part.
func runs(parts [][]Span) iter.Seq2[TraceID, int] {
	return func(yield func(TraceID, int) bool) {
		for _, spans := range parts {
			for len(spans) > 0 {
				n := 1
				for n < len(spans) && spans[n].TraceID == spans[0].TraceID {
					n++
				}
				if !yield(spans[0].TraceID, n) {
					return
				}
				spans = spans[n:]
			}
		}
	}
}

// wholeIDs returns the ids of 128 bits by their right half. If several have the same half, it
// returns the half for it. An id whose right half is zero is left out, since zero is no id.
func wholeIDs(count map[TraceID]int) map[uint64]TraceID {
	wholes := make(map[uint64]TraceID)
	for id := range count {
		if id.High == 0 || id.Low == 0 {
			continue
		}
		if _, several := wholes[id.Low]; several {
			id.High = 0
		}
		wholes[id.Low] = id
	}
	return wholes
}

// isOurs reports whether an id is that of the trace, or the half that stands for it.
func (b *builder) isOurs(id TraceID) bool { return id == b.trace || id == b.half }

// collect makes a node of every span of the trace.
func (b *builder) collect(parts [][]Span) {
	n := b.chooseTrace(parts)
	b.nodes = slices.Grow(b.made.nodes, n)
	b.soleParents = resized(b.soleParents, n)[:0]
	for _, spans := range parts {
		for i := range spans {
			if s := &spans[i]; b.isOurs(s.TraceID) {
				b.collectSpan(s)
			}
		}
	}
	b.index()
}

func (b *builder) collectSpan(s *Span) {
	n := node{span: s, id: s.SpanID, parent: none, operation: b.operation(s)}
	n.start, n.end = s.interval()
	joined := n.readTags(s.Tags)
	if joined || int64(s.Duration) != n.end-n.start || !n.hasTime() {
		b.suspect = append(b.suspect, int32(len(b.nodes)))
	}
	if slices.ContainsFunc(s.Warnings, func(w string) bool { return strings.Contains(w, correctedByJaeger) }) {
		b.movedByJaeger++
	}
	b.nodes = append(b.nodes, n)
	b.soleParents = append(b.soleParents, b.soleParent(s))
}

// readTags sets the kind and whether the span failed, and reports whether there is a tag for joined
// time. Of a tag that was set twice the last one counts, as OpenTracing says.
func (n *node) readTags(tags []Field) (joined bool) {
	for i := range tags {
		switch tags[i].Key {
		case "span.kind":
			name, _ := tags[i].Value.(string)
			n.kind = ParseKind(name)
		case "error":
			if n.flags &^= failed; tags[i].Value == true || tags[i].Value == "true" {
				n.flags |= failed
			}
		case joinedTag:
			joined = true
		}
	}
	return joined
}

// soleParent returns the id of the parent of an ordinary span, whose only reference is ChildOf to
// another span of the trace. It returns zero for all other spans; linkNode finds their parents.
func (b *builder) soleParent(s *Span) SpanID {
	if len(s.References) == 1 {
		if ref := &s.References[0]; ref.Type == ChildOf && ref.SpanID != s.SpanID && b.inTrace(*ref) {
			return ref.SpanID
		}
	}
	return 0
}

// interval returns when the span started and ended. A start that is out of range is clamped. A
// duration that is negative, or ends out of range, counts as zero: a span of 292 years would make
// all others invisible.
func (s *Span) interval() (start, end int64) {
	switch seconds := s.Start.Unix(); {
	case seconds <= int64(minTime)/1e9:
		start = minTime
	case seconds >= int64(maxTime)/1e9:
		start = maxTime
	default:
		start = s.Start.UnixNano()
	}
	if length := int64(s.Duration); length > 0 && length < maxTime-start {
		return start, start + length
	}
	return start, start
}

// timeless reports whether the span has neither a duration nor a start. Zipkin allows such spans,
// and a missing start may have become 1970.
func (s *Span) timeless() bool {
	return s.Duration == 0 && (s.Start.IsZero() || s.Start.UnixNano() == 0)
}

// outOfRange reports whether the start was clamped.
func (n *node) outOfRange() bool { return n.start == minTime || n.start == maxTime }

// hasTime reports whether the start is known and in range.
func (n *node) hasTime() bool { return !n.span.timeless() && !n.outOfRange() }

// unfinished reports whether the span ends in 1970, when no span does: OTLP's value for no end is
// 0.
func (s *Span) unfinished() bool {
	return s.Duration < 0 && s.Start.Add(s.Duration).Equal(time.Unix(0, 0))
}

// operation returns the number of the span's operation.
func (b *builder) operation(s *Span) uint32 {
	i, _ := b.operations.index(operationKey{service: b.processes.service(s.Process), name: s.Operation})
	return i
}

// check warns about a span's times, and reads its joined time.
func (b *builder) check(n *node, i int32) {
	s := n.span
	switch length := int64(s.Duration); {
	case s.unfinished():
		b.warn(n, WarnBadDuration, "has no end: perhaps it was not finished; its duration counts as zero")
	case length < 0:
		b.warn(n, WarnBadDuration, "duration %v counts as zero", s.Duration)
	case length > n.end-n.start:
		b.warn(n, WarnBadDuration, "duration %v counts as zero: it ends out of range", s.Duration)
	}
	switch {
	case s.timeless():
		b.warn(n, WarnBadTime, "has no time: drawn where its parent starts")
	case s.Start.IsZero():
		b.warn(n, WarnBadTime, "has no start: drawn where its parent starts")
	case n.outOfRange():
		b.warn(n, WarnBadTime, "its start %v is out of range: drawn where its parent starts", s.Start.UTC())
	}
	if !n.hasTime() {
		if b.timeless == nil {
			b.timeless = make(map[int32]bool)
		}
		b.timeless[i] = true
	}
	work, err := s.joined()
	if err != nil {
		b.warn(n, WarnBadJoined, "%s %v", joinedTag, err)
	} else if work > 0 {
		b.joined = append(b.joined, joinedCall{node: i, work: work})
	}
}
