package explain

import (
	"testing"

	"golang.org/x/exp/trace"

	"github.com/gaptrace/gaptrace/gap"
)

// Goroutine 1 finishes a span of trace 1 that lasts from 10 to 60 ms. It did not run when the span
// started, unless the case says so.
func TestHandedOver(t *testing.T) {
	waits := func(from, to float64, waker trace.GoID) []piece {
		return []piece{
			{start: ms(from), state: waiting, waker: waker}, {start: ms(to), state: running, waker: trace.NoGoroutine},
		}
	}
	runs := func(from float64) []piece { return []piece{{start: ms(from), state: running}} }
	old := func(id trace.GoID, pieces ...piece) *goroutine {
		return &goroutine{id: id, creator: trace.NoGoroutine, pieces: pieces}
	}
	for name, test := range map[string]struct {
		finisher *goroutine
		others   []*goroutine
		woke     wakeUp // by the finisher
		client   bool   // the finisher waited for a client
		want     trace.GoID
	}{
		"by one that ran at the start": {
			finisher: old(1, waits(0, 50, 2)...), others: []*goroutine{old(2, runs(5)...)}, want: 2,
		},
		"by one that was created since": {
			finisher: old(1, waits(0, 50, 2)...),
			others:   []*goroutine{{id: 2, creator: 3, created: ms(20), pieces: runs(20)}}, want: 2,
		},
		"woken by one that did not run at the start": {
			finisher: old(1, waits(0, 50, 2)...), others: []*goroutine{old(2, waits(0, 40, 5)...)},
		},
		"the finisher started it": {
			finisher: old(1, runs(0)...), others: []*goroutine{old(2, runs(5)...)}, woke: wakeUp{2, ms(50)},
		},
		"the finisher is younger": {
			finisher: &goroutine{id: 1, creator: 2, created: ms(20), pieces: waits(20, 50, 2)},
			others:   []*goroutine{old(2, runs(5)...)},
		},
		"woken by a helper of the finisher": {
			finisher: old(1, waits(0, 50, 2)...), others: []*goroutine{{id: 2, creator: 1, created: ms(20), pieces: runs(20)}},
		},
		"woken by what a client needs": {
			finisher: old(1, waits(0, 50, 2)...), others: []*goroutine{old(2, runs(5)...)}, client: true,
		},
		"first woken for another span": {
			finisher: &goroutine{
				id: 1, creator: trace.NoGoroutine, pieces: append(waits(0, 30, 2), waits(35, 50, 3)...),
				marks: []lastMark{{gap.TraceID{Low: 9}, ms(32)}},
			},
			others: []*goroutine{old(2, runs(5)...), old(3, runs(5)...)}, want: 3,
		},
		"woken again while it works for the span": {
			finisher: old(1, append(waits(0, 30, 2), waits(35, 50, 3)...)...),
			others:   []*goroutine{old(2, runs(5)...), old(3, runs(5)...)}, want: 2,
		},
		"after spans below it": {
			finisher: &goroutine{
				id: 1, creator: trace.NoGoroutine, pieces: waits(0, 30, 2),
				marks: []lastMark{{gap.TraceID{Low: 9}, ms(5)}, {gap.TraceID{Low: 1}, ms(40)}},
			},
			others: []*goroutine{old(2, runs(5)...)}, want: 2,
		},
		"the finisher woke the one that sent it": {
			finisher: old(1, waits(0, 50, trace.NoGoroutine)...), others: []*goroutine{old(2, runs(5)...)},
			woke: wakeUp{2, ms(55)}, want: 2,
		},
		"what the finisher woke before the span": {
			finisher: old(1, waits(0, 50, trace.NoGoroutine)...), others: []*goroutine{old(2, runs(5)...)},
			woke: wakeUp{2, ms(5)},
		},
	} {
		r := newReader(Options{})
		for _, g := range append(test.others, test.finisher) {
			r.goroutines[g.id] = g
		}
		if test.client {
			r.places.all[0].client = "net/http"
		}
		s := &span{start: ms(10), end: ms(60), from: ms(10)}
		s.TraceID, s.goroutine, s.at, s.woke = gap.TraceID{Low: 1}, 1, ms(60), test.woke
		want := test.want
		if want == 0 {
			want = trace.NoGoroutine
		}
		if got := r.handedOver(s, true); got.goroutine != want {
			t.Errorf("%s: %v, want %v", name, got.goroutine, want)
		}
		if got := r.handedOver(s, false); got.goroutine != trace.NoGoroutine {
			t.Errorf("%s, without a clock: %v", name, got.goroutine)
		}
	}
}
