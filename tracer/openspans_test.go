package tracer

import (
	"math/rand/v2"
	"testing"

	"github.com/gaptrace/gaptrace/gap"
)

// openSpans does what a map would do, with few spans and with many.
func TestOpenSpans(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 20))
	var spans openSpans
	want := map[gap.SpanID]bool{}
	for i := range 20_000 {
		most := gap.SpanID(4 + i/100) // so that more and more are open
		if id := random.Uint64N(uint64(most)); random.IntN(5) > 0 {
			if _, open := want[gap.SpanID(id)]; !open {
				want[gap.SpanID(id)] = id%3 == 0
				spans.add(gap.SpanID(id), id%3 == 0)
			}
		} else {
			root, open := spans.remove(gap.SpanID(id))
			wantRoot, wantOpen := want[gap.SpanID(id)]
			delete(want, gap.SpanID(id))
			if root != wantRoot || open != wantOpen {
				t.Fatalf("span %d: root %t, open %t; want %t, %t", id, root, open, wantRoot, wantOpen)
			}
		}
		if spans.len() != len(want) {
			t.Fatalf("%d are open, want %d", spans.len(), len(want))
		}
	}
}
