package spanutil_test

import (
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/opentracing/opentracing-go"
)

// Tracers and hooks are not trusted. These tests have them panic, return nonsense, and call Goexit.

func TestHooksThatPanic(t *testing.T) {
	w, tracer := roots(
		gaptrace.WithOperation(func(gaptrace.Call) string { panic("operation") }),
		gaptrace.WithTags(func(gaptrace.Call) opentracing.Tags { panic("tags") }),
		gaptrace.WithStatement(func(gaptrace.Call, string) string { panic("statement") }),
		gaptrace.WithExpected(func(gaptrace.Call, error) bool { panic("expected") }),
		gaptrace.WithFailure(func(gaptrace.Call, int) bool { panic("failure") }),
	)
	call, _ := open(w, t.Context(), op)
	call.Statement("secret")
	call.Finish(io.ErrUnexpectedEOF)
	spantest.WantTree(t, tracer, "op component=lib error=true span.kind=client\n"+
		"  * event=error error.kind=*errors.errorString message=\"unexpected EOF\"\n")
}

func TestHooksThatCallGoexit(t *testing.T) {
	// finish calls Finish on a goroutine of its own.
	finish := func(call *spanutil.Call, err error) {
		var caller sync.WaitGroup
		caller.Go(func() { call.Finish(err) })
		caller.Wait()
	}
	wantOneSpan := func(t *testing.T, tracer *spantest.Tracer) {
		t.Helper()
		if p := tracer.Problems(); p != nil || len(tracer.Spans()) != 1 {
			t.Error(p, tracer.Tree())
		}
	}

	t.Run("WithOperation, for a later wait", func(t *testing.T) {
		n := 0
		w, tracer := roots(gaptrace.WithOperation(func(c gaptrace.Call) string {
			if n++; n > 1 {
				runtime.Goexit()
			}
			return "named"
		}))
		synctest.Test(t, func(t *testing.T) {
			call, _ := open(w, t.Context(), op)
			call.Answered(spanutil.Bytes)
			time.Sleep(5 * time.Millisecond)
			call.Enter()
			time.Sleep(5 * time.Millisecond)
			call.Leave(1)
			finish(call, nil)
			call.Finish(nil) // hangs if the lock is still held
		})
		wantOneSpan(t, tracer)
	})
	t.Run("WithExpected", func(t *testing.T) {
		w, tracer := roots(gaptrace.WithExpected(func(gaptrace.Call, error) bool {
			runtime.Goexit()
			return true
		}))
		call, _ := open(w, t.Context(), op)
		finish(call, errLate)
		wantOneSpan(t, tracer)
	})
}

func TestTracersThatMisbehave(t *testing.T) {
	inner := spantest.NewTracer()
	for name, tracer := range spantest.Hostile(inner) {
		t.Run(name, func(t *testing.T) {
			inner.Reset()
			w := spanutil.New([]gaptrace.Option{gaptrace.WithTracer(tracer), gaptrace.WithRoots()})
			for _, parent := range []opentracing.Span{nil, inner.StartSpan("parent")} {
				ctx := opentracing.ContextWithSpan(t.Context(), parent)
				call, _ := open(w, ctx, op)
				call.Inject(opentracing.HTTPHeaders, opentracing.TextMapCarrier{})
				call.Log("event", io.ErrUnexpectedEOF)
				call.Statement("SELECT 1")
				body := bodyOf(call, io.NopCloser(iotest.OneByteReader(strings.NewReader("abc"))))
				if got, err := io.ReadAll(body); string(got) != "abc" || err != nil {
					t.Errorf("read %q, %v", got, err)
				}
				late := begin(w, ctx, op)
				late.Tag("k", "v")
				late.Finish(io.ErrUnexpectedEOF)
				served := w.Serve(ctx, op, opentracing.HTTPHeaders, opentracing.TextMapCarrier{})
				served.Open(ctx)
				served.Rename("other")
				served.Reads(spanutil.Bytes).Finish(nil)
				served.Finish(nil)
				if parent != nil {
					parent.Finish()
				}
			}
			for _, p := range inner.Problems() {
				if !strings.Contains(p, "foreign context") {
					t.Error(p)
				}
			}
		})
	}
}

// baggageless is a span whose context panics when it is asked for baggage.
type baggageless struct{ opentracing.Span }

func (s baggageless) Context() opentracing.SpanContext { return panickingBaggage{s.Span.Context()} }

type panickingBaggage struct{ opentracing.SpanContext }

func (panickingBaggage) ForeachBaggageItem(func(k, v string) bool) { panic("baggage") }

func TestBaggageThatPanics(t *testing.T) {
	w, tracer := roots(gaptrace.WithBaggage("a"),
		gaptrace.WithTags(func(gaptrace.Call) opentracing.Tags { return opentracing.Tags{"b": 1} }))
	call, _ := open(w, opentracing.ContextWithSpan(t.Context(), baggageless{tracer.StartSpan("parent")}), op)
	call.Finish(nil)
	if got := tracer.Only(t, "op").Tags["b"]; got != 1 {
		t.Errorf("b is %v, want 1", got)
	}
}
