package gap_test

import (
	"slices"
	"testing"

	"github.com/gaptrace/gaptrace/gap"
)

// It makes no difference in how many slices the spans are, and some may be empty.
func TestBuildParts(t *testing.T) {
	whole, half, other := gap.TraceID{High: 7, Low: 9}, gap.TraceID{Low: 9}, gap.TraceID{High: 8, Low: 8}
	for name, ids := range map[string][]gap.TraceID{
		"one trace": {whole, whole, whole, whole}, "a half": {whole, half, whole, whole},
		"another trace": {other, whole, whole, whole}, "no spans": nil,
	} {
		var spans []gap.Span
		for i, id := range ids {
			spans = append(spans, spanOf(id, gap.SpanID(i+1)))
		}
		want := dump(gap.Build(spans))
		for size := 1; size <= len(spans); size++ {
			parts := append(slices.Collect(slices.Chunk(spans, size)), nil)
			if got := dump(gap.BuildParts(parts)); got != want {
				t.Errorf("%s, parts of %d:\n%s\nwant\n%s", name, size, got, want)
			}
		}
		if len(spans) == 0 {
			if got := dump(gap.BuildParts(nil)); got != want {
				t.Errorf("no parts:\n%s\nwant\n%s", got, want)
			}
		}
	}
}
