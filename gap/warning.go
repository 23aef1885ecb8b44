package gap

import (
	"fmt"
	"slices"
)

// Warning is something in a trace that Build had to mend, drop or flag.
type Warning struct {
	SpanID  SpanID // the span it is about; zero where it is about no one span
	Code    WarningCode
	Message string // for people
}

// String returns the warning as one line.
func (w Warning) String() string {
	if w.SpanID == 0 {
		return w.Message
	}
	return "span " + w.SpanID.String() + ": " + w.Message
}

// WarningCode says what kind of thing a Warning warns of.
type WarningCode string

// The codes.
const (
	WarnForeignTrace  WarningCode = "foreign-trace"  // spans of another trace, dropped: one warning for each such trace
	WarnDuplicate     WarningCode = "duplicate"      // the span came twice; one dropped
	WarnSameID        WarningCode = "same-id"        // a different span has this id; dropped, as the other starts first
	WarnNoSpanID      WarningCode = "no-span-id"     // the id is zero: kept, but nothing can refer to it
	WarnBadTime       WarningCode = "bad-time"       // starts before 1823 or after 2116, or has neither start nor duration: moved to its parent's start
	WarnBadDuration   WarningCode = "bad-duration"   // negative, or ends after 2116: counts as zero
	WarnBadJoined     WarningCode = "bad-joined"     // wait.joined_us is no number, negative, or more than the call and its waits cover
	WarnMissingParent WarningCode = "missing-parent" // the parent is not in the trace; see Node.Incomplete
	WarnCycle         WarningCode = "cycle"          // the span is its own ancestor; it became a root
	WarnClockSkew     WarningCode = "clock-skew"     // its clock differs from its parent's: it was moved, or would have to be
)

// warn warns of a node, or of no one span if that is nil.
func (b *builder) warn(n *node, code WarningCode, format string, args ...any) {
	w := Warning{Code: code, Message: fmt.Sprintf(format, args...)}
	if n == nil {
		n = &node{span: &Span{}}
	}
	w.SpanID = n.span.SpanID
	b.warnings = append(b.warnings, w)
	b.about = append(b.about, n)
}

// order brings the warnings since it was last called into the order of their spans.
func (b *builder) order() {
	if len(b.about) == 0 {
		return
	}
	last := b.warnings[len(b.warnings)-len(b.about):]
	places := make([]int, len(last))
	for i := range places {
		places[i] = i
	}
	slices.SortStableFunc(places, func(i, j int) int { return b.processes.compareNodes(b.about[i], b.about[j]) })
	unordered := slices.Clone(last)
	for i, place := range places {
		last[i] = unordered[place]
	}
	b.about = b.about[:0]
}
