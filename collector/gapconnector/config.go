package gapconnector

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// Config is the configuration of the connector.
type Config struct {
	// Wait is the time from a trace's first span to its analysis. A span that comes later is
	// analyzed without the rest of its trace.
	Wait time.Duration `mapstructure:"wait"`

	// MaxTraces, MaxSpans and MaxBytes bound what waits. If more waits, the oldest traces are
	// analyzed early, and counted as evicted. MaxBytes bounds the estimated memory of the spans.
	MaxTraces int   `mapstructure:"max_traces"`
	MaxSpans  int   `mapstructure:"max_spans"`
	MaxBytes  int64 `mapstructure:"max_bytes"`

	// Grouped says that each batch has all spans of its traces, as after the processor
	// groupbytrace. Then nothing waits.
	Grouped bool `mapstructure:"grouped"`

	// Acknowledge says when a receiver may forget spans: when they are "received" or "exported".
	Acknowledge string `mapstructure:"acknowledge"`

	// Metrics is for the pipeline of metrics. The pipeline of traces does not use it.
	Metrics MetricsConfig `mapstructure:"metrics"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// MetricsConfig is the configuration of the metrics.
type MetricsConfig struct {
	// Dimensions are attributes of the span, or else of its resource, that become attributes of the
	// data points, in addition to service.name and span.name.
	Dimensions []Dimension `mapstructure:"dimensions"`

	// FlushInterval is the time between two exports.
	FlushInterval time.Duration `mapstructure:"flush_interval"`

	// Temporality is "cumulative" or "delta".
	Temporality string `mapstructure:"temporality"`

	// CardinalityLimit bounds the combinations of attributes. The spans of further ones count in
	// the data point whose only attribute is otel.metric.overflow.
	CardinalityLimit int `mapstructure:"cardinality_limit"`

	// Expiration is the time without spans after which a combination of attributes is forgotten. 0
	// means never. With delta temporality, each combination is forgotten after its export.
	Expiration time.Duration `mapstructure:"expiration"`

	// MaxBuckets bounds the buckets of a histogram. More make it more exact.
	MaxBuckets int32 `mapstructure:"max_buckets"`

	// MaxExemplars bounds the exemplars of a data point, which name a trace and a span.
	MaxExemplars int `mapstructure:"max_exemplars"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// Dimension is an attribute of the data points.
type Dimension struct {
	Name string `mapstructure:"name"`

	// Default is the value for spans without the attribute. If it is not set, their data points
	// lack the attribute.
	Default *string `mapstructure:"default"`

	// prevent unkeyed literal initialization
	_ struct{}
}

// The values of Config.Acknowledge.
const (
	acknowledgeReceived = "received"
	acknowledgeExported = "exported"
)

// temporalities are the values of MetricsConfig.Temporality.
var temporalities = map[string]pmetric.AggregationTemporality{
	"cumulative": pmetric.AggregationTemporalityCumulative,
	"delta":      pmetric.AggregationTemporalityDelta,
}

func createDefaultConfig() component.Config {
	return &Config{
		Wait:        10 * time.Second,
		MaxTraces:   100_000,
		MaxSpans:    1_000_000,
		MaxBytes:    512 << 20,
		Acknowledge: acknowledgeReceived,
		Metrics: MetricsConfig{
			FlushInterval:    time.Minute,
			Temporality:      "cumulative",
			CardinalityLimit: 10_000,
			MaxBuckets:       160,
			MaxExemplars:     1,
		},
	}
}

var _ confmap.Validator = (*Config)(nil)

// Validate returns an error that names each key whose value is bad.
func (c *Config) Validate() error {
	var errs []error
	want := func(ok bool, key string, value any, wanted string) {
		if !ok {
			errs = append(errs, fmt.Errorf("%s: got %v, want %s", key, value, wanted))
		}
	}
	m := &c.Metrics
	const least = time.Millisecond // a number without a unit means nanoseconds
	want(c.Wait >= least, "wait", c.Wait, "at least 1ms, such as 10s")
	want(c.MaxTraces > 0, "max_traces", c.MaxTraces, "a positive number")
	want(c.MaxSpans > 0, "max_spans", c.MaxSpans, "a positive number")
	want(c.MaxBytes > 0, "max_bytes", c.MaxBytes, "a positive number")
	want(c.Acknowledge == acknowledgeReceived || c.Acknowledge == acknowledgeExported, "acknowledge", c.Acknowledge,
		"received or exported")
	want(m.FlushInterval >= least, "metrics::flush_interval", m.FlushInterval, "at least 1ms, such as 60s")
	want(temporalities[m.Temporality] != 0, "metrics::temporality", m.Temporality, "cumulative or delta")
	want(m.CardinalityLimit > 0, "metrics::cardinality_limit", m.CardinalityLimit, "a positive number")
	want(m.Expiration == 0 || m.Expiration >= least, "metrics::expiration", m.Expiration, "0, or at least 1ms, such as 1h")
	want(m.MaxBuckets >= minBuckets && m.MaxBuckets <= maxBuckets, "metrics::max_buckets", m.MaxBuckets,
		fmt.Sprintf("%d to %d", minBuckets, maxBuckets))
	want(m.MaxExemplars >= 0, "metrics::max_exemplars", m.MaxExemplars, "a number that is not negative")
	names := map[string]bool{serviceName: true, spanName: true}
	for i, d := range m.Dimensions {
		key := fmt.Sprintf("metrics::dimensions::%d::name", i)
		want(d.Name != "", key, `""`, "the name of an attribute")
		want(!names[d.Name], key, d.Name, "a name that no other dimension has")
		names[d.Name] = true
	}
	return errors.Join(errs...)
}
