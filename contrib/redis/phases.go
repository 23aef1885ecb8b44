package gapredis

import (
	"context"
	"net/http/httptrace"
	"runtime"
	"strings"
	"sync/atomic"

	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/opentracing/opentracing-go/log"
)

// withPhases is ctx with what happens inside of call logged on its span: dials, by the hooks that net's dialler looks for in
// a context, and retries.
func withPhases(ctx context.Context, call *spanutil.Call) context.Context {
	return &phasesContext{Context: httptrace.WithClientTrace(ctx, spanutil.DialTrace(call)), call: call}
}

// phasesContext logs a retry when go-redis asks it whether it may sleep on. It has no hook that would be told: but in all
// its clients it sleeps before each further attempt, be it for no time, and for nothing else. Which client it is nobody can
// tell, unless that one is wrapped too and has such a context of its own.
type phasesContext struct {
	context.Context
	call    *spanutil.Call
	retries atomic.Int32
}

func (c *phasesContext) Done() <-chan struct{} {
	if backsOff() {
		c.call.Log("retry", nil, log.Int32("attempt", 1+c.retries.Add(1)))
	}
	return c.Context.Done()
}

// backsOff reports whether the context's Done was called by go-redis's Sleep, and not for the context of a call inside this
// one. Between them there may be contexts of others that hold ours.
func backsOff() bool {
	var pcs [8]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])]) // 3: whoever called Done
	for {
		frame, more := frames.Next()
		switch {
		case strings.HasSuffix(frame.Function, "go-redis/redis/v8/internal.Sleep"):
			return true
		case strings.HasSuffix(frame.Function, "(*phasesContext).Done"), !more:
			return false
		}
	}
}
