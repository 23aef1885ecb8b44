package gapsql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"time"
)

// conn is a wrapped connection without the optional methods that only some shapes have; shape.go
// adds those.
type conn struct {
	driver.Conn
	db *database
}

var (
	_ driver.Pinger             = (*conn)(nil)
	_ driver.SessionResetter    = resetter{}
	_ driver.ConnPrepareContext = (*conn)(nil)
	_ driver.ConnBeginTx        = (*conn)(nil)
	_ driver.NamedValueChecker  = (*conn)(nil)
)

// Raw is like (*sql.Conn).Raw. It calls f with the driver's own connection instead of the
// wrapper's. The database of c need not be wrapped.
func Raw(c *sql.Conn, f func(driverConn any) error) error {
	return c.Raw(func(conn any) error { return f(DriverConn(conn)) })
}

// DriverConn returns the driver's own connection. c is what (*sql.Conn).Raw passes to its callback;
// if this package has not wrapped it, DriverConn returns c itself.
func DriverConn(c any) any {
	if ours, ok := c.(wrapped); ok {
		return ours.wrapped().Conn
	}
	return c
}

// Raw returns the driver's own connection, for code that does not import this package.
func (c *conn) Raw() driver.Conn { return c.Conn }

// wrapped is a wrapped connection of any shape.
type wrapped interface{ wrapped() *conn }

func (c *conn) wrapped() *conn { return c }

func (c *conn) Ping(ctx context.Context) error {
	pinger, ok := c.Conn.(driver.Pinger)
	if !ok {
		return nil
	}
	_, err := run(c.db.start(ctx, "sql ping", ""), func() (any, error) { return nil, pinger.Ping(ctx) })
	return err
}

func (c *conn) CheckNamedValue(value *driver.NamedValue) error {
	if checker, ok := c.Conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(value)
	}
	return driver.ErrSkip
}

func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	call := c.db.start(ctx, "sql prepare", query)
	prepared, err := run(call, func() (driver.Stmt, error) { return c.prepare(ctx, query) })
	if err != nil || prepared == nil {
		return prepared, err
	}
	return wrapStmt(prepared, c, query), nil
}

// prepare calls the driver as database/sql does. If the driver's Prepare takes no context and ctx
// has ended meanwhile, it closes the statement.
func (c *conn) prepare(ctx context.Context, query string) (driver.Stmt, error) {
	if preparer, ok := c.Conn.(driver.ConnPrepareContext); ok {
		return preparer.PrepareContext(ctx, query)
	}
	prepared, err := c.Prepare(query)
	if err == nil && ended(ctx) {
		_ = prepared.Close()
		return nil, ctx.Err()
	}
	return prepared, err
}

// BeginTx begins a transaction. The transaction is wrapped only if its end may be recorded.
func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	beginner, ok := c.Conn.(driver.ConnBeginTx)
	if !ok {
		if err := checkDefaults(opts); err != nil {
			return nil, err
		}
	}
	begun, err := run(c.db.start(ctx, "sql begin", ""), func() (driver.Tx, error) {
		if ok {
			return beginner.BeginTx(ctx, opts)
		}
		return beginWithoutContext(ctx, c.Conn)
	})
	if err != nil || begun == nil || !c.db.wrapper.MayRecord(ctx) {
		return begun, err
	}
	return &tx{begun, c.db, ctx}, nil
}

// checkDefaults returns database/sql's error for options that need a driver with BeginTx.
func checkDefaults(opts driver.TxOptions) error {
	if opts.Isolation != 0 {
		return errors.New("sql: driver does not support non-default isolation level")
	}
	if opts.ReadOnly {
		return errors.New("sql: driver does not support read-only transactions")
	}
	return nil
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
		wait.end(r.db, start, nil)
		reset := r.db.pastCall(ctx, "sql reset", start, end)
		if !bad {
			reset.Fail(err)
		}
		wait.addReset(reset)
	case !bad:
		wait.end(r.db, end, nil)
	}
	if bad {
		wait.restart()
	}
	return err
}

func (e execer) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	raw, ok := e.Conn.(driver.ExecerContext)
	if !ok {
		return withValues(ctx, args, func(args []driver.Value) (driver.Result, error) {
			return e.exec(ctx, query, args)
		})
	}
	call := e.db.start(ctx, "sql exec", query)
	return run(call, func() (driver.Result, error) { return raw.ExecContext(ctx, query, args) })
}

func (q queryer) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	raw, ok := q.Conn.(driver.QueryerContext)
	if !ok {
		return withValues(ctx, args, func(args []driver.Value) (driver.Rows, error) {
			return q.query(ctx, query, args)
		})
	}
	call := q.db.start(ctx, "sql query", query)
	return runQuery(call, func() (driver.Rows, error) { return raw.QueryContext(ctx, query, args) })
}

func (v validator) IsValid() bool { return v.Conn.(driver.Validator).IsValid() }
