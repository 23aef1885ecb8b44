package gapsql

import (
	"context"
	"database/sql/driver"
)

// stmt is a prepared statement, which many calls may share: each is recorded under the span of its
// own context, whether or not the prepare was. Close is not covered: it has no context to find a span in.
type stmt struct {
	driver.Stmt
	on      *conn
	request Request
}

var (
	_ driver.StmtExecContext   = (*stmt)(nil)
	_ driver.StmtQueryContext  = (*stmt)(nil)
	_ driver.NamedValueChecker = (*stmt)(nil)
)

func (s *stmt) begin(ctx context.Context, operation string) call {
	return s.on.db.beginRequest(ctx, operation, func() *Request { return &s.request })
}

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (result driver.Result, err error) {
	raw, ok := s.Stmt.(driver.StmtExecContext)
	if !ok {
		return s.execWithout(ctx, args)
	}
	err = s.begin(ctx, "sql exec").record(func() (err error) {
		result, err = raw.ExecContext(ctx, args)
		return err
	})
	return result, err
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	raw, ok := s.Stmt.(driver.StmtQueryContext)
	if !ok {
		return s.queryWithout(ctx, args)
	}
	return s.begin(ctx, "sql query").recordRows(func() (driver.Rows, error) { return raw.QueryContext(ctx, args) })
}

// CheckNamedValue asks whom database/sql would ask: the statement, or else its connection.
func (s *stmt) CheckNamedValue(value *driver.NamedValue) error {
	if checker, ok := s.Stmt.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(value)
	}
	return s.on.CheckNamedValue(value)
}
