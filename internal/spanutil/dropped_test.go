package spanutil_test

import (
	"errors"
	"testing"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

// started counts the spans that a tracer is asked for.
type started struct {
	opentracing.Tracer
	spans int
}

func (s *started) StartSpan(operation string, opts ...opentracing.StartSpanOption) opentracing.Span {
	s.spans++
	return s.Tracer.StartSpan(operation, opts...)
}

func jaegerTracer(t *testing.T, sampler jaeger.Sampler) (*started, opentracing.Span, *jaeger.InMemoryReporter) {
	reporter := jaeger.NewInMemoryReporter()
	tracer, closer := jaeger.NewTracer("test", sampler, reporter)
	t.Cleanup(func() { closer.Close() })
	return &started{Tracer: tracer}, tracer.StartSpan("parent"), reporter
}

func TestACallThatWouldBeDroppedHasNoSpanAndTellsTheServerOfItsParent(t *testing.T) {
	tracer, parent, _ := jaegerTracer(t, jaeger.NewConstSampler(false))
	ctx := opentracing.ContextWithSpan(t.Context(), parent)
	w := spanutil.New([]gaptrace.Option{gaptrace.WithTracer(tracer)})
	if call := begin(w, ctx, op); call != nil {
		t.Error("a call that tells nobody was begun")
	}
	call := inject(w, ctx, op)
	call.Tag("key", "value")
	call.Statement("SELECT 1")
	if call.Open(ctx) != ctx {
		t.Error("the context has another span than its own")
	}
	told, want := opentracing.TextMapCarrier{}, opentracing.TextMapCarrier{}
	call.Inject(opentracing.TextMap, told)
	_ = tracer.Inject(parent.Context(), opentracing.TextMap, want)
	if len(told) == 0 || told["uber-trace-id"] != want["uber-trace-id"] {
		t.Errorf("the server is told %v, want %v", told, want)
	}
	if call.Answered(spanutil.Bytes) {
		t.Error("its result is watched")
	}
	call.Finish(errors.New("failed"))
	if tracer.spans != 0 {
		t.Errorf("%d spans were started", tracer.spans)
	}
}

func TestAFilterAlsoDecidesWhetherACallThatWouldBeDroppedTellsTheServer(t *testing.T) {
	tracer, parent, _ := jaegerTracer(t, jaeger.NewConstSampler(false))
	w := spanutil.New([]gaptrace.Option{
		gaptrace.WithTracer(tracer), gaptrace.WithFilter(func(gaptrace.Call) bool { return false }),
	})
	if inject(w, opentracing.ContextWithSpan(t.Context(), parent), op) != nil {
		t.Error("a call that was filtered out is to be injected")
	}
}

// undecided is a sampler that samples what is tagged with a word, whenever that is.
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

func TestACallWhoseTraceMayStillBeSampledHasASpan(t *testing.T) {
	tracer, parent, _ := jaegerTracer(t, undecided{})
	ctx := opentracing.ContextWithSpan(t.Context(), parent)
	w := spanutil.New([]gaptrace.Option{gaptrace.WithTracer(tracer)})
	call := begin(w, ctx, op)
	call.Open(ctx)
	call.Finish(nil)
	if tracer.spans != 1 {
		t.Errorf("%d spans were started, want 1", tracer.spans)
	}
}
