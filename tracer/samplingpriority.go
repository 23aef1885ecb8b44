package tracer

import (
	"reflect"

	"github.com/gaptrace/gaptrace/gap/cpuclock"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/uber/jaeger-client-go"
)

// priorities is a jaeger.ContribObserver that accepts any number or boolean as sampling.priority.
// Jaeger's tracer accepts only uint16, OpenTracing's type for it, but programs set an int. It also
// notes the start of each span for the observers of the recorder. A ContribObserver of their own
// would cost each span an allocation.
type priorities struct{ recorder *Recorder } // nil for none

func (p priorities) OnStartSpan(
	s opentracing.Span, _ string, options opentracing.StartSpanOptions,
) (jaeger.ContribSpanObserver, bool) {
	cpuclock.Read()
	span, ok := s.(*jaeger.Span)
	if ok && p.recorder != nil {
		p.recorder.started(span, options.Tags)
	}
	return (*prioritized)(span), ok
}

// prioritized is a span as its own jaeger.ContribSpanObserver. A struct that contains the span
// would cost each span an allocation.
type prioritized jaeger.Span

func (p *prioritized) OnSetTag(key string, value any) {
	if key != string(ext.SamplingPriority) {
		return
	}
	if _, handled := value.(uint16); handled {
		return
	}
	var sample bool
	switch v := reflect.ValueOf(value); {
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

func (p *prioritized) OnSetOperationName(string)          {}
func (p *prioritized) OnFinish(opentracing.FinishOptions) {}
