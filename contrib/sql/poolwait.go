package gapsql

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/spanutil"
)

// poolWait is the context of a call through a DB. It takes the caller's time of arrival through
// database/sql to the driver, whose first callback ends the wait:
//
//	caller       | DB.ExecContext                                        |
//	pool         |---wait---|
//	driver                  |-ResetSession-|               |-ExecContext-|
//	program                                | converts args |
//
//	sql pool     |-------------------------|                                a reset of up to 100 µs
//	sql pool     |----------|                                               a longer reset
//	sql reset               |--------------|
//	sql exec                                               |-------------|
//
// A new connection is not reset: then ExecContext ends the wait.
type poolWait struct {
	context.Context
	arrival time.Time
	since   atomic.Pointer[time.Time]     // when the wait began; nil: it has ended
	owner   atomic.Pointer[database]      // whose driver was called first
	over    atomic.Pointer[spanutil.Call] // waits that have ended and are not reported yet
}

type poolWaitKey struct{}

// Value returns the poolWait itself for its own key.
func (w *poolWait) Value(key any) any {
	if key == (poolWaitKey{}) {
		return w
	}
	return w.Context.Value(key)
}

// anyWrapper has no options, like a DB whose driver is not known yet.
var anyWrapper spanutil.Wrapper

// withPoolWait begins a wait and returns its context. If the wait would not be recorded, it returns
// ctx itself and nil, which all methods accept.
func withPoolWait(ctx context.Context) (context.Context, *poolWait) {
	if !anyWrapper.MayRecord(ctx) || spanutil.IsDropped(ctx) {
		return ctx, nil
	}
	w := &poolWait{Context: ctx, arrival: time.Now()}
	w.since.Store(&w.arrival)
	return w, w
}

// poolWaitOf returns the poolWait of a callback with ctx. If a driver uses a second database with
// the same context, that one gets nil.
func (db *database) poolWaitOf(ctx context.Context) *poolWait {
	if ctx == nil {
		return nil
	}
	w, _ := ctx.Value(poolWaitKey{}).(*poolWait)
	if w != nil && !w.owner.CompareAndSwap(nil, db) && w.owner.Load() != db {
		return nil
	}
	return w
}

// endPoolWait is called before each call to the driver: the caller has a connection.
func (db *database) endPoolWait(ctx context.Context) *poolWait {
	w := db.poolWaitOf(ctx)
	if w.waiting() {
		w.end(db, time.Now(), nil)
	}
	return w
}

func (w *poolWait) waiting() bool { return w != nil && w.since.Load() != nil }

// reset is called when the driver has a connection to reset. If the pool had one at once, there was
// no wait, and the reset does not prolong it.
func (w *poolWait) reset(at time.Time) {
	if w == nil {
		return
	}
	if since := w.since.Load(); since != nil && at.Sub(*since) <= spanutil.Buffered {
		w.since.Store(nil)
	}
}

// restart begins the wait again: after driver.ErrBadConn, database/sql asks the pool for another
// connection.
func (w *poolWait) restart() {
	if w != nil {
		w.since.CompareAndSwap(nil, new(time.Now()))
	}
}

// end ends the wait, unless it has ended.
func (w *poolWait) end(db *database, at time.Time, err error) {
	if w == nil {
		return
	}
	if since := w.since.Swap(nil); since != nil && at.Sub(*since) > spanutil.Buffered {
		pool := db.pastCall(w.Context, "sql pool", *since, at)
		pool.Fail(err)
		w.over.Swap(pool).Finish(nil) // the wait of an earlier attempt
	}
}

// reportWith makes call report the waits that are over with its own spans. A report between the two
// would take time and look like the program's work.
func (w *poolWait) reportWith(call *spanutil.Call) {
	if w != nil {
		call.FinishAlso(w.over.Swap(nil))
	}
}

// addReset adds a reset that is over to the waits that the next call reports.
func (w *poolWait) addReset(reset *spanutil.Call) {
	w.reportWith(reset)
	if w == nil {
		reset.Finish(nil)
		return
	}
	w.over.Store(reset)
}

// discard ends a call that was none, and keeps the waits for the next call to report.
func (w *poolWait) discard(call *spanutil.Call) {
	if earlier := call.Discard(); w != nil {
		w.over.Store(earlier)
	}
}

// pastCall returns a call that is over, but not finished. It is nil if the call is not recorded.
func (db *database) pastCall(ctx context.Context, operation string, start, end time.Time) *spanutil.Call {
	request := &Request{Target: &db.target}
	what := gaptrace.Call{Component: component, Operation: operation, Request: request}
	c := call{Call: db.wrapper.Waited(ctx, what, start, end), db: db, request: request}
	if c.Sampled() {
		c.describe()
	}
	return c.Call
}
