package tracer_test

import (
	"testing"

	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

// Whoever asks for a trace by its debug id must not undo that it is sampled already.
func TestADebugIDLeavesASampledTraceSampled(t *testing.T) {
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
