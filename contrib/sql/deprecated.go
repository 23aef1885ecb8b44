package gapsql

//lint:file-ignore SA1019 drivers from before Go 1.8 have nothing but these, and database/sql uses them still.

import (
	"context"
	"database/sql/driver"
	"errors"
)

// What takes no context and no names is used as database/sql uses it, with the same errors: only
// where the driver has nothing newer, and not when the context has ended already.

// fast reports which statements raw runs without preparing them.
func fast(raw driver.Conn) (execs, queries bool) {
	switch raw.(type) {
	case driver.ExecerContext, driver.Execer:
		execs = true
	}
	switch raw.(type) {
	case driver.QueryerContext, driver.Queryer:
		queries = true
	}
	return execs, queries
}

func (e execer) execWithout(ctx context.Context, query string, named []driver.NamedValue) (result driver.Result, err error) {
	args, err := values(ctx, named)
	if err != nil {
		return nil, err
	}
	return e.exec(ctx, query, args)
}

func (e execer) exec(ctx context.Context, query string, args []driver.Value) (result driver.Result, err error) {
	err = e.on.db.begin(ctx, "sql exec", query).record(func() (err error) {
		result, err = e.on.Conn.(driver.Execer).Exec(query, args)
		return err
	})
	return result, err
}

func (q queryer) queryWithout(ctx context.Context, query string, named []driver.NamedValue) (driver.Rows, error) {
	args, err := values(ctx, named)
	if err != nil {
		return nil, err
	}
	return q.query(ctx, query, args)
}

func (q queryer) query(ctx context.Context, query string, args []driver.Value) (driver.Rows, error) {
	return q.on.db.begin(ctx, "sql query", query).recordRows(func() (driver.Rows, error) {
		return q.on.Conn.(driver.Queryer).Query(query, args)
	})
}

// Exec implements driver.Execer, for who asks a connection that (*sql.Conn).Raw handed out for it. database/sql does not.
func (e execer) Exec(query string, args []driver.Value) (driver.Result, error) {
	if _, ok := e.on.Conn.(driver.Execer); !ok {
		return e.ExecContext(context.Background(), query, named(args))
	}
	return e.exec(context.Background(), query, args)
}

// Query implements driver.Queryer, likewise.
func (q queryer) Query(query string, args []driver.Value) (driver.Rows, error) {
	if _, ok := q.on.Conn.(driver.Queryer); !ok {
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

func (s *stmt) execWithout(ctx context.Context, named []driver.NamedValue) (result driver.Result, err error) {
	args, err := values(ctx, named)
	if err != nil {
		return nil, err
	}
	err = s.begin(ctx, "sql exec").record(func() (err error) {
		result, err = s.Exec(args)
		return err
	})
	return result, err
}

func (s *stmt) queryWithout(ctx context.Context, named []driver.NamedValue) (driver.Rows, error) {
	args, err := values(ctx, named)
	if err != nil {
		return nil, err
	}
	return s.begin(ctx, "sql query").recordRows(func() (driver.Rows, error) { return s.Query(args) })
}

func values(ctx context.Context, named []driver.NamedValue) ([]driver.Value, error) {
	args := make([]driver.Value, len(named))
	for i, value := range named {
		if value.Name != "" {
			return nil, errors.New("sql: driver does not support the use of Named Parameters")
		}
		args[i] = value.Value
	}
	if ended(ctx) {
		return nil, ctx.Err()
	}
	return args, nil
}

// ended asks as database/sql does: by Done, which a context of somebody's own may answer otherwise than by Err.
func ended(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return true
	default:
		return false
	}
}

func beginWithout(ctx context.Context, raw driver.Conn) (driver.Tx, error) {
	begun, err := raw.Begin()
	if err == nil && ended(ctx) {
		_ = begun.Rollback()
		return nil, ctx.Err()
	}
	return begun, err
}

// stmtColumns is a statement whose driver converts arguments by column. It has a type of its own
// because what database/sql does where there is no converter is not quite what any converter does.
type stmtColumns struct {
	stmt
	columns driver.ColumnConverter
}

func (s *stmtColumns) ColumnConverter(index int) driver.ValueConverter {
	return s.columns.ColumnConverter(index)
}

func wrapStmt(raw driver.Stmt, on *conn, query string) driver.Stmt {
	s := stmt{raw, on, Request{&on.db.target, query}}
	if columns, ok := raw.(driver.ColumnConverter); ok {
		return &stmtColumns{s, columns}
	}
	return &s
}
