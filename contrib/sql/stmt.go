package gapsql

import (
	"context"
	"database/sql/driver"
)

// stmt is a prepared statement. Each call of it is recorded under the span in that call's context,
// not under that of the prepare. Close is not recorded, since it has no context.
type stmt struct {
	driver.Stmt
	conn      *conn
	statement string
}

var (
	_ driver.StmtExecContext   = (*stmt)(nil)
	_ driver.StmtQueryContext  = (*stmt)(nil)
	_ driver.NamedValueChecker = (*stmt)(nil)
)

func (s *stmt) start(ctx context.Context, operation string) call {
	return s.conn.db.start(ctx, operation, s.statement)
}

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	raw, ok := s.Stmt.(driver.StmtExecContext)
	if !ok {
		return withValues(ctx, args, func(args []driver.Value) (driver.Result, error) { return s.exec(ctx, args) })
	}
	return run(s.start(ctx, "sql exec"), func(ctx context.Context) (driver.Result, error) {
		return raw.ExecContext(ctx, args)
	})
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	raw, ok := s.Stmt.(driver.StmtQueryContext)
	if !ok {
		return withValues(ctx, args, func(args []driver.Value) (driver.Rows, error) { return s.query(ctx, args) })
	}
	return runQuery(s.start(ctx, "sql query"), func(ctx context.Context) (driver.Rows, error) {
		return raw.QueryContext(ctx, args)
	})
}

// CheckNamedValue asks the statement or else its connection, as database/sql does.
func (s *stmt) CheckNamedValue(value *driver.NamedValue) error {
	if checker, ok := s.Stmt.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(value)
	}
	return s.conn.CheckNamedValue(value)
}
