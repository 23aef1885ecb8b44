package gapsql

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/redact"
	"github.com/gaptrace/gaptrace/internal/redact/sqltext"
	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/opentracing/opentracing-go/ext"
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

// database is what a connector shares with its connections and their statements.
type database struct {
	wrapper *spanutil.Wrapper
	target  Target
	tags    []tag
	open    openQueries // of one connector, which is closed with its sql.DB
}

// tag is a tag that every span has. Its value is converted to an interface once, not for each span.
type tag struct {
	key   string
	value any
}

func newDatabase(target Target, opts []gaptrace.Option) *database {
	db := &database{wrapper: spanutil.New(opts), target: target}
	for _, t := range []struct{ key, value string }{
		{string(ext.DBType), target.Type},
		{string(ext.DBInstance), target.Instance},
		{string(ext.DBUser), target.User},
		{string(ext.PeerAddress), target.Address},
	} {
		if t.value != "" {
			db.tags = append(db.tags, tag{t.key, redact.Text(t.value)}) // an address may be a URL
		}
	}
	return db
}

// call is one call to the driver, recorded or not. Its span is created after the driver has
// answered, since the answer driver.ErrSkip means that there was no call.
type call struct {
	*spanutil.Call // nil: not recorded
	db             *database
	request        *Request
	wait           *poolWait // nil: not through a DB, or not recorded
	dsn            string    // never recorded, but the driver's error may repeat it
	final          bool      // database/sql does not retry after driver.ErrBadConn
}

func (db *database) start(ctx context.Context, operation, statement string) call {
	return db.startRequest(ctx, operation, func() *Request { return &Request{&db.target, statement} })
}

// startRequest calls request only if the call may be recorded.
func (db *database) startRequest(ctx context.Context, operation string, request func() *Request) call {
	c := call{db: db}
	c.Call = db.wrapper.Start(ctx, spanutil.Local, func() gaptrace.Call {
		c.wait = db.endPoolWait(ctx)
		c.request = request()
		return gaptrace.Call{Component: component, Operation: operation, Request: c.request}
	})
	c.wait.reportWith(c.Call)
	return c
}

// run calls do, which calls the driver, and returns its result.
func run[T any](c call, do func() (T, error)) (T, error) {
	if c.Call == nil {
		result, err := do()
		c.afterBadConn(err)
		return result, err
	}
	defer c.unwound()
	result, err := do()
	c.finish(err)
	return result, err
}

// runQuery is run for a call that returns rows.
func runQuery(c call, do func() (driver.Rows, error)) (driver.Rows, error) {
	if c.Call == nil {
		return run(c, do)
	}
	defer c.unwound()
	result, err := do()
	if err != nil || result == nil || !c.Answered(spanutil.Rows) {
		c.finish(err)
		return result, err // an unsampled call returns the driver's own rows
	}
	c.describe()
	c.db.open.add(c.Call)
	return watch(result, c), nil
}

// finish ends a call that has no rows.
func (c call) finish(err error) {
	switch {
	case err == driver.ErrSkip: //nolint:errorlint // database/sql compares it so
		c.wait.discard(c.Call)
	case !c.Answered(spanutil.Uncounted): // ends the call's time before any hook runs; false: not sampled
	case c.retried(err):
		c.describe()
		c.Finish(nil) // no failure: the next attempt has a span of its own
	default:
		c.describe()
		c.Finish(c.failure(err))
	}
	c.afterBadConn(err)
}

// retried reports whether database/sql may retry after err.
func (c call) retried(err error) bool { return errors.Is(err, driver.ErrBadConn) && !c.final }

// afterBadConn begins another wait for the pool if database/sql may retry.
func (c call) afterBadConn(err error) {
	if c.retried(err) {
		c.wait.restart()
	}
}

// describe tags the span of a sampled call.
func (c call) describe() {
	for _, t := range c.db.tags {
		c.Tag(t.key, t.value)
	}
	c.Statement(sqltext.Statement(c.request.Statement, c.db.target.Type))
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
		return sqltext.Error(message, c.request.Statement)
	})
}

// unwound, deferred, ends the call if the driver panics or calls runtime.Goexit.
func (c call) unwound() {
	if !c.InFirstWait() {
		return
	}
	if c.Answered(spanutil.Uncounted) {
		c.describe()
	}
	c.Finish(spanutil.ErrUnwound)
}
