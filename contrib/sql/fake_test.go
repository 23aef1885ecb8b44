package gapsql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strings"
	"sync"
	"testing"
)

// fake is the connector of a database in memory. It answers every query with rows, and notes every
// call. shape, stmt and rows decide which optional interfaces its values have.
type fake struct {
	shape func(conn) driver.Conn
	stmt  func(stmt) driver.Stmt // nil: a bare one
	rows  func(*rows) driver.Rows
	fault func(call string) error // nil: none
	sets  [][]driver.Value        // result sets of one column

	mu    sync.Mutex
	calls []string
}

func (f *fake) Connect(context.Context) (driver.Conn, error) {
	if err := f.note("Connect"); err != nil {
		return nil, err
	}
	return f.shape(conn{f}), nil
}

func (f *fake) Driver() driver.Driver { return fakeDriver{f} }

// note notes a call, and returns the error with which the call must fail.
func (f *fake) note(format string, args ...any) error {
	call := fmt.Sprintf(format, args...)
	f.mu.Lock()
	f.calls = append(f.calls, call)
	f.mu.Unlock()
	if f.fault != nil {
		return f.fault(call)
	}
	return nil
}

func (f *fake) noted() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.calls, "\n") + "\n"
}

func (f *fake) db(t testing.TB, wrap func(driver.Connector) driver.Connector) *sql.DB {
	t.Helper()
	db := sql.OpenDB(wrap(f))
	t.Cleanup(func() { db.Close() })
	return db
}

// failOn returns a fault: the first n calls that begin with prefix fail with err.
func failOn(prefix string, n int, err error) func(string) error {
	return func(call string) error {
		if strings.HasPrefix(call, prefix) && n > 0 {
			n--
			return err
		}
		return nil
	}
}

// onReset returns a fault: the nth reset of a connection calls do and fails with its error.
func onReset(nth int, do func() error) func(string) error {
	n := 0
	return func(call string) error {
		if call == "ResetSession" {
			if n++; n == nth {
				return do()
			}
		}
		return nil
	}
}

// fakeDriver is a driver without connectors.
type fakeDriver struct{ f *fake }

func (d fakeDriver) Open(dsn string) (driver.Conn, error) {
	if err := d.f.note("Open %s", dsn); err != nil {
		return nil, err
	}
	return d.f.shape(conn(d)), nil
}

// A connection without optional methods, and its optional parts.
type (
	conn        struct{ f *fake }
	oldExecer   struct{ f *fake }
	oldQueryer  struct{ f *fake }
	execer      struct{ f *fake }
	queryer     struct{ f *fake }
	skipper     struct{ f *fake } // executes and queries, but not with arguments
	pinger      struct{ f *fake }
	preparer    struct{ f *fake }
	beginner    struct{ f *fake }
	resetter    struct{ f *fake }
	validator   struct{ f *fake }
	connChecker struct{ f *fake }
)

func (c conn) Prepare(query string) (driver.Stmt, error) { return c.f.prepare("Prepare", query) }
func (c conn) Close() error                              { return c.f.note("Close") }
func (c conn) Begin() (driver.Tx, error)                 { return tx(c), c.f.note("Begin") }

func (f *fake) prepare(method, query string) (driver.Stmt, error) {
	if err := f.note("%s %s", method, query); err != nil {
		return nil, err
	}
	if f.stmt == nil {
		return stmt{f, query}, nil
	}
	return f.stmt(stmt{f, query}), nil
}

func (f *fake) exec(method, query string, args any) (driver.Result, error) {
	if err := f.note("%s %s %#v", method, query, args); err != nil {
		return nil, err
	}
	return driver.RowsAffected(7), nil
}

func (f *fake) query(method, query string, args any) (driver.Rows, error) {
	if err := f.note("%s %s %#v", method, query, args); err != nil {
		return nil, err
	}
	r := &rows{f: f, sets: f.sets}
	if f.rows == nil {
		return r, nil
	}
	return f.rows(r), nil
}

func (e oldExecer) Exec(query string, args []driver.Value) (driver.Result, error) {
	return e.f.exec("Exec", query, args)
}

func (q oldQueryer) Query(query string, args []driver.Value) (driver.Rows, error) {
	return q.f.query("Query", query, args)
}

func (e execer) ExecContext(_ context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return e.f.exec("ExecContext", query, args)
}

func (q queryer) QueryContext(_ context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return q.f.query("QueryContext", query, args)
}

func (s skipper) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if len(args) > 0 {
		_ = s.f.note("skip %s", query)
		return nil, driver.ErrSkip
	}
	return execer(s).ExecContext(ctx, query, args)
}

func (s skipper) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if len(args) > 0 {
		_ = s.f.note("skip %s", query)
		return nil, driver.ErrSkip
	}
	return queryer(s).QueryContext(ctx, query, args)
}

func (p pinger) Ping(context.Context) error           { return p.f.note("Ping") }
func (r resetter) ResetSession(context.Context) error { return r.f.note("ResetSession") }

func (p preparer) PrepareContext(_ context.Context, query string) (driver.Stmt, error) {
	return p.f.prepare("PrepareContext", query)
}

func (b beginner) BeginTx(_ context.Context, opts driver.TxOptions) (driver.Tx, error) {
	return tx(b), b.f.note("BeginTx %v", opts)
}

func (v validator) IsValid() bool { return v.f.note("IsValid") == nil }

// CheckNamedValue accepts a uint64 with the high bit set, which database/sql refuses. It leaves
// strings to database/sql, and removes a remove.
func (c connChecker) CheckNamedValue(v *driver.NamedValue) error { return c.f.check("conn", v) }

type remove struct{}

func (f *fake) check(who string, v *driver.NamedValue) error {
	_ = f.note("%s checks %#v", who, v.Value)
	switch v.Value.(type) {
	case remove:
		return driver.ErrRemoveArgument
	case uint64:
		return nil
	case complex128:
		return errComplex
	}
	return driver.ErrSkip
}

var errComplex = errors.New("too complex")

type tx struct{ f *fake }

func (t tx) Commit() error   { return t.f.note("Commit") }
func (t tx) Rollback() error { return t.f.note("Rollback") }

type (
	stmt struct {
		f     *fake
		query string
	}
	stmtExecer  struct{ stmt }
	stmtQueryer struct{ stmt }
	stmtChecker struct{ f *fake }
	converter   struct{ f *fake }
)

func (s stmt) Close() error  { return s.f.note("Stmt.Close") }
func (s stmt) NumInput() int { return strings.Count(s.query, "?") }

func (s stmt) Exec(args []driver.Value) (driver.Result, error) {
	return s.f.exec("Stmt.Exec", s.query, args)
}

func (s stmt) Query(args []driver.Value) (driver.Rows, error) {
	return s.f.query("Stmt.Query", s.query, args)
}

func (s stmtExecer) ExecContext(_ context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.f.exec("Stmt.ExecContext", s.query, args)
}

func (s stmtQueryer) QueryContext(_ context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.f.query("Stmt.QueryContext", s.query, args)
}

func (c stmtChecker) CheckNamedValue(v *driver.NamedValue) error { return c.f.check("stmt", v) }

func (c converter) ColumnConverter(i int) driver.ValueConverter {
	_ = c.f.note("ColumnConverter %d", i)
	return converter{c.f}
}

func (c converter) ConvertValue(v any) (driver.Value, error) {
	if n, ok := v.(int64); ok {
		return n + 1000, nil
	}
	return driver.DefaultParameterConverter.ConvertValue(v)
}

// Rows without optional methods, and their optional parts.
type (
	rows struct {
		f    *fake
		sets [][]driver.Value
		at   int
	}
	setRows  struct{ *rows }
	typeRows struct{}
)

func (r *rows) Columns() []string { return []string{"c"} }
func (r *rows) Close() error      { return r.f.note("Rows.Close") }

func (r *rows) Next(dest []driver.Value) error {
	if err := r.f.note("Next %d", r.at); err != nil {
		return err
	}
	if len(r.sets) == 0 || r.at == len(r.sets[0]) {
		return io.EOF
	}
	dest[0] = r.sets[0][r.at]
	r.at++
	return nil
}

func (r setRows) HasNextResultSet() bool { return len(r.sets) > 1 }

func (r setRows) NextResultSet() error {
	if err := r.f.note("NextResultSet"); err != nil {
		return err
	}
	if len(r.sets) < 2 {
		return io.EOF
	}
	r.rows.sets, r.at = r.sets[1:], 0
	return nil
}

func (typeRows) ColumnTypeScanType(int) reflect.Type        { return reflect.TypeFor[int32]() }
func (typeRows) ColumnTypeDatabaseTypeName(int) string      { return "INT" }
func (typeRows) ColumnTypeLength(int) (int64, bool)         { return math.MaxInt64, true }
func (typeRows) ColumnTypeNullable(int) (nullable, ok bool) { return true, true }
func (typeRows) ColumnTypePrecisionScale(int) (precision, scale int64, ok bool) {
	return 10, 2, true
}

// modern has all optional parts, as most drivers have today.
func modern(c conn) driver.Conn {
	return struct {
		conn
		execer
		queryer
		pinger
		preparer
		beginner
		resetter
		validator
		connChecker
	}{c, execer(c), queryer(c), pinger(c), preparer(c), beginner(c), resetter(c), validator(c), connChecker(c)}
}

func modernStmt(s stmt) driver.Stmt {
	return struct {
		stmt
		stmtExecer
		stmtQueryer
		stmtChecker
		converter
	}{s, stmtExecer{s}, stmtQueryer{s}, stmtChecker{s.f}, converter{s.f}}
}

func modernRows(r *rows) driver.Rows {
	return struct {
		setRows
		typeRows
	}{setRows{r}, typeRows{}}
}
