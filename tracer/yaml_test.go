package tracer_test

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go/testutils"
)

// fromYAML calls tracer.FromYAML, which must succeed.
func fromYAML(t *testing.T, yaml string, opts ...tracer.Option) (opentracing.Tracer, io.Closer) {
	t.Helper()
	tr, closer, err := tracer.FromYAML(strings.NewReader(yaml), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closer.Close() })
	return tr, closer
}

// pythonDocument is a document as jaeger-client-python reads it, for an agent's host and port.
const pythonDocument = `
# a comment
service_name: shop
enabled: yes
sampler:
    type: const
    param: true
local_agent:
    enabled: true
    reporting_host: %s
    reporting_port: %s
    sampling_port: 5778
logging: false
metrics: true
reporter_batch_size: 10
reporter_queue_size: 100
reporter_flush_interval: 0.5
sampling_refresh_interval: 60
max_operations: 100
max_tag_value_length: 10
max_traceback_length: 4096
generate_128bit_trace_id: True
trace_id_header: uber-trace-id
baggage_header_prefix: uberctx-
debug_id_header: jaeger-debug-id
propagation: b3
tags: {zone: eu, shards: 3, ratio: 0.5, canary: true, build: "7"}
`

func TestYAMLOfPython(t *testing.T) {
	agent, err := testutils.StartMockAgent()
	if err != nil {
		t.Fatal(err)
	}
	defer agent.Close()
	host, port, _ := strings.Cut(agent.SpanServerAddr(), ":")
	setenv(t, "JAEGER_ENDPOINT=http://elsewhere.invalid", "JAEGER_SAMPLER_PARAM=0", "JAEGER_SERVICE_NAME=other",
		"JAEGER_TAGS=zone=us,n=1")
	r := tracer.NewRecorder(0)
	tr, closer := fromYAML(t, fmt.Sprintf(pythonDocument, host, port), tracer.WithRecorder(r))
	span := tr.StartSpan("a")
	h := headers(t, tr, span.Context())
	if len(h.Get("x-b3-traceid")) != 32 || h.Get("uber-trace-id") != "" {
		t.Errorf("headers %v", h)
	}
	span.Finish()
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	got := processTags(r, "zone", "shards", "ratio", "canary", "build", "n")
	want := map[string]any{"zone": "eu", "shards": int64(3), "ratio": 0.5, "canary": true, "build": "7", "n": "1"}
	if service := r.Traces()[0][0].Process.Service; service != "shop" || !maps.Equal(got, want) {
		t.Errorf("%s %v, want %v", service, got, want)
	}
	noneLeft(t)
}

// processTags returns those of the process's tags that have one of the keys.
func processTags(r *tracer.Recorder, keys ...string) map[string]any {
	tags := map[string]any{}
	for _, f := range r.Traces()[0][0].Process.Tags {
		if slices.Contains(keys, f.Key) {
			tags[f.Key] = f.Value
		}
	}
	return tags
}

func TestYAMLWellFormed(t *testing.T) {
	for _, yaml := range []string{
		"reporter_flush_interval: 1e3",
		"reporter: {flush_interval_ms: 1.5e3}",
		"# nothing",
		"",
		"logging:\nsampler:\ntags: ~",
		"Service-Name: x\nreporter: {logSpans: false, queueSize: 5, localAgentHostPort: 'localhost:6831'}",
		"sampler: {type: rate_limiting, param: 2.5}",
	} {
		t.Run(yaml, func(t *testing.T) {
			setenv(t, "JAEGER_SERVICE_NAME=shop")
			fromYAML(t, yaml, tracer.WithRecorder(tracer.NewRecorder(0)))
		})
	}
}

func TestYAMLDisables(t *testing.T) {
	for _, yaml := range []string{"disabled: true", "enabled: no", "enabled: false\nsampler: {type: const}"} {
		setenv(t)
		tr, _, err := tracer.FromYAML(strings.NewReader(yaml))
		if _, none := tr.(opentracing.NoopTracer); err != nil || !none {
			t.Errorf("%s: %T, %v", yaml, tr, err)
		}
	}
}

func TestYAMLTagWithoutValue(t *testing.T) {
	setenv(t, "JAEGER_SERVICE_NAME=shop", "JAEGER_TAGS=c=env")
	r := tracer.NewRecorder(0)
	tr, _ := fromYAML(t, "tags: {a: '', b: ~, c: , d: null, e: !!null x}", tracer.WithRecorder(r))
	tr.StartSpan("a").Finish()
	got := processTags(r, "a", "b", "c", "d", "e")
	if want := map[string]any{"a": "", "c": "env"}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestYAMLBatchSize(t *testing.T) {
	for yaml, want := range map[string][]int{
		"reporter_batch_size: 3":    {3, 3, 1},
		"reporter: {batch_size: 7}": {7},
		"":                          {7},
	} {
		c := startCollector(t)
		setenv(t, "JAEGER_SERVICE_NAME=shop", "JAEGER_REPORTER_FLUSH_INTERVAL=1h")
		tr, closer := fromYAML(t, yaml, tracer.WithCollector(c.URL))
		for range 7 {
			tr.StartSpan("a").Finish()
		}
		if err := closer.Close(); err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, b := range c.batches {
			got = append(got, len(b.Spans))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: batches of %v spans, want %v", yaml, got, want)
		}
	}
}

// FuzzYAML checks that FromYAML accepts a document or returns an error that says what is wrong.
func FuzzYAML(f *testing.F) {
	for _, s := range []string{
		"service_name: shop\nsampler: {type: const, param: 1}",
		"tags: {a: b}\nreporter: {sender: {endpoint: 'http://h'}}",
		"a: &a {b: *a}", "local_agent: {reporting_port: 1}", "propagation: [b3, w3c]", "? {a: b}\n: c",
		"tags: &t {<<: *t}", "---\n---\n",
		"sampler: *x", "logging: !!binary aGk=", "reporter_flush_interval: 1e309",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, yaml string) {
		setenv(t, "JAEGER_SERVICE_NAME=shop")
		_, closer, err := tracer.FromYAML(strings.NewReader(yaml), tracer.WithRecorder(tracer.NewRecorder(0)),
			tracer.WithCollector("http://localhost"))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "tracer: ") {
				t.Error(err)
			}
			return
		}
		closer.Close()
	})
}
