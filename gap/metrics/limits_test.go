package metrics_test

import (
	"fmt"
	"io"
	"math"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/gaptrace/gaptrace/gap/metrics"
	"github.com/opentracing/opentracing-go"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/uber/jaeger-client-go"
)

func TestOperationsAreBounded(t *testing.T) {
	for _, c := range []struct {
		name     string
		opts     []metrics.Option
		max, all int
	}{
		{"default", nil, 100, 5000},
		{"three", []metrics.Option{metrics.WithMaxOperations(3)}, 3, 5000},
		{"zero is the default", []metrics.Option{metrics.WithMaxOperations(0)}, 100, 101},
		{"negative is the default", []metrics.Option{metrics.WithMaxOperations(-1)}, 100, 101},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newShop(t, c.opts...)
			root := s.open(nil, "root", 0, nil)
			for i := 1; i < c.all; i++ {
				s.span(root, fmt.Sprint("GET /books/", i), 0, 1, nil)
			}
			s.finish(root, 10)
			got := s.closed()
			for _, name := range []string{
				"gaptrace_duration_seconds", "gaptrace_self_time_seconds", "gaptrace_critical_self_time_seconds",
			} {
				spans := 0.
				for operation := range got[name] {
					spans += got.value(name, operation)
				}
				if len(got[name]) != c.max+1 || spans != float64(c.all) {
					t.Errorf("%s: %v spans of %d operations, want %d of %d", name, spans, len(got[name]), c.all, c.max+1)
				}
				got.want(t, name, "other", float64(c.all-c.max))
			}
			got.want(t, "gaptrace_other_spans_total", "", float64(c.all-c.max))
			got.want(t, "gaptrace_operations", "", float64(c.max))
			got.want(t, "gaptrace_operations_limit", "", float64(c.max))
		})
	}
}

func TestComponentsAreBounded(t *testing.T) {
	s := newShop(t)
	root := s.open(nil, "root", 0, nil)
	for i := range 1000 {
		s.span(root, "call", 0, 1, opentracing.Tags{"span.kind": "client", "component": fmt.Sprint(i)})
	}
	s.finish(root, 10)
	got := s.closed()
	if n := len(got["gaptrace_calls_total"]); n != 51 {
		t.Errorf("%d components, want 51", n)
	}
	got.want(t, "gaptrace_calls_total", "other", 950)
}

// text scrapes as Prometheus does, and parses the answer.
func (s *shop) text(accept string) (string, map[string]*dto.MetricFamily) {
	s.Helper()
	request := httptest.NewRequest("GET", "/metrics", nil)
	request.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{EnableOpenMetrics: true}).ServeHTTP(w, request)
	text := w.Body.String()
	if w.Code != 200 {
		s.Fatal(w.Code, text)
	}
	if strings.Contains(accept, "openmetrics") {
		return text, nil // nothing here parses it
	}
	families := map[string]*dto.MetricFamily{}
	decoder := expfmt.NewDecoder(w.Body, expfmt.ResponseFormat(w.Header()))
	for {
		var f dto.MetricFamily
		if err := decoder.Decode(&f); err == io.EOF {
			return text, families
		} else if err != nil {
			s.Fatal(err)
		}
		families[f.GetName()] = &f
	}
}

func TestMalformedNames(t *testing.T) {
	s := newShop(t)
	names := map[string]string{ // and their labels
		"":                        "unknown",
		"\xff\xfe":                "�",
		"a\x00b\nc":               "a�b�c",
		`"quoted" {x="y"} \`:      `"quoted" {x="y"} \`,
		strings.Repeat("x", 9999): strings.Repeat("x", 200) + "…",
		strings.Repeat("é", 5000): strings.Repeat("é", 100) + "…",
		"\u202egnp.exe":           "�gnp.exe",
	}
	for name := range names {
		s.span(nil, name, 0, 1, opentracing.Tags{"span.kind": "client", "component": name})
	}
	s.collector.Close()
	for _, accept := range []string{"text/plain", string(expfmt.NewFormat(expfmt.TypeProtoDelim))} {
		_, families := s.text(accept)
		for family, label := range map[string]string{
			"gaptrace_duration_seconds": "operation", "gaptrace_calls_total": "component",
		} {
			got := map[string]bool{}
			for _, m := range families[family].GetMetric() {
				value := m.GetLabel()[0].GetValue()
				if m.GetLabel()[0].GetName() != label || !utf8.ValidString(value) {
					t.Errorf("%s: label %v", family, m.GetLabel()[0])
				}
				got[value] = true
			}
			for name, want := range names {
				if !got[want] {
					t.Errorf("%s: no label %q for %.20q", family, want, name)
				}
			}
			if len(got) != len(names) {
				t.Errorf("%s: %d labels, want %d", family, len(got), len(names))
			}
		}
	}
}

func TestOddDurations(t *testing.T) {
	s := newShop(t)
	year := int64(365 * 24 * 60 * 60 * 1000)
	s.span(nil, "negative", 5, -5, client)
	s.span(nil, "80 years", 0, 80*year, client)
	s.span(nil, "zero", 0, 0, client)
	root := s.open(nil, "root", 0, opentracing.Tags{"recorder.dropped_spans": -5, "recorder.unfinished_spans": "many"})
	s.span(root, "child", -80*year, 80*year, nil)
	s.finish(root, 1)
	s.span(nil, "call", 0, 1, opentracing.Tags{"span.kind": "client", "component": "c", "wait.us": int64(math.MaxInt64)})
	got := s.closed()
	for operation, sum := range map[string]float64{
		"negative": 0, "zero": 0, "80 years": float64(80*year) / 1000, "root": .001, "child": float64(160*year) / 1000,
	} {
		h := got["gaptrace_duration_seconds"][operation].GetHistogram()
		if h.GetSampleCount() != 1 || math.Abs(h.GetSampleSum()-sum) > 1e-9 {
			t.Errorf("%s: %d spans of %v s, want 1 of %v", operation, h.GetSampleCount(), h.GetSampleSum(), sum)
		}
	}
	got.want(t, "gaptrace_missing_spans_total", "", 0)
	if wait := got.value("gaptrace_wait_seconds_total", "c"); !(wait >= 0) {
		t.Errorf("waits of %v s", wait)
	}
	for _, metric := range got["gaptrace_self_time_seconds"] {
		if sum := metric.GetHistogram().GetSampleSum(); !(sum >= 0) {
			t.Errorf("%v: self times of %v s", metric.GetLabel(), sum)
		}
	}
}

// exemplars returns the trace IDs of a histogram's exemplars, by the bounds of classic buckets.
func exemplars(t *testing.T, h *dto.Histogram) map[float64]string {
	t.Helper()
	ids := map[float64]string{}
	for _, b := range h.GetBucket() {
		if e := b.GetExemplar(); e != nil {
			if len(e.GetLabel()) != 1 || e.GetLabel()[0].GetName() != "trace_id" {
				t.Errorf("labels of an exemplar: %v", e.GetLabel())
			}
			ids[b.GetUpperBound()] = e.GetLabel()[0].GetValue()
		}
	}
	return ids
}

// A bucket gets at most one exemplar per second, so that a span costs little. A slow span has one
// even if many fast ones came before.
func TestExemplars(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		record := func(ms int64) string {
			span := s.open(nil, "job", 0, nil)
			s.finish(span, ms)
			time.Sleep(time.Millisecond) // by which an observation may be late
			synctest.Wait()
			return span.Context().(jaeger.SpanContext).TraceID().String()
		}
		h := func(name string) *dto.Histogram { return s.scrape()[name]["job"].GetHistogram() }
		first := record(1)
		record(1)
		slow := record(2000)
		for _, name := range []string{
			"gaptrace_duration_seconds", "gaptrace_self_time_seconds", "gaptrace_critical_self_time_seconds",
		} {
			if got := exemplars(t, h(name)); len(got) != 2 || got[.001] != first || got[2.5] != slow {
				t.Errorf("%s: %v, want %s and %s", name, got, first, slow)
			}
			if n := len(h(name).GetExemplars()); n != 2 {
				t.Errorf("%s: %d exemplars of the native histogram, want 2", name, n)
			}
		}
		time.Sleep(time.Second)
		later := record(1)
		if got := exemplars(t, h("gaptrace_duration_seconds")); got[.001] != later {
			t.Errorf("%v, want %s after a second", got, later)
		}
		text, _ := s.text("application/openmetrics-text; version=1.0.0")
		if want := `# {trace_id="` + slow + `"} 2.0`; !strings.Contains(text, want) {
			t.Errorf("no %s in:\n%s", want, text)
		}
	})
}

func TestExemplarOf128BitsIsValid(t *testing.T) {
	s := newShop(t)
	header := opentracing.HTTPHeadersCarrier{"Uber-Trace-Id": {strings.Repeat("f", 32) + ":1:0:1"}}
	c, err := s.Extract(opentracing.HTTPHeaders, header)
	if err != nil {
		t.Fatal(err)
	}
	s.StartSpan("served", opentracing.ChildOf(c)).Finish()
	for _, id := range exemplars(t, s.closed()["gaptrace_duration_seconds"]["served"].GetHistogram()) {
		if id != strings.Repeat("f", 32) {
			t.Errorf("trace_id %q", id)
		}
		return
	}
	t.Error("no exemplar")
}

// The help texts say what the numbers leave out.
func TestHelp(t *testing.T) {
	s := newShop(t)
	s.request("GET /books")
	s.collector.Close()
	_, families := s.text("text/plain")
	if len(families) < 10 {
		t.Errorf("%d families", len(families))
	}
	for name, f := range families {
		if !model.IsValidMetricName(model.LabelValue(name)) || !strings.HasSuffix(f.GetHelp(), ".") {
			t.Errorf("%s: help %q", name, f.GetHelp())
		}
		if f.GetType() == dto.MetricType_HISTOGRAM &&
			(!strings.Contains(f.GetHelp(), "Only sampled traces") || !strings.Contains(f.GetHelp(), `operation="other"`)) {
			t.Errorf("%s: help %q", name, f.GetHelp())
		}
	}
}
