package peer

import (
	"context"
	"io"
	"slices"
	"sync"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

// openTracing opens the tracer of all peers that use OpenTracing, including gaptrace: Jaeger's. A
// tracer.Recorder converts its spans.
func openTracing(sampled bool, by Exporter) Recorder {
	r := &openTracingRecorder{finished: kept{sent: by.OpenTracing}}
	r.tracer, r.closer = jaeger.NewTracer("bench", jaeger.NewConstSampler(sampled), &r.finished)
	opentracing.SetGlobalTracer(r.tracer)
	return r
}

type openTracingRecorder struct {
	tracer   opentracing.Tracer
	closer   io.Closer
	finished kept
}

func (r *openTracingRecorder) Span(ctx context.Context, operation string) (context.Context, func()) {
	span := r.tracer.StartSpan(operation)
	return opentracing.ContextWithSpan(ctx, span), span.Finish
}

func (r *openTracingRecorder) Spans() []gap.Span {
	var spans []gap.Span
	// A Recorder keeps a limited number of spans of a trace, and a peer may make any number.
	for some := range slices.Chunk(r.finished.take(), 1000) {
		recorder := tracer.NewRecorder(len(some))
		for _, span := range some {
			recorder.Report(span)
			span.Release()
		}
		for _, trace := range recorder.Traces() {
			spans = append(spans, trace...)
		}
	}
	return spans
}

func (r *openTracingRecorder) Close() {
	opentracing.SetGlobalTracer(opentracing.NoopTracer{})
	r.closer.Close()
}

// kept is a jaeger.Reporter that only keeps the spans. If Report converted them, that would be work
// of the request.
type kept struct {
	sent jaeger.Reporter // nil if spans are not sent

	mu    sync.Mutex
	spans []*jaeger.Span
}

func (k *kept) Report(span *jaeger.Span) {
	span.Retain()
	k.mu.Lock()
	k.spans = append(k.spans, span)
	k.mu.Unlock()
	if k.sent != nil {
		k.sent.Report(span)
	}
}

// Close does nothing: the exporter outlives the tracer.
func (*kept) Close() {}

func (k *kept) take() []*jaeger.Span {
	k.mu.Lock()
	defer k.mu.Unlock()
	spans := k.spans
	k.spans = nil
	return spans
}
