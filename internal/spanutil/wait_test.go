package spanutil_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spanutil"
)

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
		if s.Duration() != time.Microsecond || s.Tags["wait.count"] != 1 {
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
