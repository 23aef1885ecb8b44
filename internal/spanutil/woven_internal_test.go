package spanutil

import (
	"context"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/options"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
)

// weaves makes the program a woven one for the test, and returns the options of its wrappers.
func weaves(t *testing.T, tracer opentracing.Tracer) (byHand, inside []gaptrace.Option) {
	t.Cleanup(func() {
		woven.Store(false)
		servesByHand.Store(false)
	})
	byHand = []gaptrace.Option{gaptrace.WithTracer(tracer)}
	inside = append(byHand, options.Woven)
	New(inside)
	return byHand, inside
}

func describe(component, operation string) gaptrace.Call {
	return gaptrace.Call{Component: component, Operation: operation}
}

func start(ctx context.Context, w *Wrapper, component, operation string) (*Call, context.Context) {
	c := w.Start(ctx, Local, func() gaptrace.Call { return describe(component, operation) })
	if c == nil {
		within, _ := w.Unrecorded(ctx)
		return nil, within
	}
	return c, c.Within(ctx)
}

// Each case has a call of a wrapper, "outer", and one inside of it, "inner".
func TestOneWrapperRecordsAClientsCall(t *testing.T) {
	const (
		outer = "parent\n  outer component=a span.kind=client\n"
		inner = "parent\n  inner component=a span.kind=client\n"

		// In the order in which the calls end: a span without a child is opened then.
		bothA = inner + "  outer component=a span.kind=client\n"
		bothB = "parent\n  inner component=b span.kind=client\n  outer component=a span.kind=client\n"
	)
	reject := gaptrace.WithFilter(func(gaptrace.Call) bool { return false })
	for name, c := range map[string]struct {
		outer, inner         string // component
		outerWoven, filtered bool
		innerWoven, after    bool // after: inner begins when outer has been answered
		want                 string
	}{
		"woven in one by hand":           {"a", "a", false, false, true, false, outer},
		"woven in another library":       {"a", "b", false, false, true, false, outer},
		"woven in a woven one":           {"a", "b", true, false, true, false, outer},
		"woven in a filtered one":        {"a", "a", false, true, true, false, "parent\n"},
		"by hand in a woven one":         {"a", "a", true, false, false, false, inner},
		"by hand in a woven library":     {"a", "b", true, false, false, false, bothB},
		"by hand in one by hand":         {"a", "a", false, false, false, false, bothA},
		"woven after the outer's answer": {"a", "a", false, false, true, true, bothA},
	} {
		t.Run(name, func(t *testing.T) {
			tracer := spantest.NewTracer()
			byHand, inside := weaves(t, tracer)
			outerOptions, innerOptions := byHand, byHand
			if c.outerWoven {
				outerOptions = inside
			}
			if c.innerWoven {
				innerOptions = inside
			}
			if c.filtered {
				outerOptions = append(outerOptions[:1:1], reject)
			}
			parent, ctx := opentracing.StartSpanFromContextWithTracer(t.Context(), tracer, "parent")
			call, within := start(ctx, New(outerOptions), c.outer, "outer")
			if c.after {
				call.Answered(Uncounted)
			}
			insideCall, _ := start(within, New(innerOptions), c.inner, "inner")
			insideCall.Finish(nil)
			call.Finish(nil)
			parent.Finish()
			spantest.WantTree(t, tracer, c.want)
		})
	}
}

// Each case has a woven wrapper, "outer", and one by hand inside of it, "inner".
func TestOneWrapperRecordsARequestThatIsServed(t *testing.T) {
	const (
		client = "client\n"
		inner  = client + "  inner component=a span.kind=server\n"
	)
	for name, c := range map[string]struct {
		inner     string // component
		filtered  bool
		looksUp   bool // a middleware between the two looks for the span
		innerOnly bool // there is no woven wrapper
		want      string
	}{
		"by hand in a woven server":      {"a", false, false, false, inner},
		"the same without weaving":       {"a", false, false, true, inner},
		"a middleware looks at the span": {"a", false, true, false, inner + "PROBLEM: outer: never finished\n"},
		"by hand and filtered":           {"a", true, false, false, client},
		"of another library": {"b", false, false, false, client +
			"  outer component=a http.method=GET span.kind=server\n    inner component=b span.kind=server\n"},
	} {
		t.Run(name, func(t *testing.T) {
			tracer := spantest.NewTracer()
			byHand, inside := weaves(t, tracer)
			if c.filtered {
				byHand = append(byHand, gaptrace.WithFilter(func(gaptrace.Call) bool { return false }))
			}
			handler := NewServer(byHand)
			client := tracer.StartSpan("client")
			carrier := opentracing.HTTPHeadersCarrier{}
			if err := tracer.Inject(client.Context(), opentracing.HTTPHeaders, carrier); err != nil {
				t.Fatal(err)
			}
			ctx := t.Context()
			var outer *Call
			if !c.innerOnly {
				outer = NewServer(inside).Serve(ctx, describe("a", "outer"), opentracing.HTTPHeaders, carrier)
				outer.Tag("http.method", "GET")
				ctx = outer.Open(ctx)
			}
			reads := outer.Reads(Bytes)
			reads.Leave(1)
			if c.looksUp && opentracing.SpanFromContext(ctx) == nil {
				t.Error("the context has no span")
			}
			call := handler.Serve(ctx, describe(c.inner, "inner"), opentracing.HTTPHeaders, carrier)
			if got := opentracing.SpanFromContext(call.Open(ctx)); c.filtered && got != nil {
				t.Errorf("the context has the span %v", got)
			}
			call.Served()
			call.Finish(nil)
			outer.Served()
			reads.Finish(nil)
			outer.Finish(nil)
			client.Finish()
			spantest.WantTree(t, tracer, c.want)
		})
	}
}

// A handler without a wrapper by hand is recorded as if no other wrapper were in the program.
func TestWovenServerWaitsForWhoAsks(t *testing.T) {
	tracer := spantest.NewTracer()
	byHand, inside := weaves(t, tracer)
	NewServer(byHand)
	what, headers := describe("a", "served"), opentracing.HTTPHeadersCarrier{}
	call := NewServer(inside).Serve(t.Context(), what, opentracing.HTTPHeaders, headers)
	call.Tag("http.method", "GET")
	ctx := call.Open(t.Context())
	if n := len(tracer.Problems()); n > 0 {
		t.Errorf("the span is open already: %v", tracer.Problems())
	}
	child, _ := start(ctx, New(inside), "b", "client")
	child.Finish(nil)
	call.Served()
	call.Rename("renamed")
	call.Finish(nil)
	spantest.WantTree(t, tracer, "renamed component=a http.method=GET span.kind=server\n  client component=b span.kind=client\n")
}

func TestContextsCostNothingInWovenPrograms(t *testing.T) {
	tracer := opentracing.NoopTracer{}
	_, inside := weaves(t, tracer)
	w := New(inside)
	c := newCall(w, describe("a", "b"), tracer, client, nil, time.Now())
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		c.ctx = nil
		if c.Within(ctx) == ctx {
			t.Fatal("no call in the context")
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
