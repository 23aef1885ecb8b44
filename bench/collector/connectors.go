package main

import (
	"context"
	"time"

	"github.com/gaptrace/gaptrace/collector/gapconnector"
	"github.com/open-telemetry/opentelemetry-collector-contrib/connector/spanmetricsconnector"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// measured is a connector that is measured.
type measured struct {
	name     string
	factory  connector.Factory
	config   func(keep int, flush time.Duration) component.Config
	buffers  bool // keeps spans, and releases them when it stops
	annotate bool // for a pipeline of traces, not of metrics
}

// connectors are compared with the first one.
var connectors = []measured{
	{name: "spanmetrics", factory: spanmetricsconnector.NewFactory(), config: spanMetricsConfig},
	{name: "gap, metrics", factory: gapconnector.NewFactory(), config: gapConfig, buffers: true},
	{name: "gap, traces", factory: gapconnector.NewFactory(), config: gapConfig, buffers: true, annotate: true},
}

// buckets and exemplars are the same for all.
const buckets, exemplars = 160, 1

func spanMetricsConfig(_ int, flush time.Duration) component.Config {
	config := spanmetricsconnector.NewFactory().CreateDefaultConfig().(*spanmetricsconnector.Config)
	config.Histogram.Exponential = configoptional.Some(spanmetricsconnector.ExponentialHistogramConfig{MaxSize: buckets})
	config.Exemplars = spanmetricsconnector.ExemplarsConfig{Enabled: true, MaxPerDataPoint: exemplars}
	config.MetricsFlushInterval = flush
	return config
}

func gapConfig(keep int, flush time.Duration) component.Config {
	config := gapconnector.NewFactory().CreateDefaultConfig().(*gapconnector.Config)
	config.Wait, config.MaxTraces, config.MaxSpans, config.MaxBytes = hour, keep, 1<<30, 1<<50
	config.Metrics.MaxBuckets, config.Metrics.MaxExemplars = buckets, exemplars
	config.Metrics.FlushInterval = flush
	return config
}

// running is a connector that was started.
type running struct {
	connector.Traces
	spans int // in the last metrics, or in all traces
}

// start starts a connector that lets a number of traces wait, and exports metrics at an interval.
func (m measured) start(ctx context.Context, keep int, flush time.Duration) (*running, error) {
	r := &running{}
	set := connectortest.NewNopSettings(m.factory.Type())
	var err error
	if m.annotate {
		next, _ := consumer.NewTraces(func(_ context.Context, traces ptrace.Traces) error {
			r.spans += traces.SpanCount()
			return nil
		})
		r.Traces, err = m.factory.CreateTracesToTraces(ctx, set, m.config(keep, flush), next)
	} else {
		next, _ := consumer.NewMetrics(func(_ context.Context, metrics pmetric.Metrics) error {
			r.spans = durations(metrics)
			return nil
		})
		r.Traces, err = m.factory.CreateTracesToMetrics(ctx, set, m.config(keep, flush), next)
	}
	if err == nil {
		err = r.Start(ctx, componenttest.NewNopHost())
	}
	return r, err
}

// durations returns how many spans the histograms of durations have counted.
func durations(metrics pmetric.Metrics) (spans int) {
	for _, rm := range metrics.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				if m.Name() != "gaptrace.duration" && m.Name() != "traces.span.metrics.duration" {
					continue
				}
				for _, p := range m.ExponentialHistogram().DataPoints().All() {
					spans += int(p.Count())
				}
			}
		}
	}
	return spans
}
