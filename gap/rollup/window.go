package rollup

import (
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// Window selects the traces that begin in an interval. A trace begins when its earliest span
// starts, before any clock is corrected. So each trace is in one of several consecutive windows,
// and the partials of all days add up to that of the whole time:
//
//	       From                    To
//	         |---- the window ------|
//	|--- Grace ---|            |--- Grace ---|
//	      ====A====                          |     A begins before it: in the window before
//	         |    ====B====   ====C======    |     B and C begin in it
//
// Spans that start before From are needed to know that A begins before the window, and those that
// start after To to measure C. Grace says how far from the window spans are kept. It should be
// longer than any trace.
//
// The zero Window selects all traces. A trace without any known start is in no other window.
type Window struct {
	From, To time.Time     // half-open; zero for no bound
	Grace    time.Duration // zero keeps all spans
}

// Keeps reports whether a span may belong to a trace in the window. Other spans need no row.
func (w Window) Keeps(s *gap.Span) bool {
	if w.Grace <= 0 || !hasStart(s) {
		return true
	}
	return (w.From.IsZero() || !s.Start.Before(w.From.Add(-w.Grace))) &&
		(w.To.IsZero() || s.Start.Before(w.To.Add(w.Grace)))
}

// Contains reports whether the trace of these spans begins in the window.
func (w Window) Contains(trace []gap.Span) bool {
	if w.From.IsZero() && w.To.IsZero() {
		return true
	}
	var first time.Time
	for i := range trace {
		if s := &trace[i]; hasStart(s) && (first.IsZero() || s.Start.Before(first)) {
			first = s.Start
		}
	}
	return !first.IsZero() && !first.Before(w.From) && (w.To.IsZero() || first.Before(w.To))
}

// hasStart reports whether the start of a span is known and plausible. Package gap draws other
// spans where their parents start.
func hasStart(s *gap.Span) bool {
	return !s.Start.IsZero() && s.Start.Unix() > minStart && s.Start.Unix() < maxStart && s.Start.UnixNano() != 0
}

// The starts that package gap accepts, in seconds since 1970: 1823 to 2116.
const (
	minStart = -1 << 62 / 1_000_000_000
	maxStart = 1 << 62 / 1_000_000_000
)
