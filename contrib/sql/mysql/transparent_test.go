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
	db.SetMaxOpenConns(1)
	ctx := t.Context()
	var b strings.Builder
	see := func(values ...any) {
		for _, v := range values {
			if err, ok := v.(error); ok {
				fmt.Fprintf(&b, "%T %v ", err, err)
			} else {
				fmt.Fprintf(&b, "%#v ", v)
			}
		}
		b.WriteByte('\n')
	}
	exec := func(query string, args ...any) {
		r, err := db.ExecContext(ctx, query, args...)
		if err != nil {
			see(query, err)
			return
		}
		id, idErr := r.LastInsertId()
		n, err := r.RowsAffected()
		see(query, id, idErr, n, err)
	}
	query := func(query string, args ...any) {
		rows, err := db.QueryContext(ctx, query, args...)
		if err != nil {
			see(query, err)
			return
		}
		for more := true; more; more = rows.NextResultSet() {
			types, err := rows.ColumnTypes()
			see(query, err)
			for _, c := range types {
				length, hasLength := c.Length()
				precision, scale, ok := c.DecimalSize()
				null, hasNull := c.Nullable()
				see(c.Name(), c.DatabaseTypeName(), fmt.Sprint(c.ScanType()), length, hasLength, precision, scale, ok, null,
					hasNull)
			}
			row := make([]any, len(types))
			for i := range row {
				row[i] = new(any)
			}
			for rows.Next() {
				see(rows.Scan(row...))
				for _, v := range row {
					see(*v.(*any))
				}
			}
		}
		see(rows.Err(), rows.Close())
	}
	see(db.PingContext(ctx))
	exec("CREATE TEMPORARY TABLE t (id BIGINT UNSIGNED PRIMARY KEY AUTO_INCREMENT, d DECIMAL(10, 2), at DATETIME, s VARCHAR(9))")
	exec("INSERT INTO t VALUES (?, ?, ?, ?)", uint64(1)<<62, "1.25", "2026-01-02 03:04:05", nil)
	exec("INSERT INTO t (s) VALUES (?), (?)", []byte("a"), true)
	exec("INSERT INTO t (s) VALUES (?)", struct{}{})
	exec("INSERT INTO t (s) VALUES (?)", sql.Named("s", 1))
	exec("INSERT INTO t (s) VALUES (?)", 1, 2)
	exec("INSERT INTO t (id) VALUES (?)", uint64(1)<<62)
	exec("INSERT INTO t (id) VALUES (?)", uint64(1)<<63)
	exec("no sql")
	query("SELECT * FROM t WHERE id > ? OR id IS NOT NULL ORDER BY id", 1)
	query("SELECT * FROM t ORDER BY id")
	query("SELECT 1; SELECT 2, 'x' FROM t")
	query("SELECT * FROM nowhere")
	for _, opts := range []*sql.TxOptions{
		nil,
		{ReadOnly: true},
		{Isolation: sql.LevelSerializable},
		{Isolation: sql.LevelLinearizable},
	} {
		tx, err := db.BeginTx(ctx, opts)
		see(err)
		if err == nil {
			_, err := tx.ExecContext(ctx, "UPDATE mysql.user SET user = 'x' WHERE 1 = 0")
			see(err, tx.Commit(), tx.Rollback())
		}
	}
	prepared, err := db.PrepareContext(ctx, "SELECT id FROM t WHERE id = ?")
	see(err)
	var id uint64
	see(prepared.QueryRowContext(ctx, uint64(1)<<63).Scan(&id), id, prepared.Close())

	gone, cancel := context.WithCancel(ctx)
	cancel()
	_, err = db.ExecContext(gone, "SELECT 1")
	see(err)
	conn, err := db.Conn(ctx)
	see(err)
	see(conn.Raw(func(c any) error {
		_, validates := c.(driver.Validator)
		_, resets := c.(driver.SessionResetter)
		see(validates, resets)
		return driver.ErrBadConn
	}))
	see(conn.PingContext(ctx))
	see(db.PingContext(ctx))
	return b.String()
}
