package tracer_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
)

func TestStopObserving(t *testing.T) {
	setenv(t)
	for name, end := range map[string]func(r *tracer.Recorder, stop func()){
		"stop": func(_ *tracer.Recorder, stop func()) { stop() },
		"Close": func(r *tracer.Recorder, _ func()) {
			r.Close()
			r.Close()
		},
		"both at once": func(r *tracer.Recorder, stop func()) {
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(stop)
				wg.Go(r.Close)
			}
			wg.Wait()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // it fails if a goroutine is left
				r := tracer.NewRecorder(0)
				tr, _ := open(t, tracer.WithRecorder(r))
				o := new(observed)
				stop := r.Observe(func(spans []gap.Span) {
					time.Sleep(time.Second)
					o.observe(spans)
				}, 0)
				open, root := tr.StartSpan("open"), tr.StartSpan("root")
				childOf(tr, "a", root)
				root.Finish()
				tr.StartSpan("other").Finish()
				begin := time.Now()
				end(r, stop)
				if took := time.Since(begin); took != 2*time.Second {
					t.Errorf("it took %v", took)
				}
				open.Finish()
				tr.StartSpan("new").Finish()
				if o.String() != "other\nroot recorder.unfinished_spans=1" || len(r.Traces()) != 4 {
					t.Errorf("got %q", o)
				}
				again := new(observed)
				defer r.Observe(again.observe, 0)()
				tr.StartSpan("newer").Finish()
				if delivered(); again.String() != "newer" || len(o.calls) != 2 {
					t.Errorf("got %q", again)
				}
			})
		})
	}
}

func TestObserveConcurrentUse(t *testing.T) {
	tr, r := recording(t)
	var wg sync.WaitGroup
	observers := make([]observed, 3)
	var stops []func()
	for i := range observers {
		stops = append(stops, r.Observe(observers[i].observe, time.Millisecond))
	}
	for range 4 {
		wg.Go(func() {
			for range 200 {
				c, err := tr.Extract(opentracing.HTTPHeaders, carried(ofPeer))
				if err != nil {
					t.Error(err)
					return
				}
				root := tr.StartSpan("root", opentracing.ChildOf(c))
				var children sync.WaitGroup
				for range 3 {
					children.Go(func() { childOf(tr, "a", root).Finish() })
				}
				children.Wait()
				root.Finish()
			}
		})
	}
	wg.Go(func() {
		for range 50 {
			r.Observe(func([]gap.Span) {}, 0)()
		}
	})
	wg.Wait()
	for i, stop := range stops {
		stop()
		o := &observers[i]
		if lost := r.Unobserved(); lost == 0 && len(o.calls) != 800 {
			t.Errorf("%d calls", len(o.calls))
		}
		for _, call := range o.calls {
			if call != "root a a a" {
				t.Fatalf("got %q", call)
			}
		}
	}
}
