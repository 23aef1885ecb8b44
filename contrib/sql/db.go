package gapsql

import (
	"context"
	"database/sql"
	"sync/atomic"
	"time"
)

// DB is a *sql.DB that also records how long callers wait for a connection of its pool. It has all
// methods of *sql.DB. Its field DB is the *sql.DB itself, whose methods record no wait for the
// pool.
type DB struct {
	*sql.DB
	last atomic.Pointer[database] // of the last call that reached the driver; nil: none has yet
}

// WrapDB returns a new DB that records how long callers wait for db's pool, as "sql pool" under the
// span in their context. It does not change db. The options are those of db's connector or driver;
// if this package has not wrapped it, no wait is recorded. WrapDB panics if db is nil.
//
// A wait is recorded only if its method takes a context and that context carries a span, even with
// [gaptrace.WithRoots]. A *sql.Stmt that was prepared on the pool waits for a connection at each
// use; those waits are not recorded.
func WrapDB(db *sql.DB) *DB {
	if db == nil {
		panic("gapsql.WrapDB: db is nil")
	}
	return &DB{DB: db}
}

// GetDBConn returns the *sql.DB. gorm calls it to get the *sql.DB of its pool.
func (d *DB) GetDBConn() (*sql.DB, error) { return d.DB, nil }

// leave ends a call through d. If the wait has not ended by then, the driver was not called with
// its context: the connection was new and not used, or the caller got none.
func (d *DB) leave(w *poolWait, err error) {
	if w == nil {
		return
	}
	if db := w.owner.Load(); db != nil && d.last.Load() != db {
		d.last.Store(db)
	}
	if db := d.last.Load(); db != nil && w.waiting() {
		if w.Err() == nil && !isClosed(err) {
			err = nil // the caller got a connection, and err came later
		}
		now := time.Now()
		w.endAt(db, now, err)
		db.abandonForgotten(now) // forgotten rows may hold all connections
	}
	w.unreported.Swap(nil).Finish(nil) // no call to the driver followed that would report it
}

// isClosed reports whether err is database/sql's error for a closed DB, which has no variable. A
// driver's error may panic in Error.
func isClosed(err error) (yes bool) {
	defer func() { _ = recover() }()
	return err != nil && err.Error() == "sql: database is closed"
}

// In all methods, leave is deferred, since a driver or a driver.Valuer may panic.

// PingContext is like sql.DB.PingContext, and records the wait for the pool.
func (d *DB) PingContext(ctx context.Context) (err error) {
	ctx, w := withPoolWait(ctx)
	defer func() { d.leave(w, err) }()
	return d.DB.PingContext(ctx)
}

// PrepareContext is like sql.DB.PrepareContext, and records the wait for the pool. The waits of the
// prepared statement itself are not recorded.
func (d *DB) PrepareContext(ctx context.Context, query string) (prepared *sql.Stmt, err error) {
	ctx, w := withPoolWait(ctx)
	defer func() { d.leave(w, err) }()
	return d.DB.PrepareContext(ctx, query)
}

// ExecContext is like sql.DB.ExecContext, and records the wait for the pool.
func (d *DB) ExecContext(ctx context.Context, query string, args ...any) (result sql.Result, err error) {
	ctx, w := withPoolWait(ctx)
	defer func() { d.leave(w, err) }()
	return d.DB.ExecContext(ctx, query, args...)
}

// QueryContext is like sql.DB.QueryContext, and records the wait for the pool.
func (d *DB) QueryContext(ctx context.Context, query string, args ...any) (rows *sql.Rows, err error) {
	ctx, w := withPoolWait(ctx)
	defer func() { d.leave(w, err) }()
	return d.DB.QueryContext(ctx, query, args...)
}

// QueryRowContext is like sql.DB.QueryRowContext, and records the wait for the pool.
func (d *DB) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	ctx, w := withPoolWait(ctx)
	var err error
	defer func() { d.leave(w, err) }()
	row := d.DB.QueryRowContext(ctx, query, args...)
	err = row.Err()
	return row
}

// BeginTx is like sql.DB.BeginTx, and records the wait for the pool.
func (d *DB) BeginTx(ctx context.Context, opts *sql.TxOptions) (tx *sql.Tx, err error) {
	ctx, w := withPoolWait(ctx)
	defer func() { d.leave(w, err) }()
	return d.DB.BeginTx(ctx, opts)
}

// Conn is like sql.DB.Conn, and records the wait for the pool.
func (d *DB) Conn(ctx context.Context) (conn *sql.Conn, err error) {
	ctx, w := withPoolWait(ctx)
	defer func() { d.leave(w, err) }()
	conn, err = d.DB.Conn(ctx)
	if w != nil && err == nil && w.owner.Load() == nil && d.last.Load() == nil {
		_ = conn.Raw(func(raw any) error { // does not call the driver
			if ours, ok := raw.(wrapped); ok {
				d.last.Store(ours.wrapped().db)
			}
			return nil
		})
	}
	return conn, err
}
