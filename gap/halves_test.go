package gap_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// spanOf returns a server span of a trace, a child of the span with the id one lower.
func spanOf(trace gap.TraceID, id gap.SpanID) gap.Span {
	s := gap.Span{
		TraceID: trace, SpanID: id, Start: time.Unix(1, int64(id)), Duration: time.Duration(100 - 2*id),
		Tags: []gap.Field{{Key: "span.kind", Value: "server"}},
	}
	if id > 1 {
		s.References = []gap.Reference{{TraceID: trace, SpanID: id - 1}}
	}
	return s
}

// A service that knows ids of 64 bits keeps the right half of a longer one.
func TestHalfOfATraceID(t *testing.T) {
	whole, other, half := gap.TraceID{High: 7, Low: 9}, gap.TraceID{High: 8, Low: 9}, gap.TraceID{Low: 9}
	zero := gap.TraceID{High: 7}
	for name, test := range map[string]struct {
		ids      []gap.TraceID // of a chain of spans
		id       gap.TraceID
		len      int
		warnings map[gap.WarningCode]int
	}{
		"a half in the middle":  {[]gap.TraceID{whole, half, whole}, whole, 3, map[gap.WarningCode]int{gap.WarnHalfID: 1}},
		"more halves":           {[]gap.TraceID{whole, half, half}, whole, 3, map[gap.WarningCode]int{gap.WarnHalfID: 1}},
		"a half is the root":    {[]gap.TraceID{half, whole}, whole, 2, map[gap.WarningCode]int{gap.WarnHalfID: 1}},
		"only halves":           {[]gap.TraceID{half, half}, half, 2, nil},
		"two wholes":            {[]gap.TraceID{half, half, whole, other}, half, 2, map[gap.WarningCode]int{gap.WarnForeignTrace: 2}},
		"two wholes and a half": {[]gap.TraceID{whole, whole, other, half}, whole, 2, map[gap.WarningCode]int{gap.WarnForeignTrace: 2}},
		"another trace":         {[]gap.TraceID{whole, half, {Low: 3}}, whole, 2, map[gap.WarningCode]int{gap.WarnForeignTrace: 1, gap.WarnHalfID: 1}},
		"the half is zero":      {[]gap.TraceID{zero, zero, {}}, zero, 2, map[gap.WarningCode]int{gap.WarnForeignTrace: 1}},
	} {
		var spans []gap.Span
		for i, id := range test.ids {
			s := spanOf(id, gap.SpanID(i+1))
			if i > 0 && test.warnings[gap.WarnHalfID] > 0 && id == half { // as the service saw its parent
				s.References[0].TraceID = half
			}
			spans = append(spans, s)
		}
		for range 20 {
			trace, warnings := gap.Build(spans)
			codes := map[gap.WarningCode]int{}
			for _, w := range warnings {
				codes[w.Code]++
			}
			maps.DeleteFunc(codes, func(code gap.WarningCode, _ int) bool { return code == gap.WarnMissingParent })
			if trace.ID() != test.id || trace.Len() != test.len || !maps.Equal(codes, test.warnings) {
				t.Errorf("%s: trace %v of %d spans, %v", name, trace.ID(), trace.Len(), warnings)
			}
			if test.warnings[gap.WarnHalfID] > 0 {
				if roots := slices.Collect(trace.Roots()); len(roots) != 1 {
					t.Errorf("%s: %d roots", name, len(roots))
				}
			}
			hold(t, trace, warnings)
			rand.Shuffle(len(spans), func(i, j int) { spans[i], spans[j] = spans[j], spans[i] })
		}
	}
}

// A reference may have the half of an id that all spans have whole.
func TestReferenceToAHalf(t *testing.T) {
	whole := gap.TraceID{High: 7, Low: 9}
	spans := []gap.Span{spanOf(whole, 1), spanOf(whole, 2)}
	spans[1].References[0].TraceID = gap.TraceID{Low: 9}
	trace, warnings := gap.Build(spans)
	if roots := slices.Collect(trace.Roots()); len(roots) != 1 || len(warnings) != 0 {
		t.Errorf("%d roots, %v", len(roots), warnings)
	}
}

func TestHalvesInAnyOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		var spans []gap.Span
		for i := range 1 + random.IntN(12) {
			id := gap.TraceID{High: random.Uint64N(3), Low: random.Uint64N(3)}
			spans = append(spans, spanOf(id, gap.SpanID(i+1)))
		}
		trace, warnings := gap.Build(spans)
		hold(t, trace, warnings)
		orderDoesNotMatter(t, spans)
	}
}
