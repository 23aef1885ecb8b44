package spanutil_test

import (
	"context"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"
	"weak"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

var op = gaptrace.Call{Component: "lib", Operation: "op"}

// roots is a Wrapper that records to a tracer of its own, without a parent.
func roots(opts ...gaptrace.Option) (*spanutil.Wrapper, *spantest.Tracer) {
	tracer := spantest.NewTracer()
	return spanutil.New(append([]gaptrace.Option{gaptrace.WithTracer(tracer), gaptrace.WithRoots()}, opts...)), tracer
}

// begin begins a call that is not injected.
func begin(w *spanutil.Wrapper, ctx context.Context, what gaptrace.Call) *spanutil.Call {
	return w.Start(ctx, spanutil.Local, func() gaptrace.Call { return what })
}

// inject begins a call that is injected.
func inject(w *spanutil.Wrapper, ctx context.Context, what gaptrace.Call) *spanutil.Call {
	return w.Start(ctx, spanutil.Injected, func() gaptrace.Call { return what })
}

// start begins a call and opens its span.
func start(w *spanutil.Wrapper, ctx context.Context, what gaptrace.Call) (*spanutil.Call, context.Context) {
	c := begin(w, ctx, what)
	return c, c.Open(ctx)
}

func wantTree(t *testing.T, tracer *spantest.Tracer, want string) {
	t.Helper()
	if got := tracer.Tree(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestOnlyCallsUnderASpanAreRecorded(t *testing.T) {
	tracer := spantest.NewTracer()
	w := spanutil.New([]gaptrace.Option{gaptrace.WithTracer(tracer)})
	if call, ctx := start(w, t.Context(), op); call != nil || ctx != t.Context() || w.MayRecord(t.Context()) {
		t.Error("a call without a parent is recorded")
	}
	parent := tracer.StartSpan("parent")
	ctx := opentracing.ContextWithSpan(t.Context(), parent)
	call, inner := start(w, ctx, op)
	if !w.MayRecord(ctx) || opentracing.SpanFromContext(inner) == parent {
		t.Error("the call's context does not carry its span")
	}
	call.Finish(nil)
	parent.Finish()
	wantTree(t, tracer, "parent\n  op component=lib span.kind=client\n")
}

func TestAFilteredCallIsUntouched(t *testing.T) {
	for name, keep := range map[string]func(gaptrace.Call) bool{
		"says no": func(c gaptrace.Call) bool { return c.Operation != "op" },
		"panics":  func(gaptrace.Call) bool { panic("filter") },
	} {
		t.Run(name, func(t *testing.T) {
			w, tracer := roots(gaptrace.WithFilter(keep))
			if call, ctx := start(w, t.Context(), op); call != nil || ctx != t.Context() {
				t.Error("recorded")
			}
			wantTree(t, tracer, "")
		})
	}
}

func TestUnsampledCallsAreNotDescribedNorWatched(t *testing.T) {
	reporter := jaeger.NewInMemoryReporter()
	tracer, closer := jaeger.NewTracer("test", jaeger.NewConstSampler(false), reporter)
	defer closer.Close()
	w := spanutil.New([]gaptrace.Option{
		gaptrace.WithTracer(tracer), gaptrace.WithRoots(),
		gaptrace.WithStatement(func(gaptrace.Call, string) string { t.Error("statement built"); return "" }),
		gaptrace.WithTags(func(gaptrace.Call) opentracing.Tags { t.Error("tags built"); return nil }),
	})
	call, ctx := start(w, t.Context(), op)
	if call == nil || call.Sampled() {
		t.Fatal("want a call that is not sampled, for its context to be injected")
	}
	if opentracing.SpanFromContext(ctx) == nil {
		t.Error("the decision is not handed on")
	}
	call.Statement("SELECT 1")
	if call.Answered(spanutil.Bytes) {
		t.Error("its result is watched")
	}
	if call.Reads(spanutil.Bytes) != nil {
		t.Error("waits under it are recorded")
	}
}

func TestACallIsFinishedOnceWhoeverEndsIt(t *testing.T) {
	for range 50 {
		w, tracer := roots()
		call, _ := start(w, t.Context(), op)
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
		if n := len(tracer.Named("op")); n != 1 { // beside waits, where a goroutine lost its CPU
			t.Fatalf("%d spans", n)
		}
		for _, p := range tracer.Problems() {
			if !strings.Contains(p, "tag late set twice") {
				t.Error(p)
			}
		}
	}
}

func TestFinishEndsAWaitThatGoesOn(t *testing.T) {
	w, tracer := roots()
	synctest.Test(t, func(t *testing.T) {
		call, _ := start(w, t.Context(), op)
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
}

func TestAShortWaitCountsOnlyAsTheFirst(t *testing.T) {
	w, tracer := roots()
	synctest.Test(t, func(t *testing.T) {
		call, _ := start(w, t.Context(), op)
		time.Sleep(time.Microsecond)
		call.Finish(nil) // one wait is all, and it was short
		call, _ = start(w, t.Context(), op)
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
		if s.Duration() != time.Microsecond || s.Tags["wait.count"] != 1 {
			t.Errorf("drawn as %v, %v waits", s.Duration(), s.Tags["wait.count"])
		}
	}
	if n := len(tracer.Spans()); n != 2 {
		t.Errorf("%d spans", n)
	}
}

func TestAnAbandonedResultIsReportedByTheCollector(t *testing.T) {
	w, tracer := roots()
	func() {
		call, _ := start(w, t.Context(), op)
		body := bodyOf(call, io.NopCloser(strings.NewReader("forgotten")))
		io.ReadFull(body, make([]byte, 4))
	}()
	for deadline := time.Now().Add(30 * time.Second); len(tracer.Spans()) == 0 && time.Now().Before(deadline); {
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	wantTree(t, tracer, "op abandoned=true bytes=4 component=lib span.kind=client\n")
}

func TestACallMayEndElsewhereWhileItsResultIsHandedOut(t *testing.T) {
	w, tracer := roots()
	const n = 100
	for range n {
		call, _ := start(w, t.Context(), op)
		call.Answered(spanutil.Messages)
		var elsewhere sync.WaitGroup
		elsewhere.Go(func() { call.Finish(nil) }) // for the race detector
		result := new([8]int)
		spanutil.Watch(call, result)
		elsewhere.Wait()
		runtime.KeepAlive(result)
	}
	if spans := tracer.Named("op"); len(spans) != n {
		t.Errorf("%d spans, want %d", len(spans), n)
	}
}

func TestAResultKeepsNothingOfACallThatEndedBeforeItWasHandedOut(t *testing.T) {
	w, _ := roots()
	result := new([8]int)
	call, _ := start(w, t.Context(), op)
	call.Answered(spanutil.Messages)
	call.Finish(nil)
	spanutil.Watch(call, result)
	kept := weak.Make(call)
	call = nil
	for range 1000 {
		if runtime.GC(); kept.Value() == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if kept.Value() != nil {
		t.Error("the call is kept")
	}
	runtime.KeepAlive(result)
}

func TestACallThatIsOverStaysSo(t *testing.T) {
	for name, end := range map[string]func(*spanutil.Call){
		"finished":  func(c *spanutil.Call) { c.Finish(nil) },
		"discarded": func(c *spanutil.Call) { c.Discard() },
	} {
		w, tracer := roots()
		synctest.Test(t, func(t *testing.T) {
			call := begin(w, t.Context(), op)
			end(call)
			tree := tracer.Tree()
			if call.Answered(spanutil.Rows) {
				t.Errorf("%s: worth watching", name)
			}
			call.Enter()
			time.Sleep(time.Second)
			call.Leave(1)
			call.Fail(errLate)
			call.Rename("other")
			call.Finish(nil)
			if got := tracer.Tree(); got != tree {
				t.Errorf("%s: was\n%s, is\n%s", name, tree, got)
			}
		})
	}
}

func TestNothingIsDrawnOfACallThatWasNone(t *testing.T) {
	w, tracer := roots()
	call := begin(w, t.Context(), op)
	call.Discard()
	call.Tag("late", 1)
	call.Finish(nil)
	wantTree(t, tracer, "")
	call, _ = start(w, t.Context(), op) // its span is open, and must not stay so
	call.Discard()
	wantTree(t, tracer, "op component=lib span.kind=client\n")
}

func TestACallBegunLateStartsWhenItBegan(t *testing.T) {
	w, tracer := roots()
	synctest.Test(t, func(t *testing.T) {
		call := begin(w, t.Context(), op)
		time.Sleep(time.Second)
		call.Tag("k", "v")
		call.Finish(nil)
	})
	if got := tracer.Spans()[0].Duration(); got != time.Second {
		t.Errorf("drawn as %v, blocked for 1s", got)
	}
}

func TestDescribingACallIsTheCallsAndHooksAreNot(t *testing.T) {
	slow := gaptrace.WithTags(func(gaptrace.Call) opentracing.Tags { time.Sleep(time.Minute); return nil })
	for want, opts := range map[time.Duration][]gaptrace.Option{2 * time.Second: nil, time.Second: {slow}} {
		w, tracer := roots(opts...)
		synctest.Test(t, func(t *testing.T) {
			ctx := opentracing.ContextWithSpan(t.Context(), tracer.StartSpan("parent"))
			call := begin(w, ctx, op)
			time.Sleep(time.Second) // to describe it
			call.Open(ctx)
			time.Sleep(time.Second)
			call.Finish(nil)
		})
		if s := tracer.Named("op")[0]; s.Duration() != want || s.Tags["wait.us"] != want.Microseconds() {
			t.Errorf("drawn as %v, waited %v µs, want %v", s.Duration(), s.Tags["wait.us"], want)
		}
	}
}

func TestDescribingARequestIsNotItsHandlersWork(t *testing.T) {
	w, tracer := roots()
	synctest.Test(t, func(t *testing.T) {
		call := w.Serve(t.Context(), op, opentracing.HTTPHeaders, opentracing.TextMapCarrier{})
		time.Sleep(time.Second)
		call.Open(t.Context())
		time.Sleep(time.Second)
		call.Served()
		call.Finish(nil)
	})
	if s := tracer.Named("op")[0]; s.Duration() != time.Second {
		t.Errorf("drawn as %v", s.Duration())
	}
}

func TestAServersWaitsAreChildrenOfItsSpan(t *testing.T) {
	w, tracer := roots()
	synctest.Test(t, func(t *testing.T) {
		call := w.Serve(t.Context(), op, opentracing.HTTPHeaders, opentracing.TextMapCarrier{"spantest-trace": "7", "spantest-span": "7"})
		call.Open(t.Context())
		begun := time.Now()
		read, write := call.Reads(spanutil.Bytes), call.Writes(spanutil.Bytes)
		for range 2 {
			time.Sleep(time.Second)
			read.Enter()
			time.Sleep(time.Second)
			read.Leave(10)
			write.Enter() // no wait: the network took it at once
			write.Leave(10)
		}
		read.Finish(nil)
		write.Finish(nil)
		call.Finish(nil)
		if start := tracer.Named("op read")[0].Start.Sub(begun); start != time.Second {
			t.Errorf("the first read is drawn from %v, it began after 1s", start)
		}
	})
	spans := tracer.Spans()
	if spans[0].ParentID != 7 || spans[0].Tags["wait.count"] != nil {
		t.Errorf("server span: %+v", spans[0])
	}
	if len(spans) != 3 || spans[1].Operation != "op read" || spans[2].Operation != "op read wait" ||
		spans[1].ParentID != spans[0].ID || spans[2].ParentID != spans[0].ID || spans[1].Tags["bytes"] != int64(20) {
		t.Errorf("waits: %+v", spans[1:])
	}
}

func TestTheSpanInTheContextComesBeforeTheClients(t *testing.T) {
	w, tracer := roots()
	outer := tracer.StartSpan("outer")
	call := w.Serve(opentracing.ContextWithSpan(t.Context(), outer), op, opentracing.HTTPHeaders, opentracing.TextMapCarrier{"spantest-trace": "7", "spantest-span": "7"})
	call.Open(t.Context())
	call.Finish(nil)
	outer.Finish()
	wantTree(t, tracer, "outer\n  op component=lib span.kind=server\n")
}

func TestLogsAfterTheFirstWaitAreDropped(t *testing.T) {
	w, tracer := roots()
	call, _ := start(w, t.Context(), op)
	call.Log("in time", nil)
	call.Answered(spanutil.Bytes)
	call.Log("late", nil)
	call.Finish(nil)
	call.Log("too late", nil)
	wantTree(t, tracer, "op bytes=0 component=lib span.kind=client\n  * event=\"in time\"\n")
}

func TestValuesAreCutBetweenRunesWithAMark(t *testing.T) {
	for name, s := range map[string]string{
		"long":                   strings.Repeat("x", 10<<20),
		"one too long":           strings.Repeat("x", 4097),
		"long, of runes":         strings.Repeat("é", 5000),
		"long, of runes, odd":    "x" + strings.Repeat("é", 5000),
		"long, no UTF-8":         strings.Repeat("\xff", 10<<20),
		"long, torn runes":       strings.Repeat("\xe2\x82", 5000),
		"grows when made UTF-8":  strings.Repeat("\xffx", 2000),
		"continuation bytes all": strings.Repeat("\x80", 5000),
	} {
		got := spanutil.Truncate(s)
		if len(got) > spanutil.MaxValue || !utf8.ValidString(got) || !strings.HasSuffix(got, "… [cut]") {
			t.Errorf("%s: %d bytes, …%q", name, len(got), got[max(0, len(got)-20):])
		}
	}
	for in, want := range map[string]string{
		"":                        "",
		"SELECT 'é'":              "SELECT 'é'",
		"a\xffb":                  "a\uFFFDb",
		strings.Repeat("x", 4096): strings.Repeat("x", 4096),
	} {
		if got := spanutil.Truncate(in); got != want {
			t.Errorf("Cut(%.20q) = %.20q", in, got)
		}
	}
}

func TestMaxWaitsJoinsTheClosest(t *testing.T) {
	w, tracer := roots(gaptrace.WithMaxWaits(3))
	synctest.Test(t, func(t *testing.T) {
		call, _ := start(w, t.Context(), op)
		time.Sleep(time.Second)
		call.Answered(spanutil.Rows)
		for _, work := range []time.Duration{5, 2, 7, 1, 9} {
			time.Sleep(work * time.Second)
			call.Enter()
			time.Sleep(time.Second)
			call.Leave(1)
		}
		call.Finish(nil)
	})
	// Waits of 1 s, with 5, 2, 7, 1 and 9 s between. 2 went when 7 came, 1 when 1 came, 5 when 9 came.
	var got []time.Duration
	for _, s := range tracer.Spans() {
		got = append(got, s.Duration())
	}
	if want := []time.Duration{10 * time.Second, 3 * time.Second, time.Second}; !slices.Equal(got, want) {
		t.Errorf("spans of %v, want %v", got, want)
	}
	if joined := tracer.Spans()[0].Tags["wait.joined_us"]; joined != int64(8e6) {
		t.Errorf("wait.joined_us = %v", joined)
	}
}

func TestWhatDescribesACallIsNoWait(t *testing.T) {
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
	if s := tracer.Named("op")[0]; s.Duration() != time.Millisecond || s.Tags["wait.us"] != int64(1000) {
		t.Errorf("drawn as %v, wait.us=%v", s.Duration(), s.Tags["wait.us"])
	}
}
