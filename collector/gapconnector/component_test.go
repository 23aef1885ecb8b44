package gapconnector

import (
	"errors"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConfigStruct(t *testing.T) {
	if err := componenttest.CheckConfigStruct(NewFactory().CreateDefaultConfig()); err != nil {
		t.Error(err)
	}
}

// A bad configuration gets an error that names the key.
func TestConfigErrors(t *testing.T) {
	for want, config := range map[string]map[string]any{
		"": {"wait": "3s", "max_bytes": 1 << 40, "metrics": map[string]any{"temporality": "delta"}},

		"wait: got -1s, want":            {"wait": "-1s"},
		"wait: got 10ns, want at least":  {"wait": 10},
		"'wait'":                         {"wait": "soon"},
		"max_traces: got 0, want":        {"max_traces": 0},
		"max_spans: got -5, want":        {"max_spans": -5},
		"'max_bytes'":                    {"max_bytes": []string{"1"}},
		"max_bytes: got -1, want":        {"max_bytes": -1},
		"'grouped'":                      {"grouped": "perhaps"},
		"invalid keys: max_trace":        {"max_trace": 5},
		"metrics::temporality: got both": {"metrics": map[string]any{"temporality": "both"}},
		"metrics::flush_interval: got 0": {"metrics": map[string]any{"flush_interval": "0s"}},
		"metrics::flush_interval: got 6": {"metrics": map[string]any{"flush_interval": 60}},
		"metrics::cardinality_limit":     {"metrics": map[string]any{"cardinality_limit": -1}},
		"metrics::expiration":            {"metrics": map[string]any{"expiration": "-1h"}},
		"metrics::expiration: got 30ns":  {"metrics": map[string]any{"expiration": 30}},
		"metrics::max_buckets: got 1":    {"metrics": map[string]any{"max_buckets": 1}},
		"metrics::max_exemplars":         {"metrics": map[string]any{"max_exemplars": -1}},
		"metrics::dimensions::1::name: got zone": {"metrics": map[string]any{
			"dimensions": []any{map[string]any{"name": "zone"}, map[string]any{"name": "zone"}},
		}},
		"metrics::dimensions::0::name: got span.name": {"metrics": map[string]any{
			"dimensions": []any{map[string]any{"name": "span.name"}},
		}},
		`metrics::dimensions::0::name: got ""`: {"metrics": map[string]any{"dimensions": []any{map[string]any{}}}},
	} {
		c := NewFactory().CreateDefaultConfig()
		err := confmap.NewFromStringMap(config).Unmarshal(&c)
		if err == nil {
			err = confmap.Validate(c)
		}
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %q", config, err, want)
		}
	}
}

// A pipeline that fails to start shuts down components that were not started. Other pipelines must
// not see what the connector writes into spans.
func TestNotStarted(t *testing.T) {
	set := connectortest.NewNopSettings(componentType)
	config := NewFactory().CreateDefaultConfig()
	metrics, err := NewFactory().CreateTracesToMetrics(t.Context(), set, config, &consumertest.MetricsSink{})
	if err != nil {
		t.Fatal(err)
	}
	traces, err := NewFactory().CreateTracesToTraces(t.Context(), set, config, &consumertest.TracesSink{})
	if err != nil {
		t.Fatal(err)
	}
	if metrics.Capabilities().MutatesData || !traces.Capabilities().MutatesData {
		t.Errorf("MutatesData is %v and %v", metrics.Capabilities(), traces.Capabilities())
	}
	if err := errors.Join(metrics.Shutdown(t.Context()), traces.Shutdown(t.Context())); err != nil {
		t.Error(err)
	}
}
