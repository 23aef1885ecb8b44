package spanutil_test

import (
	"errors"
	"testing"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

// counting counts the spans that a tracer starts.
type counting struct {
	opentracing.Tracer
	spans int
}

func (c *counting) StartSpan(operation string, opts ...opentracing.StartSpanOption) opentracing.Span {
	c.spans++
	return c.Tracer.StartSpan(operation, opts...)
}

func TestUnderADroppedParent(t *testing.T) {
	tracer := &counting{Tracer: spantest.Jaeger(t, false, nil)}
	parent := tracer.Tracer.StartSpan("parent")
	ctx := opentracing.ContextWithSpan(t.Context(), parent)
	w := spanutil.New([]gaptrace.Option{
		gaptrace.WithTracer(tracer),
		gaptrace.WithTags(func(gaptrace.Call) opentracing.Tags { t.Error("tags built"); return nil }),
	})
	if !spanutil.IsDropped(ctx) || spanutil.IsDropped(t.Context()) {
		t.Error("IsDropped does not say so")
	}

	t.Run("a local call is not recorded", func(t *testing.T) {
		call := begin(w, ctx, op)
		if call != nil || call.Sampled() {
			t.Error("recorded")
		}
		call.Finish(nil)
	})
	t.Run("an injected call has no span and injects its parent", func(t *testing.T) {
		call := inject(w, ctx, op)
		call.Tag("key", "value")
		call.Statement("SELECT 1")
		if call.Open(ctx) != ctx {
			t.Error("the context has another span than the parent")
		}
		got, want := opentracing.TextMapCarrier{}, opentracing.TextMapCarrier{}
		call.Inject(opentracing.TextMap, got)
		_ = tracer.Inject(parent.Context(), opentracing.TextMap, want)
		if len(got) == 0 || got["uber-trace-id"] != want["uber-trace-id"] {
			t.Errorf("injected %v, want %v", got, want)
		}
		if call.Answered(spanutil.Bytes) {
			t.Error("its result is watched")
		}
		call.Finish(errors.New("failed"))
	})
	t.Run("the filter decides whether a call is injected", func(t *testing.T) {
		w := spanutil.New([]gaptrace.Option{
			gaptrace.WithTracer(tracer), gaptrace.WithFilter(func(gaptrace.Call) bool { return false }),
		})
		if inject(w, ctx, op) != nil {
			t.Error("a call that the filter rejects is injected")
		}
	})
	if tracer.spans != 0 {
		t.Errorf("%d spans were started", tracer.spans)
	}
}

func TestAnUnsampledCallIsNotDescribedNorWatched(t *testing.T) {
	w := spanutil.New([]gaptrace.Option{
		gaptrace.WithTracer(spantest.Jaeger(t, false, nil)), gaptrace.WithRoots(),
		gaptrace.WithStatement(func(gaptrace.Call, string) string { t.Error("statement built"); return "" }),
		gaptrace.WithTags(func(gaptrace.Call) opentracing.Tags { t.Error("tags built"); return nil }),
	})
	call, ctx := open(w, t.Context(), op)
	if call == nil || call.Sampled() {
		t.Fatal("want a call that is not sampled, so that its context can be injected")
	}
	if opentracing.SpanFromContext(ctx) == nil {
		t.Error("the context does not carry the decision")
	}
	call.Statement("SELECT 1")
	if call.Answered(spanutil.Bytes) {
		t.Error("its result is watched")
	}
	if call.Reads(spanutil.Bytes) != nil {
		t.Error("its reads are recorded")
	}
}

// undecided is a sampler that samples spans with the tag "interesting", whenever it is set.
type undecided struct{ jaeger.SamplerV2Base }

func (undecided) OnCreateSpan(*jaeger.Span) jaeger.SamplingDecision {
	return jaeger.SamplingDecision{Retryable: true}
}

func (undecided) OnSetOperationName(*jaeger.Span, string) jaeger.SamplingDecision {
	return jaeger.SamplingDecision{Retryable: true}
}

func (undecided) OnSetTag(_ *jaeger.Span, key string, _ any) jaeger.SamplingDecision {
	return jaeger.SamplingDecision{Sample: key == "interesting", Retryable: key != "interesting"}
}

func (undecided) OnFinishSpan(*jaeger.Span) jaeger.SamplingDecision {
	return jaeger.SamplingDecision{Retryable: true}
}

func (undecided) Close() {}

func (undecided) IsSampled(jaeger.TraceID, string) (bool, []jaeger.Tag) { return false, nil }

func (undecided) Equal(jaeger.Sampler) bool { return false }

func TestACallThatMayStillBeSampledHasASpan(t *testing.T) {
	jaegers, closer := jaeger.NewTracer("test", undecided{}, jaeger.NewNullReporter())
	t.Cleanup(func() { closer.Close() })
	tracer := &counting{Tracer: jaegers}
	ctx := opentracing.ContextWithSpan(t.Context(), jaegers.StartSpan("parent"))
	w := spanutil.New([]gaptrace.Option{gaptrace.WithTracer(tracer)})
	call := begin(w, ctx, op)
	call.Open(ctx)
	call.Finish(nil)
	if tracer.spans != 1 {
		t.Errorf("%d spans were started, want 1", tracer.spans)
	}
}
