// Package propagation reads and writes span contexts in headers: Jaeger's, B3 and W3C.
//
// [Tracer] wraps jaeger-client-go's tracer and replaces Inject, Extract and StartSpan. Spans and
// their contexts are jaeger-client-go's own, except for contexts that it cannot express: see
// pending.
package propagation

import (
	"cmp"
	"net/http"
	"reflect"
	"slices"
	"sync/atomic"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/log"
	"github.com/uber/jaeger-client-go"
	"github.com/uber/jaeger-client-go/config"
)

// Propagation holds the settings of Inject and Extract. Baggage and debug IDs are always in
// Jaeger's headers, whatever the formats.
type Propagation struct {
	Options
	order            []Format // in which formats are read
	writesTracestate bool
}

// Options configure a Propagation.
type Options struct {
	Written          []Format // what Inject writes
	DeferredAsDenied bool     // B3 IDs without a decision mean that the trace is not sampled
	LongIDs          bool     // trace IDs made here have 128 bits

	// OnExtract gets each extracted context with a peer's IDs. If its decision is open, OnExtract
	// gets the context that spans have if the sampler accepts the trace. Nil is allowed.
	OnExtract func(jaeger.SpanContext)
}

// New returns a Propagation with these options.
func New(o Options) *Propagation {
	return &Propagation{o, readOrder(o.Written), slices.Contains(o.Written, W3C)}
}

// JaegerOptions returns options that give Jaeger's own tracer our formats: programs get that tracer
// from Span.Tracer.
func (p *Propagation) JaegerOptions() []config.Option {
	opts := []config.Option{
		config.Injector(opentracing.Binary, unsupported{}),
		config.Extractor(opentracing.Binary, unsupported{}),
	}
	for _, format := range []opentracing.BuiltinFormat{opentracing.TextMap, opentracing.HTTPHeaders} {
		c, _ := p.codecFor(format)
		opts = append(opts, config.Injector(format, c), config.Extractor(format, c))
	}
	return opts
}

// Rare cases cost nothing until one occurs in the process. These are global, since a context of one
// tracer may be given to another one.
var (
	seenTracestate atomic.Bool // a tracestate that Inject will write
	seenPending    atomic.Bool // a context that StartSpan must complete
)

// Tracer is Jaeger's tracer with our Inject, Extract and StartSpan.
type Tracer struct {
	*jaeger.Tracer
	*Propagation
}

// Inject implements opentracing.Tracer.
func (t *Tracer) Inject(sc opentracing.SpanContext, format, carrier any) error {
	c, text := t.codecFor(format)
	if !text {
		return t.Tracer.Inject(sc, format, carrier)
	}
	if p, ok := sc.(*pending); ok && p != nil {
		known, open := p.now()
		return c.inject(known, open, carrier)
	}
	known, _ := sc.(jaeger.SpanContext) // the zero value is invalid
	return c.Inject(known, carrier)
}

// Extract implements opentracing.Tracer. Unlike other tracers, it returns a context together with
// opentracing.ErrSpanContextCorrupted: a span started from it begins a new trace and logs the
// reason.
func (t *Tracer) Extract(format, carrier any) (opentracing.SpanContext, error) {
	c, text := t.codecFor(format)
	if !text {
		return t.Tracer.Extract(format, carrier)
	}
	return c.extract(carrier)
}

// StartSpan implements opentracing.Tracer. It replaces each pending context by one that Jaeger's
// tracer understands.
func (t *Tracer) StartSpan(operation string, opts ...opentracing.StartSpanOption) opentracing.Span {
	if !seenPending.Load() {
		return t.Tracer.StartSpan(operation, opts...)
	}
	var o opentracing.StartSpanOptions
	for _, opt := range opts {
		opt.Apply(&o)
	}
	refs, cloned := o.References, false
	parent := parentOf(refs)
	var reason error
	var tags opentracing.Tags
	for i, ref := range refs {
		p, ok := ref.ReferencedContext.(*pending)
		if !ok || p == nil {
			continue
		}
		if !cloned { // the same options may start other spans
			o.References, cloned = slices.Clone(refs), true
		}
		reason = cmp.Or(reason, p.reason)
		if i == parent {
			o.References[i], tags = p.complete(t, operation, ref.Type)
			continue
		}
		// A mere link does not ask the sampler, nor begin the trace.
		o.References[i].ReferencedContext, _ = p.now()
	}
	span := t.Tracer.StartSpan(operation, (*applied)(&o))
	for key, value := range tags {
		span.SetTag(key, value)
	}
	if reason != nil {
		span.LogFields(log.Event("malformed context"), log.Message(reason.Error()))
	}
	return span
}

// parentOf returns the index of the reference whose trace a span joins, or -1 if there is none. It
// chooses as Jaeger's tracer does: the first ChildOf, otherwise the last FollowsFrom.
func parentOf(refs []opentracing.SpanReference) int {
	parent := -1
	for i, ref := range refs {
		c := known(ref.ReferencedContext)
		switch {
		case !c.IsValid() && !hasBaggage(c):
			continue // nothing to join
		case ref.Type == selfRef:
			return -1 // the program gives the span's IDs and decision
		case ref.Type == opentracing.ChildOfRef:
			return i
		}
		parent = i
	}
	return parent
}

// known returns sc, or what is known of it if it is pending, in Jaeger's type. For the context of
// another tracer it returns the zero value.
func known(sc opentracing.SpanContext) jaeger.SpanContext {
	if p, ok := sc.(*pending); ok && p != nil {
		return p.SpanContext
	}
	c, _ := sc.(jaeger.SpanContext)
	return c
}

// selfRef is the type of the reference that jaeger.SelfRef returns.
var selfRef = jaeger.SelfRef(jaeger.SpanContext{}).Type

func hasBaggage(c jaeger.SpanContext) (has bool) {
	c.ForeachBaggageItem(func(string, string) bool { has = true; return false })
	return has
}

// applied is an opentracing.StartSpanOption that sets all options.
type applied opentracing.StartSpanOptions

func (a *applied) Apply(o *opentracing.StartSpanOptions) { *o = opentracing.StartSpanOptions(*a) }

// codec is a jaeger.Injector and jaeger.Extractor for one of OpenTracing's text formats.
type codec struct {
	*Propagation
	encoded bool // baggage and debug IDs are URL-encoded, so they cannot break a request
}

// codecFor returns the codec for format. It returns false if format is not a text format.
func (p *Propagation) codecFor(format any) (codec, bool) {
	f, _ := format.(opentracing.BuiltinFormat)
	return codec{p, f == opentracing.HTTPHeaders}, f == opentracing.HTTPHeaders || f == opentracing.TextMap
}

func (c codec) Inject(sc jaeger.SpanContext, carrier any) error { return c.inject(sc, false, carrier) }

// Extract implements jaeger.Extractor. If the decision is open, it denies the trace: Jaeger's own
// StartSpan would not ask the sampler.
func (c codec) Extract(carrier any) (jaeger.SpanContext, error) {
	sc, err := c.extract(carrier)
	return known(sc), err
}

// inject writes sc to carrier. If its decision is open, it writes only the formats that can say so:
// no header is better than a decision that nobody made.
func (c codec) inject(sc jaeger.SpanContext, open bool, carrier any) error {
	w, ok := carrier.(opentracing.TextMapWriter)
	if v := reflect.ValueOf(carrier); !ok || v.Kind() == reflect.Map && v.IsNil() {
		return opentracing.ErrInvalidCarrier // a nil map cannot be written to
	}
	if header, isHeader := carrier.(http.Header); isHeader {
		w = opentracing.HTTPHeadersCarrier(header)
	}
	if !sc.IsValid() { // such as jaeger.SpanContext{}, whose Flags method panics
		return opentracing.ErrInvalidSpanContext
	}
	var s outgoing
	s.format(sc)
	if open {
		s.decision = undecided
	}
	if seenTracestate.Load() {
		s.tracestate = tracestateOf(sc)
	}
	var h headers
	for _, f := range c.Written {
		if !open || f.canDefer() {
			f.write(&s, &h)
		}
	}
	h.writeTo(w)
	writeBaggage(sc, w, c.encoded)
	return nil
}

// unsupported is the codec of opentracing.Binary. Jaeger's own is not safe for untrusted input: it
// panics at a negative length, and allocates as much memory as a large one asks for.
type unsupported struct{}

func (unsupported) Inject(jaeger.SpanContext, any) error { return opentracing.ErrUnsupportedFormat }
func (unsupported) Extract(any) (jaeger.SpanContext, error) {
	return jaeger.SpanContext{}, opentracing.ErrUnsupportedFormat
}
