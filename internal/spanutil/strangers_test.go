package spanutil_test

import (
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/options"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"
	"github.com/uber/jaeger-client-go"
)

// Tracers and hooks are strangers: these are the tests of what they may do.

func TestHooksThatPanicLeaveTheCallAsItWas(t *testing.T) {
	w, tracer := roots(
		gaptrace.WithOperation(func(gaptrace.Call) string { panic("operation") }),
		gaptrace.WithTags(func(gaptrace.Call) opentracing.Tags { panic("tags") }),
		gaptrace.WithStatement(func(gaptrace.Call, string) string { panic("statement") }),
		gaptrace.WithExpected(func(gaptrace.Call, error) bool { panic("expected") }),
	)
	call, _ := start(w, t.Context(), op)
	call.Statement("secret")
	call.Finish(io.ErrUnexpectedEOF)
	wantTree(t, tracer, "op component=lib error=true span.kind=client\n"+
		"  * event=error error.kind=*errors.errorString message=\"unexpected EOF\"\n")
}

func TestWhateverTheTracerDoesTheCallGoesOn(t *testing.T) {
	inner := spantest.NewTracer()
	for name, tracer := range spantest.Hostile(inner) {
		t.Run(name, func(t *testing.T) {
			inner.Reset()
			w := spanutil.New([]gaptrace.Option{gaptrace.WithTracer(tracer), gaptrace.WithRoots()})
			for _, parent := range []opentracing.Span{nil, inner.StartSpan("parent")} {
				ctx := opentracing.ContextWithSpan(t.Context(), parent)
				call, _ := start(w, ctx, op)
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

func TestOtherTracersDo(t *testing.T) {
	mock := mocktracer.New()
	w := spanutil.New([]gaptrace.Option{gaptrace.WithTracer(mock), gaptrace.WithRoots()})
	for range 2 {
		call, _ := start(w, t.Context(), op)
		call.Tag("k", "v")
		call.Finish(nil)
	}
	for _, s := range mock.FinishedSpans() {
		if s.Tag("k") != "v" || s.Tag("component") != "lib" || s.FinishTime.Before(s.StartTime) {
			t.Errorf("mocktracer has %v", s)
		}
	}
	if n := len(mock.FinishedSpans()); n != 2 {
		t.Errorf("mocktracer has %d spans, want 2", n)
	}
	w = spanutil.New([]gaptrace.Option{gaptrace.WithTracer(opentracing.NoopTracer{}), gaptrace.WithRoots()})
	if call, _ := start(w, t.Context(), op); call != nil {
		t.Error("a call is recorded for a tracer that records nothing")
	}
}

func TestEachSpanHasItsOwnTags(t *testing.T) {
	mock := mocktracer.New() // goes on writing to the map that a span starts with
	w := spanutil.New([]gaptrace.Option{gaptrace.WithTracer(mock), gaptrace.WithRoots()})
	synctest.Test(t, func(t *testing.T) {
		call := begin(w, t.Context(), op)
		call.Answered(spanutil.Rows)
		for range 2 {
			time.Sleep(time.Second)
			call.Enter()
			time.Sleep(time.Second)
			call.Leave(1)
		}
		call.Finish(nil)
	})
	spans := mock.FinishedSpans()
	if len(spans) != 3 {
		t.Fatalf("%d spans", len(spans))
	}
	for _, s := range spans {
		s.SetTag("own", s.SpanContext.SpanID)
	}
	for _, s := range spans {
		if s.Tag("own") != s.SpanContext.SpanID || s.Tag("component") != "lib" {
			t.Errorf("span %d has the tags %v", s.SpanContext.SpanID, s.Tags())
		}
	}
}

func TestAHookThatEndsTheGoroutineLeavesNoLockAndNoSpanOpen(t *testing.T) {
	n := 0
	w, tracer := roots(gaptrace.WithOperation(func(c gaptrace.Call) string {
		if n++; n > 1 { // when a later wait is named
			runtime.Goexit()
		}
		return "named"
	}))
	synctest.Test(t, func(t *testing.T) {
		call, _ := start(w, t.Context(), op)
		call.Answered(spanutil.Bytes)
		time.Sleep(5 * time.Millisecond)
		call.Enter()
		time.Sleep(5 * time.Millisecond)
		call.Leave(1)
		done := make(chan bool)
		go func() {
			defer close(done)
			call.Finish(nil)
		}()
		<-done
		call.Finish(nil) // hangs where the lock is still held
	})
	if p := tracer.Problems(); p != nil || len(tracer.Spans()) != 1 {
		t.Error(p, tracer.Tree())
	}
}

func TestAHookThatEndsTheGoroutineWhenItIsAskedAboutAnErrorLeavesNoSpanOpen(t *testing.T) {
	w, tracer := roots(gaptrace.WithExpected(func(gaptrace.Call, error) bool {
		runtime.Goexit()
		return true
	}))
	call, _ := start(w, t.Context(), op)
	done := make(chan bool)
	go func() {
		defer close(done)
		call.Finish(errLate)
	}()
	<-done
	if p := tracer.Problems(); p != nil || len(tracer.Spans()) != 1 {
		t.Error(p, tracer.Tree())
	}
}

func TestAnOptionOfTheUsersOwnCannotBreakACall(t *testing.T) {
	w, tracer := roots(func(c *options.Config) { c.MaxWaits = 0 })
	call, _ := start(w, t.Context(), op)
	call.Finish(nil)
	if len(tracer.Spans()) != 1 {
		t.Error("no span")
	}
}

func TestTheUsersTagsAreCutAndDoNotSayWhatTheSpanIs(t *testing.T) {
	for _, under := range []bool{true, false} {
		w, tracer := roots(gaptrace.WithTags(func(gaptrace.Call) opentracing.Tags {
			return opentracing.Tags{"long": strings.Repeat("x", 1<<20), "component": "mine", "span.kind": "mine"}
		}))
		ctx := t.Context()
		parent := tracer.StartSpan("parent")
		if under {
			ctx = opentracing.ContextWithSpan(ctx, parent)
		}
		call, _ := start(w, ctx, op)
		call.Finish(nil)
		parent.Finish()
		tags := tracer.Named("op")[0].Tags
		if len(tags["long"].(string)) != spanutil.MaxValue || tags["component"] != "lib" || tracer.Problems() != nil {
			t.Errorf("under a parent %v: %d bytes, component %v, %v", under, len(tags["long"].(string)), tags["component"], tracer.Problems())
		}
	}
}

func TestUnderAParentThatIsNotSampledNothingIsDescribed(t *testing.T) {
	tracer, closer := jaeger.NewTracer("test", jaeger.NewConstSampler(false), jaeger.NewNullReporter())
	defer closer.Close()
	w := spanutil.New([]gaptrace.Option{
		gaptrace.WithTracer(tracer),
		gaptrace.WithTags(func(gaptrace.Call) opentracing.Tags { t.Error("tags built"); return nil }),
	})
	call := begin(w, opentracing.ContextWithSpan(t.Context(), tracer.StartSpan("parent")), op)
	if call.Sampled() {
		t.Error("sampled")
	}
	call.Finish(nil)
}
