package gapconnector

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/gaptrace/gaptrace/gap"
)

// received returns a batch of spans with the same resource, as a receiver makes it.
func received(t *testing.T, traces, spans, resource int, url string) ptrace.Traces {
	t.Helper()
	made := ptrace.NewTraces()
	rs := made.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "bookshop")
	for i := range resource {
		rs.Resource().Attributes().PutStr(fmt.Sprint("k8s.pod.label.", i), strings.Repeat("x", 40))
	}
	ss := rs.ScopeSpans().AppendEmpty()
	for range traces {
		id := gap.TraceID{High: 1, Low: traceNumber}
		traceNumber++
		for i := range spans {
			s := ss.Spans().AppendEmpty()
			s.SetTraceID(traceID(id))
			s.SetSpanID(spanID(gap.SpanID(i + 1)))
			s.SetName("GET /books/{id}")
			s.SetKind(ptrace.SpanKindServer)
			s.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
			s.SetEndTimestamp(pcommon.NewTimestampFromTime(start))
			s.Attributes().PutStr("url.full", url)
		}
	}
	b, err := new(ptrace.ProtoMarshaler).MarshalTraces(made)
	if err != nil {
		t.Fatal(err)
	}
	if made, err = new(ptrace.ProtoUnmarshaler).UnmarshalTraces(b); err != nil {
		t.Fatal(err)
	}
	return made
}

var traceNumber uint64 = 1

// The estimate that max_bytes bounds is close to the memory that waiting spans take.
func TestMaxBytesIsAboutTheMemory(t *testing.T) {
	for name, c := range map[string]struct {
		traces, spans, resource, batches int
		url                              string
	}{
		"large traces":                      {1, 100, 5, 20, "/"},
		"traces of one span":                {1, 1, 5, 800, "/"},
		"large resources":                   {1, 1, 60, 200, "/"},
		"traces of a batch, large resource": {50, 1, 60, 10, "/"},
		"a dimension with long values":      {1, 10, 5, 40, strings.Repeat("/", 4000)},
	} {
		for _, next := range []any{&consumertest.MetricsSink{}, &consumertest.TracesSink{}} {
			t.Run(fmt.Sprintf("%s/%T", name, next), func(t *testing.T) {
				config := createDefaultConfig().(*Config)
				config.Metrics.Dimensions = []Dimension{{Name: "url.full"}}
				var made connector.Traces
				var err error
				var bytes *int64
				set := connectortest.NewNopSettings(componentType)
				if sink, ok := next.(*consumertest.MetricsSink); ok {
					var m *toMetrics
					m, err = newToMetrics(set, config, sink)
					made, bytes = m, &m.waiting.bytes
				} else {
					var m *toTraces
					m, err = newToTraces(set, config, next.(*consumertest.TracesSink))
					made, bytes = m, &m.waiting.bytes
				}
				if err != nil {
					t.Fatal(err)
				}
				if err := made.Start(t.Context(), componenttest.NewNopHost()); err != nil {
					t.Fatal(err)
				}
				before := heap()
				for range c.batches {
					if err := made.ConsumeTraces(t.Context(), received(t, c.traces, c.spans, c.resource, c.url)); err != nil {
						t.Fatal(err)
					}
				}
				ratio := float64(*bytes) / float64(heap()-before)
				t.Logf("%d bytes are counted, %.2f of what is taken", *bytes, ratio)
				if ratio < 0.6 || ratio > 1.7 {
					t.Errorf("%d bytes are counted, %.2f of what is taken", *bytes, ratio)
				}
				if err := made.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// heap returns how many bytes are in use.
func heap() int64 {
	runtime.GC()
	runtime.GC() // frees what sync.Pool kept
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
