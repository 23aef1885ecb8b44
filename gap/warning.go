package gap

import "fmt"

// Warning is something in a trace that Build had to mend, drop or flag.
type Warning struct {
	SpanID  SpanID // the span it is about; zero where it is about no one span
	Code    Code
	Message string // for people
}

// String returns the warning as one line.
func (w Warning) String() string {
	if w.SpanID == 0 {
		return w.Message
	}
	return "span " + w.SpanID.String() + ": " + w.Message
}

// Code says what kind of thing a Warning warns of.
type Code string

// The codes.
const (
	ForeignTrace  Code = "foreign-trace"  // spans of another trace, dropped: one warning for each such trace
	Duplicate     Code = "duplicate"      // the span came twice; one dropped
	SameID        Code = "same-id"        // a different span has this id; dropped, as the other starts first
	NoSpanID      Code = "no-span-id"     // the id is zero: kept, but nothing can refer to it
	BadTime       Code = "bad-time"       // starts before 1823 or ends after 2116; clamped
	BadDuration   Code = "bad-duration"   // negative; counts as zero
	BadJoined     Code = "bad-joined"     // wait.joined_us is no number, negative, or more than the call and its waits cover
	MissingParent Code = "missing-parent" // the parent is not in the trace; see Node.Incomplete
	Cycle         Code = "cycle"          // the span is its own ancestor; it became a root
	ClockSkew     Code = "clock-skew"     // its clock differs from its parent's: it was moved, or would have to be
)

func (b *builder) warn(s *Span, code Code, format string, args ...any) {
	b.warnings = append(b.warnings, Warning{SpanID: s.SpanID, Code: code, Message: fmt.Sprintf(format, args...)})
}
