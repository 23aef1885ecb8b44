package gapsql

//lint:file-ignore SA1019 drivers from before Go 1.8 have only these, and database/sql uses them.

import (
	"context"
	"database/sql/driver"
	"errors"
)

// The drivers' methods in this file take neither a context nor named arguments. They are called as
// database/sql calls them: only if the driver has no newer method, not after the context has ended,
// and with the same errors.

// runsDirectly reports whether raw can exec and query without a prepared statement.
func runsDirectly(raw driver.Conn) (execs, queries bool) {
	_, execs = raw.(driver.ExecerContext)
	_, execsOld := raw.(driver.Execer)
	_, queries = raw.(driver.QueryerContext)
	_, queriesOld := raw.(driver.Queryer)
	return execs || execsOld, queries || queriesOld
}

func (e execer) exec(ctx context.Context, query string, args []driver.Value) (driver.Result, error) {
	raw := e.Conn.(driver.Execer)
	sent := e.db.commented(ctx, query)
	return run(e.db.start(ctx, "sql exec", query), func(context.Context) (driver.Result, error) {
		return raw.Exec(sent, args)
	})
}

// Exec implements driver.Execer, for programs that call it in (*sql.Conn).Raw. database/sql does
// not call it.
func (e execer) Exec(query string, args []driver.Value) (driver.Result, error) {
	if _, ok := e.Conn.(driver.Execer); !ok {
		return e.ExecContext(context.Background(), query, named(args))
	}
	return e.exec(context.Background(), query, args)
}

func (q queryer) query(ctx context.Context, query string, args []driver.Value) (driver.Rows, error) {
	raw := q.Conn.(driver.Queryer)
	sent := q.db.commented(ctx, query)
	return runQuery(q.db.start(ctx, "sql query", query), func(context.Context) (driver.Rows, error) {
		return raw.Query(sent, args)
	})
}

// Query implements driver.Queryer, for such programs too.
func (q queryer) Query(query string, args []driver.Value) (driver.Rows, error) {
	if _, ok := q.Conn.(driver.Queryer); !ok {
		return q.QueryContext(context.Background(), query, named(args))
	}
	return q.query(context.Background(), query, args)
}

func named(args []driver.Value) []driver.NamedValue {
	named := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: arg}
	}
	return named
}

func (s *stmt) exec(ctx context.Context, args []driver.Value) (driver.Result, error) {
	return run(s.start(ctx, "sql exec"), func(context.Context) (driver.Result, error) {
		return s.Exec(args)
	})
}

func (s *stmt) query(ctx context.Context, args []driver.Value) (driver.Rows, error) {
	return runQuery(s.start(ctx, "sql query"), func(context.Context) (driver.Rows, error) {
		return s.Query(args)
	})
}

// withValues calls do, which takes neither a context nor named arguments, as database/sql does.
func withValues[T any](
	ctx context.Context, named []driver.NamedValue, do func(args []driver.Value) (T, error),
) (result T, err error) {
	args := make([]driver.Value, len(named))
	for i, value := range named {
		if value.Name != "" {
			return result, errors.New("sql: driver does not support the use of Named Parameters")
		}
		args[i] = value.Value
	}
	if ended(ctx) {
		return result, ctx.Err()
	}
	return do(args)
}

// ended reports whether ctx has ended. It asks Done, as database/sql does, since Err of an unusual
// context may differ.
func ended(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return true
	default:
		return false
	}
}

func beginWithoutContext(ctx context.Context, raw driver.Conn) (driver.Tx, error) {
	begun, err := raw.Begin()
	if err == nil && ended(ctx) {
		_ = begun.Rollback()
		return nil, ctx.Err()
	}
	return begun, err
}

// stmtColumns is a statement whose driver converts arguments by column. It has its own type: no
// ColumnConverter converts exactly as database/sql does without one.
type stmtColumns struct {
	stmt
	columns driver.ColumnConverter
}

func (s *stmtColumns) ColumnConverter(index int) driver.ValueConverter {
	return s.columns.ColumnConverter(index)
}

func wrapStmt(raw driver.Stmt, c *conn, query string) driver.Stmt {
	s := stmt{raw, c, query}
	if columns, ok := raw.(driver.ColumnConverter); ok {
		return &stmtColumns{s, columns}
	}
	return &s
}
