package spanutil_test

import (
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/opentracing/opentracing-go"
)

func TestWatch(t *testing.T) {
	t.Run("reports a result that became garbage", func(t *testing.T) {
		w, tracer := roots()
		func() {
			call, _ := open(w, t.Context(), op)
			body := bodyOf(call, io.NopCloser(strings.NewReader("forgotten")))
			io.ReadFull(body, make([]byte, 4))
		}()
		spantest.Await(t, "the span", func() bool {
			runtime.GC()
			return len(tracer.Spans()) > 0
		})
		spantest.WantTree(t, tracer, "op abandoned=true bytes=4 component=lib span.kind=client\n")
	})
	t.Run("may race with Finish", func(t *testing.T) {
		w, tracer := roots()
		const n = 100
		for range n {
			call, _ := open(w, t.Context(), op)
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
	})
	t.Run("does not keep a call that has finished", func(t *testing.T) {
		w, _ := roots()
		result := new([8]int)
		call, _ := open(w, t.Context(), op)
		call.Answered(spanutil.Messages)
		call.Finish(nil)
		spanutil.Watch(call, result)
		kept := weak.Make(call)
		call = nil
		spantest.Await(t, "the call is collected", func() bool {
			runtime.GC()
			return kept.Value() == nil
		})
		runtime.KeepAlive(result)
	})
}

func TestAbandonAndResume(t *testing.T) {
	w, tracer := roots()
	synctest.Test(t, func(t *testing.T) {
		parent := tracer.StartSpan("parent")
		ctx := opentracing.ContextWithSpan(t.Context(), parent)
		call := begin(w, ctx, op)
		call.Answered(spanutil.Rows)
		call.Enter()
		if call.Abandon() {
			t.Error("Abandon finished a call that a goroutine waits for")
		}
		call.Leave(1)
		if call.Resume() != nil || len(tracer.Spans()) != 0 {
			t.Fatalf("abandoned while a goroutine waits:\n%s", tracer.Tree())
		}
		for range 2 {
			if !call.Abandon() {
				t.Error("Abandon did not finish a call that no goroutine waits for")
			}
		}
		if call.Enter() {
			t.Error("Enter on a call that has finished")
		}
		next := call.Resume()
		time.Sleep(time.Second)
		if !next.Enter() {
			t.Error("the resumed call has finished")
		}
		time.Sleep(time.Second)
		next.Leave(2)
		next.Finish(nil)
		if next.Resume() != nil {
			t.Error("resumed a call that Finish ended")
		}
		spantest.WantUnder(t, tracer, parent, ""+
			"  op abandoned=true component=lib rows=1 span.kind=client\n"+
			"  op component=lib rows=2 span.kind=client\n")
		spans := tracer.Named("op")
		if spans[1].ParentID != spans[0].ParentID || spans[1].Duration() != time.Second {
			t.Errorf("the resumed call: parent %d, %v", spans[1].ParentID, spans[1].Duration())
		}
	})
}

func TestResumeRightAfterAbandon(t *testing.T) {
	w, tracer := roots()
	ctx := opentracing.ContextWithSpan(t.Context(), tracer.StartSpan("parent"))
	for began := time.Now(); time.Since(began) < 2*time.Second; {
		call := begin(w, ctx, op)
		call.Answered(spanutil.Rows)
		var abandoning sync.WaitGroup
		abandoning.Go(func() {
			for !call.Abandon() {
			}
		})
		for call.Enter() {
			call.Leave(0)
		}
		next := call.Resume()
		if next == nil {
			t.Fatal("a read right after Abandon is not recorded")
		}
		next.Finish(nil)
		abandoning.Wait()
	}
}

// A hook may end the goroutine that reports an abandoned call, but no other report.
func TestHookEndsTheReportOfAnAbandonedCall(t *testing.T) {
	var ended atomic.Bool
	w, tracer := roots(gaptrace.WithOperation(func(gaptrace.Call) string {
		if ended.CompareAndSwap(false, true) {
			runtime.Goexit()
		}
		return ""
	}))
	ctx := opentracing.ContextWithSpan(t.Context(), tracer.StartSpan("parent"))
	for n := range 3 {
		func() {
			call := begin(w, ctx, op)
			call.Answered(spanutil.Messages)
			spanutil.Watch(call, new([8]int))
		}()
		spantest.Await(t, "the call", func() bool {
			runtime.GC()
			return len(w.Unfinished()) == 0 && ended.Load() && len(tracer.Named("op")) >= n
		})
	}
}
