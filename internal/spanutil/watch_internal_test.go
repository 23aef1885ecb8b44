package spanutil

import (
	"runtime"
	"sync"
	"testing"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/spantest"
)

// answeredCall returns a call of w whose result is to be watched.
func answeredCall(t *testing.T, w *Wrapper) *Call {
	c := w.Start(t.Context(), Local, func() gaptrace.Call { return gaptrace.Call{Component: "lib", Operation: "op"} })
	if !c.Answered(Messages) {
		t.Fatal("not sampled")
	}
	return c
}

func newRoots(t *testing.T) (*Wrapper, *spantest.Tracer) {
	tracer := spantest.NewTracer()
	return New([]gaptrace.Option{gaptrace.WithTracer(tracer), gaptrace.WithRoots()}), tracer
}

// Calls end in any order, while collections of garbage find results at any age.
func TestOpenCalls(t *testing.T) {
	w, tracer := newRoots(t)
	const rounds, each = 100, 10
	steps := []int{1, 3, 7, 9} // prime to each
	done := make(chan struct{})
	var collector, callers sync.WaitGroup
	collector.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				w.open.collection()
				w.Unfinished()
			}
		}
	})
	for _, step := range steps {
		callers.Go(func() {
			for round := range rounds {
				var calls [each]*Call
				var results [each]*[8]int
				for i := range calls {
					calls[i], results[i] = answeredCall(t, w), new([8]int)
					Watch(calls[i], results[i])
				}
				for i := range calls {
					calls[(i*step+round)%each].Finish(nil)
				}
				runtime.KeepAlive(results)
			}
		})
	}
	callers.Wait()
	close(done)
	collector.Wait()
	want := len(steps) * rounds * each
	if spans, open := len(tracer.Spans()), len(w.Unfinished()); spans != want || open != 0 {
		t.Errorf("%d spans, %d open calls, want %d and none", spans, open, want)
	}
}

// A hook that blocks while its call is locked must not block all cleanups of the program.
func TestCollectionDoesNotWaitForALock(t *testing.T) {
	w, tracer := newRoots(t)
	func() {
		c := answeredCall(t, w)
		Watch(c, new([8]int))
		c.mu.Lock()
		w.open.collection()
		c.mu.Unlock()
	}()
	spantest.Await(t, "the span", func() bool {
		runtime.GC()
		return len(tracer.Spans()) > 0
	})
	if tracer.Spans()[0].Tags["abandoned"] != true {
		t.Errorf("recorded:\n%s", tracer.Tree())
	}
}
