package gapconnector

import (
	"context"

	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// telemetry is what the connector reports about itself, as the collector's components do.
type telemetry struct {
	traces   metric.Int64Counter // by outcome
	spans    metric.Int64Counter // by outcome
	overflow metric.Int64Counter // spans
	refused  metric.Int64Counter // spans

	attributes metric.AddOption // of all counters
	outcomes   map[outcome]metric.AddOption
}

// newTelemetry returns the counters of a connector for a pipeline of "metrics" or "traces". A
// collector may have several connectors, and each may feed both.
func newTelemetry(set connector.Settings, output string) (t telemetry, err error) {
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
	with := func(more ...attribute.KeyValue) metric.AddOption {
		more = append(more, attribute.String("connector", set.ID.String()), attribute.String("output", output))
		return metric.WithAttributeSet(attribute.NewSet(more...))
	}
	t.attributes, t.outcomes = with(), map[outcome]metric.AddOption{}
	for _, o := range []outcome{complete, evicted, flushed} {
		t.outcomes[o] = with(attribute.String("outcome", string(o)))
	}
	return t, err
}

// analyzed counts a trace.
func (t *telemetry) analyzed(spans int, o outcome) {
	t.traces.Add(context.Background(), 1, t.outcomes[o])
	t.spans.Add(context.Background(), int64(spans), t.outcomes[o])
}

// lost counts spans that the next component refused.
func (t *telemetry) lost(spans int64) { t.refused.Add(context.Background(), spans, t.attributes) }
