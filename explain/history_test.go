package explain

import (
	"slices"
	"testing"

	"golang.org/x/exp/trace"
)

// A thread is active while it has a P, except in a system call that loses it.
//
//	time      0    10   20   30   40   50   60   70   80
//	P         [-------------------]    [--------------]
//	call            [----]  [-------->      [----]
//	active    [--------------]         [--------------]
func TestActive(t *testing.T) {
	var th thread
	th.acquire(0)
	th.call = 12
	if got := th.activeAt(15); got != 12 {
		t.Errorf("in a call: %d, want 12", got)
	}
	th.call = 0 // it was short
	if got := th.activeAt(25); got != 25 {
		t.Errorf("after the call: %d, want 25", got)
	}
	th.call = 25
	th.returned(26)
	if got := th.activeAt(26); got != 26 {
		t.Errorf("after a short call: %d, want 26", got)
	}
	th.call = 28
	th.release(40)
	th.call = 0
	if got := th.activeAt(45); got != 28 {
		t.Errorf("without a P: %d, want 28", got)
	}
	th.acquire(50)
	th.acquire(55) // known already
	if got := th.activeAt(80); got != 58 {
		t.Errorf("with a P again: %d, want 58", got)
	}
}

// A long system call is no activity, even if the thread keeps its P.
func TestActiveInLongCalls(t *testing.T) {
	var th thread
	th.acquire(0)
	th.call = 10
	th.returned(1_000_000)
	if got := th.activeAt(1_000_005); got != 15 {
		t.Errorf("%d, want 15", got)
	}
}

func TestWindows(t *testing.T) {
	th := thread{hasP: true}
	for _, c := range []struct{ at, cpu int64 }{{100, 40}, {200, 140}, {300, 165}, {250, 165}} {
		th.add(trace.Time(c.at), c.cpu) // the last one is late, so it is ignored
	}
	type part struct {
		start, end trace.Time
		cpu        int64
		known      bool
	}
	for name, test := range map[string]struct {
		start, end trace.Time
		want       []part
	}{
		"in a window with a CPU": {110, 190, []part{{110, 190, 80, true}}},
		"in two windows":         {150, 260, []part{{150, 200, 50, true}, {200, 260, 15, true}}},
		"before, in and after": {50, 350, []part{
			{50, 100, 0, false}, {100, 200, 100, true}, {200, 300, 25, true}, {300, 350, 0, false},
		}},
		"before all": {10, 20, []part{{10, 20, 0, false}}},
		"after all":  {310, 320, []part{{310, 320, 0, false}}},
		"at a clock": {200, 300, []part{{200, 300, 25, true}}},
		"no time":    {150, 150, nil},
	} {
		var got []part
		th.cpu(test.start, test.end, func(start, end trace.Time, w window, ok bool) {
			p := part{start, end, 0, ok}
			if ok {
				p.cpu = w.withCPU(int64(end - start))
			}
			got = append(got, p)
		})
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
	if n := 0; true {
		new(thread).cpu(0, 10, func(_, _ trace.Time, _ window, ok bool) {
			if n++; ok {
				t.Error("a thread without clocks has a window")
			}
		})
		if n != 1 {
			t.Errorf("a thread without clocks: %d windows, want 1", n)
		}
	}
}

func TestThrottled(t *testing.T) {
	r := reader{throttles: []throttle{{100, 200, 30}, {300, 400, 50}}}
	for at, want := range map[[2]trace.Time]trace.Time{
		{0, 100}: 0, {0, 101}: 30, {150, 160}: 10, {150, 350}: 80, {200, 300}: 0, {399, 500}: 50, {400, 500}: 0,
	} {
		if got := r.throttled(at[0], at[1]); got != want {
			t.Errorf("%v: %v, want %v", at, got, want)
		}
	}
}

func TestForget(t *testing.T) {
	g := goroutine{
		pieces:  []piece{{start: 10}, {start: 20}, {start: 30}},
		samples: []sample{{at: 11}, {at: 25}, {at: 35}},
	}
	if got := g.forget(25); got != 1 || len(g.pieces) != 2 || g.pieces[0].start != 20 || len(g.samples) != 2 {
		t.Errorf("dropped %d, left %v and %v", got, g.pieces, g.samples)
	}
	if got := g.forget(1000); got != 1 || len(g.pieces) != 1 {
		t.Errorf("dropped %d, left %v; the last piece has not ended", got, g.pieces)
	}
}
