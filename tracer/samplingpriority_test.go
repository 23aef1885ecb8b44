package tracer_test

import (
	"testing"

	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

func TestSamplingPriority(t *testing.T) {
	type count int
	for name, test := range map[string]struct {
		value         any
		sampled, says bool
	}{
		"int 1":      {1, true, true},
		"int 0":      {0, false, true},
		"int -1":     {-1, false, true},
		"int64":      {int64(2), true, true},
		"uint16":     {uint16(1), true, true},
		"uint16 0":   {uint16(0), false, true},
		"uint8":      {uint8(1), true, true},
		"float64":    {1.0, true, true},
		"true":       {true, true, true},
		"false":      {false, false, true},
		"a named":    {count(1), true, true},
		"string":     {"1", false, false},
		"nil":        {nil, false, false},
		"nil struct": {(*count)(nil), false, false},
	} {
		for _, param := range []string{"0", "1"} {
			t.Run(name+", sampler "+param, func(t *testing.T) {
				setenv(t, "JAEGER_SAMPLER_PARAM="+param)
				r := tracer.NewRecorder(0)
				tr, _ := open(t, tracer.WithRecorder(r))
				want := test.sampled
				if !test.says {
					want = param == "1"
				}
				later := tr.StartSpan("later")
				later.SetTag("sampling.priority", test.value)
				for _, span := range []opentracing.Span{
					tr.StartSpan("at once", opentracing.Tag{Key: "sampling.priority", Value: test.value}),
					later,
					tr.StartSpan("child", opentracing.ChildOf(later.Context())),
				} {
					if got := span.Context().(jaeger.SpanContext).IsSampled(); got != want {
						t.Errorf("%v: sampled is %v", span, got)
					}
					span.Finish()
				}
				if got := len(r.Traces()); got != map[bool]int{true: 2, false: 0}[want] {
					t.Errorf("%d traces", got)
				}
			})
		}
	}
}
