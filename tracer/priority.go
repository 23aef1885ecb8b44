package tracer

import (
	"reflect"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/uber/jaeger-client-go"
)

// priorities makes sampling.priority work with any number or boolean: OpenTracing's type for it is uint16, and Jaeger's
// tracer does nothing on another, though what people write is an int.
type priorities struct{}

// OnStartSpan implements jaeger.ContribObserver.
func (priorities) OnStartSpan(s opentracing.Span, _ string, _ opentracing.StartSpanOptions) (jaeger.ContribSpanObserver, bool) {
	span, ok := s.(*jaeger.Span)
	return (*prioritized)(span), ok
}

// prioritized is a span that is told of its tags. To be the span, and not hold it, spares an allocation for each span.
type prioritized jaeger.Span

// OnSetTag implements jaeger.ContribSpanObserver.
func (p *prioritized) OnSetTag(key string, v any) {
	if key != string(ext.SamplingPriority) {
		return
	}
	if _, understood := v.(uint16); understood {
		return
	}
	var sample bool
	switch v := reflect.ValueOf(v); {
	case v.Kind() == reflect.Bool:
		sample = v.Bool()
	case v.CanInt():
		sample = v.Int() > 0
	case v.CanUint():
		sample = v.Uint() > 0
	case v.CanFloat():
		sample = v.Float() > 0
	default:
		return
	}
	priority := uint16(0)
	if sample {
		priority = 1
	}
	(*jaeger.Span)(p).SetTag(key, priority)
}

// OnSetOperationName implements jaeger.ContribSpanObserver.
func (p *prioritized) OnSetOperationName(string) {}

// OnFinish implements jaeger.ContribSpanObserver.
func (p *prioritized) OnFinish(opentracing.FinishOptions) {}
