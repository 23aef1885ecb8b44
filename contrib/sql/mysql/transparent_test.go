package gapmysql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace"
	gapmysql "github.com/gaptrace/gaptrace/contrib/sql/mysql"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
	"github.com/go-sql-driver/mysql"
)

func TestMalformedDSN(t *testing.T) {
	for _, dsn := range []string{
		"user:secret", "user:secret@tcp(host/", "/db?parseTime=maybe", "user@own/", "/d%b",
		"/?tls=none", "", "/",
	} {
		raw, rawErr := sql.Open("mysql", dsn)
		wrapped, err := gapmysql.Open(dsn)
		if fmt.Sprint(rawErr) != fmt.Sprint(err) || reflect.TypeOf(rawErr) != reflect.TypeOf(err) {
			t.Errorf("%s: raw: %v, wrapped: %v", dsn, rawErr, err)
		}
		if err == nil {
			if raw, wrapped := raw.Driver(), wrapped.Driver(); reflect.TypeOf(raw) != reflect.TypeOf(wrapped) {
				t.Errorf("raw: %T, wrapped: %T", raw, wrapped)
			}
			raw.Close()
			wrapped.Close()
		}
	}
	cfg := &mysql.Config{Net: "own"}
	_, rawErr := mysql.NewConnector(cfg)
	if _, err := gapmysql.NewConnector(cfg); fmt.Sprint(err) != fmt.Sprint(rawErr) {
		t.Errorf("raw: %v, wrapped: %v", rawErr, err)
	}
}

func TestTransparent(t *testing.T) {
	server := servers.MariaDB(t)
	for _, params := range []string{
		"", "?interpolateParams=true",
		"?parseTime=true&clientFoundRows=true&multiStatements=true",
	} {
		dsn := server.DSN("mysql") + params
		raw, err := sql.Open("mysql", dsn)
		if err != nil {
			t.Fatal(err)
		}
		want := observe(t, raw)
		for name, opts := range map[string][]gaptrace.Option{
			"not recorded": {},
			"recorded":     {gaptrace.WithTracer(spantest.NewTracer()), gaptrace.WithRoots()},
		} {
			wrapped, err := gapmysql.Open(dsn, opts...)
			if err != nil {
				t.Fatal(err)
			}
			if got := observe(t, wrapped); got != want {
				t.Errorf("%s, %s: raw:\n%s\nwrapped:\n%s", params, name, want, got)
			}
		}
	}
}

// observe uses db and closes it. It returns what a program sees.
func observe(t *testing.T, db *sql.DB) string {
	defer db.Close()
	db.SetMaxOpenConns(1) // which has the temporary table
	o := &observer{ctx: t.Context(), db: db}
	o.see(db.PingContext(o.ctx))
	o.useStatements()
	o.useTransactions()
	o.usePrepared()
	o.useConnection()
	return o.seen.String()
}

// observer is a program that notes what it sees of its database.
type observer struct {
	ctx  context.Context
	db   *sql.DB
	seen strings.Builder
}

func (o *observer) see(values ...any) {
	for _, v := range values {
		if err, ok := v.(error); ok {
			fmt.Fprintf(&o.seen, "%T %v ", err, err)
		} else {
			fmt.Fprintf(&o.seen, "%#v ", v)
		}
	}
	o.seen.WriteByte('\n')
}

func (o *observer) useStatements() {
	o.exec("CREATE TEMPORARY TABLE t (id BIGINT UNSIGNED PRIMARY KEY AUTO_INCREMENT, d DECIMAL(10, 2), at DATETIME, s VARCHAR(9))")
	o.exec("INSERT INTO t VALUES (?, ?, ?, ?)", uint64(1)<<62, "1.25", "2026-01-02 03:04:05", nil)
	o.exec("INSERT INTO t (s) VALUES (?), (?)", []byte("a"), true)
	o.exec("INSERT INTO t (s) VALUES (?)", struct{}{})
	o.exec("INSERT INTO t (s) VALUES (?)", sql.Named("s", 1))
	o.exec("INSERT INTO t (s) VALUES (?)", 1, 2)
	o.exec("INSERT INTO t (id) VALUES (?)", uint64(1)<<62)
	o.exec("INSERT INTO t (id) VALUES (?)", uint64(1)<<63)
	o.exec("no sql")
	o.query("SELECT * FROM t WHERE id > ? OR id IS NOT NULL ORDER BY id", 1)
	o.query("SELECT * FROM t ORDER BY id")
	o.query("SELECT 1; SELECT 2, 'x' FROM t")
	o.query("SELECT * FROM nowhere")
}

func (o *observer) exec(query string, args ...any) {
	r, err := o.db.ExecContext(o.ctx, query, args...)
	if err != nil {
		o.see(query, err)
		return
	}
	id, idErr := r.LastInsertId()
	n, err := r.RowsAffected()
	o.see(query, id, idErr, n, err)
}

func (o *observer) query(query string, args ...any) {
	rows, err := o.db.QueryContext(o.ctx, query, args...)
	if err != nil {
		o.see(query, err)
		return
	}
	for more := true; more; more = rows.NextResultSet() {
		types, err := rows.ColumnTypes()
		o.see(query, err)
		for _, c := range types {
			length, hasLength := c.Length()
			precision, scale, ok := c.DecimalSize()
			null, hasNull := c.Nullable()
			o.see(c.Name(), c.DatabaseTypeName(), fmt.Sprint(c.ScanType()), length, hasLength, precision, scale, ok, null,
				hasNull)
		}
		row := make([]any, len(types))
		for i := range row {
			row[i] = new(any)
		}
		for rows.Next() {
			o.see(rows.Scan(row...))
			for _, v := range row {
				o.see(*v.(*any))
			}
		}
	}
	o.see(rows.Err(), rows.Close())
}

func (o *observer) useTransactions() {
	for _, opts := range []*sql.TxOptions{
		nil,
		{ReadOnly: true},
		{Isolation: sql.LevelSerializable},
		{Isolation: sql.LevelLinearizable},
	} {
		tx, err := o.db.BeginTx(o.ctx, opts)
		o.see(err)
		if err == nil {
			_, err := tx.ExecContext(o.ctx, "UPDATE mysql.user SET user = 'x' WHERE 1 = 0")
			o.see(err, tx.Commit(), tx.Rollback())
		}
	}
}

func (o *observer) usePrepared() {
	prepared, err := o.db.PrepareContext(o.ctx, "SELECT id FROM t WHERE id = ?")
	o.see(err)
	var id uint64
	o.see(prepared.QueryRowContext(o.ctx, uint64(1)<<63).Scan(&id), id, prepared.Close())
}

// useConnection sees a cancelled context, and a connection that the program declares bad.
func (o *observer) useConnection() {
	gone, cancel := context.WithCancel(o.ctx)
	cancel()
	_, err := o.db.ExecContext(gone, "SELECT 1")
	o.see(err)
	conn, err := o.db.Conn(o.ctx)
	o.see(err)
	o.see(conn.Raw(func(c any) error {
		_, validates := c.(driver.Validator)
		_, resets := c.(driver.SessionResetter)
		o.see(validates, resets)
		return driver.ErrBadConn
	}))
	o.see(conn.PingContext(o.ctx))
	o.see(o.db.PingContext(o.ctx))
}
