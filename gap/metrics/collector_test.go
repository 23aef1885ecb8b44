package metrics_test

import (
	"errors"
	"maps"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/metrics"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
)

// shop is a program with a tracer, a recorder and a registered collector.
type shop struct {
	testing.TB
	opentracing.Tracer
	recorder  *tracer.Recorder
	collector *metrics.Collector
	registry  *prometheus.Registry
	start     time.Time
}

func newShop(t testing.TB, opts ...metrics.Option) *shop {
	t.Helper()
	s := &shop{TB: t, recorder: tracer.NewRecorder(0), registry: prometheus.NewPedanticRegistry(), start: time.Now()}
	s.Tracer = open(t, s.recorder, "1")
	s.collector = metrics.NewCollector(s.recorder, opts...)
	t.Cleanup(s.collector.Close)
	s.registry.MustRegister(s.collector)
	return s
}

// open opens a tracer that samples all traces, or none if param is "0".
func open(t testing.TB, recorder *tracer.Recorder, param string) opentracing.Tracer {
	t.Helper()
	yaml := "service_name: shop\nsampler: {type: const, param: " + param + "}\n"
	tr, closer, err := tracer.FromYAML(strings.NewReader(yaml), tracer.WithRecorder(recorder))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = closer.Close() })
	return tr
}

// span records a span from a millisecond to another, counted from s.start.
func (s *shop) span(parent opentracing.Span, operation string, from, to int64, tags opentracing.Tags) {
	span := s.open(parent, operation, from, tags)
	s.finish(span, to)
}

func (s *shop) open(parent opentracing.Span, operation string, from int64, tags opentracing.Tags) opentracing.Span {
	opts := []opentracing.StartSpanOption{opentracing.StartTime(s.at(from)), tags}
	if parent != nil {
		opts = append(opts, opentracing.ChildOf(parent.Context()))
	}
	return s.StartSpan(operation, opts...)
}

func (s *shop) finish(span opentracing.Span, to int64) {
	span.FinishWithOptions(opentracing.FinishOptions{FinishTime: s.at(to)})
}

func (s *shop) at(ms int64) time.Time { return s.start.Add(time.Duration(ms) * time.Millisecond) }

// scraped holds the metrics by name and by the values of their labels.
type scraped map[string]map[string]*dto.Metric

func (s *shop) scrape() scraped {
	s.Helper()
	families, err := s.registry.Gather()
	if err != nil {
		s.Fatal(err)
	}
	all := scraped{}
	for _, f := range families {
		byLabels := map[string]*dto.Metric{}
		for _, m := range f.GetMetric() {
			var values []string
			for _, label := range m.GetLabel() {
				values = append(values, label.GetValue())
			}
			byLabels[strings.Join(values, ",")] = m
		}
		all[f.GetName()] = byLabels
	}
	return all
}

// closed closes the collector, so that everything that has ended is counted, and scrapes it.
func (s *shop) closed() scraped {
	s.Helper()
	s.collector.Close()
	return s.scrape()
}

// value returns the value of a counter or gauge, or the number of observations of a histogram.
func (s scraped) value(name, labels string) float64 {
	m := s[name][labels]
	switch {
	case m == nil:
		return math.NaN()
	case m.Histogram != nil:
		return float64(m.GetHistogram().GetSampleCount())
	case m.Counter != nil:
		return m.GetCounter().GetValue()
	}
	return m.GetGauge().GetValue()
}

func (s scraped) want(t testing.TB, name, labels string, want float64) {
	t.Helper()
	if got := s.value(name, labels); math.Abs(got-want) > 1e-9 || math.IsNaN(got) {
		t.Errorf("%s{%s} is %v, want %v", name, labels, got, want)
	}
}

var client = opentracing.Tags{"span.kind": "client", "component": "database/sql"}

// request records a request of 10 ms that makes two calls, which overlap.
func (s *shop) request(operation string) {
	root := s.open(nil, operation, 0, opentracing.Tags{"span.kind": "server"})
	render := s.open(root, "render", 1, nil)
	s.span(render, "sql query", 2, 5, client)
	s.finish(render, 6)
	s.span(root, "sql exec", 4, 8, client)
	s.finish(root, 10)
}

func TestHistogramsEqualSummary(t *testing.T) {
	s := newShop(t)
	for range 3 {
		s.request("GET /books")
	}
	s.request("GET /authors")
	got := s.closed()

	var summary gap.Summary
	for _, spans := range s.recorder.Traces() {
		trace, _ := gap.Build(spans)
		summary.Add(trace)
	}
	n := 0
	for want := range summary.Operations() {
		n++
		isClient := strings.HasPrefix(want.Name, "sql ")
		for _, h := range []struct {
			name string
			sum  time.Duration
			skip bool
		}{
			{"gaptrace_duration_seconds", want.Duration, false},
			{"gaptrace_self_time_seconds", want.SelfTime, isClient},
			{"gaptrace_critical_self_time_seconds", want.CriticalTime, isClient},
		} {
			histogram := got[h.name][want.Name].GetHistogram()
			if h.skip {
				if histogram != nil {
					t.Errorf("%s has the client %s", h.name, want.Name)
				}
				continue
			}
			if math.Abs(histogram.GetSampleSum()-h.sum.Seconds()) > 1e-9 || histogram.GetSampleCount() != uint64(want.Count) {
				t.Errorf("%s{%s} has %d spans of %v s, want %d of %v", h.name, want.Name,
					histogram.GetSampleCount(), histogram.GetSampleSum(), want.Count, h.sum)
			}
		}
	}
	if n != 5 {
		t.Errorf("%d operations, want 5", n)
	}
	got.want(t, "gaptrace_local_roots_total", "", 4)
	got.want(t, "gaptrace_operations", "", 5)
	got.want(t, "gaptrace_operations_limit", "", 100)
	got.want(t, "gaptrace_other_spans_total", "", 0)
	got.want(t, "gaptrace_missing_spans_total", "", 0)
}

func TestEveryHistogramIsClassicAndNative(t *testing.T) {
	s := newShop(t)
	s.request("GET /books")
	got := s.closed()
	for _, name := range []string{
		"gaptrace_duration_seconds", "gaptrace_self_time_seconds", "gaptrace_critical_self_time_seconds",
	} {
		h := got[name]["render"].GetHistogram()
		if len(h.GetBucket()) < 16 || h.Schema == nil || len(h.GetPositiveSpan()) == 0 {
			t.Errorf("%s: %d classic buckets, schema %v, native spans %v", name, len(h.GetBucket()), h.Schema, h.GetPositiveSpan())
		}
	}
}

func TestWaits(t *testing.T) {
	s := newShop(t)
	tags := func(component string, more opentracing.Tags) opentracing.Tags {
		all := opentracing.Tags{"span.kind": "client", "component": component}
		maps.Copy(all, more)
		return all
	}
	root := s.open(nil, "GET /books", 0, opentracing.Tags{"span.kind": "server", "component": "net/http"})
	// A call with a later wait and joined time, as a wrapper records it.
	call := s.open(root, "sql query", 0, tags("database/sql", opentracing.Tags{"wait.us": 7000, "wait.joined_us": 1000}))
	s.finish(call, 3)
	wait := s.StartSpan("sql query wait", opentracing.ChildOf(root.Context()), opentracing.FollowsFrom(call.Context()),
		opentracing.StartTime(s.at(5)), tags("database/sql", nil))
	s.finish(wait, 10)
	s.span(root, "sql query", 10, 12, tags("database/sql", opentracing.Tags{"wait.us": 2000}))
	s.span(root, "by hand", 12, 16, tags("by hand", nil)) // without the wrappers' tags
	s.span(root, "by hand", 16, 17, opentracing.Tags{"span.kind": "client"})
	s.span(root, "odd", 17, 18, opentracing.Tags{"span.kind": "client", "component": 7, "wait.us": -5})
	s.finish(root, 20)
	got := s.closed()
	got.want(t, "gaptrace_calls_total", "database/sql", 2)
	got.want(t, "gaptrace_wait_seconds_total", "database/sql", .009)
	got.want(t, "gaptrace_calls_total", "by hand", 1)
	got.want(t, "gaptrace_wait_seconds_total", "by hand", .004)
	got.want(t, "gaptrace_calls_total", "unknown", 2)
	got.want(t, "gaptrace_wait_seconds_total", "unknown", .001)
	if len(got["gaptrace_calls_total"]) != 3 {
		t.Errorf("components: %v", got["gaptrace_calls_total"])
	}
}

func TestUnsampledTracesAreNotSeen(t *testing.T) {
	s := newShop(t)
	s.request("GET /books")
	s.Tracer = open(t, s.recorder, "0")
	s.request("GET /books")
	got := s.closed()
	got.want(t, "gaptrace_local_roots_total", "", 1)
	got.want(t, "gaptrace_duration_seconds", "GET /books", 1)
}

// A program may serve several requests with the headers of one, or handle a message in parts.
func TestLocalRootsOfOneExtractedContext(t *testing.T) {
	s := newShop(t)
	c, err := s.Extract(opentracing.HTTPHeaders, opentracing.HTTPHeadersCarrier{"Uber-Trace-Id": {"abc:1:0:1"}})
	if err != nil {
		t.Fatal(err)
	}
	served := func() opentracing.Span {
		return s.StartSpan("served", opentracing.ChildOf(c), opentracing.StartTime(s.at(0)))
	}
	first, second, third := served(), served(), served()
	s.span(first, "child", 1, 2, nil)
	s.finish(first, 10)
	s.finish(second, 10)
	s.finish(third, 10)
	got := s.closed()
	got.want(t, "gaptrace_local_roots_total", "", 3)
	got.want(t, "gaptrace_duration_seconds", "served", 3)
}

func TestMissingSpansAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		root := s.open(nil, "GET /books", 0, nil)
		s.open(root, "never finished", 1, nil)
		s.finish(root, 10)
		time.Sleep(time.Minute) // the grace of the observer is over
		synctest.Wait()
		s.scrape().want(t, "gaptrace_missing_spans_total", "", 1)
	})
}

func TestUnobservedLocalRootsAreCounted(t *testing.T) {
	s := newShop(t)
	release := make(chan struct{})
	stop := s.recorder.Observe(func([]gap.Span) { <-release }, 0)
	for range 1100 { // 1,000 wait for an observer
		s.span(nil, "GET /books", 0, 1, nil)
	}
	close(release)
	stop()
	got := s.closed()
	unobserved := float64(s.recorder.Unobserved())
	if unobserved < 99 {
		t.Fatalf("%v local roots were not observed, want at least 99", unobserved)
	}
	got.want(t, "gaptrace_unobserved_local_roots_total", "", unobserved)
}

func TestStatsAreSums(t *testing.T) {
	var a, b tracer.Stats
	s := newShop(t, metrics.WithStats(&a), nil, metrics.WithStats(&b))
	for i, stats := range []*tracer.Stats{&a, &b} {
		base := int64(100 * i)
		stats.Sent.Store(base + 1)
		stats.Dropped.Store(base + 2)
		stats.TooLarge.Store(base + 3)
		stats.Failed.Store(base + 4)
		stats.Queued.Store(base + 5)
	}
	got := s.scrape()
	got.want(t, "gaptrace_tracer_spans_sent_total", "", 102)
	got.want(t, "gaptrace_tracer_spans_lost_total", "queue_full", 104)
	got.want(t, "gaptrace_tracer_spans_lost_total", "too_large", 106)
	got.want(t, "gaptrace_tracer_spans_lost_total", "failed", 108)
	got.want(t, "gaptrace_tracer_queue_spans", "", 110)
	for _, none := range []metrics.Option{nil, metrics.WithStats(), metrics.WithStats(nil, nil)} {
		if newShop(t, none).scrape()["gaptrace_tracer_spans_sent_total"] != nil {
			t.Error("metrics of a tracer without WithStats")
		}
	}
}

func TestNamesFollowPrometheusRules(t *testing.T) {
	s := newShop(t, metrics.WithStats(&tracer.Stats{}))
	s.request("GET /books")
	s.collector.Close()
	problems, err := testutil.GatherAndLint(s.registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

func TestRegisteredTwice(t *testing.T) {
	s := newShop(t)
	second := metrics.NewCollector(s.recorder, metrics.WithMaxOperations(5))
	defer second.Close()
	for name, c := range map[string]prometheus.Collector{"the same": s.collector, "a second one": second} {
		if err := s.registry.Register(c); !errors.As(err, new(prometheus.AlreadyRegisteredError)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.registry = prometheus.NewPedanticRegistry() // the old one remembers the labels
	for recorder, c := range map[string]prometheus.Collector{"first": s.collector, "second": second} {
		labels := prometheus.Labels{"recorder": recorder}
		if err := prometheus.WrapRegistererWith(labels, s.registry).Register(c); err != nil {
			t.Errorf("%s, with a label: %v", recorder, err)
		}
	}
	s.request("GET /books")
	second.Close()
	got := s.closed()
	got.want(t, "gaptrace_local_roots_total", "first", 1)
	got.want(t, "gaptrace_local_roots_total", "second", 1)
}
