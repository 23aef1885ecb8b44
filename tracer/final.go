package tracer

import (
	"sync"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

// final makes what c says about sampling final, as a peer's is, and gives c to be handed out.
//
// Jaeger's tracer does so with what its own Extract returns, but only when a span starts from it, and then it also writes,
// without a lock, to what all spans of the trace share: spans that start at once from one such context race. Nothing but
// the start of a span makes a context final. The span started here is never seen, and used again.
func final(c jaeger.SpanContext) opentracing.SpanContext {
	f := finalizers.Get().(*finalizer)
	ref := jaeger.SelfRef(c)
	f.References[0] = ref
	if span, ok := f.tracer.StartSpan("", f.options...).(*jaeger.Span); ok {
		span.Release()
	}
	f.References[0] = opentracing.SpanReference{}
	finalizers.Put(f)
	return ref.ReferencedContext
}

// finalizer is what final needs, kept so that it allocates nothing.
type finalizer struct {
	prepared
	options []opentracing.StartSpanOption
	tracer  opentracing.Tracer
}

var finalizers = sync.Pool{New: func() any {
	f := &finalizer{tracer: nobody()}
	f.References = make([]opentracing.SpanReference, 1)
	f.StartTime = time.Unix(0, 0) // any: it saves a look at the clock
	f.options = []opentracing.StartSpanOption{&f.prepared}
	return f
}}

// nobody is a tracer whose sampler says no to all, which takes back nothing that a context says, and makes it final.
var nobody = sync.OnceValue(func() opentracing.Tracer {
	t, _ := jaeger.NewTracer("", jaeger.NewConstSampler(false), jaeger.NewNullReporter(), jaeger.TracerOptions.PoolSpans(true))
	return t
})
