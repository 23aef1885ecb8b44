package interop_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/opentracing/opentracing-go"
	_ "modernc.org/sqlite"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
)

// dialect is a driver, and what its database wants said in its own way.
type dialect struct {
	driver string
	dsn    func(t *testing.T) string // of a database that is empty
	param  func(i int) string
	blob   string // the type of bytes
}

var dialects = map[string]dialect{
	"modernc.org/sqlite": {
		driver: "sqlite",
		dsn:    func(t *testing.T) string { return filepath.Join(t.TempDir(), "db") },
		param:  func(int) string { return "?" },
		blob:   "BLOB",
	},
	"jackc/pgx": {
		driver: "pgx",
		dsn:    func(t *testing.T) string { return servers.PostgreSQL(t) },
		param:  func(i int) string { return fmt.Sprint("$", i) },
		blob:   "BYTEA",
	},
	"go-sql-driver/mysql": {
		driver: "mysql",
		dsn: func(t *testing.T) string {
			dsn := servers.MariaDB(t).DSN("")
			db, err := sql.Open("mysql", dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec("CREATE DATABASE shop"); err != nil {
				t.Fatal(err)
			}
			return dsn + "shop?parseTime=true"
		},
		param: func(int) string { return "?" },
		blob:  "BLOB",
	},
}

// use does with a database what programs do, and writes down what it sees.
func use(ctx context.Context, d dialect, db *sql.DB) string {
	var seen strings.Builder
	see := func(what string, values ...any) {
		for i, v := range values {
			if err, ok := v.(error); ok {
				values[i] = fmt.Sprintf("%T %v", err, err)
			} else {
				values[i] = fmt.Sprintf("%#v", v)
			}
		}
		fmt.Fprintln(&seen, append([]any{what}, values...)...)
	}
	result := func(what string, r sql.Result, err error) {
		if err != nil {
			see(what, err)
			return
		}
		rows, rowsErr := r.RowsAffected()
		id, idErr := r.LastInsertId()
		see(what, rows, rowsErr, id, idErr)
	}
	rows := func(what string, r *sql.Rows, err error) {
		if err != nil {
			see(what, err)
			return
		}
		defer r.Close()
		types, err := r.ColumnTypes()
		see(what, err)
		for _, c := range types {
			length, hasLength := c.Length()
			precision, scale, hasScale := c.DecimalSize()
			null, hasNull := c.Nullable()
			see("column", c.Name(), c.DatabaseTypeName(), fmt.Sprint(c.ScanType()), length, hasLength, precision, scale, hasScale, null, hasNull)
		}
		for r.Next() {
			values := make([]any, len(types))
			for i := range values {
				values[i] = new(any)
			}
			err := r.Scan(values...)
			for i := range values {
				values[i] = *values[i].(*any)
			}
			see("row", append(values, err)...)
		}
		see("end", r.Err(), r.NextResultSet(), r.Close())
	}
	p := d.param

	see("ping", db.PingContext(ctx))
	r, err := db.ExecContext(ctx, "CREATE TABLE book (id BIGINT PRIMARY KEY, title VARCHAR(20) NOT NULL, price NUMERIC(10,2), cover "+d.blob+")")
	result("create", r, err)
	insert := fmt.Sprintf("INSERT INTO book (id, title, price, cover) VALUES (%s, %s, %s, %s)", p(1), p(2), p(3), p(4))
	for id, args := range [][]any{
		{int64(1), "Emma", "9.99", []byte("cover")},
		{int64(2), "Persuasion", nil, nil},
		{int64(1), "Emma again", nil, nil},       // the key is there
		{int64(3), nil, nil, nil},                // a title must be
		{uint64(1) << 63, "too large", nil, nil}, // for the column, if not for the driver
		{int64(4), struct{}{}, nil, nil},         // no value
		{int64(5), "too few"},
		{int64(6), sql.Named("title", "Sanditon"), nil, nil},
	} {
		r, err := db.ExecContext(ctx, insert, args...)
		result(fmt.Sprint("insert ", id), r, err)
	}
	q, err := db.QueryContext(ctx, "SELECT * FROM book ORDER BY id")
	rows("query", q, err)
	q, err = db.QueryContext(ctx, "SELECT title FROM book WHERE id = "+p(1), 2)
	rows("query with an argument", q, err)
	q, err = db.QueryContext(ctx, "SELEC 1")
	rows("a query that is none", q, err)
	var title string
	see("row", db.QueryRowContext(ctx, "SELECT title FROM book WHERE id = "+p(1), 1).Scan(&title), title)
	see("no row", db.QueryRowContext(ctx, "SELECT title FROM book WHERE id = "+p(1), 99).Scan(&title))

	prepared, err := db.PrepareContext(ctx, "SELECT price FROM book WHERE id = "+p(1))
	see("prepare", err)
	for id := range 3 {
		q, err := prepared.QueryContext(ctx, id)
		rows("prepared", q, err)
	}
	see("close", prepared.Close(), prepared.Close())
	_, err = db.PrepareContext(ctx, "SELEC ?")
	see("prepare nothing", err)

	for _, opts := range []*sql.TxOptions{nil, {Isolation: sql.LevelSerializable}, {ReadOnly: true}, {Isolation: sql.LevelLinearizable}} {
		tx, err := db.BeginTx(ctx, opts)
		see("begin", err)
		if err != nil {
			continue
		}
		r, err := tx.ExecContext(ctx, "UPDATE book SET price = 5 WHERE id = "+p(1), 1)
		result("update", r, err)
		see("rollback", tx.Rollback(), tx.Commit())
	}
	tx, err := db.BeginTx(ctx, nil)
	see("begin", err)
	r, err = tx.StmtContext(ctx, mustPrepare(db, "UPDATE book SET price = 7 WHERE id = "+p(1))).ExecContext(ctx, 2)
	result("update", r, err)
	see("commit", tx.Commit())

	conn, err := db.Conn(ctx)
	see("conn", err)
	see("raw", conn.Raw(func(any) error { return errors.New("own") }), conn.Close())

	gone, cancel := context.WithCancel(ctx)
	cancel()
	_, err = db.QueryContext(gone, "SELECT 1")
	see("cancelled", err)
	tx, err = db.BeginTx(gone, nil)
	see("cancelled", tx == nil, err)

	late, cancel := context.WithCancel(ctx)
	q, err = db.QueryContext(late, "SELECT * FROM book ORDER BY id")
	see("query", err)
	see("first", q.Next())
	cancel()
	for q.Next() {
	}
	see("cancelled among the rows", q.Err() == nil || errors.Is(q.Err(), context.Canceled))
	q.Close()
	for db.Stats().InUse > 0 {
		time.Sleep(time.Millisecond)
	}
	see("driver", fmt.Sprintf("%T", db.Driver()))
	return seen.String()
}

func mustPrepare(db *sql.DB, query string) *sql.Stmt {
	prepared, err := db.Prepare(query)
	if err != nil {
		panic(err)
	}
	return prepared
}

func TestAnyDriverDoesWhatItDoesWithoutUs(t *testing.T) {
	for name, d := range dialects {
		t.Run(name, func(t *testing.T) {
			raw, err := sql.Open(d.driver, d.dsn(t))
			if err != nil {
				t.Fatal(err)
			}
			defer raw.Close()
			want := use(t.Context(), d, raw)

			tracer := spantest.NewTracer()
			db, err := gapsql.Open(d.driver, d.dsn(t), gaptrace.WithTracer(tracer))
			if err != nil {
				t.Fatal(err)
			}
			parent := tracer.StartSpan("parent")
			got := use(opentracing.ContextWithSpan(t.Context(), parent), d, db)
			db.Close()
			parent.Finish()
			if got != want {
				t.Errorf("raw:\n%s\nwrapped:\n%s", want, got)
			}
			if p := tracer.Problems(); p != nil {
				t.Error(p)
			}
			operations := map[string]int{}
			for _, s := range tracer.Spans() {
				operations[s.Operation]++
				if s.Tags["db.type"] != d.driver && s.Operation != "parent" && !s.IsWait() {
					t.Errorf("%s is of %v", s.Operation, s.Tags["db.type"])
				}
			}
			for _, operation := range []string{"sql ping", "sql exec", "sql query", "sql prepare", "sql begin", "sql commit", "sql rollback"} {
				if operations[operation] == 0 {
					t.Errorf("no %s among %v", operation, operations)
				}
			}
		})
	}
}
