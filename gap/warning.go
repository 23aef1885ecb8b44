package gap

import (
	"fmt"
	"slices"
)

// Warning says what [Build] repaired, dropped or flagged in a trace.
type Warning struct {
	SpanID  SpanID // zero if the warning is not about one span
	Code    WarningCode
	Message string // says how many more spans there are
	More    int    // further spans that it is about, if it stands for all of a trace
}

// String returns the warning as one line.
func (w Warning) String() string {
	if w.SpanID == 0 {
		return w.Message
	}
	return "span " + w.SpanID.String() + ": " + w.Message
}

// WarningCode identifies the kind of a [Warning].
type WarningCode string

// The codes.
const (
	// WarnForeignTrace: spans of another trace were dropped. There is one warning for each such
	// trace.
	WarnForeignTrace WarningCode = "foreign-trace"
	// WarnHalfID: spans have only the right half of the trace's id. They were kept.
	WarnHalfID WarningCode = "half-id"
	// WarnDuplicate: the span came twice. One copy was dropped. A trace has at most one such warning.
	WarnDuplicate WarningCode = "duplicate"
	// WarnSameID: the span was dropped, since another span with its id starts first, is longer, or
	// is the only one with a time. Both may be one span in two formats. A trace has at most one such
	// warning.
	WarnSameID WarningCode = "same-id"
	// WarnNoSpanID: the id is zero. The span was kept, but no reference can name it.
	WarnNoSpanID WarningCode = "no-span-id"
	// WarnBadTime: the span has no start, or starts before 1823 or after 2116. It was moved to its
	// parent's start, or to the start of the trace if it is a root.
	WarnBadTime WarningCode = "bad-time"
	// WarnBadDuration: the duration is negative, as it is for a span of OTLP that was not finished,
	// or the span ends after 2116. It counts as zero.
	WarnBadDuration WarningCode = "bad-duration"
	// WarnBadJoined: the tag wait.joined_us is not a number, is negative, or is more than the
	// call's spans cover. It counts as zero, or as what they cover.
	WarnBadJoined WarningCode = "bad-joined"
	// WarnMissingParent: the trace lacks the parent, see [Node.Incomplete].
	WarnMissingParent WarningCode = "missing-parent"
	// WarnCycle: the span refers to itself, or was its own ancestor and became a root.
	WarnCycle WarningCode = "cycle"
	// WarnClockSkew: the span's clock differs from its parent's. The message says whether it was
	// moved. A warning with this code and no SpanID says that Jaeger has corrected the clocks.
	WarnClockSkew WarningCode = "clock-skew"
)

// warn adds a warning about a node, or about no node if n is nil.
func (b *builder) warn(n *node, code WarningCode, format string, args ...any) {
	w := Warning{Code: code, Message: fmt.Sprintf(format, args...)}
	if n == nil {
		n = &node{span: &Span{}}
	}
	w.SpanID = n.span.SpanID
	b.warnings = append(b.warnings, w)
	b.unsorted = append(b.unsorted, n)
}

// collapse keeps the first of the warnings with this code, and counts the others in it.
func (b *builder) collapse(code WarningCode) {
	is := func(w Warning) bool { return w.Code == code }
	first := slices.IndexFunc(b.warnings, is)
	if first < 0 {
		return
	}
	others := slices.DeleteFunc(b.warnings[first+1:], is)
	w := &b.warnings[first]
	if w.More = len(b.warnings) - first - 1 - len(others); w.More > 0 {
		w.Message += fmt.Sprintf(" (and %d more)", w.More)
	}
	b.warnings = b.warnings[:first+1+len(others)]
}

// sortWarnings sorts the warnings since the last call by their nodes. Every step of Build ends with
// it, so that the order of the warnings does not depend on that of the spans.
func (b *builder) sortWarnings() {
	if len(b.unsorted) == 0 {
		return
	}
	last := b.warnings[len(b.warnings)-len(b.unsorted):]
	places := make([]int, len(last))
	for i := range places {
		places[i] = i
	}
	slices.SortStableFunc(places, func(i, j int) int {
		return b.processes.compareNodes(b.unsorted[i], b.unsorted[j])
	})
	unsorted := slices.Clone(last)
	for i, place := range places {
		last[i] = unsorted[place]
	}
	b.unsorted = b.unsorted[:0]
}
