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

// Request is what gaptrace.Call.Request holds, as a *Request, in every call of this package.
type Request struct {
	// Target is the database, as far as the wrapper was told of it. It is never nil.
	Target *Target

	// Statement is the SQL text as the program wrote it, with its literals and secrets. It is empty
	// where a call has none, as when a transaction begins.
	Statement string
}

// database is what a wrapped connector, its connections and their statements share: how their
// calls are recorded, and what is told of where they go.
type database struct {
	wrapper *spanutil.Wrapper
	target  Target
	tags    []tag
	unread  unread // open rows of one connector, which is closed with its sql.DB
}

// tag is a tag of every span. Its value is boxed once, not once per span.
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

// call is one call to the driver, recorded or not. Its span is opened when the driver has answered
// and not before: only then is it known whether there was a call, or driver.ErrSkip.
type call struct {
	*spanutil.Call // nil: not recorded
	db             *database
	request        *Request
	entered        *entered // nil: not through a DB
	dsn            string   // what the driver's error may quote and no span may tell
}

func (db *database) begin(ctx context.Context, operation, statement string) call {
	return db.beginRequest(ctx, operation, func() *Request { return &Request{&db.target, statement} })
}

// beginRequest calls request only if the call may be recorded.
func (db *database) beginRequest(ctx context.Context, operation string, request func() *Request) call {
	c := call{db: db}
	c.Call = db.wrapper.Start(ctx, spanutil.Local, func() gaptrace.Call {
		if ctx != nil {
			c.entered = db.arrived(ctx)
		}
		c.request = request()
		return gaptrace.Call{Component: component, Operation: operation, Request: c.request}
	})
	c.entered.takeAlong(c.Call)
	return c
}

// record runs do, the call to the driver, and gives back its error.
func (c call) record(do func() error) error {
	if c.Call == nil {
		err := do()
		if errors.Is(err, driver.ErrBadConn) {
			c.entered.again()
		}
		return err
	}
	defer c.unwound()
	err := do()
	c.finish(err)
	return err
}

// recordRows is record for a call whose result is still to be consumed.
func (c call) recordRows(do func() (driver.Rows, error)) (driver.Rows, error) {
	if c.Call == nil {
		result, err := do()
		if errors.Is(err, driver.ErrBadConn) {
			c.entered.again()
		}
		return result, err
	}
	defer c.unwound()
	result, err := do()
	if err != nil || result == nil {
		c.finish(err)
		return result, err
	}
	if !c.Answered(spanutil.Rows) { // nobody will look at the waits: the driver's rows will do
		return result, nil
	}
	c.describe()
	c.db.unread.add(c.Call)
	return watch(result, c), nil
}

// finish ends a call whose only wait is over. An ErrSkip is no call: database/sql prepares a
// statement instead. On ErrBadConn the pool tries again, and the next attempt has a span too.
func (c call) finish(err error) {
	switch {
	case err == driver.ErrSkip: //nolint:errorlint // database/sql compares it so
		c.entered.discard(c.Call)
	case !c.Answered(spanutil.Uncounted): // the wait ends here, not after what follows
	case errors.Is(err, driver.ErrBadConn):
		c.describe()
		c.Finish(nil)
		c.entered.again()
	default:
		c.describe()
		c.Finish(c.failure(err))
	}
}

// describe tags the span of a sampled call.
func (c call) describe() {
	for _, t := range c.db.tags {
		c.Tag(t.key, t.value)
	}
	c.Statement(sqltext.Statement(c.request.Statement, c.db.target.Type))
}

// failure is err as it may be recorded, nil where it is the end of the rows.
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

// unwound, deferred around the driver's code, ends the call while a panic passes through.
func (c call) unwound() {
	if !c.InFirstWait() {
		return
	}
	if c.Answered(spanutil.Uncounted) {
		c.describe()
	}
	c.Finish(spanutil.ErrUnwound)
}
