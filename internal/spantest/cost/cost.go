// Package cost measures what a wrapper adds to a call. It compares with the raw client and with a
// span made by hand, in the same run.
package cost

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

// Run measures a call in five ways:
//
//	raw                the call, not wrapped
//	wrapped/no_parent  wrapped, without a parent span
//	wrapped/unsampled  wrapped, under a parent that is not sampled
//	by_hand/sampled    no call: a jaeger-client-go span with the tags that the wrapper sets
//	wrapped/sampled    wrapped, under a sampled parent
//
// ns-over-raw is the wrapper's cost: wrapped minus raw. times-by-hand is the cost of
// wrapped/sampled divided by the time of by_hand/sampled. Both calls must use the global tracer.
// inject injects by hand; it is nil if the wrapper does not inject.
func Run(b *testing.B, raw, wrapped func(ctx context.Context), inject func(opentracing.Span)) {
	b.Helper()
	took := map[string]float64{} // ns per call
	measure := func(name string, ctx context.Context, call func(context.Context)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				call(ctx)
			}
			took[name] = float64(b.Elapsed()) / float64(b.N)
			over := took[name] - took["raw"]
			if strings.HasPrefix(name, "wrapped") {
				b.ReportMetric(over, "ns-over-raw")
			}
			if hand := took["by_hand/sampled"]; hand > 0 && name == "wrapped/sampled" {
				b.ReportMetric(over/hand, "times-by-hand")
			}
		})
	}
	spans := jaeger.NewInMemoryReporter()
	_, ctx := parent(b, true, spans)
	wrapped(ctx)
	recorded := spans.GetSpans()
	if len(recorded) != 1 {
		b.Fatalf("the wrapped call recorded %d spans, want 1: %v", len(recorded), recorded)
	}
	model := recorded[0].(*jaeger.Span)
	var tags []opentracing.Tag
	for key, value := range model.Tags() {
		tags = append(tags, opentracing.Tag{Key: key, Value: value})
	}

	measure("raw", b.Context(), raw)
	measure("wrapped/no_parent", b.Context(), wrapped)
	_, ctx = parent(b, false, jaeger.NewNullReporter())
	measure("wrapped/unsampled", ctx, wrapped)
	tracer, ctx := parent(b, true, jaeger.NewNullReporter())
	measure("by_hand/sampled", ctx, func(ctx context.Context) {
		span := tracer.StartSpan(model.OperationName(), opentracing.ChildOf(opentracing.SpanFromContext(ctx).Context()))
		for _, tag := range tags {
			switch value := tag.Value.(type) { // boxes the value, as code written by hand does
			case string:
				span.SetTag(tag.Key, value)
			case int64:
				span.SetTag(tag.Key, value)
			default:
				span.SetTag(tag.Key, value)
			}
		}
		if inject != nil {
			inject(span)
		}
		span.Finish()
	})
	measure("wrapped/sampled", ctx, wrapped)
}

// InTurn measures two slow calls by turns, in alternating order, so that other load on the machine
// hits both alike. The wrapped call runs under a sampled parent. percent-over-raw and ns-over-raw
// are the medians of how much longer it took.
func InTurn(b *testing.B, raw, wrapped func(ctx context.Context)) {
	b.Helper()
	_, ctx := parent(b, true, jaeger.NewNullReporter())
	took := func(call func(context.Context)) time.Duration {
		start := time.Now()
		call(ctx)
		return time.Since(start)
	}
	var ratios, differences []float64
	for b.Loop() {
		var r, w time.Duration
		if len(ratios)%2 == 0 {
			r, w = took(raw), took(wrapped)
		} else {
			w, r = took(wrapped), took(raw)
		}
		ratios, differences = append(ratios, float64(w)/float64(r)), append(differences, float64(w-r))
	}
	slices.Sort(ratios)
	slices.Sort(differences)
	b.ReportMetric(100*(ratios[len(ratios)/2]-1), "percent-over-raw")
	b.ReportMetric(differences[len(differences)/2], "ns-over-raw")
}

func parent(b *testing.B, sampled bool, reporter jaeger.Reporter) (opentracing.Tracer, context.Context) {
	tracer, closer := jaeger.NewTracer("bench", jaeger.NewConstSampler(sampled), reporter)
	opentracing.SetGlobalTracer(tracer)
	b.Cleanup(func() {
		opentracing.SetGlobalTracer(opentracing.NoopTracer{})
		closer.Close()
	})
	return tracer, opentracing.ContextWithSpan(b.Context(), tracer.StartSpan("parent"))
}
