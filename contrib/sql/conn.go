package sql

import (
	"context"
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

// Raw returns the driver's own connection. It is for callers of (*sql.Conn).Raw.
func (c *conn) Raw() driver.Conn { return c.Conn }

func (c *conn) wrapped() *database { return c.db }

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
	if err != nil || begun == nil || !c.db.Wants(ctx) {
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
	if !c.db.Wants(ctx) {
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

type (
	connE struct {
		resetting
		execer
	}
	connQ struct {
		resetting
		queryer
	}
	connEQ struct {
		resetting
		execer
		queryer
	}

	connV struct {
		resetting
		validator
	}
	connEV struct {
		connE
		validator
	}
	connQV struct {
		connQ
		validator
	}
	connEQV struct {
		connEQ
		validator
	}

	onlyV struct {
		*conn
		validator
	}
	onlyEV struct {
		onlyV
		execer
	}
	onlyQV struct {
		onlyV
		queryer
	}
	onlyEQV struct {
		onlyV
		execer
		queryer
	}
)

// wrapConn gives raw back in its shape.
func wrapConn(raw driver.Conn, db *database) driver.Conn {
	c := &conn{raw, db}
	e, q, v, r := execer{c}, queryer{c}, validator{c}, resetting{c}
	execs, queries := fast(raw)
	_, validates := raw.(driver.Validator)
	_, resets := raw.(driver.SessionResetter)
	if validates && !resets {
		only := onlyV{c, v}
		return shape(execs, queries, only, onlyEV{only, e}, onlyQV{only, q}, onlyEQV{only, e, q})
	}
	if validates {
		return shape(execs, queries, connV{r, v}, connEV{connE{r, e}, v}, connQV{connQ{r, q}, v}, connEQV{connEQ{r, e, q}, v})
	}
	return shape(execs, queries, r, connE{r, e}, connQ{r, q}, connEQ{r, e, q})
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
