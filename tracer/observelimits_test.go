package tracer_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
)

func TestObserverThatIsSlow(t *testing.T) {
	setenv(t)
	synctest.Test(t, func(t *testing.T) {
		r := tracer.NewRecorder(0)
		tr, _ := open(t, tracer.WithRecorder(r))
		slow, fast := new(observed), new(observed)
		stopSlow := r.Observe(func(spans []gap.Span) {
			time.Sleep(time.Minute)
			slow.observe(spans)
		}, 0)
		stopFast := r.Observe(fast.observe, 0)
		took := time.Duration(0)
		for i := range 1_011 {
			begin := time.Now()
			tr.StartSpan(fmt.Sprint(i)).Finish()
			took += time.Since(begin)
			delivered()
		}
		if took != 0 || len(fast.calls) != 1_011 {
			t.Errorf("%v; the other observer got %d", took, len(fast.calls))
		}
		if n := r.Unobserved(); n != 10 {
			t.Errorf("%d are lost, want 10", n)
		}
		stopSlow()
		stopFast()
		if len(slow.calls) != 1_001 || slow.calls[1_000] != "1000" {
			t.Errorf("the slow observer got %d, up to %q", len(slow.calls), slow.calls[len(slow.calls)-1])
		}
	})
}

func TestObserveLimitsSpansOfTrace(t *testing.T) {
	observing(t, func(t *testing.T, tr opentracing.Tracer, got func() string) {
		root := tr.StartSpan("root")
		for range 10_005 {
			childOf(tr, "a", root).Finish()
		}
		root.Finish()
		want := "root" + strings.Repeat(" a", 9_999) + " recorder.dropped_spans=6"
		if g := got(); g != want {
			t.Errorf("got %.20q … of %d bytes, want %d", g, len(g), len(want))
		}
	})
}

func TestObserveLimitsBytesOfTrace(t *testing.T) {
	observing(t, func(t *testing.T, tr opentracing.Tracer, got func() string) {
		root := tr.StartSpan("root")
		value := strings.Repeat("x", 64<<10)
		for range 100 {
			a := childOf(tr, "a", root)
			for i := range 16 {
				a.SetTag(fmt.Sprint(i), value)
			}
			a.Finish()
		}
		root.Finish()
		want := "root" + strings.Repeat(" a", 63) + " recorder.dropped_spans=37"
		if g := got(); g != want {
			t.Errorf("got %q", g)
		}
	})
}

// The traces whose roots are open have more spans than the limit for all of them.
func TestObserveLimitsOpenTraces(t *testing.T) {
	setenv(t)
	synctest.Test(t, func(t *testing.T) {
		r := tracer.NewRecorder(0)
		tr, _ := open(t, tracer.WithRecorder(r))
		o := new(observed)
		defer r.Observe(o.observe, 0)()
		var roots []opentracing.Span
		for i := range 12 {
			root := tr.StartSpan(fmt.Sprint("root ", i))
			roots = append(roots, root)
			for range 8_999 {
				childOf(tr, "a", root).Finish()
			}
		}
		if n := r.Unobserved(); n != 1 {
			t.Errorf("%d are lost", n)
		}
		for _, root := range roots {
			childOf(tr, "b", root).Finish()
			root.Finish()
		}
		delivered()
		if n := r.Unobserved(); n != 1 || len(o.calls) != 11 || !strings.HasPrefix(o.calls[0], "root 1 ") {
			t.Errorf("%d are lost, %d observed", n, len(o.calls))
		}
	})
}

// What waits for the observer counts as well.
func TestObserveLimitsWaitingTraces(t *testing.T) {
	setenv(t)
	synctest.Test(t, func(t *testing.T) {
		r := tracer.NewRecorder(0)
		tr, _ := open(t, tracer.WithRecorder(r))
		o := new(observed)
		stop := r.Observe(func(spans []gap.Span) {
			time.Sleep(time.Second)
			o.observe(spans)
		}, 0)
		for range 13 {
			root := tr.StartSpan("root")
			for range 8_999 {
				childOf(tr, "a", root).Finish()
			}
			root.Finish()
			delivered()
		}
		stop()
		if n := r.Unobserved(); n != 1 || len(o.calls) != 12 {
			t.Errorf("%d are lost, %d observed", n, len(o.calls))
		}
	})
}

// Nothing is allocated for observers if there is none.
func TestReportAllocatesNothingForObservers(t *testing.T) {
	tr, r := recording(t)
	headers := carried(ofPeer)
	count := func() float64 {
		runtime.GC()
		return testing.AllocsPerRun(200, func() {
			c, _ := tr.Extract(opentracing.HTTPHeaders, headers)
			root := tr.StartSpan("root", opentracing.ChildOf(c))
			childOf(tr, "a", root).Finish()
			root.Finish()
		})
	}
	before := count()
	stop := r.Observe(func([]gap.Span) {}, 0)
	during := count()
	stop()
	if after := count(); before != after || before >= during {
		t.Errorf("%v allocations before, %v while observed, %v after", before, during, after)
	}
}
