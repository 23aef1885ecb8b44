package spantest

import (
	"testing"

	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

// Jaeger returns a tracer of jaeger-client-go that samples all traces or none. What it samples goes
// to spans, if that is not nil. The tracer is closed when the test ends.
func Jaeger(tb testing.TB, sampled bool, spans *jaeger.InMemoryReporter) opentracing.Tracer {
	var reporter jaeger.Reporter = jaeger.NewNullReporter()
	if spans != nil {
		reporter = spans
	}
	tracer, closer := jaeger.NewTracer("test", jaeger.NewConstSampler(sampled), reporter)
	tb.Cleanup(func() { closer.Close() })
	return tracer
}
