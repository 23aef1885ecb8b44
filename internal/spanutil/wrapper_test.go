package spanutil_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/options"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"
	"github.com/uber/jaeger-client-go"
)

func TestStart(t *testing.T) {
	t.Run("without a parent is not recorded", func(t *testing.T) {
		w := spanutil.New([]gaptrace.Option{gaptrace.WithTracer(spantest.NewTracer())})
		if call, ctx := open(w, t.Context(), op); call != nil || ctx != t.Context() || w.MayRecord(t.Context()) {
			t.Error("recorded")
		}
	})
	t.Run("without a parent is not described", func(t *testing.T) {
		w := spanutil.New([]gaptrace.Option{gaptrace.WithTracer(spantest.NewTracer())})
		w.Start(t.Context(), spanutil.Local, func() gaptrace.Call {
			t.Error("described")
			return op
		})
	})
	t.Run("under a parent is recorded", func(t *testing.T) {
		tracer, ctx, parent := spantest.Under(t)
		w := spanutil.New([]gaptrace.Option{gaptrace.WithTracer(tracer)})
		call, inner := open(w, ctx, op)
		if !w.MayRecord(ctx) || opentracing.SpanFromContext(inner) == parent {
			t.Error("the call's context does not carry its span")
		}
		call.Finish(nil)
		spantest.WantUnder(t, tracer, parent, "  op component=lib span.kind=client\n")
	})
	t.Run("for a tracer that records nothing is not recorded", func(t *testing.T) {
		w := spanutil.New([]gaptrace.Option{gaptrace.WithTracer(opentracing.NoopTracer{}), gaptrace.WithRoots()})
		if call, _ := open(w, t.Context(), op); call != nil {
			t.Error("recorded")
		}
	})
	for name, keep := range map[string]func(gaptrace.Call) bool{
		"of a call that the filter rejects is not recorded": func(c gaptrace.Call) bool { return c.Operation != "op" },
		"with a filter that panics is not recorded":         func(gaptrace.Call) bool { panic("filter") },
	} {
		t.Run(name, func(t *testing.T) {
			w, tracer := roots(gaptrace.WithFilter(keep))
			if call, ctx := open(w, t.Context(), op); call != nil || ctx != t.Context() {
				t.Error("recorded")
			}
			spantest.WantTree(t, tracer, "")
		})
	}
	t.Run("accepts a Config out of range", func(t *testing.T) {
		w, tracer := roots(func(c *options.Config) { c.MaxWaits = 0 })
		call, _ := open(w, t.Context(), op)
		call.Finish(nil)
		if len(tracer.Spans()) != 1 {
			t.Error("no span")
		}
	})
}

func TestOtherTracers(t *testing.T) {
	mock := mocktracer.New()
	w := spanutil.New([]gaptrace.Option{gaptrace.WithTracer(mock), gaptrace.WithRoots()})
	for range 2 {
		call, _ := open(w, t.Context(), op)
		call.Tag("k", "v")
		call.Finish(nil)
	}
	for _, s := range mock.FinishedSpans() {
		if s.Tag("k") != "v" || s.Tag("component") != "lib" || s.FinishTime.Before(s.StartTime) {
			t.Errorf("mocktracer has %v", s)
		}
	}
	if n := len(mock.FinishedSpans()); n != 2 {
		t.Errorf("mocktracer has %d spans, want 2", n)
	}
}

func TestServe(t *testing.T) {
	client := opentracing.TextMapCarrier{"spantest-trace": "7", "spantest-span": "7"}

	t.Run("prefers the span in the context to the client's", func(t *testing.T) {
		w, tracer := roots()
		outer := tracer.StartSpan("outer")
		call := w.Serve(opentracing.ContextWithSpan(t.Context(), outer), op, opentracing.HTTPHeaders, client)
		call.Open(t.Context())
		call.Finish(nil)
		outer.Finish()
		spantest.WantTree(t, tracer, "outer\n  op component=lib span.kind=server\n")
	})
	t.Run("does not count the description as the handler's work", func(t *testing.T) {
		w, tracer := roots()
		synctest.Test(t, func(t *testing.T) {
			call := w.Serve(t.Context(), op, opentracing.HTTPHeaders, opentracing.TextMapCarrier{})
			time.Sleep(time.Second)
			call.Open(t.Context())
			time.Sleep(time.Second)
			call.Served()
			call.Finish(nil)
		})
		if s := tracer.Only(t, "op"); s.Duration() != time.Second {
			t.Errorf("the span takes %v", s.Duration())
		}
	})
	t.Run("makes the handler's waits children of its span", func(t *testing.T) {
		w, tracer := roots()
		synctest.Test(t, func(t *testing.T) {
			call := w.Serve(t.Context(), op, opentracing.HTTPHeaders, client)
			call.Open(t.Context())
			begun := time.Now()
			read, write := call.Reads(spanutil.Bytes), call.Writes(spanutil.Bytes)
			for range 2 {
				time.Sleep(time.Second)
				read.Enter()
				time.Sleep(time.Second)
				read.Leave(10)
				write.Enter() // no wait: the network took it at once
				write.Leave(10)
			}
			read.Finish(nil)
			write.Finish(nil)
			call.Finish(nil)
			if start := tracer.Only(t, "op read").Start.Sub(begun); start != time.Second {
				t.Errorf("the span of the first read starts at %v, the read began after 1s", start)
			}
		})
		spans := tracer.Spans()
		if spans[0].ParentID != 7 || spans[0].Tags["wait.count"] != nil {
			t.Errorf("server span: %+v", spans[0])
		}
		if len(spans) != 3 || spans[1].Operation != "op read" || spans[2].Operation != "op read wait" {
			t.Fatalf("%d spans", len(spans))
		}
		if spans[1].Tags["bytes"] != int64(20) {
			t.Errorf("bytes: %v", spans[1].Tags["bytes"])
		}
		for _, wait := range spans[1:] {
			if wait.ParentID != spans[0].ID {
				t.Errorf("%s is a child of %d", wait.Operation, wait.ParentID)
			}
		}
	})
}

// A call is counted if it would have been recorded under a parent.
func TestCallsWithoutParentAreCounted(t *testing.T) {
	const component = "a component of this test"
	tracer := spantest.NewTracer()
	client := func(opts ...gaptrace.Option) *spanutil.Wrapper {
		return spanutil.NewClient(component, append([]gaptrace.Option{gaptrace.WithTracer(tracer)}, opts...))
	}
	sampled := opentracing.ContextWithSpan(t.Context(), tracer.StartSpan("parent"))
	drops, closer := jaeger.NewTracer("shop", jaeger.NewConstSampler(false), jaeger.NewNullReporter())
	defer closer.Close()
	dropped := opentracing.ContextWithSpan(t.Context(), drops.StartSpan("parent"))
	now := time.Now()
	for name, test := range map[string]struct {
		call func()
		want int64
	}{
		"without a parent":           {func() { begin(client(), t.Context(), op) }, 1},
		"injected, without a parent": {func() { inject(client(), t.Context(), op) }, 1},
		//nolint:staticcheck // some libraries allow it
		"without a context":      {func() { begin(client(), nil, op) }, 1},
		"under a parent":         {func() { begin(client(), sampled, op).Finish(nil) }, 0},
		"under a dropped parent": {func() { begin(client(), dropped, op); inject(client(), dropped, op) }, 0},
		"that is a root":         {func() { begin(client(gaptrace.WithRoots()), t.Context(), op).Finish(nil) }, 0},
		"that the filter rejects": {func() {
			begin(client(gaptrace.WithFilter(func(gaptrace.Call) bool { return false })), sampled, op)
		}, 0},
		"that may be recorded":   {func() { client().MayRecord(t.Context()) }, 0},
		"that is part of a call": {func() { client().Waited(t.Context(), op, now, now.Add(time.Second)) }, 0},
		"of a server":            {func() { client().Serve(t.Context(), op, opentracing.HTTPHeaders, nil).Finish(nil) }, 0},
		"of a wrapper that does not count": {func() {
			begin(spanutil.New([]gaptrace.Option{gaptrace.WithTracer(tracer)}), t.Context(), op)
		}, 0},
	} {
		if got := spantest.NoParent(component, test.call); got != test.want {
			t.Errorf("a call %s: %d are counted, want %d", name, got, test.want)
		}
	}
}

func TestUnrecordedCallAllocatesNothing(t *testing.T) {
	w := spanutil.NewClient("lib", nil)
	ctx := t.Context()
	if n := testing.AllocsPerRun(5000, func() { begin(w, ctx, op) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
