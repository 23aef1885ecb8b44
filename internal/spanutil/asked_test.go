package spanutil_test

import (
	"testing"

	"github.com/opentracing/opentracing-go"
)

func TestACallTellsWhetherSomebodyWaits(t *testing.T) {
	w, _ := roots()
	call, _ := start(w, t.Context(), op)
	var told []bool
	ask := func() { told = append(told, call.Waiting()) }
	ask() // the first wait
	call.Answered("messages")
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

func TestAServedCallTellsWhetherItIsPartOfATrace(t *testing.T) {
	w, _ := roots()
	for name, carrier := range map[string]opentracing.TextMapCarrier{
		"alone": {},
		"part":  {"spantest-trace": "7", "spantest-span": "7"},
	} {
		call := w.Serve(t.Context(), op, opentracing.HTTPHeaders, carrier)
		if call.Parented() != (name == "part") {
			t.Errorf("%s: %v", name, call.Parented())
		}
		call.Discard()
	}
}
