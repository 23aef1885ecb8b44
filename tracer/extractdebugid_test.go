package tracer_test

import (
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

func TestExtractBaggageAndDebugIDs(t *testing.T) {
	extractTests{
		"nothing":      {"accept: */*", "new trace, sampled"},
		"baggage only": {"uberctx-k: v%20w", "new trace, sampled k=v w"},
		"list of baggage": {
			"jaeger-baggage: K=v, rubbish, =x, l =w",
			"new trace, sampled k=v l=w",
		},
		"malformed, with baggage": {
			"uberctx-k: v\nuber-trace-id: x",
			"new trace, sampled k=v; uber-trace-id: \"x\": want trace:span:parent:flags in hex digits",
		},
		"denied without ids, with baggage":   {"uberctx-k: v\nb3: 0", "new trace, not sampled k=v"},
		"accepted without ids, with baggage": {"uberctx-k: v\nb3: 1", "new trace, sampled k=v"},
		"deferred, with baggage":             {multi + "uberctx-k: v", "abc 1, sampled k=v"},
		"debug, with baggage":                {multi + "x-b3-flags: 1\nuberctx-k: v", "abc 1, debug k=v"},
		"debug id":                           {"jaeger-debug-id: me", "new trace, debug"},
		"debug id, denied without ids":       {"jaeger-debug-id: me\nb3: 0", "new trace, debug"},
		"debug id, with ids": {
			"jaeger-debug-id: me\n" + multi + "x-b3-sampled: 0",
			"abc 1, not sampled",
		},
		"b3 with jaeger's baggage": {
			multi + "x-b3-sampled: 1\nuberctx-K: %zz",
			"abc 1, sampled k=%zz",
		},
	}.run(t)
}

func TestExtractDebugIDForcesTrace(t *testing.T) {
	setenv(t, "JAEGER_SAMPLER_PARAM=0")
	r := tracer.NewRecorder(0)
	tr, _ := open(t, tracer.WithRecorder(r))
	c, err := tr.Extract(opentracing.HTTPHeaders, opentracing.HTTPHeadersCarrier{"Jaeger-Debug-Id": {"find me"}})
	if err != nil {
		t.Fatal(err)
	}
	tr.StartSpan("a", opentracing.ChildOf(c)).Finish()
	if traces := r.Traces(); len(traces) != 1 || traces[0][0].Tags[0].Value != "find me" {
		t.Errorf("got %v", traces)
	}
}

// A debug ID must not revoke that the trace is sampled.
func TestExtractDebugIDKeepsSampled(t *testing.T) {
	const trace = "0af7651916cd43dd8448eb211c80319c"
	tr, closer, err := tracer.New("x", tracer.WithRecorder(tracer.NewRecorder(10)))
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	for name, headers := range map[string]opentracing.TextMapCarrier{
		"Jaeger":           {"uber-trace-id": trace + ":ab:0:1"},
		"B3":               {"x-b3-traceid": trace, "x-b3-spanid": "00000000000000ab", "x-b3-sampled": "1"},
		"B3, deferred":     {"x-b3-traceid": trace, "x-b3-spanid": "00000000000000ab"},
		"B3, debug":        {"x-b3-traceid": trace, "x-b3-spanid": "00000000000000ab", "x-b3-flags": "1"},
		"single":           {"b3": trace + "-00000000000000ab-1"},
		"single, deferred": {"b3": trace + "-00000000000000ab"},
		"W3C":              {"traceparent": "00-" + trace + "-00000000000000ab-01"},
	} {
		headers[jaeger.JaegerDebugHeader] = "why"
		c, err := tr.Extract(opentracing.TextMap, headers)
		if err != nil {
			t.Fatal(name, err)
		}
		span := tr.StartSpan("a", opentracing.ChildOf(c)).Context().(jaeger.SpanContext)
		if !span.IsSampled() || span.TraceID().String() != trace {
			t.Errorf("%s: %v, sampled %t", name, span, span.IsSampled())
		}
	}
}

func TestExtractTruncatesDebugID(t *testing.T) {
	for id, want := range map[string]int{
		strings.Repeat("x", 5000): 4096, strings.Repeat("%78", 5000): 4096 / 3,
		strings.Repeat("x", 4096): 4096,
	} {
		setenv(t, "JAEGER_SAMPLER_PARAM=0")
		r := tracer.NewRecorder(0)
		tr, _ := open(t, tracer.WithRecorder(r))
		tr.StartSpan("a", opentracing.ChildOf(extract(t, tr, "jaeger-debug-id: "+id))).Finish()
		if got := r.Traces()[0][0].Tags[0].Value; got != strings.Repeat("x", want) {
			t.Errorf("of %.6s… is kept %q", id, got)
		}
	}
}

func TestExtractWithoutIDs(t *testing.T) {
	tr, _ := recording(t)
	for _, key := range []string{"Jaeger-Debug-Id", "Uberctx-K"} {
		c, err := tr.Extract(opentracing.HTTPHeaders, opentracing.HTTPHeadersCarrier{key: {"v"}})
		if err != nil {
			t.Fatal(err)
		}
		// With jaeger-client-go's own codec, each of these panics.
		j := c.(jaeger.SpanContext)
		if j.IsSampled() || j.IsDebug() || j.Flags() != 0 {
			t.Errorf("%s: %v", key, j)
		}
	}
}
