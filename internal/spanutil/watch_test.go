package spanutil_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/opentracing/opentracing-go"
)

func TestAnAbandonedCallCanBeResumed(t *testing.T) {
	w, tracer := roots()
	synctest.Test(t, func(t *testing.T) {
		ctx := opentracing.ContextWithSpan(t.Context(), tracer.StartSpan("parent"))
		call := begin(w, ctx, op)
		call.Answered(spanutil.Rows)
		call.Enter()
		if call.Abandon() {
			t.Error("a call that somebody waits for is over")
		}
		call.Leave(1)
		if call.Resume() != nil || len(tracer.Spans()) != 0 {
			t.Fatalf("abandoned while somebody waits:\n%s", tracer.Tree())
		}
		for range 2 {
			if !call.Abandon() {
				t.Error("a call that nobody waits for goes on")
			}
		}
		if call.Enter() {
			t.Error("a call that has ended was entered")
		}
		next := call.Resume()
		time.Sleep(time.Second)
		if !next.Enter() {
			t.Error("a call that was resumed has ended")
		}
		time.Sleep(time.Second)
		next.Leave(2)
		next.Finish(nil)
		if next.Resume() != nil {
			t.Error("a call that was finished is resumed")
		}
		spans := tracer.Named("op")
		if len(spans) != 2 || spans[0].Tags["abandoned"] != true || spans[0].Tags["rows"] != int64(1) || spans[1].Tags["abandoned"] != nil ||
			spans[1].Tags["rows"] != int64(2) || spans[1].ParentID != spans[0].ParentID || spans[1].Duration() != time.Second {
			t.Errorf("drawn:\n%s", tracer.Tree())
		}
	})
}

func TestACallIsResumedHoweverSoonAfterItWasAbandoned(t *testing.T) {
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
