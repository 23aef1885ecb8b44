package sample_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gaptrace/gaptrace/cmd/gaptrace/internal/sample"
	"github.com/gaptrace/gaptrace/gap"
)

func TestSampleDoesNotDependOnOrder(t *testing.T) {
	const most, traces = 100, 5000
	order := rand.New(rand.NewPCG(1, 2)).Perm(traces)
	var forwards, shuffled sample.Sample
	forwards.Most, shuffled.Most = most, most
	for i := range traces {
		forwards.Add(hash(i), int64(i))
		forwards.Add(hash(i), int64(-i)) // the trace came in two parts
		shuffled.Add(hash(order[i]), int64(-order[i]))
		shuffled.Add(hash(order[i]), int64(order[i]))
	}
	if got, want := shuffled.Values(), forwards.Values(); !slices.Equal(got, want) || len(got) != most {
		t.Errorf("%v, want %v", got, want)
	}
	if forwards.Added() != 2*traces || forwards.Len() != most {
		t.Errorf("%d of %d values", forwards.Len(), forwards.Added())
	}
}

// TestSampleIsFair adds the values in ascending order, with ids that count up: the quantiles of the
// sample must still be close to those of all values.
func TestSampleIsFair(t *testing.T) {
	const most, traces = 1000, 100_000
	s := sample.Sample{Most: most}
	for i := range traces {
		s.Add(hash(i), int64(i))
	}
	for _, part := range []int{10, 25, 50, 75, 90} { // five standard deviations are at most 8 %
		got, want := int(s.Values()[most*part/100]), traces*part/100
		if d := got - want; d < -traces*8/100 || d > traces*8/100 {
			t.Errorf("%d %%: %d, want about %d", part, got, want)
		}
	}
}

func TestSampleKeepsFewValues(t *testing.T) {
	s := sample.Sample{Most: 3}
	for _, value := range []int64{5, 1, 3} {
		s.Add(hash(int(value)), value)
	}
	if got := s.Values(); !slices.Equal(got, []int64{1, 3, 5}) {
		t.Errorf("%v", got)
	}
	var none sample.Sample
	none.Add(1, 1)
	if none.Len() != 0 || none.Added() != 1 {
		t.Errorf("the zero Sample keeps %d of %d values", none.Len(), none.Added())
	}
}

func TestHash(t *testing.T) {
	whole, half := gap.TraceID{High: 7, Low: 1}, gap.TraceID{Low: 1}
	if sample.Hash(whole, 2) != sample.Hash(half, 2) {
		t.Error("a trace id and its right half differ")
	}
	if sample.Hash(half, 2) == sample.Hash(half, 3) || sample.Hash(half, 2) == sample.Hash(gap.TraceID{Low: 2}, 1) {
		t.Error("different spans have the same hash")
	}
}

func hash(i int) uint64 { return sample.Hash(gap.TraceID{Low: uint64(i + 1)}, 0) }
