package gapredis

import (
	"context"
	"runtime"
	"sync/atomic"

	"github.com/gaptrace/gaptrace/wrap"
	"github.com/opentracing/opentracing-go/log"
)

// phasesContext logs each retry. go-redis has no hook for retries. But before each further attempt,
// and only then, its function Sleep waits for the back-off or for the context's Done:
//
//	client      |- attempt 1 -|- Sleep -|- attempt 2 -|- Sleep -|- attempt 3 -|
//	log                       ^ retry 2               ^ retry 3
//
// A retry of another client counts as well if that client is not wrapped and gets this context.
type phasesContext struct {
	context.Context
	call    *wrap.Call
	retries atomic.Int32
}

func (c *phasesContext) Done() <-chan struct{} {
	if backsOff() {
		c.call.Log("retry", nil, log.Int32("attempt", 1+c.retries.Add(1)))
	}
	return c.Context.Done()
}

// backsOff reports whether go-redis's Sleep called the context's Done. It returns false if the
// context of a call inside this one did so: the retry is of that call. Contexts of other packages
// may be in between. docs/design/redis.md says what it costs.
func backsOff() bool {
	var pcs [4]uintptr
	for _, pc := range pcs[:runtime.Callers(3, pcs[:])] { // 3: the caller of Done
		switch kindAt(pc) {
		case sleeps:
			return true
		case innerDone:
			return false
		}
	}
	return false
}
