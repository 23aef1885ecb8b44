// Package cost measures what a wrapper adds to a call, beside the raw client and beside a span
// made by hand, in one run.
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

// Run measures a call five ways: raw; wrapped, with no parent span; wrapped, under a parent that
// is not sampled; wrapped, under one that is; and by hand, which is a jaeger-client-go span with
// the tags the wrapper set, started, tagged and finished, with no call inside.
//
// What the wrapper costs is wrapped less raw, told as ns-over-raw; the sampled cost is held against
// by hand, told as times-by-hand. Both calls must find their tracer as the global one. Where the wrapper injects, inject does so by
// hand; otherwise it is nil.
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
	drawn := spans.GetSpans()
	if len(drawn) != 1 {
		b.Fatalf("the wrapped call drew %d spans, want the call's alone: %v", len(drawn), drawn)
	}
	model := drawn[0].(*jaeger.Span)
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
			switch value := tag.Value.(type) { // a hand would give the value itself, not one boxed before
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

// InTurn measures two calls that each take long, one after the other and in alternating order, so that both meet the
// same machine. It tells the medians of how much longer the wrapped one took, under a sampled parent, as percent-over-raw
// and ns-over-raw.
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
