package gapsql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"testing"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/gaptrace/gaptrace/internal/spantest/cost"
)

// instant is a driver that answers at once and notes nothing.
type instant struct{ rows int }

type instantConn struct {
	driver.Conn
	rows int
}

type instantRows struct{ left int }

func (i instant) Connect(context.Context) (driver.Conn, error) {
	return &instantConn{rows: i.rows}, nil
}
func (i instant) Driver() driver.Driver { return nil }

func (c *instantConn) Close() error { return nil }

func (c *instantConn) PrepareContext(context.Context, string) (driver.Stmt, error) {
	return instantStmt{rows: c.rows}, nil
}

func (c *instantConn) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return driver.ResultNoRows, nil
}

func (c *instantConn) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return &instantRows{c.rows}, nil
}

type instantStmt struct {
	driver.Stmt
	rows int
}

func (instantStmt) Close() error  { return nil }
func (instantStmt) NumInput() int { return -1 }

func (instantStmt) ExecContext(context.Context, []driver.NamedValue) (driver.Result, error) {
	return driver.ResultNoRows, nil
}

func (s instantStmt) QueryContext(context.Context, []driver.NamedValue) (driver.Rows, error) {
	return &instantRows{s.rows}, nil
}

var columns = []string{"id"}

func (r *instantRows) Columns() []string { return columns }
func (r *instantRows) Close() error      { return nil }

func (r *instantRows) Next(dest []driver.Value) error {
	if r.left == 0 {
		return io.EOF
	}
	r.left--
	dest[0] = nil
	return nil
}

var target = gapsql.Target{Type: "mysql", Instance: "orders", User: "shop", Address: "db.example.com:3306"}

const benchQuery = "SELECT id, name, price FROM products WHERE shop = ? AND price < ? ORDER BY name LIMIT 20"

// compare measures a call on a driver's connection, without the time of database/sql.
func compare(b *testing.B, rows int, call func(context.Context, driver.Conn)) {
	raw, _ := instant{rows}.Connect(b.Context())
	wrapped, _ := gapsql.WrapTarget(instant{rows}, target).Connect(b.Context())
	cost.Run(b, func(ctx context.Context) { call(ctx, raw) }, func(ctx context.Context) { call(ctx, wrapped) }, nil)
}

func BenchmarkExec(b *testing.B) {
	compare(b, 0, func(ctx context.Context, c driver.Conn) {
		_, _ = c.(driver.ExecerContext).ExecContext(ctx, benchQuery, nil)
	})
}

func BenchmarkPrepare(b *testing.B) {
	compare(b, 0, func(ctx context.Context, c driver.Conn) {
		_, _ = c.(driver.ConnPrepareContext).PrepareContext(ctx, benchQuery)
	})
}

func BenchmarkQueryOneRow(b *testing.B)       { benchmarkQuery(b, 1) }
func BenchmarkQueryThousandRows(b *testing.B) { benchmarkQuery(b, 1000) }

func benchmarkQuery(b *testing.B, n int) { compare(b, n, query) }

func query(ctx context.Context, c driver.Conn) {
	dest := make([]driver.Value, 1)
	r, _ := c.(driver.QueryerContext).QueryContext(ctx, benchQuery, nil)
	for r.Next(dest) == nil {
	}
	_ = r.Close()
}

// A million rows take so long that other work of the machine looks like waits.
func BenchmarkQueryMillionRows(b *testing.B) {
	raw, _ := instant{1_000_000}.Connect(b.Context())
	wrapped, _ := gapsql.WrapTarget(instant{1_000_000}, target).Connect(b.Context())
	cost.InTurn(b, func(ctx context.Context) { query(ctx, raw) }, func(ctx context.Context) { query(ctx, wrapped) })
}

func BenchmarkPreparedQueryOneRow(b *testing.B) {
	dest := make([]driver.Value, 1)
	prepared := func(c driver.Connector) func(context.Context) {
		conn, _ := c.Connect(b.Context())
		stmt, _ := conn.(driver.ConnPrepareContext).PrepareContext(b.Context(), benchQuery)
		return func(ctx context.Context) {
			r, _ := stmt.(driver.StmtQueryContext).QueryContext(ctx, nil)
			for r.Next(dest) == nil {
			}
			_ = r.Close()
		}
	}
	cost.Run(b, prepared(instant{1}), prepared(gapsql.WrapTarget(instant{1}, target)), nil)
}

// The time that a program sees, through database/sql and WrapDB.
func BenchmarkExecThroughTheDatabaseAndItsPool(b *testing.B) {
	raw, wrapped := sql.OpenDB(instant{}), gapsql.WrapDB(sql.OpenDB(gapsql.WrapTarget(instant{}, target)))
	defer raw.Close()
	defer wrapped.Close()
	_ = wrapped.Ping()
	cost.Run(b, func(ctx context.Context) { _, _ = raw.ExecContext(ctx, benchQuery) },
		func(ctx context.Context) { _, _ = wrapped.ExecContext(ctx, benchQuery) }, nil)
}

// The time that a program sees, through database/sql.
func BenchmarkExecThroughTheDatabase(b *testing.B) {
	raw, wrapped := sql.OpenDB(instant{}), sql.OpenDB(gapsql.WrapTarget(instant{}, target))
	defer raw.Close()
	defer wrapped.Close()
	exec := func(db *sql.DB) func(context.Context) {
		return func(ctx context.Context) { _, _ = db.ExecContext(ctx, benchQuery) }
	}
	_ = wrapped.Ping() // connect outside of the measured call
	cost.Run(b, exec(raw), exec(wrapped), nil)
}

func BenchmarkHideLiterals(b *testing.B) {
	for b.Loop() {
		gapsql.HideLiterals(gaptrace.Call{}, benchQuery)
	}
}
