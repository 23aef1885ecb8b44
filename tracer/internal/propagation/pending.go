package propagation

import (
	"sync"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

// pending is a peer's context that Jaeger's type cannot express. StartSpan completes it:
//
//	what the peer sent       field       StartSpan
//	IDs without a decision   ifAccepted  asks the sampler once, for all spans of the trace here
//	accepted, without IDs    root        the first span gets the new IDs, later ones are its children
//	malformed headers        reason      logs it
type pending struct {
	jaeger.SpanContext                     // as far as it is known; not sampled if the decision is open
	ifAccepted         *jaeger.SpanContext // the same, but sampled; nil unless the decision is open
	root               bool
	reason             error // why the headers are malformed

	mu      sync.Mutex
	decided *jaeger.SpanContext // SpanContext or ifAccepted, once the sampler has decided
	started bool                // the root
}

// pend returns p. From now on, StartSpan looks for pending contexts.
func pend(p *pending) *pending {
	seenPending.Store(true)
	return p
}

// now returns what is known now, and whether the decision is open.
func (p *pending) now() (c jaeger.SpanContext, open bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.decided != nil {
		return *p.decided, false
	}
	return p.SpanContext, p.ifAccepted != nil
}

// IsSampled is the method of jaeger.SpanContext that callers look for. It returns false while the
// decision is open.
func (p *pending) IsSampled() bool {
	c, _ := p.now()
	return c.IsSampled()
}

// complete returns a reference for Jaeger's tracer. If the sampler was asked, it also returns the
// sampler's tags.
func (p *pending) complete(
	t *Tracer, operation string, kind opentracing.SpanReferenceType,
) (opentracing.SpanReference, opentracing.Tags) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.root && !p.started:
		p.started = true
		return jaeger.SelfRef(p.SpanContext), nil
	case p.ifAccepted == nil:
		return opentracing.SpanReference{Type: kind, ReferencedContext: p.SpanContext}, nil
	case p.decided != nil:
		return opentracing.SpanReference{Type: kind, ReferencedContext: *p.decided}, nil
	}
	sampled, tags := t.ask(p.TraceID(), operation)
	p.decided = &p.SpanContext
	if sampled {
		p.decided = p.ifAccepted
	}
	return opentracing.SpanReference{Type: kind, ReferencedContext: final(*p.decided)}, tags
}

// ask has the sampler decide about a trace. Only starting a span asks it, so ask starts one, and
// never finishes it. The span's ID is 0, since Jaeger's per-operation sampler answers only for the
// local root, whose ID is 0 in a new context. The baggage keeps Jaeger's tracer from ignoring the
// reference as empty.
func (t *Tracer) ask(trace jaeger.TraceID, operation string) (sampled bool, tags opentracing.Tags) {
	question := jaeger.NewSpanContext(trace, 0, 0, false, map[string]string{"": ""})
	span, ok := t.Tracer.StartSpan(operation, jaeger.SelfRef(question)).(*jaeger.Span)
	if !ok || !span.SpanContext().IsSampled() {
		return false, nil
	}
	return true, span.Tags()
}

// final makes the decision in c final, as a peer's must be: no sampler may change it. Only the
// start of a span does so, and it writes to memory that all spans of the trace share, without a
// lock. So final starts a span that is never reported, before c is shared.
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

// finalizer is what final reuses, so that it allocates nothing.
type finalizer struct {
	applied
	options []opentracing.StartSpanOption
	tracer  opentracing.Tracer
}

var finalizers = sync.Pool{New: func() any {
	f := &finalizer{tracer: denier()}
	f.References = make([]opentracing.SpanReference, 1)
	f.StartTime = time.Unix(0, 0) // any time, to save a clock reading
	f.options = []opentracing.StartSpanOption{&f.applied}
	return f
}}

// denier returns a tracer that samples nothing by itself. It keeps the decision of a context.
var denier = sync.OnceValue(func() opentracing.Tracer {
	none := jaeger.NewConstSampler(false)
	t, _ := jaeger.NewTracer("", none, jaeger.NewNullReporter(), jaeger.TracerOptions.PoolSpans(true))
	return t
})
