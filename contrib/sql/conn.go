package gapsql

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/redact/sqltext"
	"github.com/gaptrace/gaptrace/internal/spanutil"
)

const component = "database/sql"

// Request describes a call to an option's function: [gaptrace.Call].Request is a *Request.
type Request struct {
	// Target names the database, as far as the wrapper knows it. It is never nil.
	Target *Target

	// Statement is the SQL text as the program wrote it, with its literals and secrets. It is empty
	// for a call without a statement, such as the begin of a transaction.
	Statement string
}

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

func (c *conn) Ping(ctx context.Context) error {
	pinger, ok := c.Conn.(driver.Pinger)
	if !ok {
		return nil
	}
	_, err := run(c.db.start(ctx, "sql ping", ""), func(ctx context.Context) (any, error) {
		return nil, pinger.Ping(ctx)
	})
	return err
}

func (c *conn) CheckNamedValue(value *driver.NamedValue) error {
	if checker, ok := c.Conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(value)
	}
	return driver.ErrSkip
}

func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	sent := query
	if c.db.wrapper.Options.CommentPrepared {
		sent = c.db.commented(ctx, query)
	}
	call := c.db.start(ctx, "sql prepare", query)
	prepared, err := run(call, func(ctx context.Context) (driver.Stmt, error) { return c.prepare(ctx, sent) })
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

func (e execer) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	raw, ok := e.Conn.(driver.ExecerContext)
	if !ok {
		return withValues(ctx, args, func(args []driver.Value) (driver.Result, error) {
			return e.exec(ctx, query, args)
		})
	}
	sent := e.db.commented(ctx, query) // before the span: it is no wait
	call := e.db.start(ctx, "sql exec", query)
	return run(call, func(ctx context.Context) (driver.Result, error) { return raw.ExecContext(ctx, sent, args) })
}

func (q queryer) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	raw, ok := q.Conn.(driver.QueryerContext)
	if !ok {
		return withValues(ctx, args, func(args []driver.Value) (driver.Rows, error) {
			return q.query(ctx, query, args)
		})
	}
	sent := q.db.commented(ctx, query)
	call := q.db.start(ctx, "sql query", query)
	return runQuery(call, func(ctx context.Context) (driver.Rows, error) { return raw.QueryContext(ctx, sent, args) })
}

func (v validator) IsValid() bool { return v.Conn.(driver.Validator).IsValid() }

// call is one call to the driver, recorded or not. Its span is created after the driver has
// answered, since the answer driver.ErrSkip means that there was no call.
type call struct {
	recorded  *spanutil.Call // nil: not recorded
	ctx       context.Context
	db        *database
	statement string
	wait      *poolWait // nil: not through a DB, or not recorded
	dsn       string    // never recorded, but the driver's error may repeat it
	final     bool      // database/sql does not retry after driver.ErrBadConn
	orphan    bool      // to be counted as a call without a parent
}

func (db *database) start(ctx context.Context, operation, statement string) call {
	c := call{ctx: ctx, db: db, statement: statement, orphan: !db.wrapper.MayRecord(ctx)}
	if c.orphan {
		return c
	}
	c.recorded = db.wrapper.Start(ctx, spanutil.Local, func() gaptrace.Call {
		c.wait = db.endPoolWait(ctx)
		return db.describe(operation, statement)
	})
	c.wait.reportWith(c.recorded)
	return c
}

// describe returns what options' functions get. Without one, the Request would be an allocation for
// nothing.
func (db *database) describe(operation, statement string) gaptrace.Call {
	what := gaptrace.Call{Component: component, Operation: operation}
	if db.wrapper.HasHooks() {
		what.Request = &Request{&db.target, statement}
	}
	return what
}

// show returns statement as spans show it.
func (db *database) show(statement string) string {
	return sqltext.Statement(statement, db.target.Type)
}

// within returns the context for the driver's work.
func (c call) within() context.Context {
	if c.recorded == nil {
		ctx, _ := c.db.wrapper.Unrecorded(c.ctx)
		return ctx
	}
	return c.recorded.Within(c.ctx)
}

// run calls do, which calls the driver, and returns its result.
func run[T any](c call, do func(ctx context.Context) (T, error)) (T, error) {
	defer c.recorded.Release() // after unwound: nothing else has the call
	defer c.unwound()
	result, err := do(c.within())
	c.finish(err)
	return result, err
}

// runQuery is run for a call that returns rows.
func runQuery(c call, do func(ctx context.Context) (driver.Rows, error)) (driver.Rows, error) {
	defer c.unwound()
	result, err := do(c.within())
	if err != nil || result == nil || !c.recorded.Answered(spanutil.Rows) {
		c.finish(err)
		return result, err // an unsampled call returns the driver's own rows
	}
	c.tagSpan()
	rows := watch(result, c)
	c.db.abandonForgotten(c.recorded.Started())
	return rows, nil
}

// finish ends a call that has no rows.
func (c call) finish(err error) {
	if c.orphan && err != driver.ErrSkip && !c.retried(err) { //nolint:errorlint // database/sql compares it so
		c.db.wrapper.NoParent()
	}
	switch {
	case err == driver.ErrSkip: //nolint:errorlint // database/sql compares it so
		c.wait.discard(c.recorded)
	case !c.recorded.Answered(spanutil.Uncounted): // ends the call's time before any hook runs; false: not sampled
	case c.retried(err):
		c.tagSpan()
		c.recorded.Finish(nil) // no failure: the next attempt has a span of its own
	default:
		c.tagSpan()
		c.recorded.Finish(c.failure(err))
	}
	if c.retried(err) {
		c.wait.restart()
	}
}

// retried reports whether database/sql may retry after err.
func (c call) retried(err error) bool { return errors.Is(err, driver.ErrBadConn) && !c.final }

// tagSpan tags the span of a sampled call.
func (c call) tagSpan() {
	for _, t := range c.db.tags {
		c.recorded.TagText(t.key, t.value)
	}
	c.recorded.ShownStatement(c.statement, c.db.shown, c.db.show)
}

// failure returns err with a redacted text, or nil if err is nil or the end of the rows.
func (c call) failure(err error) error {
	if err == nil || err == io.EOF { //nolint:errorlint // database/sql compares it so
		return nil
	}
	return spanutil.Redacted(err, func(message string) string {
		if c.dsn != "" {
			return sqltext.ConnectError(message, c.dsn)
		}
		return sqltext.Error(message, c.statement)
	})
}

// unwound, deferred, ends the call if the driver panics or calls runtime.Goexit.
func (c call) unwound() {
	if !c.recorded.InFirstWait() {
		return
	}
	if c.recorded.Answered(spanutil.Uncounted) {
		c.tagSpan()
	}
	c.recorded.Finish(spanutil.ErrUnwound)
}
