package tracer

import (
	"cmp"
	"slices"
	"sync"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/log"
	"github.com/uber/jaeger-client-go"
)

// pending is a context of a peer that Jaeger's tracer would not understand: StartSpan has to complete it. It is an
// error only to get through that tracer's Extract.
type pending struct {
	jaeger.SpanContext                                   // as far as it is known
	decide             func(decision) jaeger.SpanContext // the sampler has to say, under the peer's ids; nil: it has not
	root               bool                              // a trace was accepted, but no span named: the first one started is its root
	why                error                             // what was malformed
	err                error                             // what Extract says

	mu      sync.Mutex
	decided *jaeger.SpanContext
	started bool
}

func pend(p *pending) *pending {
	seenPending.Store(true)
	return p
}

func (p *pending) Error() string { return "tracer: a context for StartSpan to complete" }

// now is what is known by now.
func (p *pending) now() (c jaeger.SpanContext, undecided bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.decided != nil {
		return *p.decided, false
	}
	return p.SpanContext, p.decide != nil
}

// IsSampled is what jaeger.SpanContext has, and is asked for by that name: false where nobody has decided yet.
func (p *pending) IsSampled() bool {
	c, _ := p.now()
	return c.IsSampled()
}

// StartSpan implements opentracing.Tracer.
func (t *wrapped) StartSpan(operation string, opts ...opentracing.StartSpanOption) opentracing.Span {
	if !seenPending.Load() {
		return t.Tracer.StartSpan(operation, opts...)
	}
	var o opentracing.StartSpanOptions
	for _, opt := range opts {
		opt.Apply(&o)
	}
	refs, shared := o.References, true
	parent := parentOf(refs)
	var why error
	var tags opentracing.Tags
	for i, ref := range refs {
		p, ok := ref.ReferencedContext.(*pending)
		if !ok || p == nil {
			continue
		}
		if shared { // with other spans that the same options start
			o.References, shared = slices.Clone(refs), false
		}
		why = cmp.Or(why, p.why)
		if i == parent {
			o.References[i], tags = p.complete(t, operation, ref.Type)
			continue
		}
		c, _ := p.now() // a link alone asks no sampler, and begins no trace
		o.References[i].ReferencedContext = c
	}
	span := t.Tracer.StartSpan(operation, (*prepared)(&o))
	for key, value := range tags {
		span.SetTag(key, value)
	}
	if why != nil {
		span.LogFields(log.Event("malformed context"), log.Message(why.Error()))
	}
	return span
}

// parentOf finds the reference whose trace a span joins, as Jaeger's tracer does: the first ChildOf, else the last
// FollowsFrom. It is -1 where there is none.
func parentOf(refs []opentracing.SpanReference) int {
	parent := -1
	for i, ref := range refs {
		var c jaeger.SpanContext
		switch of := ref.ReferencedContext.(type) {
		case *pending:
			if of == nil {
				continue
			}
			c = of.SpanContext
		case jaeger.SpanContext:
			c = of
		default:
			continue
		}
		switch {
		case !c.IsValid() && !hasBaggage(c):
			continue // nothing to join
		case ref.Type == selfRef:
			return -1 // the span's ids are given, and whether it is sampled
		case ref.Type == opentracing.ChildOfRef:
			return i
		}
		parent = i
	}
	return parent
}

// selfRef is the type that jaeger.SelfRef gives a reference.
var selfRef = jaeger.SelfRef(jaeger.SpanContext{}).Type

func hasBaggage(c jaeger.SpanContext) (has bool) {
	c.ForeachBaggageItem(func(string, string) bool { has = true; return false })
	return has
}

// complete makes of p what Jaeger's tracer understands, and the tags of the sampler, if it was asked.
func (p *pending) complete(t *wrapped, operation string, kind opentracing.SpanReferenceType) (opentracing.SpanReference, opentracing.Tags) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.root && !p.started:
		p.started = true
		return jaeger.SelfRef(p.SpanContext), nil
	case p.decide == nil:
		return opentracing.SpanReference{Type: kind, ReferencedContext: p.SpanContext}, nil
	case p.decided != nil:
		return opentracing.SpanReference{Type: kind, ReferencedContext: *p.decided}, nil
	}
	sampled, tags := t.ask(p.TraceID(), operation)
	d := denied
	if sampled {
		d = accepted
	}
	c := p.decide(d)
	p.decided = &c
	return opentracing.SpanReference{Type: kind, ReferencedContext: final(c)}, tags
}

// ask has the sampler decide on a trace whose id is given. A span is never finished for it: a sampler can be asked only by
// starting one, and the sampler that has a rate for each operation answers for the first span of a trace here only,
// which it knows by its id. That of a trace that was not begun here is 0, and so is this span's. Baggage keeps Jaeger's
// tracer from taking the reference for an empty one.
func (t *wrapped) ask(trace jaeger.TraceID, operation string) (sampled bool, tags opentracing.Tags) {
	question := jaeger.NewSpanContext(trace, 0, 0, false, map[string]string{"": ""})
	span, ok := t.Tracer.StartSpan(operation, jaeger.SelfRef(question)).(*jaeger.Span)
	if !ok || !span.SpanContext().IsSampled() {
		return false, nil
	}
	return true, span.Tags()
}

// prepared are options that have been applied already.
type prepared opentracing.StartSpanOptions

// Apply implements opentracing.StartSpanOption.
func (p *prepared) Apply(o *opentracing.StartSpanOptions) { *o = opentracing.StartSpanOptions(*p) }
