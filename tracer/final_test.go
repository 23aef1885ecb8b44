package tracer_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

// contexts are one of each kind that a peer can send: they say whether its trace is sampled.
var contexts = map[string]bool{
	"uber-trace-id: abc:1:0:1":  true,
	"uber-trace-id: abc:1:0:0":  false,
	"uber-trace-id: abc:1:0:3":  true,
	"uber-trace-id: abc:1:0:9":  true,
	"b3: abc-1-1\nuberctx-k: v": true,
	"b3: abc-1-d\nuberctx-k: v": true,
	"b3: abc-1":                 true,
	"b3: 0":                     false,
	"b3: 1":                     true,
	"b3: d":                     true,
	"x-b3-sampled: 0":           false,
	"jaeger-debug-id: me":       true,
	"uberctx-k: v":              true,
	"uberctx-k: v\nb3: rubbish": true,
	"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\ntracestate: a=b": true,
	"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00\ntracestate: a=b": false,
}

// The race detector looks on.
func TestSpansMayStartAtOnceFromOneContext(t *testing.T) {
	setenv(t)
	tr, _ := open(t, tracer.WithRecorder(tracer.NewRecorder(0)), tracer.WithPropagation(tracer.Jaeger, tracer.B3, tracer.B3Single, tracer.W3C))
	for in, sampled := range contexts {
		c := extract(t, tr, in)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 50 {
					span := tr.StartSpan("server", opentracing.ChildOf(c))
					child := tr.StartSpan("child", opentracing.ChildOf(span.Context()))
					child.SetTag("k", "v")
					sc := child.Context().(jaeger.SpanContext)
					if err := tr.Inject(sc, opentracing.HTTPHeaders, opentracing.HTTPHeadersCarrier{}); err != nil || sc.IsSampled() != sampled {
						t.Errorf("%s: %v, %v", in, sc, err)
					}
					child.Finish()
					span.Finish()
				}
			})
		}
		wg.Wait()
	}
}

// The race detector looks on.
func TestAContextMayBeAskedAndSentWhileItsTraceBegins(t *testing.T) {
	tr, _ := recording(t)
	for range 20 {
		c := extract(t, tr, "b3: abc-1")
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { _ = c.(interface{ IsSampled() bool }).IsSampled() })
			wg.Go(func() {
				if err := tr.Inject(c, opentracing.HTTPHeaders, opentracing.HTTPHeadersCarrier{}); err != nil {
					t.Error(err)
				}
			})
			wg.Go(func() { tr.StartSpan("a", opentracing.ChildOf(c)) })
		}
		wg.Wait()
		if !c.(interface{ IsSampled() bool }).IsSampled() {
			t.Error("the trace has begun, and is not sampled")
		}
	}
}

func TestAContextMayBeHandedToAnotherTracer(t *testing.T) {
	for in, sampled := range contexts {
		setenv(t)
		one, _ := open(t, tracer.WithRecorder(tracer.NewRecorder(0)), tracer.WithPropagation(tracer.W3C))
		r := tracer.NewRecorder(0)
		other, _ := open(t, tracer.WithRecorder(r), tracer.WithPropagation(tracer.W3C, tracer.B3))
		c := extract(t, one, in)
		span := other.StartSpan("a", opentracing.ChildOf(c))
		sc := span.Context().(jaeger.SpanContext)
		h := headers(t, other, sc)
		if strings.Contains(in, "abc") && sc.TraceID().Low != 0xabc || sc.IsSampled() != sampled {
			t.Errorf("%s: %v", in, sc)
		}
		if state := h.Get("tracestate"); state != "" != strings.Contains(in, "tracestate") {
			t.Errorf("%s: tracestate %q", in, state)
		}
		span.Finish()
		if got := len(r.Traces()); got != map[bool]int{true: 1, false: 0}[sampled] {
			t.Errorf("%s: %d traces", in, got)
		}
	}
}
