package gapconnector

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/connector/connectortest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/otlp"
)

// start is when the traces of the tests start.
var start = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// request returns the trace of a request: a server's span of 100 ms with a query from 20 to 50 ms.
func request(id uint64, operation string) []gap.Span {
	process := &gap.Process{Service: "bookshop", Tags: []gap.Field{{Key: "zone", Value: "north"}}}
	return []gap.Span{
		{
			TraceID: gap.TraceID{High: 7, Low: id}, SpanID: 1, Operation: operation, Start: start,
			Duration: 100 * time.Millisecond, Process: process,
			Tags: []gap.Field{{Key: "span.kind", Value: "server"}, {Key: "http.method", Value: "GET"}},
		},
		{
			TraceID: gap.TraceID{High: 7, Low: id}, SpanID: 2, Operation: "sql query",
			Start: start.Add(20 * time.Millisecond), Duration: 30 * time.Millisecond, Process: process,
			References: []gap.Reference{{SpanID: 1}}, Tags: []gap.Field{{Key: "span.kind", Value: "client"}},
		},
	}
}

// use starts a connector, has use feed it, and shuts it down.
func use(t *testing.T, change func(*Config), next any, use func(connector.Traces)) metricdata.ResourceMetrics {
	t.Helper()
	reader := metric.NewManualReader()
	set := connectortest.NewNopSettings(componentType)
	set.MeterProvider = metric.NewMeterProvider(metric.WithReader(reader))
	set.Resource.Attributes().PutStr("service.instance.id", "the first")
	config := createDefaultConfig().(*Config)
	if change != nil {
		change(config)
	}
	if err := config.Validate(); err != nil {
		t.Fatal(err)
	}
	var c connector.Traces
	var err error
	switch next := next.(type) {
	case consumer.Metrics:
		c, err = NewFactory().CreateTracesToMetrics(t.Context(), set, config, next)
	case consumer.Traces:
		c, err = NewFactory().CreateTracesToTraces(t.Context(), set, config, next)
	}
	if err == nil {
		err = c.Start(t.Context(), componenttest.NewNopHost())
	}
	if err != nil {
		t.Fatal(err)
	}
	use(c)
	for range 2 { // it may be called again
		if err := c.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
	var own metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &own); err != nil {
		t.Error(err)
	}
	return own
}

func consume(t *testing.T, c connector.Traces, traces ...[]gap.Span) {
	t.Helper()
	if err := c.ConsumeTraces(t.Context(), otlp.Traces(traces...)); err != nil {
		t.Error(err)
	}
}

// points formats the data points of the last export, without their histograms.
func points(sink *consumertest.MetricsSink) string {
	var lines []string
	all := sink.AllMetrics()
	if len(all) == 0 {
		return ""
	}
	for _, rm := range all[len(all)-1].ResourceMetrics().All() {
		if id, _ := rm.Resource().Attributes().Get("collector.instance.id"); id.AsString() != "the first" {
			return "the resource does not name the collector"
		}
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				for _, p := range m.ExponentialHistogram().DataPoints().All() {
					var attributes []string
					for key, value := range p.Attributes().All() {
						attributes = append(attributes, key+"="+value.AsString())
					}
					slices.Sort(attributes)
					lines = append(lines, fmt.Sprintf("%s %s: %d, %.0f ms",
						m.Name(), strings.Join(attributes, " "), p.Count(), p.Sum()*1000))
				}
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// counted returns the connector's own counters, which must name it.
func counted(own metricdata.ResourceMetrics) string {
	var lines []string
	for _, sm := range own.ScopeMetrics {
		for _, m := range sm.Metrics {
			for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
				outcome, _ := p.Attributes.Value("outcome")
				id, _ := p.Attributes.Value("connector")
				output, _ := p.Attributes.Value("output")
				if !strings.HasPrefix(id.AsString(), "gap/") || output.AsString() != "metrics" && output.AsString() != "traces" {
					lines = append(lines, fmt.Sprintf("%s of %q, %q", m.Name, id.AsString(), output.AsString()))
				}
				name := strings.TrimPrefix(m.Name, "otelcol_connector_gap_")
				lines = append(lines, fmt.Sprintf("%s %s %d", name, outcome.AsString(), p.Value))
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

const oneRequest = `gaptrace.critical_self_time service.name=bookshop span.name=GET /books: 1, 70 ms
gaptrace.critical_self_time service.name=bookshop span.name=sql query: 1, 0 ms
gaptrace.duration service.name=bookshop span.name=GET /books: 1, 100 ms
gaptrace.duration service.name=bookshop span.name=sql query: 1, 30 ms
gaptrace.self_time service.name=bookshop span.name=GET /books: 1, 70 ms
gaptrace.self_time service.name=bookshop span.name=sql query: 1, 0 ms`

// A trace whose spans come in several batches is analyzed as a whole, when it has waited.
func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sink consumertest.MetricsSink
		own := use(t, func(c *Config) { c.Metrics.FlushInterval = time.Second }, &sink, func(c connector.Traces) {
			spans := request(1, "GET /books")
			consume(t, c, spans[1:])
			time.Sleep(9500 * time.Millisecond)
			consume(t, c, spans[:1])
			synctest.Wait()
			if got := points(&sink); got != "" {
				t.Errorf("exported too early:\n%s", got)
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if got := points(&sink); got != oneRequest {
				t.Errorf("got\n%s", got)
			}
		})
		if got := counted(own); got != "spans complete 2\ntraces complete 1" {
			t.Errorf("counted\n%s", got)
		}
	})
}

// Shutdown analyzes and exports what waits.
func TestShutdownFlushes(t *testing.T) {
	var sink consumertest.MetricsSink
	own := use(t, nil, &sink, func(c connector.Traces) { consume(t, c, request(1, "GET /books")) })
	if got := points(&sink); got != oneRequest {
		t.Errorf("got\n%s", got)
	}
	if got := counted(own); got != "spans flushed 2\ntraces flushed 1" {
		t.Errorf("counted\n%s", got)
	}
}

// What exceeds a bound is analyzed early, and counted.
func TestBounds(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"max_traces": func(c *Config) { c.MaxTraces = 3 },
		"max_spans":  func(c *Config) { c.MaxSpans = 6 },
		"max_bytes": func(c *Config) {
			s := request(1, "")
			var a, b kept
			a.set(&s[0])
			b.set(&s[1])
			c.MaxBytes = 3 * (traceMemory + a.memory() + b.memory() + processMemory(s[0].Process) + 20)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var sink consumertest.MetricsSink
			own := use(t, change, &sink, func(c connector.Traces) {
				for id := range uint64(10) {
					consume(t, c, request(id, ""))
				}
			})
			if got := counted(own); got != "spans evicted 14\nspans flushed 6\ntraces evicted 7\ntraces flushed 3" {
				t.Errorf("counted\n%s", got)
			}
			if got := points(&sink); !strings.Contains(got, "self_time service.name=bookshop span.name=: 10, 700 ms") {
				t.Errorf("got\n%s", got)
			}
		})
	}
}

// A program that knows IDs of 64 bits reports the right half of a longer one. If several traces
// have this half, its spans are a trace of their own. So are spans with IDs whose right half is
// zero.
func TestHalfOfATraceID(t *testing.T) {
	whole, other, half := gap.TraceID{High: 7, Low: 9}, gap.TraceID{High: 8, Low: 9}, gap.TraceID{Low: 9}
	zero, otherZero := gap.TraceID{High: 7}, gap.TraceID{High: 8}
	for name, test := range map[string]struct {
		ids    []gap.TraceID // of the requests' spans in turn: a server's, a client's
		traces int
		self   []int64 // of the servers' spans, in milliseconds
	}{
		"the client's is a half":       {[]gap.TraceID{whole, half}, 1, []int64{70}},
		"the server's is a half":       {[]gap.TraceID{half, whole}, 1, []int64{70}},
		"only halves":                  {[]gap.TraceID{half, half}, 1, []int64{70}},
		"two traces":                   {[]gap.TraceID{whole, whole, other, other}, 2, []int64{70, 70}},
		"two traces and a half":        {[]gap.TraceID{whole, whole, other, half}, 3, []int64{70, 100}},
		"two traces between a half":    {[]gap.TraceID{half, whole, other, half}, 3, []int64{70, 100}},
		"the half is zero":             {[]gap.TraceID{zero, {}}, 2, []int64{100}},
		"two traces, the half is zero": {[]gap.TraceID{zero, zero, otherZero, otherZero}, 2, []int64{70, 70}},
	} {
		t.Run(name, func(t *testing.T) {
			var metrics consumertest.MetricsSink
			var traces consumertest.TracesSink
			for _, next := range []any{&metrics, &traces} {
				own := use(t, nil, next, func(c connector.Traces) {
					for i, id := range test.ids {
						spans := request(1, "GET /books")[i%2 : i%2+1]
						spans[0].TraceID = id
						for j := range spans[0].References {
							spans[0].References[j].TraceID = id
						}
						consume(t, c, spans)
					}
				})
				want := fmt.Sprintf("spans flushed %d\ntraces flushed %d", len(test.ids), test.traces)
				if got := counted(own); got != want {
					t.Errorf("%T: counted\n%s", next, got)
				}
			}
			var self []int64
			sum := int64(0)
			for _, all := range traces.AllTraces() {
				for _, rs := range all.ResourceSpans().All() {
					for _, s := range rs.ScopeSpans().At(0).Spans().All() {
						if took, _ := s.Attributes().Get(selfTimeKey); s.Name() == "GET /books" {
							self = append(self, took.Int()/1000)
							sum += took.Int() / 1000
						}
					}
				}
			}
			if slices.Sort(self); !slices.Equal(self, test.self) {
				t.Errorf("self times %v, want %v", self, test.self)
			}
			want := fmt.Sprintf("gaptrace.self_time service.name=bookshop span.name=GET /books: %d, %d ms", len(self), sum)
			if got := points(&metrics); !strings.Contains(got, want) {
				t.Errorf("got\n%s\nwant %s", got, want)
			}
		})
	}
}

// A span that comes after its trace was analyzed counts once, and says that spans are missing.
func TestLateSpan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sink consumertest.TracesSink
		own := use(t, nil, &sink, func(c connector.Traces) {
			spans := request(1, "GET /books")
			consume(t, c, spans[:1])
			time.Sleep(11 * time.Second)
			consume(t, c, spans[1:])
			time.Sleep(11 * time.Second)
		})
		if got := counted(own); got != "spans complete 2\ntraces complete 2" {
			t.Errorf("counted\n%s", got)
		}
		all := sink.AllTraces()
		if len(all) != 2 {
			t.Fatalf("%d traces were sent, want 2", len(all))
		}
		late := all[1].ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
		if incomplete, _ := late.Attributes().Get(incompleteKey); late.Name() != "sql query" || !incomplete.Bool() {
			t.Errorf("sent %s, %v", late.Name(), late.Attributes().AsRaw())
		}
	})
}

// After the processor groupbytrace, nothing waits.
func TestGrouped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sink consumertest.TracesSink
		own := use(t, func(c *Config) { c.Grouped = true }, &sink, func(c connector.Traces) {
			consume(t, c, request(1, "GET /books"), request(2, "GET /books"))
			if n := sink.SpanCount(); n != 4 {
				t.Errorf("%d spans were sent at once, want 4", n)
			}
		})
		if got := counted(own); got != "spans complete 4\ntraces complete 2" {
			t.Errorf("counted\n%s", got)
		}
	})
}

// The spans go on as they came, with the attributes. Two resources stay apart, as do two scopes of
// one.
func TestSpansGetAttributes(t *testing.T) {
	whole := otlp.Traces(request(1, "GET /books"), request(2, "GET /books"))
	rs := whole.ResourceSpans().AppendEmpty()
	rs.SetSchemaUrl("schema")
	rs.Resource().Attributes().PutStr("service.name", "supplier")
	for i := range 2 {
		ss := rs.ScopeSpans().AppendEmpty()
		ss.SetSchemaUrl("scope's schema")
		ss.Scope().SetName(fmt.Sprint("library ", i))
		s := ss.Spans().AppendEmpty()
		s.SetTraceID(traceID(gap.TraceID{High: 7, Low: 1}))
		s.SetSpanID(spanID(gap.SpanID(10 + i)))
		s.SetParentSpanID(spanID(1))
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(start.Add(60 * time.Millisecond)))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(70 * time.Millisecond)))
		s.Events().AppendEmpty().SetName("event")
		s.TraceState().FromRaw("a=b")
		s.Status().SetMessage("message")
	}
	copied := ptrace.NewTraces()
	whole.CopyTo(copied)
	var sink consumertest.TracesSink
	own := use(t, func(c *Config) { c.MaxTraces = 2 }, &sink, func(c connector.Traces) {
		if err := c.ConsumeTraces(t.Context(), copied); err != nil {
			t.Error(err)
		}
		consume(t, c, request(3, "GET /books")) // evicts the first
	})
	if got := counted(own); got != "spans evicted 4\nspans flushed 4\ntraces evicted 1\ntraces flushed 2" {
		t.Errorf("counted\n%s", got)
	}
	sent := sink.AllTraces()[0]
	var got []string
	for _, rs := range sent.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				self, _ := s.Attributes().Get(selfTimeKey)
				critical, _ := s.Attributes().Get(criticalKey)
				incomplete, _ := s.Attributes().Get(incompleteKey)
				got = append(got, fmt.Sprintf("%s %s %s %s %s: %s %s %s", rs.SchemaUrl(), ss.SchemaUrl(),
					ss.Scope().Name(), s.SpanID(), s.Name(), self.AsString(), critical.AsString(), incomplete.AsString()))
				s.Attributes().RemoveIf(func(key string, _ pcommon.Value) bool { return strings.HasPrefix(key, "gap.") })
			}
		}
	}
	const want = `   0000000000000001 GET /books: 60000 60000 true
   0000000000000002 sql query: 0 0 true
schema scope's schema library 0 000000000000000a : 10000 10000 true
schema scope's schema library 1 000000000000000b : 10000 0 true`
	if text := strings.Join(got, "\n"); text != want {
		t.Errorf("got\n%s", text)
	}
	var marshaler ptrace.JSONMarshaler
	whole.ResourceSpans().RemoveIf(func(rs ptrace.ResourceSpans) bool {
		rs.ScopeSpans().RemoveIf(func(ss ptrace.ScopeSpans) bool {
			ss.Spans().RemoveIf(func(s ptrace.Span) bool { return s.TraceID() != traceID(gap.TraceID{High: 7, Low: 1}) })
			return ss.Spans().Len() == 0
		})
		return rs.ScopeSpans().Len() == 0
	})
	before, _ := marshaler.MarshalTraces(whole)
	after, _ := marshaler.MarshalTraces(sent)
	if string(before) != string(after) {
		t.Errorf("before %s\nafter  %s", before, after)
	}
}

// Many callers add spans at the same time. No span is lost, and none counts twice.
func TestConcurrentCallers(t *testing.T) {
	var sink consumertest.TracesSink
	use(t, func(c *Config) { c.Wait, c.MaxTraces = time.Millisecond, 50 }, &sink, func(c connector.Traces) {
		var callers sync.WaitGroup
		for i := range uint64(8) {
			callers.Go(func() {
				for id := range uint64(200) {
					consume(t, c, request(1000*i+id, "GET /books"))
				}
			})
		}
		callers.Wait()
	})
	seen := map[string]int{}
	for _, traces := range sink.AllTraces() {
		for _, rs := range traces.ResourceSpans().All() {
			for _, s := range rs.ScopeSpans().At(0).Spans().All() {
				seen[fmt.Sprint(s.TraceID(), s.SpanID())]++
			}
		}
	}
	if len(seen) != 3200 || sink.SpanCount() != 3200 {
		t.Errorf("%d of 3200 spans, %d sent", len(seen), sink.SpanCount())
	}
}

func TestRefused(t *testing.T) {
	refuse := consumertest.NewErr(fmt.Errorf("queue is full"))
	one := func(c connector.Traces) { consume(t, c, request(1, "GET /books")) }
	own := use(t, nil, struct{ consumer.Traces }{refuse}, one)
	if got := counted(own); !strings.Contains(got, "refused_spans  2\n") {
		t.Errorf("counted\n%s", got)
	}
	for temporality, lost := range map[string]bool{"delta": true, "cumulative": false} {
		own = use(t, func(c *Config) { c.Metrics.Temporality = temporality }, struct{ consumer.Metrics }{refuse}, one)
		got := counted(own)
		if strings.Contains(got, "refused_spans  2\n") != lost || !strings.Contains(got, "traces flushed 1") {
			t.Errorf("%s: counted\n%s", temporality, got)
		}
	}
}

// Malformed spans do not stop the connector.
func TestMalformedSpans(t *testing.T) {
	traces := ptrace.NewTraces()
	traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	traces.ResourceSpans().AppendEmpty()
	s := traces.ResourceSpans().At(0).ScopeSpans().At(0).Spans().AppendEmpty()
	s.SetStartTimestamp(1 << 63)
	s.SetEndTimestamp(1)
	s.SetParentSpanID(spanID(5))
	s.SetSpanID(spanID(5))
	for _, next := range []any{&consumertest.MetricsSink{}, &consumertest.TracesSink{}} {
		copied := ptrace.NewTraces()
		traces.CopyTo(copied)
		use(t, nil, next, func(c connector.Traces) {
			if err := c.ConsumeTraces(context.Background(), copied); err != nil {
				t.Error(err)
			}
		})
		if sink, ok := next.(*consumertest.TracesSink); ok && sink.SpanCount() != 2 {
			t.Errorf("%d spans were sent, want 2", sink.SpanCount())
		}
	}
}
