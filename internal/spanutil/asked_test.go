package spanutil_test

import (
	"context"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/spanutil"
	gaptracer "github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

func TestACallTellsWhetherSomebodyWaits(t *testing.T) {
	w, _ := roots()
	call, _ := start(w, t.Context(), op)
	var told []bool
	ask := func() { told = append(told, call.Waiting()) }
	ask() // the first wait
	call.Answered(spanutil.Messages)
	ask()
	call.Enter()
	call.Enter() // of another goroutine
	call.Leave(1)
	ask()
	call.Leave(1)
	ask()
	call.Enter()
	call.Finish(nil)
	ask()
	for i, want := range []bool{true, false, true, false, false} {
		if told[i] != want {
			t.Errorf("asked for the %dth time whether somebody waits it said %v", i+1, told[i])
		}
	}
}

func TestAServedCallIsPartOfATraceByIDsOrADebugIDAlone(t *testing.T) {
	const ids = "463ac35c9f6413ad48485a3953bb6124"
	ours, closer, err := gaptracer.New("test", gaptracer.WithRecorder(gaptracer.NewRecorder(10)))
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	jaegers, closer := jaeger.NewTracer("test", jaeger.NewConstSampler(true), jaeger.NewInMemoryReporter())
	defer closer.Close()
	for name, c := range map[string]struct {
		carrier opentracing.TextMapCarrier
		want    bool
	}{
		"nothing":                  {opentracing.TextMapCarrier{}, false},
		"Jaeger's ids":             {opentracing.TextMapCarrier{"uber-trace-id": "7:8:0:1"}, true},
		"ids of what is denied":    {opentracing.TextMapCarrier{"uber-trace-id": "7:8:0:0"}, true},
		"B3":                       {opentracing.TextMapCarrier{"x-b3-traceid": ids, "x-b3-spanid": "7", "x-b3-sampled": "1"}, true},
		"B3, to be decided":        {opentracing.TextMapCarrier{"x-b3-traceid": ids, "x-b3-spanid": "7"}, true},
		"W3C":                      {opentracing.TextMapCarrier{"traceparent": "00-" + ids + "-00f067aa0ba902b7-01"}, true},
		"a debug id":               {opentracing.TextMapCarrier{"jaeger-debug-id": "look"}, true},
		"a debug id and baggage":   {opentracing.TextMapCarrier{"Jaeger-Debug-Id": "look", "uberctx-a": "b"}, true},
		"a debug id, empty":        {opentracing.TextMapCarrier{"jaeger-debug-id": "", "uberctx-a": "b"}, false},
		"baggage":                  {opentracing.TextMapCarrier{"uberctx-a": "b"}, false},
		"malformed":                {opentracing.TextMapCarrier{"uber-trace-id": "7"}, false},
		"malformed, with baggage":  {opentracing.TextMapCarrier{"uber-trace-id": "7", "uberctx-a": "b"}, false},
		"sampled without ids":      {opentracing.TextMapCarrier{"x-b3-sampled": "1"}, false},
		"one B3, sampled, no ids":  {opentracing.TextMapCarrier{"b3": "1"}, false},
		"debugged without ids":     {opentracing.TextMapCarrier{"x-b3-flags": "1"}, false},
		"sampled ids, half":        {opentracing.TextMapCarrier{"x-b3-traceid": ids, "x-b3-sampled": "1"}, false},
		"denied without ids":       {opentracing.TextMapCarrier{"x-b3-sampled": "0"}, true}, // and so draws nothing
		"denied, malformed before": {opentracing.TextMapCarrier{"b3": "x", "x-b3-sampled": "0"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			for tracerName, tracer := range map[string]opentracing.Tracer{"ours": ours, "Jaeger's": jaegers} {
				if tracer == jaegers && (strings.Contains(name, "B3") || strings.Contains(name, "W3C") || strings.HasPrefix(name, "denied")) {
					continue // it reads its own alone
				}
				call := spanutil.New([]gaptrace.Option{gaptrace.WithTracer(tracer)}).Serve(t.Context(), op, opentracing.HTTPHeaders, c.carrier)
				if got := call.JoinsTrace(opentracing.HTTPHeaders, c.carrier); got != c.want {
					t.Errorf("%s tracer: %v", tracerName, got)
				}
				call.Discard()
			}
		})
	}
}

func TestAServedCallUnderASpanIsPartOfItsTrace(t *testing.T) {
	w, tracer := roots()
	ctx := opentracing.ContextWithSpan(t.Context(), tracer.StartSpan("parent"))
	carrier := opentracing.TextMapCarrier{"spantest-trace": "7", "spantest-span": "7"}
	for name, c := range map[string]struct {
		ctx     context.Context
		carrier any
		want    bool
	}{
		"a span":                 {ctx, opentracing.TextMapCarrier{}, true},
		"a client's span":        {t.Context(), carrier, true},
		"neither":                {t.Context(), opentracing.TextMapCarrier{}, false},
		"what cannot be read":    {t.Context(), opentracing.TextMapCarrier{"spantest-trace": "x"}, false},
		"a span, and no carrier": {ctx, nil, true},
	} {
		call := w.Serve(c.ctx, op, opentracing.HTTPHeaders, c.carrier)
		if got := call.JoinsTrace(opentracing.HTTPHeaders, c.carrier); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
		call.Discard()
	}
	// A tracer whose contexts tell their ids: those of the span are not those that were sent.
	jaegers, closer := jaeger.NewTracer("test", jaeger.NewConstSampler(true), jaeger.NewInMemoryReporter())
	defer closer.Close()
	ctx = opentracing.ContextWithSpan(t.Context(), jaegers.StartSpan("parent"))
	none := opentracing.TextMapCarrier{}
	call := spanutil.New([]gaptrace.Option{gaptrace.WithTracer(jaegers)}).Serve(ctx, op, opentracing.HTTPHeaders, none)
	if !call.JoinsTrace(opentracing.HTTPHeaders, none) {
		t.Error("a span of Jaeger's is no parent")
	}
	call.Discard()
	if (*spanutil.Call)(nil).JoinsTrace(opentracing.HTTPHeaders, carrier) {
		t.Error("a call that is not recorded has a parent")
	}
}
