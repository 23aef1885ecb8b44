package gapsql

import (
	"context"
	"database/sql/driver"
	"errors"
	"sync/atomic"
	"time"

	"github.com/gaptrace/gaptrace/internal/spanutil"
)

// poolWait is the context of a call through a DB. It carries the time when the caller began to wait
// through database/sql to the driver. The first call to the driver with this context ends the wait:
//
//	caller       | DB.ExecContext                                        |
//	pool         |---wait---|
//	driver                  |-ResetSession-|               |-ExecContext-|
//	program                                | converts args |
//
//	sql pool     |-------------------------|                                reset of up to 100 µs
//	sql pool     |----------|                                               longer reset
//	sql reset               |--------------|
//	sql exec                                               |-------------|
//
// A new connection is not reset: then ExecContext ends the wait. The wait is reported together with
// the call that follows, since a report between the two would look like the program's work.
type poolWait struct {
	context.Context
	arrival    time.Time
	since      atomic.Pointer[time.Time]     // when the current wait began; nil: it has ended
	owner      atomic.Pointer[database]      // whose driver was called first
	unreported atomic.Pointer[spanutil.Call] // a wait that has ended; it also reports those before it
}

type poolWaitKey struct{}

// Value returns the poolWait itself for its own key.
func (w *poolWait) Value(key any) any {
	if key == (poolWaitKey{}) {
		return w
	}
	return w.Context.Value(key)
}

// noOptions stands for the wrapper of the database, which a DB may not know yet.
var noOptions spanutil.Wrapper

// withPoolWait begins a wait and returns its context. If the wait would not be recorded, it returns
// ctx itself and a nil poolWait, which all methods except Value accept.
func withPoolWait(ctx context.Context) (context.Context, *poolWait) {
	if !noOptions.MayRecord(ctx) || spanutil.IsDropped(ctx) {
		return ctx, nil
	}
	w := &poolWait{Context: ctx, arrival: time.Now()}
	w.since.Store(&w.arrival)
	return w, w
}

// poolWaitOf returns the poolWait in ctx, the context of a call to the driver, or nil. If a driver
// uses a second database with the same context, that one gets nil.
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

// endPoolWait ends the wait in ctx, if any: the driver is called, so the caller has a connection.
func (db *database) endPoolWait(ctx context.Context) *poolWait {
	w := db.poolWaitOf(ctx)
	if w.waiting() {
		w.endAt(db, time.Now(), nil)
	}
	return w
}

func (w *poolWait) waiting() bool { return w != nil && w.since.Load() != nil }

// beforeReset is called before the driver resets a connection. If the pool had the connection at
// once, there was no wait, and the reset must not become one.
func (w *poolWait) beforeReset(at time.Time) {
	if w == nil {
		return
	}
	if since := w.since.Load(); since != nil && at.Sub(*since) <= spanutil.Buffered {
		w.since.Store(nil)
	}
}

// restart begins another wait: after driver.ErrBadConn, database/sql asks the pool for another
// connection.
func (w *poolWait) restart() {
	if w != nil {
		w.since.CompareAndSwap(nil, new(time.Now()))
	}
}

// endAt ends the wait, unless it has ended.
func (w *poolWait) endAt(db *database, at time.Time, err error) {
	if w == nil {
		return
	}
	if since := w.since.Swap(nil); since != nil && at.Sub(*since) > spanutil.Buffered {
		pool := db.pastCall(w.Context, "sql pool", *since, at)
		pool.Fail(err)
		w.unreported.Swap(pool).Finish(nil) // the wait of an earlier attempt
	}
}

// reportWith makes call report the ended waits together with its own spans. A report between the
// two would take time and look like the program's work.
func (w *poolWait) reportWith(call *spanutil.Call) {
	if w != nil {
		call.FinishAlso(w.unreported.Swap(nil))
	}
}

// addReset adds an ended reset to the waits that the next call reports.
func (w *poolWait) addReset(reset *spanutil.Call) {
	w.reportWith(reset)
	if w == nil {
		reset.Finish(nil)
	} else {
		w.unreported.Store(reset)
	}
}

// discard drops a call that the driver answered with driver.ErrSkip. The next call reports its
// waits.
func (w *poolWait) discard(call *spanutil.Call) {
	if earlier := call.Discard(); earlier != nil {
		w.unreported.Store(earlier)
	}
}

// minReset separates resets that asked the server from those that only checked the socket. Such a
// check is a system call and no wait.
const minReset = 100 * time.Microsecond

// ResetSession is recorded only if it was a wait. database/sql calls it before each reuse of a
// connection, but most drivers do not go to the network for it. pgx does if the connection was idle
// for a while.
func (r resetter) ResetSession(ctx context.Context) error {
	raw, ok := r.Conn.(driver.SessionResetter)
	if !ok {
		r.db.endPoolWait(ctx)
		return nil
	}
	wait := r.db.poolWaitOf(ctx)
	if !r.db.wrapper.MayRecord(ctx) {
		return raw.ResetSession(ctx)
	}
	start := time.Now()
	wait.beforeReset(start)
	err := raw.ResetSession(ctx)
	end := time.Now()
	bad := errors.Is(err, driver.ErrBadConn) // database/sql gets another connection; it ignores other errors
	switch {
	case end.Sub(start) > minReset:
		wait.endAt(r.db, start, nil)
		reset := r.db.pastCall(ctx, "sql reset", start, end)
		if !bad {
			reset.Fail(err)
		}
		wait.addReset(reset)
	case !bad:
		wait.endAt(r.db, end, nil)
	}
	if bad {
		wait.restart()
	}
	return err
}

// pastCall returns a call for a wait that has ended; its caller finishes it. It is nil if the wait
// is not recorded.
func (db *database) pastCall(ctx context.Context, operation string, start, end time.Time) *spanutil.Call {
	c := call{recorded: db.wrapper.Waited(ctx, db.describe(operation, ""), start, end), db: db}
	if c.recorded.Sampled() {
		c.tagSpan()
	}
	return c.recorded
}
