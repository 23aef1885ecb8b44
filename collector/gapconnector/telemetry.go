package gapconnector

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// telemetry is what the connector reports about itself, as the collector's components do.
type telemetry struct {
	traces   metric.Int64Counter // by outcome
	spans    metric.Int64Counter // by outcome
	overflow metric.Int64Counter // spans
	refused  metric.Int64Counter // spans
}

func newTelemetry(set component.TelemetrySettings) (t telemetry, err error) {
	meter := set.MeterProvider.Meter("github.com/gaptrace/gaptrace/collector/gapconnector")
	counter := func(name, description, unit string) (c metric.Int64Counter) {
		if err == nil {
			c, err = meter.Int64Counter("otelcol_connector_gap_"+name,
				metric.WithDescription(description), metric.WithUnit(unit))
		}
		return c
	}
	t.traces = counter("traces", "Traces that were analyzed, by outcome: complete, evicted or flushed.", "{trace}")
	t.spans = counter("spans", "Spans of these traces, by outcome.", "{span}")
	t.overflow = counter("overflow_spans", "Spans beyond the limit of combinations of attributes.", "{span}")
	t.refused = counter("refused_spans", "Spans that the next component refused, and that are lost.", "{span}")
	return t, err
}

// outcomes are the attributes of the counters.
var outcomes = map[outcome]metric.AddOption{
	complete: metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", string(complete)))),
	evicted:  metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", string(evicted)))),
	flushed:  metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", string(flushed)))),
}

// analyzed counts a trace.
func (t *telemetry) analyzed(spans int, o outcome) {
	t.traces.Add(context.Background(), 1, outcomes[o])
	t.spans.Add(context.Background(), int64(spans), outcomes[o])
}
