package gapsql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"time"
)

// conn is a wrapped connection, but for what must be absent where the driver's own lacks it.
type conn struct {
	driver.Conn
	db *database
}

var (
	_ driver.Pinger             = (*conn)(nil)
	_ driver.SessionResetter    = resetting{}
	_ driver.ConnPrepareContext = (*conn)(nil)
	_ driver.ConnBeginTx        = (*conn)(nil)
	_ driver.NamedValueChecker  = (*conn)(nil)
)

// Raw is (*sql.Conn).Raw, but calls f with the driver's own connection instead of the wrapper
// around it. The database of c need not be wrapped.
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

// Raw returns the driver's own connection. It is for code that does not import this package.
func (c *conn) Raw() driver.Conn { return c.Conn }

// wrapped is a connection in any shape.
type wrapped interface{ wrapped() *conn }

func (c *conn) wrapped() *conn { return c }

func (c *conn) Ping(ctx context.Context) error {
	pinger, ok := c.Conn.(driver.Pinger)
	if !ok {
		return nil
	}
	return c.db.begin(ctx, "sql ping", "").record(func() error { return pinger.Ping(ctx) })
}

func (c *conn) CheckNamedValue(value *driver.NamedValue) error {
	if checker, ok := c.Conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(value)
	}
	return driver.ErrSkip
}

func (c *conn) PrepareContext(ctx context.Context, query string) (prepared driver.Stmt, err error) {
	err = c.db.begin(ctx, "sql prepare", query).record(func() (err error) {
		prepared, err = c.prepare(ctx, query)
		return err
	})
	if err != nil || prepared == nil {
		return prepared, err
	}
	return wrapStmt(prepared, c, query), nil
}

// prepare does as database/sql does where the driver's connection takes no context.
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

// BeginTx begins a transaction. It is not wrapped where ctx has no span to put its end under.
func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (begun driver.Tx, err error) {
	beginner, ok := c.Conn.(driver.ConnBeginTx)
	if !ok {
		if err := onlyDefaults(opts); err != nil {
			return nil, err
		}
	}
	err = c.db.begin(ctx, "sql begin", "").record(func() (err error) {
		if ok {
			begun, err = beginner.BeginTx(ctx, opts)
		} else {
			begun, err = beginWithout(ctx, c.Conn)
		}
		return err
	})
	if err != nil || begun == nil || !c.db.wrapper.MayRecord(ctx) {
		return begun, err
	}
	return &tx{begun, c.db, ctx}, nil
}

// onlyDefaults answers what database/sql would where the driver's connection takes no options.
func onlyDefaults(opts driver.TxOptions) error {
	if opts.Isolation != 0 {
		return errors.New("sql: driver does not support non-default isolation level")
	}
	if opts.ReadOnly {
		return errors.New("sql: driver does not support read-only transactions")
	}
	return nil
}

// The rest is in pieces of its own. A database/sql that finds no execer or no queryer prepares a
// statement without looking at the arguments first. One that does not find both a validator and a resetter
// throws a connection away on which the context of a transaction was cancelled. A resetter without a validator
// changes nothing, so there always is one but where the driver has the validator alone.
type (
	execer    struct{ on *conn }
	queryer   struct{ on *conn }
	validator struct{ on *conn }
	resetting struct{ *conn }
)

// resetWait is how long a reset takes at least that went to the network. Most look whether the socket has something to
// say, which is a call of the system's and no wait.
const resetWait = 100 * time.Microsecond

// ResetSession is a span only if it was a wait: database/sql calls it before every use of a connection, and most drivers
// do not go to the network for it; pgx asks whether a connection that was idle for a while is still there.
func (c resetting) ResetSession(ctx context.Context) error {
	resetter, ok := c.Conn.(driver.SessionResetter)
	if !ok {
		c.db.arrived(ctx)
		return nil
	}
	e := c.db.came(ctx)
	if !c.db.wrapper.MayRecord(ctx) {
		return resetter.ResetSession(ctx)
	}
	start := time.Now()
	e.given(start)
	err := resetter.ResetSession(ctx)
	end := time.Now()
	bad := errors.Is(err, driver.ErrBadConn) // database/sql asks its pool for another one; other errors it does not look at
	switch {
	case end.Sub(start) > resetWait:
		c.db.pooled(e, start, nil)
		failure := err
		if bad {
			failure = nil
		}
		reset := c.db.waited(ctx, "sql reset", start, end)
		reset.Fail(failure)
		e.report(reset)
	case !bad:
		c.db.pooled(e, end, nil)
	}
	if bad {
		e.again()
	}
	return err
}

func (e execer) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (result driver.Result, err error) {
	raw, ok := e.on.Conn.(driver.ExecerContext)
	if !ok {
		return e.execWithout(ctx, query, args)
	}
	err = e.on.db.begin(ctx, "sql exec", query).record(func() (err error) {
		result, err = raw.ExecContext(ctx, query, args)
		return err
	})
	return result, err
}

func (q queryer) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	raw, ok := q.on.Conn.(driver.QueryerContext)
	if !ok {
		return q.queryWithout(ctx, query, args)
	}
	return q.on.db.begin(ctx, "sql query", query).recordRows(func() (driver.Rows, error) {
		return raw.QueryContext(ctx, query, args)
	})
}

func (v validator) IsValid() bool { return v.on.Conn.(driver.Validator).IsValid() }

// useDriverConn exists for its name. If code asserts a wrapped connection to the driver's type, the
// panic's message names the wrapped type, and so [DriverConn], the function to call:
//
//	interface conversion: interface {} is gapsql.connEQV[github.com/gaptrace/gaptrace/contrib/sql.useDriverConn],
//	not *stdlib.Conn
type useDriverConn struct{}

type (
	connR[see any] struct {
		resetting
	}
	connE[see any] struct {
		resetting
		execer
	}
	connQ[see any] struct {
		resetting
		queryer
	}
	connEQ[see any] struct {
		resetting
		execer
		queryer
	}

	connV[see any] struct {
		resetting
		validator
	}
	connEV[see any] struct {
		resetting
		execer
		validator
	}
	connQV[see any] struct {
		resetting
		queryer
		validator
	}
	connEQV[see any] struct {
		resetting
		execer
		queryer
		validator
	}

	onlyV[see any] struct {
		*conn
		validator
	}
	onlyEV[see any] struct {
		*conn
		execer
		validator
	}
	onlyQV[see any] struct {
		*conn
		queryer
		validator
	}
	onlyEQV[see any] struct {
		*conn
		execer
		queryer
		validator
	}
)

// wrapConn gives raw back in its shape.
func wrapConn(raw driver.Conn, db *database) driver.Conn {
	c := &conn{raw, db}
	e, q, v, r := execer{c}, queryer{c}, validator{c}, resetting{c}
	execs, queries := fast(raw)
	_, validates := raw.(driver.Validator)
	_, resets := raw.(driver.SessionResetter)
	type see = useDriverConn
	if validates && !resets {
		return shape(execs, queries, onlyV[see]{c, v}, onlyEV[see]{c, e, v}, onlyQV[see]{c, q, v}, onlyEQV[see]{c, e, q, v})
	}
	if validates {
		return shape(execs, queries, connV[see]{r, v}, connEV[see]{r, e, v}, connQV[see]{r, q, v}, connEQV[see]{r, e, q, v})
	}
	return shape(execs, queries, connR[see]{r}, connE[see]{r, e}, connQ[see]{r, q}, connEQ[see]{r, e, q})
}

func shape(execs, queries bool, neither, e, q, both driver.Conn) driver.Conn {
	switch {
	case execs && queries:
		return both
	case execs:
		return e
	case queries:
		return q
	}
	return neither
}
