package main

import (
	"context"
	"math"
	"net/http"
	"testing"
	"time"
)

// burning is a tracer that uses CPU time to finish a parent, and again to flush.
type burning time.Duration

func (b burning) parent(bool) (context.Context, http.Header, func()) {
	return context.Background(), http.Header{}, b.flush
}

func (b burning) flush() {
	for start := clock(); clock()-start < time.Duration(b); {
	}
}

func (burning) close() {}

func TestTookIncludesSendingOnRequest(t *testing.T) {
	const each = 5 * time.Millisecond
	for _, sends := range []bool{false, true} {
		nothing := &client{call: func(context.Context) {}}
		c := &cell{state: Sampled, tracer: burning(each), client: nothing, chunk: 2, chunks: 3}
		calls := time.Duration(c.chunk * c.chunks)
		total := c.took(plan{Sends: sends}) * calls
		parents := time.Duration(c.chunks)
		if sends && total < 2*each*parents-calls { // the division loses up to a nanosecond per call
			t.Errorf("%v: neither all finishing nor all flushing is in it", total)
		} else if !sends && total >= each*parents {
			t.Errorf("%v: finishing or flushing is in it", total)
		}
	}
}

// The median of 201 rounds is the 101st. The median of a bootstrap sample is at most 14 places from
// it in 95 % of the samples: the standard deviation of the binomial distribution is 7.1 rounds,
// times 1.96. A thousand samples find these bounds to within about a place.
func TestRatioBoundsHold95Percent(t *testing.T) {
	const rounds = 201
	var cost, unit, raw []float64
	for i := range rounds {
		raw = append(raw, 0)
		unit = append(unit, 1000)
		cost = append(cost, 1000*float64(1+i*83%rounds)) // 1 to 201 times the unit, shuffled
	}
	got := ratio(cost, unit, raw)
	if got == nil {
		t.Fatal("no ratio")
	}
	if got.Median != 101 || math.Abs(got.Low-87) > 1.5 || math.Abs(got.High-115) > 1.5 {
		t.Errorf("%+v", *got)
	}
	if again := ratio(cost, unit, raw); *again != *got {
		t.Errorf("%+v, and again %+v", *got, *again)
	}
}

func TestRatioSamplesCostAndUnitTogether(t *testing.T) {
	var cost, unit, raw []float64
	for i := range 15 {
		raw = append(raw, 500)
		unit = append(unit, 1500+50*float64(i))
		cost = append(cost, 500+2*(unit[i]-500)) // twice the unit, however slow the round was
	}
	if got := ratio(cost, unit, raw); got == nil || *got != (spread{2, 2, 2}) {
		t.Errorf("%+v", got)
	}
}
