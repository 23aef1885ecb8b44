package main

import (
	"context"
	"math"
	"net/http"
	"testing"
	"time"
)

// burning is a tracer whose parents take CPU time to finish, and that takes some to be flushed.
type burning time.Duration

func (b burning) parent(bool) (context.Context, http.Header, func()) {
	return context.Background(), http.Header{}, b.flush
}

func (b burning) flush() {
	for start := clock(); clock()-start < time.Duration(b); {
	}
}

func (burning) close() {}

func TestSendingIsInACallsTimeOnlyWhereItIsToBeMeasured(t *testing.T) {
	const each = 5 * time.Millisecond
	for _, sends := range []bool{false, true} {
		c := &cell{state: Sampled, tracer: burning(each), client: &client{call: func(context.Context) {}}, chunk: 2, chunks: 3}
		calls := time.Duration(c.chunk * c.chunks)
		total := c.took(plan{sends: sends}) * calls
		if parents := time.Duration(c.chunks); sends && total < 2*each*parents-calls { // a nanosecond of each call is lost in the division
			t.Errorf("%v: neither all finishing nor all flushing is in it", total)
		} else if !sends && total >= each*parents {
			t.Errorf("%v: finishing or flushing is in it", total)
		}
	}
}

// The median of 201 rounds is the 101st, and that of a draw of them is, 95 times in 100, 14 places from it at most: a
// binomial distribution's standard deviation is 7.1 rounds, and its bounds are 1.96 of them. A thousand draws tell where they are to
// within a place or so.
func TestTheBoundsOfARatioHave95PercentOfItsDraws(t *testing.T) {
	const rounds = 201
	var cost, unit, raw []float64
	for i := range rounds {
		raw = append(raw, 0)
		unit = append(unit, 1000)
		cost = append(cost, 1000*float64(1+i*83%rounds)) // 1 to 201 times the unit, in no order
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

func TestARoundsCostAndItsUnitAreDrawnTogether(t *testing.T) {
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
