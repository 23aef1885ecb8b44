package tracer_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

func TestRecorderOfJaegerTracer(t *testing.T) {
	r := tracer.NewRecorder(0)
	// A pooling tracer reuses a span as soon as it is reported.
	tr, closer := jaeger.NewTracer("own", jaeger.NewConstSampler(true), r, jaeger.TracerOptions.PoolSpans(true),
		jaeger.TracerOptions.Tag("zone", "eu"))
	start := time.Date(2026, 1, 2, 3, 4, 5, 678_901_234, time.UTC)
	parent := tr.StartSpan("parent", opentracing.StartTime(start))
	for range 10 {
		child := tr.StartSpan("child", opentracing.ChildOf(parent.Context()), opentracing.StartTime(start.Add(17)))
		child.FinishWithOptions(opentracing.FinishOptions{FinishTime: start.Add(42)})
	}
	after := tr.StartSpan("after", opentracing.FollowsFrom(parent.Context()))
	after.Finish()
	root := parent.Context().(jaeger.SpanContext)
	parent.FinishWithOptions(opentracing.FinishOptions{FinishTime: start.Add(99)})
	closer.Close()

	spans := r.Trace(gap.TraceID(root.TraceID()))
	if len(spans) != 12 {
		t.Fatalf("%d spans", len(spans))
	}
	child, follower, last := spans[0], spans[10], spans[11]
	if child.Operation != "child" || child.Start != start.Add(17) || child.Duration != 25 {
		t.Errorf("to the nanosecond: %v", child)
	}
	want := gap.Reference{Type: gap.ChildOf, TraceID: last.TraceID, SpanID: last.SpanID}
	if len(child.References) != 1 || child.References[0] != want {
		t.Errorf("got %v, want %v", child.References, want)
	}
	want.Type = gap.FollowsFrom
	if len(follower.References) != 1 || follower.References[0] != want {
		t.Errorf("got %v, want %v", follower.References, want)
	}
	if p := last.Process; p.Service != "own" || p != child.Process || fmt.Sprint(p.Tags[0]) != "{zone eu}" {
		t.Errorf("process %v", p)
	}
	if len(last.References) != 0 || last.Operation != "parent" || last.Duration != 99 {
		t.Errorf("root %v", last)
	}
}

func TestRecorderDropsOldestTrace(t *testing.T) {
	r := tracer.NewRecorder(2)
	tr, closer := jaeger.NewTracer("own", jaeger.NewConstSampler(true), r)
	defer closer.Close()
	a, b, c := tr.StartSpan("a"), tr.StartSpan("b"), tr.StartSpan("c")
	child := func(of opentracing.Span) { tr.StartSpan("child", opentracing.ChildOf(of.Context())).Finish() }
	child(a)
	child(b)
	a.Finish() // a is now the newer one
	c.Finish()
	var got []string
	for _, spans := range r.Traces() {
		for _, s := range spans {
			got = append(got, s.Operation)
		}
		got = append(got, "|")
	}
	if s := strings.Join(got, " "); s != "child a | c |" {
		t.Errorf("got %s", s)
	}
	if r.Trace(gap.TraceID(b.Context().(jaeger.SpanContext).TraceID())) != nil {
		t.Error("b is still there")
	}
}

func TestRecorderLimitsSpansOfTrace(t *testing.T) {
	r := new(tracer.Recorder)
	if r.Traces() == nil || r.Trace(gap.TraceID{}) != nil {
		t.Error("an empty recorder has no traces, not nil")
	}
	tr, closer := jaeger.NewTracer("own", jaeger.NewConstSampler(true), r)
	defer closer.Close()
	root := tr.StartSpan("root")
	for i := range 10_005 {
		tr.StartSpan(fmt.Sprint(i), opentracing.ChildOf(root.Context())).Finish()
	}
	root.Finish()
	for range 2 { // reading changes nothing
		spans := r.Traces()[0]
		if len(spans) != 10_000 || spans[0].Operation != "6" || spans[9998].Operation != "10004" ||
			spans[9999].Operation != "root" {
			t.Fatalf("%d spans, from %s to %s", len(spans), spans[0].Operation, spans[len(spans)-1].Operation)
		}
		last := spans[9999].Tags
		if len(last) != 3 || last[2] != (gap.Field{Key: tracer.DroppedSpansTag, Value: int64(6)}) {
			t.Errorf("tags %v", last)
		}
	}
}

func TestRecorderLimitsBytes(t *testing.T) {
	r := tracer.NewRecorder(1000)
	tr, closer := jaeger.NewTracer("own", jaeger.NewConstSampler(true), r)
	defer closer.Close()
	const megabyte = 1 << 20
	large := func(of opentracing.SpanContext) opentracing.Span {
		span := tr.StartSpan("a", opentracing.ChildOf(of))
		for i := range 16 {
			span.SetTag(fmt.Sprint(i), strings.Repeat("x", megabyte/16))
		}
		span.Finish()
		return span
	}
	for range 100 {
		large(nil)
	}
	if n := len(r.Traces()); n != 63 {
		t.Errorf("of 100 traces of a megabyte each %d are kept", n)
	}
	root := tr.StartSpan("root")
	for range 100 {
		large(root.Context())
	}
	root.Finish()
	traces := r.Traces()
	if len(traces) != 1 || len(traces[0]) != 64 || traces[0][63].Operation != "root" {
		t.Fatalf("%d traces, the last of %d spans", len(traces), len(traces[len(traces)-1]))
	}
	if last := traces[0][63].Tags; last[len(last)-1] != (gap.Field{Key: tracer.DroppedSpansTag, Value: int64(37)}) {
		t.Errorf("tags %v", last)
	}
}

func TestRecorderForgetsSizeOfDroppedSpans(t *testing.T) {
	r := tracer.NewRecorder(1000)
	tr, closer := jaeger.NewTracer("own", jaeger.NewConstSampler(true), r)
	defer closer.Close()
	megabyte := make([]byte, 64<<10)
	report := func(opts ...opentracing.StartSpanOption) opentracing.Span {
		span := tr.StartSpan("a", opts...)
		for i := range 16 {
			span.SetTag(fmt.Sprint(i), megabyte)
		}
		span.Finish()
		return span
	}
	root := tr.StartSpan("root")
	for range 200 { // 64 are kept
		report(opentracing.ChildOf(root.Context()))
	}
	for range 50 { // the first one replaces all of it
		report()
	}
	if n := len(r.Traces()); n != 50 {
		t.Errorf("of 50 traces of a megabyte each %d are kept", n)
	}
}

func TestRecorderLimitsSpans(t *testing.T) {
	r := tracer.NewRecorder(1000)
	tr, closer := jaeger.NewTracer("own", jaeger.NewConstSampler(true), r)
	defer closer.Close()
	for range 15 {
		root := tr.StartSpan("root")
		for range 7999 {
			tr.StartSpan("a", opentracing.ChildOf(root.Context())).Finish()
		}
		root.Finish()
	}
	traces := r.Traces()
	if len(traces) != 12 || len(traces[0]) != 8000 {
		t.Errorf("%d traces of %d spans are kept", len(traces), len(traces[0]))
	}
}

func TestRecorderOfManyTracers(t *testing.T) {
	r := tracer.NewRecorder(1000)
	for i := range 100 {
		tr, closer := jaeger.NewTracer(fmt.Sprint(i), jaeger.NewConstSampler(true), r)
		tr.StartSpan("a").Finish()
		closer.Close()
	}
	for i, spans := range r.Traces() {
		if spans[0].Process.Service != fmt.Sprint(i) {
			t.Errorf("trace %d is of %s", i, spans[0].Process.Service)
		}
	}
}

func TestRecorderForgetsProcesses(t *testing.T) {
	r := tracer.NewRecorder(1000)
	var first opentracing.Tracer
	for i := range 65 {
		tr, closer := jaeger.NewTracer(fmt.Sprint(i), jaeger.NewConstSampler(true), r)
		defer closer.Close()
		if i == 0 {
			first = tr
			tr.StartSpan("a").Finish()
		}
		tr.StartSpan("a").Finish()
	}
	first.StartSpan("a").Finish()
	traces := r.Traces()
	p := func(i int) *gap.Process { return traces[i][0].Process }
	if p(0) != p(1) || p(0) == p(66) || p(66).Service != "0" {
		t.Error("a tracer's process is kept after 64 others, or was never kept")
	}
}

func TestRecorderConcurrentUse(t *testing.T) {
	tr, r := recording(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				root := tr.StartSpan("root")
				child := tr.StartSpan("child", opentracing.ChildOf(root.Context()))
				child.LogKV("k", "v")
				child.Finish()
				root.Finish()
				child.SetTag("late", 1) // as a program may
			}
		})
		wg.Go(func() {
			for range 50 {
				for _, spans := range r.Traces() {
					for _, s := range r.Trace(spans[0].TraceID) {
						_ = fmt.Sprint(s)
					}
				}
			}
		})
	}
	wg.Wait()
	if got := len(r.Traces()); got != 100 {
		t.Errorf("%d traces kept, want the default of 100", got)
	}
}
