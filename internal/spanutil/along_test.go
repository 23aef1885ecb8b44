package spanutil_test

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/opentracing/opentracing-go"
)

func TestAnEarlierCallIsFinishedWithTheOneThatTakesItAlong(t *testing.T) {
	gone := gaptrace.WithTags(func(c gaptrace.Call) opentracing.Tags {
		if c.Operation == "first" {
			runtime.Goexit() // no call may be lost by what another's hook does
		}
		return nil
	})
	var back *spanutil.Call
	for name, end := range map[string]func(*spanutil.Call){
		"finished":  func(c *spanutil.Call) { c.Finish(nil) },
		"discarded": func(c *spanutil.Call) { back = c.Discard() },
		"nil":       nil,
		"over":      nil,
		"a hook":    func(c *spanutil.Call) { c.Finish(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			var opts []gaptrace.Option
			if name == "a hook" {
				opts = append(opts, gone)
			}
			w, tracer := roots(opts...)
			ctx := opentracing.ContextWithSpan(t.Context(), tracer.StartSpan("parent"))
			now := time.Now()
			first := w.Waited(ctx, gaptrace.Call{Component: "lib", Operation: "first"}, now, now.Add(time.Second))
			call := begin(w, ctx, op)
			want := 2
			switch name {
			case "nil":
				call.Discard()
				call, want = nil, 1
			case "over":
				call.Finish(nil)
			case "discarded":
				want = 0
			case "a hook":
				want = 1
			}
			call.FinishAlso(first)
			if end != nil {
				call.FinishAlso(nil)
				if n := len(tracer.Spans()); n != 0 {
					t.Errorf("%d spans before the call has ended", n)
				}
				if name == "finished" { // a second one takes its place
					call.FinishAlso(w.Waited(ctx, gaptrace.Call{Component: "lib", Operation: "second"}, now, now.Add(time.Second)))
					want = 3
					if n := len(tracer.Named("first")); n != 1 {
						t.Errorf("the first is drawn %d times", n)
					}
				}
				var caller sync.WaitGroup
				caller.Go(func() { end(call) })
				caller.Wait()
			}
			if n := len(tracer.Spans()); n != want {
				t.Errorf("%d spans, want %d:\n%s", n, want, tracer.Tree())
			}
			if name == "discarded" && back != first {
				t.Error("what the call took along is not given back")
			}
		})
	}
}
