package tracer_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/uber/jaeger-client-go"
)

// observed keeps what an observer gets, each call as a line: the operations, and what is special
// about the root.
type observed struct {
	mu    sync.Mutex
	calls []string
	spans [][]gap.Span
}

func (o *observed) observe(spans []gap.Span) {
	var words []string
	for _, s := range spans {
		words = append(words, s.Operation)
	}
	for _, key := range []string{tracer.UnfinishedSpansTag, tracer.DroppedSpansTag} {
		if n, ok := spans[0].Tag(key); ok {
			words = append(words, key+"="+n)
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls = append(o.calls, strings.Join(words, " "))
	o.spans = append(o.spans, spans)
}

func (o *observed) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.calls, "\n")
}

// delivered returns when observers in a bubble have got what is ready. A call may be late by a
// millisecond.
func delivered() {
	time.Sleep(time.Millisecond)
	synctest.Wait()
}

// observing runs f with a tracer and with what the observer of its Recorder got until now. The test
// fails if the observer's goroutine does not end.
func observing(t *testing.T, f func(t *testing.T, tr opentracing.Tracer, got func() string)) {
	setenv(t)
	synctest.Test(t, func(t *testing.T) {
		r := tracer.NewRecorder(0)
		tr, closer := open(t, tracer.WithRecorder(r))
		defer closer.Close()
		o := new(observed)
		stop := r.Observe(o.observe, 0)
		defer stop()
		f(t, tr, func() string {
			delivered()
			return o.String()
		})
	})
}

func childOf(tr opentracing.Tracer, operation string, of opentracing.Span) opentracing.Span {
	return tr.StartSpan(operation, opentracing.ChildOf(of.Context()))
}

const ofPeer = "uber-trace-id: 00000000000000ab:00000000000000cd:0:1"

func TestObserveCallsOncePerRoot(t *testing.T) {
	for name, test := range map[string]struct {
		run  func(t *testing.T, tr opentracing.Tracer)
		want string
	}{
		"one span": {func(t *testing.T, tr opentracing.Tracer) {
			tr.StartSpan("root").Finish()
		}, "root"},
		"children": {func(t *testing.T, tr opentracing.Tracer) {
			root := tr.StartSpan("root")
			a := childOf(tr, "a", root)
			childOf(tr, "a1", a).Finish()
			a.Finish()
			tr.StartSpan("b", opentracing.FollowsFrom(root.Context())).Finish()
			root.Finish()
		}, "root a1 a b"},
		"child of a finished span": {func(t *testing.T, tr opentracing.Tracer) {
			root := tr.StartSpan("root")
			a := childOf(tr, "a", root)
			a.Finish()
			childOf(tr, "a1", a).Finish()
			root.Finish()
		}, "root a a1"},
		"two roots": {func(t *testing.T, tr opentracing.Tracer) {
			one, other := tr.StartSpan("one"), tr.StartSpan("other")
			childOf(tr, "a", one).Finish()
			childOf(tr, "b", other).Finish()
			other.Finish()
			one.Finish()
		}, "other b\none a"},
		"root of a peer": {func(t *testing.T, tr opentracing.Tracer) {
			root := tr.StartSpan("root", opentracing.ChildOf(extract(t, tr, ofPeer)))
			childOf(tr, "a", root).Finish()
			root.Finish()
		}, "root a"},
		"peer that leaves the decision open": {func(t *testing.T, tr opentracing.Tracer) {
			root := tr.StartSpan("root", ext.RPCServerOption(extract(t, tr, "b3: ab-cd")))
			childOf(tr, "a", root).Finish()
			root.Finish()
		}, "root a"},
		"peer that sends only a decision": {func(t *testing.T, tr opentracing.Tracer) {
			root := tr.StartSpan("root", ext.RPCServerOption(extract(t, tr, "x-b3-sampled: 1")))
			childOf(tr, "a", root).Finish()
			root.Finish()
		}, "root a"},
		"peer that sends only baggage": {func(t *testing.T, tr opentracing.Tracer) {
			root := tr.StartSpan("root", ext.RPCServerOption(extract(t, tr, "uberctx-user: 7")))
			childOf(tr, "a", root).Finish()
			root.Finish()
		}, "root a"},
		"Jaeger's own tracer": {func(t *testing.T, tr opentracing.Tracer) {
			tr = tr.StartSpan("").Tracer()
			root := tr.StartSpan("root", opentracing.ChildOf(extract(t, tr, ofPeer)))
			childOf(tr, "a", root).Finish()
			root.Finish()
		}, "root a"},
		"program that calls itself": {func(t *testing.T, tr opentracing.Tracer) {
			root := tr.StartSpan("root")
			call := childOf(tr, "call", root)
			headers := opentracing.HTTPHeadersCarrier{}
			if err := tr.Inject(call.Context(), opentracing.HTTPHeaders, headers); err != nil {
				t.Fatal(err)
			}
			c, err := tr.Extract(opentracing.HTTPHeaders, headers)
			if err != nil {
				t.Fatal(err)
			}
			tr.StartSpan("served", ext.RPCServerOption(c)).Finish()
			call.Finish()
			root.Finish()
		}, "served\nroot call"},
		"two roots of one peer, one after the other": {func(t *testing.T, tr opentracing.Tracer) {
			c := extract(t, tr, ofPeer)
			tr.StartSpan("one", opentracing.ChildOf(c)).Finish()
			tr.StartSpan("other", opentracing.ChildOf(c)).Finish()
		}, "one\nother"},
		"two roots of one peer that overlap": {func(t *testing.T, tr opentracing.Tracer) {
			c := extract(t, tr, ofPeer)
			one, other := tr.StartSpan("one", opentracing.ChildOf(c)), tr.StartSpan("other", opentracing.ChildOf(c))
			childOf(tr, "a", one).Finish()
			other.Finish()
			one.Finish()
		}, "other a one"},
		"finished twice": {func(t *testing.T, tr opentracing.Tracer) {
			root := tr.StartSpan("root")
			a, b := childOf(tr, "a", root), childOf(tr, "b", root)
			a.Finish()
			a.Finish()
			root.Finish()
			root.Finish()
			b.Finish()
		}, "root a b"},
		"sampled by its priority": {func(t *testing.T, tr opentracing.Tracer) {
			peer := extract(t, tr, "uber-trace-id: ab:cd:0:0")
			tr.StartSpan("denied", opentracing.ChildOf(peer)).Finish()
			tr.StartSpan("root", opentracing.Tag{Key: "sampling.priority", Value: 1}).Finish()
		}, "root"},
		"no root of this process": {func(t *testing.T, tr opentracing.Tracer) {
			c, err := jaeger.ContextFromString("ab:cd:0:1")
			if err != nil {
				t.Fatal(err)
			}
			tr.StartSpan("a", opentracing.ChildOf(c)).Finish()
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			observing(t, func(t *testing.T, tr opentracing.Tracer, got func() string) {
				test.run(t, tr)
				if g := got(); g != test.want {
					t.Errorf("got  %q\nwant %q", g, test.want)
				}
				time.Sleep(time.Hour)
				if g := got(); g != test.want {
					t.Errorf("an hour later %q", g)
				}
			})
		})
	}
}

func TestObserveWaitsForSpansThatOutliveTheRoot(t *testing.T) {
	observing(t, func(t *testing.T, tr opentracing.Tracer, got func() string) {
		root := tr.StartSpan("root")
		a, b := childOf(tr, "a", root), childOf(tr, "b", root)
		root.Finish()
		time.Sleep(500 * time.Millisecond)
		a.Finish()
		if g := got(); g != "" {
			t.Errorf("before b ends: %q", g)
		}
		b.Finish()
		if g := got(); g != "root a b" {
			t.Errorf("got %q", g)
		}
	})
}

func TestObserveGrace(t *testing.T) {
	setenv(t)
	for given, want := range map[time.Duration]time.Duration{
		0: time.Second, -1: time.Second, 50 * time.Millisecond: 50 * time.Millisecond, time.Hour: time.Minute,
	} {
		t.Run(given.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := tracer.NewRecorder(0)
				tr, _ := open(t, tracer.WithRecorder(r))
				o := new(observed)
				defer r.Observe(o.observe, given)()
				root := tr.StartSpan("root")
				a, b := childOf(tr, "a", root), childOf(tr, "b", root)
				a.Finish()
				root.Finish()
				time.Sleep(want - 1)
				synctest.Wait()
				if o.String() != "" {
					t.Errorf("before the grace ends: %q", o)
				}
				time.Sleep(time.Nanosecond)
				synctest.Wait()
				if want := "root a recorder.unfinished_spans=1"; o.String() != want {
					t.Errorf("got %q, want %q", o, want)
				}
				childOf(tr, "late", root).Finish()
				b.Finish()
				time.Sleep(time.Hour)
				if len(o.calls) != 1 {
					t.Errorf("got %q", o)
				}
			})
		})
	}
}

// Each trace has a grace of its own, and a root that starts within it ends it.
func TestObserveGracesOfSeveralTraces(t *testing.T) {
	observing(t, func(t *testing.T, tr opentracing.Tracer, got func() string) {
		leave := func(name string) {
			root := tr.StartSpan(name)
			childOf(tr, "a", root)
			root.Finish()
		}
		c := extract(t, tr, ofPeer)
		again := tr.StartSpan("again", opentracing.ChildOf(c))
		childOf(tr, "a", again)
		again.Finish()
		time.Sleep(300 * time.Millisecond)
		leave("one")
		time.Sleep(300 * time.Millisecond)
		leave("other")
		second := tr.StartSpan("second", opentracing.ChildOf(c))
		time.Sleep(700 * time.Millisecond)
		if g, want := got(), "one recorder.unfinished_spans=1"; g != want {
			t.Errorf("got  %q\nwant %q", g, want)
		}
		second.Finish()
		time.Sleep(time.Second)
		want := "one recorder.unfinished_spans=1\nother recorder.unfinished_spans=1\nagain second recorder.unfinished_spans=1"
		if g := got(); g != want {
			t.Errorf("got  %q\nwant %q", g, want)
		}
	})
}

// What finishes after the call is not observed with the next root of the same peer either.
func TestObserveForgetsLateSpans(t *testing.T) {
	observing(t, func(t *testing.T, tr opentracing.Tracer, got func() string) {
		c := extract(t, tr, ofPeer)
		one := tr.StartSpan("one", opentracing.ChildOf(c))
		a, b := childOf(tr, "a", one), childOf(tr, "b", one)
		one.Finish()
		time.Sleep(time.Second)
		got()
		a.Finish()
		other := tr.StartSpan("other", opentracing.ChildOf(c))
		b.Finish()
		other.Finish()
		if g, want := got(), "one recorder.unfinished_spans=2\nother b"; g != want {
			t.Errorf("got  %q\nwant %q", g, want)
		}
	})
}

func TestObserveOnlyWhatBeginsAfterIt(t *testing.T) {
	setenv(t)
	synctest.Test(t, func(t *testing.T) {
		r := tracer.NewRecorder(0)
		tr, _ := open(t, tracer.WithRecorder(r))
		root, early := tr.StartSpan("root"), extract(t, tr, ofPeer)
		served := tr.StartSpan("served", opentracing.ChildOf(early))
		o := new(observed)
		defer r.Observe(o.observe, 0)()
		childOf(tr, "a", root).Finish()
		childOf(tr, "b", served).Finish()
		root.Finish()
		served.Finish()
		tr.StartSpan("started after it", opentracing.ChildOf(early)).Finish()
		tr.StartSpan("new").Finish()
		delivered()
		if o.String() != "new" {
			t.Errorf("got %q", o)
		}
	})
}

func TestObserveNotOfJaegersNewTracer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(tracer.Recorder)
		o := new(observed)
		defer r.Observe(o.observe, 0)()
		tr, closer := jaeger.NewTracer("own", jaeger.NewConstSampler(true), r)
		root := tr.StartSpan("root")
		childOf(tr, "a", root).Finish()
		root.Finish()
		closer.Close()
		if delivered(); o.String() != "" || len(r.Traces()) != 1 {
			t.Errorf("got %q", o)
		}
	})
}

func TestObserveIgnoresTracesThatAreNotSampled(t *testing.T) {
	setenv(t, "JAEGER_SAMPLER_TYPE=const", "JAEGER_SAMPLER_PARAM=0")
	synctest.Test(t, func(t *testing.T) {
		r := tracer.NewRecorder(0)
		tr, _ := open(t, tracer.WithRecorder(r))
		o := new(observed)
		defer r.Observe(o.observe, 0)()
		root := tr.StartSpan("root")
		childOf(tr, "a", root).Finish()
		ext.SamplingPriority.Set(root, 1) // a is missing, so its time would look like a gap
		childOf(tr, "b", root).Finish()
		root.Finish()
		tr.StartSpan("denied", opentracing.ChildOf(extract(t, tr, "uber-trace-id: ab:cd:0:0"))).Finish()
		tr.StartSpan("forced", opentracing.Tag{Key: "sampling.priority", Value: uint16(1)}).Finish()
		if delivered(); o.String() != "forced" {
			t.Errorf("got %q", o)
		}
	})
}

// The Recorder keeps one trace, but the observer gets all.
func TestObserveDoesNotDependOnCapacity(t *testing.T) {
	setenv(t)
	synctest.Test(t, func(t *testing.T) {
		r := tracer.NewRecorder(1)
		tr, _ := open(t, tracer.WithRecorder(r))
		o := new(observed)
		defer r.Observe(o.observe, 0)()
		root := tr.StartSpan("root")
		childOf(tr, "a", root).SetTag("k", "v").Finish()
		tr.StartSpan("other").Finish()
		root.Finish()
		if delivered(); o.String() != "other\nroot a" {
			t.Fatalf("got %q", o)
		}
		for _, spans := range o.spans {
			for _, s := range spans {
				if s.Process == nil || s.Process.Service != "shop" {
					t.Errorf("%s: %+v", s.Operation, s.Process)
				}
			}
		}
		if v, _ := o.spans[1][1].Tag("k"); v != "v" {
			t.Errorf("tags %v", o.spans[1][1].Tags)
		}
	})
}

// Two observers add different tags to one root. The array of its tags has space for one more, as
// after a value was truncated.
func TestObserveDoesNotShareTags(t *testing.T) {
	setenv(t)
	synctest.Test(t, func(t *testing.T) {
		r := tracer.NewRecorder(0)
		tr, _ := open(t, tracer.WithRecorder(r))
		early, late := new(observed), new(observed)
		defer r.Observe(early.observe, time.Second)()
		defer r.Observe(late.observe, 2*time.Second)()
		root := tr.StartSpan("root")
		root.SetTag("long", strings.Repeat("x", 1<<20))
		a := childOf(tr, "a", root)
		childOf(tr, "b", root)
		root.Finish()
		time.Sleep(time.Second)
		delivered()
		a.Finish()
		time.Sleep(time.Second)
		delivered()
		if n, _ := early.spans[0][0].Tag(tracer.UnfinishedSpansTag); n != "2" {
			t.Errorf("the first observer now has %s unfinished spans", n)
		}
		if n, _ := late.spans[0][0].Tag(tracer.UnfinishedSpansTag); n != "1" {
			t.Errorf("the second observer has %s unfinished spans", n)
		}
	})
}
