package peer

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// openTelemetry opens the tracer of all peers that use OpenTelemetry: its SDK, with the propagation
// that its documentation shows.
func openTelemetry(sampled bool, by Exporter) Recorder {
	sampler := sdk.NeverSample()
	if sampled {
		sampler = sdk.AlwaysSample()
	}
	r := &openTelemetryRecorder{recorded: tracetest.NewSpanRecorder()}
	options := []sdk.TracerProviderOption{sdk.WithSampler(sampler), sdk.WithSpanProcessor(r.recorded)}
	if by.OpenTelemetry != nil {
		options = append(options, sdk.WithSpanProcessor(lasting{by.OpenTelemetry}))
	}
	r.provider = sdk.NewTracerProvider(options...)
	otel.SetTracerProvider(r.provider)
	otel.SetTextMapPropagator(
		propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}),
	)
	return r
}

// lasting is a processor that outlives the shutdown of a provider.
type lasting struct{ sdk.SpanProcessor }

func (lasting) Shutdown(context.Context) error { return nil }

type openTelemetryRecorder struct {
	provider *sdk.TracerProvider
	recorded *tracetest.SpanRecorder
	returned int // spans returned so far; the recorder's Reset would lose spans that end meanwhile
}

func (r *openTelemetryRecorder) Span(ctx context.Context, operation string) (context.Context, func()) {
	ctx, span := r.provider.Tracer("bench").Start(ctx, operation, trace.WithNewRoot())
	return ctx, func() { span.End() }
}

func (r *openTelemetryRecorder) Spans() []gap.Span {
	ended := r.recorded.Ended()[r.returned:]
	r.returned += len(ended)
	spans := make([]gap.Span, len(ended))
	for i, span := range ended {
		spans[i] = fromOpenTelemetry(span)
	}
	return spans
}

func (r *openTelemetryRecorder) Close() {
	otel.SetTracerProvider(noop.NewTracerProvider())
	otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator())
	_ = r.provider.Shutdown(context.Background()) // without an exporter it cannot fail
}

// fromOpenTelemetry converts what the analysis needs, and the attributes. OpenTelemetry's only
// reference is the parent, which is taken to wait for its children.
func fromOpenTelemetry(span sdk.ReadOnlySpan) gap.Span {
	s := gap.Span{
		TraceID:   otelTrace(span.SpanContext()),
		SpanID:    otelSpan(span.SpanContext()),
		Operation: span.Name(),
		Start:     wall(span.StartTime()),
		Duration:  span.EndTime().Sub(span.StartTime()),
		Process:   process,
		Tags:      []gap.Field{{Key: "span.kind", Value: span.SpanKind().String()}},
	}
	if parent := span.Parent(); parent.HasSpanID() {
		s.References = []gap.Reference{{Type: gap.ChildOf, TraceID: otelTrace(parent), SpanID: otelSpan(parent)}}
	}
	for _, a := range span.Attributes() {
		s.Tags = append(s.Tags, gap.Field{Key: string(a.Key), Value: a.Value.String()})
	}
	return s
}

func otelTrace(c trace.SpanContext) gap.TraceID {
	id := c.TraceID()
	return gap.TraceID{High: binary.BigEndian.Uint64(id[:8]), Low: binary.BigEndian.Uint64(id[8:])}
}

func otelSpan(c trace.SpanContext) gap.SpanID {
	id := c.SpanID()
	return gap.SpanID(binary.BigEndian.Uint64(id[:]))
}

// process is the process of all converted spans.
var process = &gap.Process{Service: "bench"}

// wall returns t without Go's monotonic reading, as a trace would contain it.
func wall(t time.Time) time.Time { return time.Unix(0, t.UnixNano()).UTC() }
