package spanutil_test

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/options"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/opentracing/opentracing-go"
)

// step is some work and the wait that follows.
type step struct{ work, wait time.Duration }

// span is an interval, in time since the call began.
type span struct{ start, end time.Duration }

// buffered is the rule under test: a shorter wait is work.
const buffered = 20 * time.Microsecond

// play runs a call whose first wait is steps[0].wait, and checks its spans.
func play(t *testing.T, maxWaits int, steps []step) {
	t.Helper()
	var waits []span
	tracer := spantest.NewTracer()
	synctest.Test(t, func(t *testing.T) {
		w := spanutil.New([]gaptrace.Option{gaptrace.WithTracer(tracer), gaptrace.WithMaxWaits(maxWaits)})
		parent := tracer.StartSpan("parent")
		begun := time.Now()
		call, _ := open(w, opentracing.ContextWithSpan(t.Context(), parent), gaptrace.Call{Operation: "op"})
		for i, s := range steps {
			if i == 0 {
				time.Sleep(s.wait)
				call.Answered(spanutil.Rows)
				waits = append(waits, span{0, time.Since(begun)})
				continue
			}
			time.Sleep(s.work)
			start := time.Since(begun)
			call.Enter()
			time.Sleep(s.wait)
			call.Leave(1)
			if end := time.Since(begun); end-start > buffered {
				waits = append(waits, span{start, end})
			}
		}
		time.Sleep(time.Hour) // closed late: not a wait, and no budget for joining
		call.Finish(nil)
		parent.Finish()
		judge(t, tracer, begun, maxWaits, waits)
		if rows := tracer.Named("op")[0].Tags["rows"]; rows != int64(len(steps)-1) {
			t.Errorf("rows = %v, want %d", rows, len(steps)-1)
		}
	})
}

// judge compares the spans with the waits there were, by the documented rules only.
func judge(t *testing.T, tracer *spantest.Tracer, begun time.Time, maxWaits int, waits []span) {
	t.Helper()
	for _, p := range tracer.Problems() {
		t.Error(p)
	}
	var spans []span
	var covered, blocked time.Duration
	call := tracer.Named("op")[0]
	for i, s := range append([]*spantest.Span{call}, tracer.Named("op wait")...) {
		spans = append(spans, span{s.Start.Sub(begun), s.End.Sub(begun)})
		covered += s.Duration()
		if s.ParentID != call.ParentID {
			t.Errorf("span %d is a child of %d, the call's span of %d", s.ID, s.ParentID, call.ParentID)
		}
		if i > 0 {
			if s.FollowsID != call.ID {
				t.Errorf("span %d follows from %d, not from the call, %d", s.ID, s.FollowsID, call.ID)
			}
			if spans[i].start <= spans[i-1].end {
				t.Errorf("span %d starts before the one before it ended, or where it did: %v", s.ID, spans)
			}
		}
		if s.Tags["span.kind"] == nil || s.Tags["component"] == nil {
			t.Errorf("span %d lacks tags: %v", s.ID, s.Tags)
		}
	}
	for _, w := range waits {
		blocked += w.end - w.start
		if !slices.ContainsFunc(spans, func(d span) bool { return d.start <= w.start && w.end <= d.end }) {
			t.Errorf("the wait %v is not covered by %v", w, spans)
		}
	}
	if len(spans) > maxWaits {
		t.Errorf("%d spans, at most %d allowed", len(spans), maxWaits)
	}
	joined := covered - blocked
	want := map[string]any{"wait.count": nil, "wait.us": nil, "wait.joined_us": nil} // a single wait is the span
	if len(waits) > 1 {
		want = map[string]any{
			"wait.count": len(waits), "wait.us": blocked.Microseconds(), "wait.joined_us": joined.Microseconds(),
		}
	}
	for key, want := range want {
		if got := call.Tags[key]; got != want {
			t.Errorf("%s = %v, want %v", key, got, want)
		}
	}
	budget := max(100*time.Microsecond, (waits[len(waits)-1].end-waits[0].start)/100)
	if len(waits) <= maxWaits && joined >= budget {
		t.Errorf("%v of work hidden, the budget is %v", joined, budget)
	}
	for i := 1; i < len(spans); i++ {
		if work := spans[i].start - spans[i-1].end; joined+work < budget {
			t.Errorf("spans %v and %v could be joined: %v + %v is under %v", spans[i-1], spans[i], joined, work, budget)
		}
	}
}

func TestSpansCoverWaitsAndJoinedWork(t *testing.T) {
	for seed := range uint64(300) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			scales := []float64{10e3, 40e3, 1e6, 50e6} // nanoseconds
			some := func() time.Duration { return time.Duration(r.ExpFloat64() * scales[r.IntN(len(scales))]) }
			steps := make([]step, 1+r.IntN(200))
			for i := range steps {
				steps[i] = step{some(), some()}
			}
			play(t, 1+r.IntN(40), steps)
		})
	}
}

func FuzzTimeline(f *testing.F) {
	f.Add(uint8(32), []byte{0, 0, 1, 0, 0, 2, 0, 3})
	f.Add(uint8(1), []byte{255, 255, 1, 0, 0, 2, 0, 3, 9, 9, 9, 9})
	f.Fuzz(func(t *testing.T, maxWaits uint8, data []byte) {
		var steps []step
		for ; len(data) >= 4 && len(steps) < 500; data = data[4:] {
			steps = append(steps, step{
				time.Duration(binary.BigEndian.Uint16(data)) * 500,
				time.Duration(binary.BigEndian.Uint16(data[2:])) * 500,
			})
		}
		if len(steps) > 0 {
			play(t, max(1, int(maxWaits)), steps)
		}
	})
}

// A difference of two durations may not fit into an int, which may have 32 bits.
func TestTheClosestWaitsAreJoinedFirst(t *testing.T) {
	for _, far := range []float64{1, 2.2, 3, 4.295, 7, 3600} { // seconds
		work := time.Duration(far * float64(time.Second))
		play(t, 32, []step{{0, time.Millisecond}, {work, time.Millisecond}, {50 * time.Microsecond, time.Millisecond}})
	}
}

func TestMaxWaitsJoinsTheClosest(t *testing.T) {
	w, tracer := roots(gaptrace.WithMaxWaits(3))
	synctest.Test(t, func(t *testing.T) {
		call, _ := open(w, t.Context(), op)
		time.Sleep(time.Second)
		call.Answered(spanutil.Rows)
		for _, work := range []time.Duration{5, 2, 7, 1, 9} {
			time.Sleep(work * time.Second)
			call.Enter()
			time.Sleep(time.Second)
			call.Leave(1)
		}
		call.Finish(nil)
	})
	// Waits of 1 s, with 5, 2, 7, 1 and 9 s of work between. The 4th wait joins those around the 2,
	// the 5th those around the 1, the 6th those around the 5.
	var got []time.Duration
	for _, s := range tracer.Spans() {
		got = append(got, s.Duration())
	}
	if want := []time.Duration{10 * time.Second, 3 * time.Second, time.Second}; !slices.Equal(got, want) {
		t.Errorf("spans of %v, want %v", got, want)
	}
	if joined := tracer.Spans()[0].Tags["wait.joined_us"]; joined != int64(8e6) {
		t.Errorf("wait.joined_us = %v", joined)
	}
}

func TestOverlappingWaitsAreOne(t *testing.T) {
	for seed := range uint64(50) {
		var mu sync.Mutex
		var all []span
		tracer := spantest.NewTracer()
		synctest.Test(t, func(t *testing.T) {
			w := spanutil.New([]gaptrace.Option{gaptrace.WithTracer(tracer), gaptrace.WithRoots()})
			begun := time.Now()
			call, _ := open(w, t.Context(), gaptrace.Call{Operation: "op"})
			time.Sleep(time.Millisecond)
			call.Answered(spanutil.Messages)
			var users sync.WaitGroup
			for g := range uint64(4) {
				users.Go(func() {
					r := rand.New(rand.NewPCG(seed, g))
					for range 30 {
						time.Sleep(time.Duration(r.ExpFloat64() * 1e6))
						start := time.Since(begun)
						call.Enter()
						time.Sleep(time.Duration(r.ExpFloat64() * 3e5))
						call.Leave(1)
						mu.Lock()
						all = append(all, span{start, time.Since(begun)})
						mu.Unlock()
					}
				})
			}
			users.Wait()
			call.Finish(nil)
			judge(t, tracer, begun, options.DefaultMaxWaits, append([]span{{0, time.Millisecond}}, union(all)...))
		})
	}
}

// union returns when at least one goroutine waited, without what was too short to be a wait.
func union(all []span) []span {
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	var merged []span
	for _, s := range all {
		if n := len(merged); n > 0 && s.start <= merged[n-1].end {
			merged[n-1].end = max(merged[n-1].end, s.end)
		} else {
			merged = append(merged, s)
		}
	}
	return slices.DeleteFunc(merged, func(s span) bool { return s.end-s.start <= buffered })
}
