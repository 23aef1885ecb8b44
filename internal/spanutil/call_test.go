package spanutil_test

import (
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"
)

func TestOpen(t *testing.T) {
	slow := gaptrace.WithTags(func(gaptrace.Call) opentracing.Tags { time.Sleep(time.Minute); return nil })
	for name, c := range map[string]struct {
		opts []gaptrace.Option
		want time.Duration
	}{
		"keeps the time at which the call began": {nil, 2 * time.Second},
		"begins the time anew after hooks":       {[]gaptrace.Option{slow}, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			w, tracer := roots(c.opts...)
			synctest.Test(t, func(t *testing.T) {
				ctx := opentracing.ContextWithSpan(t.Context(), tracer.StartSpan("parent"))
				call := begin(w, ctx, op)
				time.Sleep(time.Second) // to describe it
				call.Open(ctx)
				time.Sleep(time.Second)
				call.Finish(nil)
			})
			if s := tracer.Only(t, "op"); s.Duration() != c.want {
				t.Errorf("the span takes %v, want %v", s.Duration(), c.want)
			}
		})
	}
	t.Run("leaves out all hooks", func(t *testing.T) {
		tracer := spantest.NewTracer()
		synctest.Test(t, func(t *testing.T) {
			w := spanutil.New([]gaptrace.Option{
				gaptrace.WithTracer(tracer),
				gaptrace.WithStatement(func(_ gaptrace.Call, s string) string { time.Sleep(time.Second); return s }),
				gaptrace.WithTags(func(gaptrace.Call) opentracing.Tags { time.Sleep(time.Second); return nil }),
				gaptrace.WithOperation(func(gaptrace.Call) string { time.Sleep(time.Second); return "op" }),
				gaptrace.WithExpected(func(gaptrace.Call, error) bool { time.Sleep(time.Second); return false }),
			})
			call := begin(w, opentracing.ContextWithSpan(t.Context(), tracer.StartSpan("parent")), op)
			call.Statement("SELECT 1")
			call.Open(t.Context())
			time.Sleep(time.Millisecond)
			call.Finish(io.EOF)
		})
		if s := tracer.Only(t, "op"); s.Duration() != time.Millisecond {
			t.Errorf("the span takes %v", s.Duration())
		}
	})
	t.Run("may be left to Tag or Finish", func(t *testing.T) {
		w, tracer := roots()
		synctest.Test(t, func(t *testing.T) {
			call := begin(w, t.Context(), op)
			time.Sleep(time.Second)
			call.Tag("k", "v")
			call.Finish(nil)
		})
		if got := tracer.Spans()[0].Duration(); got != time.Second {
			t.Errorf("the span takes %v, the caller was blocked for 1s", got)
		}
	})
}

func TestFinish(t *testing.T) {
	t.Run("counts once, on any goroutine", func(t *testing.T) {
		for range 50 {
			w, tracer := roots()
			call, _ := open(w, t.Context(), op)
			call.Answered(spanutil.Bytes)
			var users sync.WaitGroup
			for range 3 {
				users.Go(func() {
					for range 100 {
						call.Enter()
						call.Leave(1)
						call.Tag("late", 1)
						call.Log("late", nil)
					}
				})
				users.Go(func() { call.Finish(nil) })
				users.Go(func() { call.Finish(io.ErrUnexpectedEOF) })
			}
			users.Wait()
			tracer.Only(t, "op") // and later waits, if a goroutine lost its CPU
			for _, p := range tracer.Problems() {
				if !strings.Contains(p, "tag late set twice") {
					t.Error(p)
				}
			}
		}
	})
	t.Run("ends a wait that goes on", func(t *testing.T) {
		w, tracer := roots()
		synctest.Test(t, func(t *testing.T) {
			call, _ := open(w, t.Context(), op)
			time.Sleep(time.Second)
			call.Answered(spanutil.Bytes)
			time.Sleep(time.Second)
			go func() {
				call.Enter()
				time.Sleep(time.Minute)
				call.Leave(1)
			}()
			time.Sleep(time.Second)
			call.Finish(nil)
			time.Sleep(time.Hour)
		})
		if waits := tracer.Named("op wait"); len(waits) != 1 || waits[0].Duration() != time.Second {
			t.Errorf("got %v", waits)
		}
	})
}

func TestTheEndIsFinal(t *testing.T) {
	for name, end := range map[string]func(*spanutil.Call){
		"Finish":  func(c *spanutil.Call) { c.Finish(nil) },
		"Discard": func(c *spanutil.Call) { c.Discard() },
	} {
		t.Run(name, func(t *testing.T) {
			w, tracer := roots()
			synctest.Test(t, func(t *testing.T) {
				call := begin(w, t.Context(), op)
				end(call)
				tree := tracer.Tree()
				if call.Answered(spanutil.Rows) {
					t.Error("worth watching")
				}
				call.Enter()
				time.Sleep(time.Second)
				call.Leave(1)
				call.Fail(errLate)
				call.Rename("other")
				call.Finish(nil)
				spantest.WantTree(t, tracer, tree)
			})
		})
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

func TestDiscard(t *testing.T) {
	w, tracer := roots()
	call := begin(w, t.Context(), op)
	call.Discard()
	call.Tag("late", 1)
	call.Finish(nil)
	spantest.WantTree(t, tracer, "")
	call, _ = open(w, t.Context(), op) // its span is open, and must not stay so
	call.Discard()
	spantest.WantTree(t, tracer, "op component=lib span.kind=client\n")
}

func TestFinishAlso(t *testing.T) {
	// calls returns how to make an earlier call, whose wait is over, and a call that has begun.
	calls := func(t *testing.T, opts ...gaptrace.Option) (
		waited func(operation string) *spanutil.Call, call *spanutil.Call, tracer *spantest.Tracer,
	) {
		w, tracer := roots(opts...)
		ctx := opentracing.ContextWithSpan(t.Context(), tracer.StartSpan("parent"))
		now := time.Now()
		waited = func(operation string) *spanutil.Call {
			return w.Waited(ctx, gaptrace.Call{Component: "lib", Operation: operation}, now, now.Add(time.Second))
		}
		return waited, begin(w, ctx, op), tracer
	}
	wantSpans := func(t *testing.T, tracer *spantest.Tracer, want int) {
		t.Helper()
		if n := len(tracer.Spans()); n != want {
			t.Errorf("%d spans, want %d:\n%s", n, want, tracer.Tree())
		}
	}

	t.Run("waits for the call", func(t *testing.T) {
		waited, call, tracer := calls(t)
		call.FinishAlso(waited("first"))
		call.FinishAlso(nil)
		wantSpans(t, tracer, 0)
		call.FinishAlso(waited("second")) // takes the place of the first
		tracer.Only(t, "first")
		call.Finish(nil)
		wantSpans(t, tracer, 3)
	})
	t.Run("is undone by Discard", func(t *testing.T) {
		waited, call, tracer := calls(t)
		first := waited("first")
		call.FinishAlso(first)
		call.FinishAlso(nil)
		wantSpans(t, tracer, 0)
		if call.Discard() != first {
			t.Error("Discard does not return the earlier call")
		}
		wantSpans(t, tracer, 0)
	})
	t.Run("finishes at once without a call", func(t *testing.T) {
		waited, call, tracer := calls(t)
		call.Discard()
		(*spanutil.Call)(nil).FinishAlso(waited("first"))
		wantSpans(t, tracer, 1)
	})
	t.Run("finishes at once after the call", func(t *testing.T) {
		waited, call, tracer := calls(t)
		call.Finish(nil)
		call.FinishAlso(waited("first"))
		wantSpans(t, tracer, 2)
	})
	t.Run("loses no call if a hook of the earlier one calls Goexit", func(t *testing.T) {
		waited, call, tracer := calls(t, gaptrace.WithTags(func(c gaptrace.Call) opentracing.Tags {
			if c.Operation == "first" {
				runtime.Goexit()
			}
			return nil
		}))
		call.FinishAlso(waited("first"))
		call.FinishAlso(nil)
		wantSpans(t, tracer, 0)
		var caller sync.WaitGroup
		caller.Go(func() { call.Finish(nil) })
		caller.Wait()
		wantSpans(t, tracer, 1)
	})
}

func TestWaiting(t *testing.T) {
	w, _ := roots()
	call, _ := open(w, t.Context(), op)
	want := func(when string, want bool) {
		t.Helper()
		if got := call.Waiting(); got != want {
			t.Errorf("%s: Waiting() = %v", when, got)
		}
	}
	want("in the first wait", true)
	call.Answered(spanutil.Messages)
	want("after the first wait", false)
	call.Enter()
	call.Enter() // on another goroutine
	call.Leave(1)
	want("after one of two has left", true)
	call.Leave(1)
	want("after both have left", false)
	call.Enter()
	call.Finish(nil)
	want("after Finish", false)
}

func TestAShortWaitCountsOnlyAsTheFirst(t *testing.T) {
	w, tracer := roots()
	synctest.Test(t, func(t *testing.T) {
		call, _ := open(w, t.Context(), op)
		time.Sleep(time.Microsecond)
		call.Finish(nil) // the only wait, and a short one
		call, _ = open(w, t.Context(), op)
		time.Sleep(time.Microsecond)
		call.Answered(spanutil.Bytes)
		time.Sleep(time.Second)
		go func() {
			call.Enter()
			time.Sleep(time.Minute)
			call.Leave(1)
		}()
		time.Sleep(10 * time.Microsecond)
		call.Finish(nil)
		time.Sleep(time.Hour)
	})
	for _, s := range tracer.Spans() {
		if s.Duration() != time.Microsecond || s.Tags["wait.count"] != nil {
			t.Errorf("the span takes %v, %v waits", s.Duration(), s.Tags["wait.count"])
		}
	}
	if n := len(tracer.Spans()); n != 2 {
		t.Errorf("%d spans", n)
	}
}

func TestUnwound(t *testing.T) {
	const failed = "op component=lib error=true span.kind=client\n" +
		"  * event=error error.kind=*errors.errorString message=\"panic or runtime.Goexit in the wrapped call\"\n"

	// library runs use, which panics, and checks that the panic goes on.
	library := func(t *testing.T, use func()) {
		t.Helper()
		defer func() {
			if recover() != "library" {
				t.Error("the panic did not go on")
			}
		}()
		use()
	}

	t.Run("in the first wait", func(t *testing.T) {
		w, tracer := roots()
		library(t, func() {
			call, _ := open(w, t.Context(), op)
			defer call.Unwound()
			panic("library")
		})
		spantest.WantTree(t, tracer, failed)
	})
	t.Run("after the first wait", func(t *testing.T) {
		w, tracer := roots()
		library(t, func() {
			call, _ := open(w, t.Context(), op)
			defer call.Finish(nil)
			defer call.Unwound()
			call.Answered(spanutil.Uncounted)
			panic("library")
		})
		spantest.WantTree(t, tracer, "op component=lib span.kind=client\n")
	})
	t.Run("in a later wait", func(t *testing.T) {
		w, tracer := roots()
		library(t, func() {
			call, _ := open(w, t.Context(), op)
			call.Answered(spanutil.Uncounted)
			wait := call.Wait()
			defer wait.Unwound()
			panic("library")
		})
		spantest.WantTree(t, tracer, failed)
	})
	t.Run("after a later wait", func(t *testing.T) {
		w, tracer := roots()
		library(t, func() {
			call, _ := open(w, t.Context(), op)
			defer call.Finish(nil)
			call.Answered(spanutil.Bytes)
			wait := call.Wait()
			defer wait.Unwound()
			wait.Done(3)
			if wait.Pending() {
				t.Error("pending after Done")
			}
			panic("library")
		})
		spantest.WantTree(t, tracer, "op bytes=3 component=lib span.kind=client\n")
	})
	t.Run("of a call that is not recorded", func(t *testing.T) {
		library(t, func() {
			var call *spanutil.Call
			defer call.Unwound()
			wait := call.Wait()
			defer wait.Unwound()
			if wait.Pending() {
				t.Error("pending")
			}
			panic("library")
		})
	})
}
