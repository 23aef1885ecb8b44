package gapsql

import (
	"context"
	"database/sql"
	"sync/atomic"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/spanutil"
)

// DB is a sql.DB that also draws how long its pool kept a caller waiting for a connection. It has all of
// *sql.DB's methods, and .DB is the one within, for code that wants it: what is called on that draws no wait
// for the pool.
type DB struct {
	*sql.DB
	last atomic.Pointer[database] // what the last call was recorded by; nil: not known yet
}

// WrapDB returns db with the time that callers wait for its pool drawn as "sql pool", under the span in the context
// of their call. It needs a db whose connector or driver this package has wrapped, and draws with the options given
// there. It does not change db, and panics when db is nil.
//
// Query, QueryRow, Exec, Prepare, Begin, Conn and Ping tell of their wait in the form that takes a context; the others
// have no span to draw it under. What they return is database/sql's own: a statement prepared on the pool waits for
// it again each time it is used, and that is not drawn. A Conn or a Tx has its connection and waits no more.
func WrapDB(db *sql.DB) *DB {
	if db == nil {
		panic("gapsql.WrapDB: db is nil")
	}
	return &DB{DB: db}
}

// GetDBConn returns the wrapped *sql.DB. gorm calls it to get the *sql.DB of its pool.
func (d *DB) GetDBConn() (*sql.DB, error) { return d.DB, nil }

// entered is the context of a call to a DB: it tells the driver when the caller came. Inside of database/sql it is
// the one thing that goes all the way.
type entered struct {
	context.Context
	start time.Time
	since atomic.Pointer[time.Time]     // the caller has waited since; nil: no more
	by    atomic.Pointer[database]      // whose driver it came to
	pool  atomic.Pointer[spanutil.Call] // the wait for the pool, and for a reset, over and not reported yet
}

type enteredKey struct{}

// Value has the entered itself, and what its context has.
func (e *entered) Value(key any) any {
	if key == (enteredKey{}) {
		return e
	}
	return e.Context.Value(key)
}

// underAny is a wrapper without options: a DB has none until its driver is known.
var underAny spanutil.Wrapper

// enter marks ctx, where a wait could be drawn under it; otherwise it returns ctx itself and nil.
func enter(ctx context.Context) (context.Context, *entered) {
	if !underAny.MayRecord(ctx) || spanutil.IsDropped(ctx) {
		return ctx, nil
	}
	e := &entered{Context: ctx, start: time.Now()}
	e.since.Store(&e.start)
	return e, e
}

// leave ends a call to d. One that has not come as far as the driver waited all along: for a connection that was
// new and has not been used, or in vain.
func (d *DB) leave(e *entered, err error) {
	if e == nil {
		return
	}
	if by := e.by.Load(); by != nil && d.last.Load() != by {
		d.last.Store(by)
	}
	if by := d.last.Load(); by != nil && e.since.Load() != nil {
		if e.Err() == nil && !isClosed(err) {
			err = nil // it came when the connection had
		}
		now := time.Now()
		by.pooled(e, now, err)
		by.unread.look(now) // forgotten rows may hold all connections
	}
	e.pool.Swap(nil).Finish(nil) // if no call to the driver has taken it along
}

// isClosed reports whether err is database/sql's of a DB that was closed, which has no name. A driver's may be anything.
func isClosed(err error) (yes bool) {
	defer func() { _ = recover() }()
	return err != nil && err.Error() == "sql: database is closed"
}

// came is told of whatever comes to the driver. The context is not for another, which the driver may ask for its own ends.
func (db *database) came(ctx context.Context) *entered {
	e, _ := ctx.Value(enteredKey{}).(*entered)
	if e != nil && !e.by.CompareAndSwap(nil, db) && e.by.Load() != db {
		return nil
	}
	return e
}

// arrived is told of each call to the driver before it is made: the caller has a connection.
func (db *database) arrived(ctx context.Context) *entered {
	e := db.came(ctx)
	if e != nil && e.since.Load() != nil { // a connection that the pool made meanwhile is not reset
		db.pooled(e, time.Now(), nil)
	}
	return e
}

// given is told when the pool has given the caller a connection, to be reset before it is of use. A wait for it goes on
// until then; but where there was none the reset is none either.
func (e *entered) given(at time.Time) {
	if e == nil {
		return
	}
	if since := e.since.Load(); since != nil && at.Sub(*since) <= spanutil.Buffered {
		e.since.Store(nil)
	}
}

// takeAlong leaves it to call to report the wait for the pool with its own spans, as what takes time now is between
// two waits and would look like work.
func (e *entered) takeAlong(call *spanutil.Call) {
	if e != nil {
		call.FinishAlso(e.pool.Swap(nil))
	}
}

// report leaves it to the call that comes to report a wait that is over, and with it the one before, or does it at once.
func (e *entered) report(wait *spanutil.Call) {
	e.takeAlong(wait)
	if e == nil {
		wait.Finish(nil)
		return
	}
	e.pool.Store(wait)
}

// discard ends a call that was none, and keeps the wait for the pool for the one that comes.
func (e *entered) discard(call *spanutil.Call) {
	if along := call.Discard(); e != nil {
		e.pool.Store(along)
	}
}

// again is told when a call or a reset ended in driver.ErrBadConn: database/sql asks the pool for another connection.
func (e *entered) again() {
	if e != nil {
		e.since.CompareAndSwap(nil, new(time.Now()))
	}
}

// pooled notes the wait for the pool that has ended, once. The pool is part of no call: what becomes of the call has a span
// of its own.
func (db *database) pooled(e *entered, end time.Time, err error) {
	if e == nil {
		return
	}
	if since := e.since.Swap(nil); since != nil && end.Sub(*since) > spanutil.Buffered { // mostly it is not
		pool := db.waited(e.Context, "sql pool", *since, end)
		pool.Fail(err)
		e.pool.Swap(pool).Finish(nil) // that of an attempt before
	}
}

// waited is a wait that is over, to be finished; nil where it is not recorded.
func (db *database) waited(ctx context.Context, operation string, start, end time.Time) *spanutil.Call {
	request := &Request{Target: &db.target}
	what := gaptrace.Call{Component: component, Operation: operation, Request: request}
	c := call{Call: db.wrapper.Waited(ctx, what, start, end), db: db, request: request}
	if c.Sampled() {
		c.describe()
	}
	return c.Call
}

// PingContext is that of sql.DB.
func (d *DB) PingContext(ctx context.Context) (err error) {
	ctx, e := enter(ctx)
	defer func() { d.leave(e, err) }() // deferred, as all below: the driver or a Valuer may panic
	return d.DB.PingContext(ctx)
}

// PrepareContext is that of sql.DB. What the statement waits for the pool when it is used is not drawn.
func (d *DB) PrepareContext(ctx context.Context, query string) (prepared *sql.Stmt, err error) {
	ctx, e := enter(ctx)
	defer func() { d.leave(e, err) }()
	return d.DB.PrepareContext(ctx, query)
}

// ExecContext is that of sql.DB.
func (d *DB) ExecContext(ctx context.Context, query string, args ...any) (result sql.Result, err error) {
	ctx, e := enter(ctx)
	defer func() { d.leave(e, err) }()
	return d.DB.ExecContext(ctx, query, args...)
}

// QueryContext is that of sql.DB.
func (d *DB) QueryContext(ctx context.Context, query string, args ...any) (rows *sql.Rows, err error) {
	ctx, e := enter(ctx)
	defer func() { d.leave(e, err) }()
	return d.DB.QueryContext(ctx, query, args...)
}

// QueryRowContext is that of sql.DB.
func (d *DB) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	ctx, e := enter(ctx)
	var err error
	defer func() { d.leave(e, err) }()
	row := d.DB.QueryRowContext(ctx, query, args...)
	err = row.Err()
	return row
}

// BeginTx is that of sql.DB.
func (d *DB) BeginTx(ctx context.Context, opts *sql.TxOptions) (tx *sql.Tx, err error) {
	ctx, e := enter(ctx)
	defer func() { d.leave(e, err) }()
	return d.DB.BeginTx(ctx, opts)
}

// Conn is that of sql.DB.
func (d *DB) Conn(ctx context.Context) (conn *sql.Conn, err error) {
	ctx, e := enter(ctx)
	defer func() { d.leave(e, err) }()
	conn, err = d.DB.Conn(ctx)
	if e != nil && err == nil && e.by.Load() == nil && d.last.Load() == nil {
		_ = conn.Raw(func(raw any) error { // which asks the driver nothing
			if ours, ok := raw.(wrapped); ok {
				d.last.Store(ours.wrapped().db)
			}
			return nil
		})
	}
	return conn, err
}
