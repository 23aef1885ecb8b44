package spanutil_test

import (
	"context"
	"regexp"
	"testing"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spanutil"
	gaptracer "github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
)

type headers = opentracing.TextMapCarrier

func TestJoinsTrace(t *testing.T) {
	const ids = "463ac35c9f6413ad48485a3953bb6124"
	ours, closer, err := gaptracer.New("test", gaptracer.WithRecorder(gaptracer.NewRecorder(10)))
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	jaegers := spantest.Jaeger(t, true, nil)
	otherFormats := regexp.MustCompile("B3|W3C|^denied")
	for name, c := range map[string]struct {
		carrier headers
		want    bool
	}{
		"nothing":                  {headers{}, false},
		"Jaeger's IDs":             {headers{"uber-trace-id": "7:8:0:1"}, true},
		"IDs that are denied":      {headers{"uber-trace-id": "7:8:0:0"}, true},
		"B3":                       {headers{"x-b3-traceid": ids, "x-b3-spanid": "7", "x-b3-sampled": "1"}, true},
		"B3, undecided":            {headers{"x-b3-traceid": ids, "x-b3-spanid": "7"}, true},
		"W3C":                      {headers{"traceparent": "00-" + ids + "-00f067aa0ba902b7-01"}, true},
		"a debug ID":               {headers{"jaeger-debug-id": "look"}, true},
		"a debug ID and baggage":   {headers{"Jaeger-Debug-Id": "look", "uberctx-a": "b"}, true},
		"a debug ID, empty":        {headers{"jaeger-debug-id": "", "uberctx-a": "b"}, false},
		"baggage":                  {headers{"uberctx-a": "b"}, false},
		"malformed":                {headers{"uber-trace-id": "7"}, false},
		"malformed, with baggage":  {headers{"uber-trace-id": "7", "uberctx-a": "b"}, false},
		"sampled without IDs":      {headers{"x-b3-sampled": "1"}, false},
		"one B3, sampled, no IDs":  {headers{"b3": "1"}, false},
		"debugged without IDs":     {headers{"x-b3-flags": "1"}, false},
		"sampled, half the IDs":    {headers{"x-b3-traceid": ids, "x-b3-sampled": "1"}, false},
		"denied without IDs":       {headers{"x-b3-sampled": "0"}, true}, // no span is kept
		"denied, malformed before": {headers{"b3": "x", "x-b3-sampled": "0"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			for tracerName, tracer := range map[string]opentracing.Tracer{"ours": ours, "Jaeger's": jaegers} {
				if tracer == jaegers && otherFormats.MatchString(name) {
					continue // it only reads its own format
				}
				w := spanutil.New([]gaptrace.Option{gaptrace.WithTracer(tracer)})
				call := w.Serve(t.Context(), op, opentracing.HTTPHeaders, c.carrier)
				if got := call.JoinsTrace(opentracing.HTTPHeaders, c.carrier); got != c.want {
					t.Errorf("%s tracer: %v", tracerName, got)
				}
				call.Discard()
			}
		})
	}
}

func TestJoinsTraceOfTheContext(t *testing.T) {
	w, tracer := roots()
	ctx := opentracing.ContextWithSpan(t.Context(), tracer.StartSpan("parent"))
	carrier := headers{"spantest-trace": "7", "spantest-span": "7"}
	for name, c := range map[string]struct {
		ctx     context.Context
		carrier any
		want    bool
	}{
		"a span":                 {ctx, headers{}, true},
		"a client's span":        {t.Context(), carrier, true},
		"neither":                {t.Context(), headers{}, false},
		"an unreadable carrier":  {t.Context(), headers{"spantest-trace": "x"}, false},
		"a span, and no carrier": {ctx, nil, true},
	} {
		call := w.Serve(c.ctx, op, opentracing.HTTPHeaders, c.carrier)
		if got := call.JoinsTrace(opentracing.HTTPHeaders, c.carrier); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
		call.Discard()
	}
	t.Run("whose IDs differ from the carrier's", func(t *testing.T) {
		jaegers := spantest.Jaeger(t, true, nil)
		ctx := opentracing.ContextWithSpan(t.Context(), jaegers.StartSpan("parent"))
		none := headers{}
		w := spanutil.New([]gaptrace.Option{gaptrace.WithTracer(jaegers)})
		call := w.Serve(ctx, op, opentracing.HTTPHeaders, none)
		if !call.JoinsTrace(opentracing.HTTPHeaders, none) {
			t.Error("the span in the context is not a trace")
		}
		call.Discard()
	})
	if (*spanutil.Call)(nil).JoinsTrace(opentracing.HTTPHeaders, carrier) {
		t.Error("a call that is not recorded joins a trace")
	}
}
