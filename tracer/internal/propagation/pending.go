package propagation

import (
	"sync"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

// pending is a peer's context that Jaeger's type cannot express: the decision is open, or was made
// without IDs, or headers were malformed. StartSpan completes it:
//
//	accepted set   ask the sampler, once          → decided, for all spans of the trace here
//	root           the first span gets these IDs  → later spans are its children
//	malformed      log the reason
type pending struct {
	jaeger.SpanContext                     // as far as it is known; a denial if the decision is open
	accepted           *jaeger.SpanContext // the same, accepted; nil if the decision is not open
	root               bool
	malformed          error

	mu      sync.Mutex
	decided *jaeger.SpanContext
	started bool // the root
}

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
	return p.SpanContext, p.accepted != nil
}

// IsSampled is what callers look for in a jaeger.SpanContext. It returns false if the decision is
// open.
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
	case p.accepted == nil:
		return opentracing.SpanReference{Type: kind, ReferencedContext: p.SpanContext}, nil
	case p.decided != nil:
		return opentracing.SpanReference{Type: kind, ReferencedContext: *p.decided}, nil
	}
	sampled, tags := t.ask(p.TraceID(), operation)
	p.decided = &p.SpanContext
	if sampled {
		p.decided = p.accepted
	}
	return opentracing.SpanReference{Type: kind, ReferencedContext: final(*p.decided)}, tags
}

// ask has the sampler decide about a trace by starting a span, which is never finished: there is no
// other way. The sampler with a rate for each operation answers only for the first span of a trace
// in this process, and recognizes it by its ID, which is 0 for traces that began elsewhere. So this
// span's ID is 0. Its baggage keeps Jaeger's tracer from ignoring the reference as empty.
func (t *Tracer) ask(trace jaeger.TraceID, operation string) (sampled bool, tags opentracing.Tags) {
	question := jaeger.NewSpanContext(trace, 0, 0, false, map[string]string{"": ""})
	span, ok := t.Tracer.StartSpan(operation, jaeger.SelfRef(question)).(*jaeger.Span)
	if !ok || !span.SpanContext().IsSampled() {
		return false, nil
	}
	return true, span.Tags()
}

// final makes the decision in c final, as a peer's must be.
//
// Jaeger's tracer does so only when a span starts from c. It then writes to memory that all spans
// of the trace share, without a lock: spans that start at the same time would race. Only starting a
// span makes a context final, so final starts one that is never reported, and reuses it.
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

// denier returns a tracer that samples nothing. This does not revoke what a context says.
var denier = sync.OnceValue(func() opentracing.Tracer {
	none := jaeger.NewConstSampler(false)
	t, _ := jaeger.NewTracer("", none, jaeger.NewNullReporter(), jaeger.TracerOptions.PoolSpans(true))
	return t
})
