package gapconnector

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/gaptrace/gaptrace/gap"
)

func TestDimensions(t *testing.T) {
	none := "none"
	var sink consumertest.MetricsSink
	use(t, func(c *Config) {
		c.Metrics.Dimensions = []Dimension{{Name: "http.method"}, {Name: "zone"}, {Name: "tenant", Default: &none}}
	}, &sink, func(c connector.Traces) { consume(t, c, request(1, "GET /books")) })
	const want = "gaptrace.self_time http.method=GET service.name=bookshop span.name=GET /books tenant=none zone=north: 1, 70 ms\n" +
		"gaptrace.self_time service.name=bookshop span.name=sql query tenant=none zone=north: 1, 0 ms"
	if got := points(&sink); !strings.HasSuffix(got, want) {
		t.Errorf("got\n%s", got)
	}
}

func TestCardinalityLimit(t *testing.T) {
	var sink consumertest.MetricsSink
	own := use(t, func(c *Config) { c.Metrics.CardinalityLimit = 3 }, &sink, func(c connector.Traces) {
		for id := range uint64(10) {
			consume(t, c, request(id, fmt.Sprint("GET /", id)))
		}
	})
	got := points(&sink)
	if !strings.Contains(got, "gaptrace.self_time otel.metric.overflow=true: 8, 560 ms\n") || strings.Count(got, "\n") != 3*4-1 {
		t.Errorf("got\n%s", got)
	}
	if got := counted(own); !strings.Contains(got, "overflow_spans  8\n") {
		t.Errorf("counted\n%s", got)
	}
}

// Requests come in the first, second and fourth minute, and the connector shuts down after it.
func TestTemporality(t *testing.T) {
	for temporality, want := range map[string]string{
		"cumulative": "1 since 1s, 2 since 1s, 2 since 1s, 3 since 1s, 3 since 1s",
		"delta":      "1 since 0s, 1 since 1m0s, 1 since 3m0s",
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			var sink consumertest.MetricsSink
			change := func(c *Config) { c.Wait, c.Metrics.Temporality = time.Second, temporality }
			use(t, change, &sink, func(c connector.Traces) {
				for minute := range uint64(4) {
					if minute != 2 {
						consume(t, c, request(minute, "GET /books"))
					}
					time.Sleep(time.Minute)
					synctest.Wait()
				}
			})
			var exports []string
			for _, m := range sink.AllMetrics() {
				h := m.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).ExponentialHistogram()
				if h.AggregationTemporality() != temporalities[temporality] {
					t.Error(h.AggregationTemporality())
				}
				p := h.DataPoints().At(0)
				exports = append(exports, fmt.Sprintf("%d since %v", p.Count(), p.StartTimestamp().AsTime().Sub(began)))
			}
			if got := strings.Join(exports, ", "); got != want {
				t.Errorf("%s: %s, want %s", temporality, got, want)
			}
		})
	}
}

func TestExpiration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sink consumertest.MetricsSink
		change := func(c *Config) { c.Wait, c.Metrics.Expiration = time.Second, 90*time.Second }
		use(t, change, &sink, func(c connector.Traces) {
			consume(t, c, request(1, "GET /books"))
			time.Sleep(210 * time.Second)
		})
		if n := len(sink.AllMetrics()); n != 2 {
			t.Errorf("%d exports, want 2: then the series has expired", n)
		}
	})
}

// A combination of attributes does not expire before an export with its last spans has succeeded.
func TestExpirationWaitsForAnExport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sink consumertest.MetricsSink
		o := &outage{Metrics: &sink}
		change := func(c *Config) { exported(c); c.Metrics.Expiration = 90 * time.Second }
		use(t, change, o, func(c connector.Traces) {
			first := answered(t.Context(), c, request(1, "GET /books"))
			time.Sleep(10 * time.Minute)
			o.over.Store(true)
			time.Sleep(2 * time.Minute)
			if _, err := first(t); err != nil {
				t.Error(err)
			}
		})
		if n := len(sink.AllMetrics()); n != 1 {
			t.Errorf("%d exports, want 1 that has the spans", n)
		}
	})
}

// A data point has the first exemplars since the last export.
func TestExemplars(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sink consumertest.MetricsSink
		use(t, func(c *Config) { c.Metrics.MaxExemplars = 2 }, &sink, func(c connector.Traces) {
			for id := range uint64(6) {
				if id == 3 {
					time.Sleep(time.Minute)
					synctest.Wait() // for the export
				}
				consume(t, c, request(id+1, "GET /books"))
			}
		})
		for export, m := range sink.AllMetrics() {
			for _, m := range m.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
				for _, p := range m.ExponentialHistogram().DataPoints().All() {
					if p.Exemplars().Len() != 2 {
						t.Fatalf("%s: %d exemplars, want 2", m.Name(), p.Exemplars().Len())
					}
					e := p.Exemplars().At(1)
					if e.TraceID() != traceID(gap.TraceID{High: 7, Low: uint64(3*export + 2)}) || e.SpanID() == (pcommon.SpanID{}) {
						t.Errorf("%s: exemplar %s %s", m.Name(), e.TraceID(), e.SpanID())
					}
				}
			}
		}
		if n := len(sink.AllMetrics()); n != 2 {
			t.Errorf("%d exports, want 2", n)
		}
	})
}

// The buckets of a histogram hold the values that were added.
func TestHistogram(t *testing.T) {
	a := newAggregation(&createDefaultConfig().(*Config).Metrics)
	for _, spans := range [][]gap.Span{request(1, "GET /books"), request(2, "GET /books")} {
		built, _ := gap.Build(spans)
		a.add(built)
	}
	metrics := pmetric.NewMetricSlice()
	a.export(metrics)
	for _, m := range metrics.All() {
		for _, p := range m.ExponentialHistogram().DataPoints().All() {
			sum := p.ZeroCount()
			for _, n := range p.Positive().BucketCounts().All() {
				sum += n
			}
			if sum != 2 || p.Count() != 2 {
				t.Errorf("%s: %d in buckets, count %d, want 2", m.Name(), sum, p.Count())
			}
		}
	}
}
