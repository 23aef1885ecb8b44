package wraptest

import (
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/log"
)

// Hostile returns tracers that record to inner, but misbehave in the way the key says. With each of
// them, a wrapped call must return what the raw call returns, and inner must have no problems.
func Hostile(inner *Tracer) map[string]opentracing.Tracer {
	type span = opentracing.Span
	spans := func(spoil func(span) span) opentracing.Tracer { return hostile{Tracer: inner, startSpan: spoil} }
	return map[string]opentracing.Tracer{
		"StartSpan panics":      noSpan{inner, func() span { panic("StartSpan") }},
		"StartSpan returns nil": noSpan{inner, func() span { return nil }},
		"Inject panics":         hostile{Tracer: inner, inject: func() { panic("Inject") }},
		"Extract panics":        hostile{Tracer: inner, extract: func() { panic("Extract") }},
		"Context panics":        spans(func(s span) span { return contextPanics{s} }),
		"Context returns nil":   spans(func(s span) span { return contextNil{s} }),
		"contexts are foreign":  spans(func(s span) span { return contextForeign{s} }),
		"SetTag panics":         spans(func(s span) span { return setTagPanics{s} }),
		"LogFields panics":      spans(func(s span) span { return logFieldsPanics{s} }),
		"Finish panics":         spans(func(s span) span { return finishPanics{s} }),
		"Tracer panics":         spans(func(s span) span { return tracerPanics{s} }),
	}
}

type noSpan struct {
	*Tracer
	answer func() opentracing.Span
}

func (n noSpan) StartSpan(string, ...opentracing.StartSpanOption) opentracing.Span { return n.answer() }

type hostile struct {
	*Tracer
	startSpan       func(opentracing.Span) opentracing.Span
	inject, extract func()
}

func (h hostile) StartSpan(operation string, opts ...opentracing.StartSpanOption) opentracing.Span {
	if h.startSpan == nil {
		return h.Tracer.StartSpan(operation, opts...)
	}
	return h.startSpan(h.Tracer.StartSpan(operation, opts...))
}

func (h hostile) Inject(sc opentracing.SpanContext, format, carrier any) error {
	if h.inject != nil {
		h.inject()
	}
	return h.Tracer.Inject(sc, format, carrier)
}

func (h hostile) Extract(format, carrier any) (opentracing.SpanContext, error) {
	if h.extract != nil {
		h.extract()
	}
	return h.Tracer.Extract(format, carrier)
}

type (
	contextPanics   struct{ opentracing.Span }
	contextNil      struct{ opentracing.Span }
	contextForeign  struct{ opentracing.Span }
	setTagPanics    struct{ opentracing.Span }
	logFieldsPanics struct{ opentracing.Span }
	finishPanics    struct{ opentracing.Span }
	tracerPanics    struct{ opentracing.Span }
)

func (contextPanics) Context() opentracing.SpanContext   { panic("Context") }
func (contextNil) Context() opentracing.SpanContext      { return nil }
func (contextForeign) Context() opentracing.SpanContext  { return foreignContext{} }
func (setTagPanics) SetTag(string, any) opentracing.Span { panic("SetTag") }
func (logFieldsPanics) LogFields(...log.Field)           { panic("LogFields") }
func (s finishPanics) FinishWithOptions(o opentracing.FinishOptions) {
	s.Span.FinishWithOptions(o)
	panic("Finish")
}
func (tracerPanics) Tracer() opentracing.Tracer { panic("Tracer") }

// foreignContext panics in IsSampled. So does a context of jaeger-client-go that was extracted from
// a debug header alone.
type foreignContext struct{}

func (foreignContext) ForeachBaggageItem(func(k, v string) bool) {}
func (foreignContext) IsSampled() bool                           { panic("IsSampled") }
