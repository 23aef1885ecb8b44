package wrap_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/wrap"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/opentracing/opentracing-go/log"
	"github.com/uber/jaeger-client-go"
)

var op = gaptrace.Call{Component: "lib", Operation: "op"}

func describe() gaptrace.Call { return op }

var errBoom = errors.New("boom")

// under returns a Wrapper, its tracer, and a context with an open span of it.
func under(t *testing.T, opts ...gaptrace.Option) (
	w *wrap.Wrapper, tracer *spantest.Tracer, ctx context.Context, parent opentracing.Span,
) {
	tracer, ctx, parent = spantest.Under(t)
	return wrap.New("lib", append([]gaptrace.Option{gaptrace.WithTracer(tracer)}, opts...)...), tracer, ctx, parent
}

// TestFewNames counts the exported identifiers, of which Wait and Unwound have two meanings each.
func TestFewNames(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	add := func(name *ast.Ident) {
		if name.IsExported() {
			names[name.Name] = true
		}
	}
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".go") || strings.HasSuffix(file.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range f.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				add(d.Name)
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					switch s := spec.(type) {
					case *ast.TypeSpec:
						add(s.Name)
					case *ast.ValueSpec:
						for _, name := range s.Names {
							add(name)
						}
					}
				}
			}
		}
	}
	if len(names) < 10 || len(names) > 25 {
		t.Errorf("%d names, want at most 25: %v", len(names), names)
	}
}

func TestOneWait(t *testing.T) {
	w, tracer, ctx, parent := under(t, gaptrace.WithPhases())
	var span opentracing.Span
	synctest.Test(t, func(t *testing.T) {
		call := w.Start(ctx, describe)
		defer call.Unwound()
		if call.Sampled() {
			call.Tag("key", 7)
			call.Statement("get ?")
		}
		within, log := call.Phases(call.Open(ctx))
		span = opentracing.SpanFromContext(within)
		if !log {
			t.Error("WithPhases has no effect")
		}
		call.Log("event", errBoom)
		time.Sleep(time.Second)
		call.Finish(errBoom)
	})
	if s := tracer.Only(t, "op"); s.Duration() != time.Second || span != opentracing.Span(s) {
		t.Errorf("%v; %v is in the context", s.Duration(), span)
	}
	spantest.WantUnder(t, tracer, parent, `
  op component=lib db.statement="get ?" error=true key=7 span.kind=client
    * event=event message=boom
    * event=error error.kind=*errors.errorString message=boom
`)
}

func TestNotRecorded(t *testing.T) {
	drops := spantest.Jaeger(t, false, nil)
	dropped := opentracing.ContextWithSpan(t.Context(), drops.StartSpan("parent"))
	reject := gaptrace.WithFilter(func(gaptrace.Call) bool { return false })
	_, _, sampled, _ := under(t)
	var none context.Context
	for name, test := range map[string]struct {
		ctx  context.Context
		opts []gaptrace.Option
	}{
		"no parent":      {ctx: t.Context()},
		"no context":     {ctx: none},
		"dropped parent": {ctx: dropped},
		"filtered":       {ctx: sampled, opts: []gaptrace.Option{reject}},
	} {
		t.Run(name, func(t *testing.T) {
			call := wrap.New("lib", append(test.opts, gaptrace.WithTracer(spantest.NewTracer()))...).Start(test.ctx, describe)
			if call != nil {
				t.Fatal("recorded")
			}
			useNil(t, call)
		})
	}
}

// useNil calls every method of a nil Call.
func useNil(t *testing.T, call *wrap.Call) {
	if ctx := call.Open(t.Context()); ctx != t.Context() {
		t.Error("Open returned another context")
	}
	if ctx, log := call.Phases(t.Context()); ctx != t.Context() || log {
		t.Error("Phases logs")
	}
	body := &reader{}
	if got := call.Body(body); got != body {
		t.Error("Body returned another reader")
	}
	if call.Sampled() || call.Answered("rows") {
		t.Error("a call that is not recorded is sampled, or watched")
	}
	wrap.Watch(call, body)
	call.Inject(opentracing.TextMap, opentracing.TextMapCarrier{})
	call.Tag("key", "value")
	call.Statement("get ?")
	call.Log("event", errBoom, log.Int("n", 1))
	call.Fail(errBoom)
	wait := call.Wait()
	wait.Done(1)
	wait.Unwound()
	call.Finish(errBoom)
	call.Unwound()
	call.Release()
}

func TestWithoutParentAllocatesNothing(t *testing.T) {
	w := wrap.New("lib")
	for name, call := range map[string]func(ctx context.Context){
		"Start":     func(ctx context.Context) { oneWait(w, ctx, "value") },
		"MayRecord": func(ctx context.Context) { w.MayRecord(ctx) },
		"Do":        func(ctx context.Context) { _ = wrap.Do(ctx, "op", func(context.Context) error { return nil }) },
	} {
		if n := testing.AllocsPerRun(1000, func() { call(t.Context()) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestCallsWithoutParentAreCounted(t *testing.T) {
	const component = "a component of package wrap's test"
	for name, test := range map[string]struct {
		component string
		call      func(w *wrap.Wrapper)
		want      int64
	}{
		"Start":        {component, func(w *wrap.Wrapper) { w.Start(t.Context(), describe) }, 1},
		"MayRecord":    {component, func(w *wrap.Wrapper) { w.MayRecord(t.Context()) }, 1},
		"no component": {"", func(w *wrap.Wrapper) { w.Start(t.Context(), describe); w.MayRecord(t.Context()) }, 0},
	} {
		w := wrap.New(test.component)
		if n := spantest.NoParent(component, func() { test.call(w) }); n != test.want {
			t.Errorf("%s: %d are counted, want %d", name, n, test.want)
		}
	}
}

func TestSendAndServe(t *testing.T) {
	w, tracer, ctx, parent := under(t)
	sent := opentracing.TextMapCarrier{}
	call := w.Send(ctx, ext.SpanKindRPCClientEnum, describe)
	call.Open(ctx)
	call.Inject(opentracing.TextMap, sent)
	server := w.Serve(t.Context(), ext.SpanKindRPCServerEnum,
		gaptrace.Call{Component: "lib", Operation: "serve"}, opentracing.TextMap, sent)
	inner := w.Start(server.Open(t.Context()), describe)
	inner.Finish(nil)
	server.Finish(errBoom)
	call.Finish(nil)
	root := w.Serve(t.Context(), ext.SpanKindRPCServerEnum, gaptrace.Call{Component: "lib", Operation: "root"},
		opentracing.TextMap)
	root.Finish(nil)
	spantest.WantUnder(t, tracer, parent, `
  op component=lib span.kind=client
    serve component=lib error=true span.kind=server
      * event=error error.kind=*errors.errorString message=boom
      op component=lib span.kind=client
root component=lib span.kind=server
`)
}

// The server of a call whose parent is dropped is told not to sample either.
func TestSendUnderDroppedParent(t *testing.T) {
	drops := spantest.Jaeger(t, false, nil)
	ctx := opentracing.ContextWithSpan(t.Context(), drops.StartSpan("parent"))
	w := wrap.New("lib", gaptrace.WithTracer(drops))
	sent := opentracing.TextMapCarrier{}
	call := w.Send(ctx, ext.SpanKindRPCClientEnum, describe)
	call.Open(ctx)
	call.Inject(opentracing.TextMap, sent)
	call.Finish(nil)
	remote, err := drops.Extract(opentracing.TextMap, sent)
	if err != nil || remote.(jaeger.SpanContext).IsSampled() {
		t.Errorf("%v is sent, error %v", sent, err)
	}
}

// messages sends n messages, each in a trace of its own, and returns their carriers.
func messages(ctx context.Context, w *wrap.Wrapper, n int) (carriers []any) {
	for range n {
		carrier := opentracing.TextMapCarrier{}
		call := w.Send(ctx, ext.SpanKindProducerEnum, func() gaptrace.Call {
			return gaptrace.Call{Component: "lib", Operation: "send"}
		})
		call.Open(ctx)
		call.Inject(opentracing.TextMap, carrier)
		call.Finish(nil)
		carriers = append(carriers, carrier)
	}
	return carriers
}

var handle = gaptrace.Call{Component: "lib", Operation: "handle"}

func TestConsumerFollowsProducers(t *testing.T) {
	for _, n := range []int{0, 1, 3} {
		tracer := spantest.NewTracer()
		w := wrap.New("lib", gaptrace.WithTracer(tracer), gaptrace.WithRoots())
		carriers := append(messages(t.Context(), w, n), opentracing.TextMapCarrier{}) // one is without a span
		call := w.Serve(t.Context(), ext.SpanKindConsumerEnum, handle, opentracing.TextMap, carriers...)
		call.Tag("messages", n)
		inner := w.Start(call.Open(t.Context()), describe)
		inner.Finish(nil)
		call.Finish(nil)
		span := tracer.Only(t, "handle")
		if want := min(n, 1); span.FollowsID != want || span.ParentID != 0 {
			t.Errorf("the handler of %d messages follows %d and is a child of %d", n, span.FollowsID, span.ParentID)
		}
		if span.Tags["span.kind"] != ext.SpanKindConsumerEnum || span.Tags["messages"] != n {
			t.Errorf("the handler of %d messages: %v", n, span.Tags)
		}
		if got := tracer.Only(t, "op").ParentID; got != span.ID {
			t.Errorf("a call of the handler is a child of %d", got)
		}
		for _, s := range tracer.Named("send") {
			if s.Tags["span.kind"] != ext.SpanKindProducerEnum {
				t.Errorf("producer: %v", s.Tags)
			}
		}
		if p := tracer.Problems(); p != nil {
			t.Error(p)
		}
	}
}

// TestConsumerInJaeger checks all references, of which spantest keeps one of each kind.
func TestConsumerInJaeger(t *testing.T) {
	spans := jaeger.NewInMemoryReporter()
	tracer := spantest.Jaeger(t, true, spans)
	w := wrap.New("lib", gaptrace.WithTracer(tracer), gaptrace.WithRoots())
	for _, n := range []int{1, 3} {
		carriers := messages(t.Context(), w, n)
		poll := tracer.StartSpan("poll")
		for want, ctx := range []context.Context{t.Context(), opentracing.ContextWithSpan(t.Context(), poll)} {
			spans.Reset()
			call := w.Serve(ctx, ext.SpanKindConsumerEnum, handle, opentracing.TextMap, carriers...)
			call.Open(ctx)
			call.Finish(nil)
			span := spans.GetSpans()[0].(*jaeger.Span)
			var follows, child int
			for _, ref := range span.References() {
				if ref.Type == opentracing.FollowsFromRef {
					follows++
				} else if ref.ReferencedContext.(jaeger.SpanContext).SpanID() == poll.Context().(jaeger.SpanContext).SpanID() {
					child++
				}
			}
			kind := fmt.Sprint(span.Tags()["span.kind"])
			if follows != n || child != want || kind != "consumer" {
				t.Errorf("%d messages, %d spans in the context: follows %d, child of %d, kind %s", n, want, follows, child, kind)
			}
		}
	}
}

func TestAsynchronousSend(t *testing.T) {
	w, tracer, ctx, parent := under(t)
	synctest.Test(t, func(t *testing.T) {
		call := w.Send(ctx, ext.SpanKindProducerEnum, describe)
		call.Open(ctx)
		time.Sleep(time.Second) // a full buffer
		call.Answered("")
		time.Sleep(time.Second) // the program goes on
		call.Finish(errBoom)    // in the callback
	})
	if d := tracer.Only(t, "op").Duration(); d != time.Second {
		t.Errorf("the span takes %v", d)
	}
	spantest.WantUnder(t, tracer, parent, `
  op component=lib error=true span.kind=producer
    * event=error error.kind=*errors.errorString message=boom
`)
}

func TestWaitsAfterTheAnswer(t *testing.T) {
	for _, unit := range []string{"", "rows", "documents"} {
		w, tracer, ctx, _ := under(t)
		synctest.Test(t, func(t *testing.T) {
			call := w.Start(ctx, describe)
			time.Sleep(time.Second)
			if !call.Answered(unit) {
				t.Fatal("not to be watched")
			}
			for range 3 {
				time.Sleep(time.Minute) // the program's work
				wait := call.Wait()
				time.Sleep(time.Second)
				wait.Done(2)
			}
			call.Finish(nil)
		})
		span := tracer.Only(t, "op")
		if waits := len(tracer.Named("op wait")); waits != 3 || span.Tags["wait.us"] != int64(4e6) {
			t.Errorf("%d waits, %v", waits, span.Tags)
		}
		if count, counted := span.Tags[unit]; counted != (unit != "") || counted && count != int64(6) {
			t.Errorf("%q: %v", unit, span.Tags)
		}
	}
}

type result struct{ call *wrap.Call }

func TestGarbageIsAbandoned(t *testing.T) {
	w, tracer, ctx, parent := under(t)
	func() {
		r := &result{w.Start(ctx, describe)}
		r.call.Answered("rows")
		wrap.Watch(r.call, r)
	}()
	spantest.Await(t, "the end of the call", func() bool { runtime.GC(); return len(tracer.Spans()) == 1 })
	spantest.WantUnder(t, tracer, parent, "  op abandoned=true component=lib rows=0 span.kind=client\n")
}

func TestUnwound(t *testing.T) {
	const failed = `
  op component=lib error=true span.kind=client
    * event=error error.kind=*errors.errorString message="panic or runtime.Goexit in the wrapped call"
`
	for name, end := range map[string]func(){"panic": func() { panic("library") }, "Goexit": runtime.Goexit} {
		for at, use := range map[string]func(w *wrap.Wrapper, ctx context.Context){
			"first wait": func(w *wrap.Wrapper, ctx context.Context) {
				call := w.Start(ctx, describe)
				defer call.Unwound()
				end()
			},
			"later wait": func(w *wrap.Wrapper, ctx context.Context) {
				call := w.Start(ctx, describe)
				call.Answered("")
				wait := call.Wait()
				defer wait.Unwound()
				end()
			},
		} {
			t.Run(name+"/"+at, func(t *testing.T) {
				w, tracer, ctx, parent := under(t)
				ended(func() { use(w, ctx) })
				spantest.WantUnder(t, tracer, parent, failed)
			})
		}
	}
}

// ended calls f on a goroutine that may end, and returns the value that f has panicked with.
func ended(f func()) (panicked any) {
	done := make(chan bool)
	go func() {
		defer close(done)
		defer func() { panicked = recover() }()
		f()
	}()
	<-done
	return panicked
}

func TestWaited(t *testing.T) {
	w, tracer, ctx, parent := under(t)
	end := time.Now()
	w.Waited(ctx, gaptrace.Call{Component: "lib", Operation: "pool"}, end.Add(-time.Second), end).Finish(errBoom)
	w.Waited(ctx, op, end.Add(-time.Microsecond), end).Finish(nil)
	if d := tracer.Only(t, "pool").Duration(); d != time.Second {
		t.Errorf("the span takes %v", d)
	}
	spantest.WantUnder(t, tracer, parent, `
  pool component=lib error=true span.kind=client
    * event=error error.kind=*errors.errorString message=boom
`)
}

func TestDo(t *testing.T) {
	tracer, ctx, parent := spantest.Under(t)
	opentracing.SetGlobalTracer(tracer)
	defer opentracing.SetGlobalTracer(opentracing.NoopTracer{})
	synctest.Test(t, func(t *testing.T) {
		err := wrap.Do(ctx, "lease acquire", func(ctx context.Context) error {
			time.Sleep(time.Second)
			return wrap.Do(ctx, "inner", func(context.Context) error { return errBoom })
		})
		if err != errBoom {
			t.Error(err)
		}
	})
	if err := wrap.Do(t.Context(), "no parent", func(context.Context) error { return errBoom }); err != errBoom {
		t.Error(err)
	}
	if got := ended(func() {
		_ = wrap.Do(ctx, "panics", func(context.Context) error { panic("mine") })
	}); got != "mine" {
		t.Errorf("panicked with %v", got)
	}
	if d := tracer.Only(t, "lease acquire").Duration(); d != time.Second {
		t.Errorf("the span takes %v", d)
	}
	spantest.WantUnder(t, tracer, parent, `
  lease acquire component=wrap error=true span.kind=client
    * event=error error.kind=*errors.errorString message=boom
    inner component=wrap error=true span.kind=client
      * event=error error.kind=*errors.errorString message=boom
  panics component=wrap error=true span.kind=client
    * event=error error.kind=*errors.errorString message="panic or runtime.Goexit in the wrapped call"
`)
}

func TestHostileTracer(t *testing.T) {
	inner := spantest.NewTracer()
	for name, tracer := range spantest.Hostile(inner) {
		synctest.Test(t, func(t *testing.T) {
			w := wrap.New("lib", gaptrace.WithTracer(tracer), gaptrace.WithRoots(), gaptrace.WithPhases())
			carriers := append(messages(t.Context(), w, 2), "not a carrier")
			for _, kind := range []ext.SpanKindEnum{ext.SpanKindRPCServerEnum, ext.SpanKindConsumerEnum} {
				call := w.Serve(t.Context(), kind, handle, opentracing.TextMap, carriers...)
				call.Open(t.Context())
				call.Tag("key", "value")
				call.Log("event", errBoom)
				readAll(t, call.Body(&reader{left: 3}))
				call.Finish(errBoom)
			}
		})
		for _, problem := range inner.Problems() {
			if !strings.Contains(problem, "foreign context") { // the tracer's own
				t.Errorf("%s: %s", name, problem)
			}
		}
		inner.Reset()
	}
}
