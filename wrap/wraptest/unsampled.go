package wraptest

import "github.com/opentracing/opentracing-go"

// unsampled is a tracer that samples nothing. Its contexts have the methods of Jaeger's that say
// so.
type unsampled struct{ *Tracer }

type unsampledSpan struct {
	opentracing.Span
	tracer unsampled
}

type unsampledContext struct{ opentracing.SpanContext }

func (u unsampled) StartSpan(operation string, _ ...opentracing.StartSpanOption) opentracing.Span {
	return unsampledSpan{opentracing.NoopTracer{}.StartSpan(operation), u}
}

func (s unsampledSpan) Context() opentracing.SpanContext { return unsampledContext{s.Span.Context()} }

func (s unsampledSpan) Tracer() opentracing.Tracer { return s.tracer }

// IsSampled returns false.
func (unsampledContext) IsSampled() bool { return false }

// IsSamplingFinalized returns true: no tag changes the decision.
func (unsampledContext) IsSamplingFinalized() bool { return true }
