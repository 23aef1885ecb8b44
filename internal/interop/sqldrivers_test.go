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
	_ "modernc.org/sqlite"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
)

// dialect is a driver, and what differs in its database's SQL.
type dialect struct {
	driver string
	newDSN func(t *testing.T) string // of a new, empty database
	param  func(i int) string        // the placeholder of the i-th argument
	blob   string                    // the type of bytes
}

var dialects = map[string]dialect{
	"modernc.org/sqlite": {
		driver: "sqlite",
		newDSN: func(t *testing.T) string { return filepath.Join(t.TempDir(), "db") },
		param:  func(int) string { return "?" },
		blob:   "BLOB",
	},
	"jackc/pgx": {
		driver: "pgx",
		newDSN: func(t *testing.T) string { return servers.PostgreSQL(t) },
		param:  func(i int) string { return fmt.Sprint("$", i) },
		blob:   "BYTEA",
	},
	"go-sql-driver/mysql": {
		driver: "mysql",
		newDSN: func(t *testing.T) string {
			dsn := servers.MariaDB(t).DSN("")
			db := spantest.Must(sql.Open("mysql", dsn))(t)
			defer db.Close()
			spantest.Must(db.Exec("CREATE DATABASE shop"))(t)
			return dsn + "shop?parseTime=true"
		},
		param: func(int) string { return "?" },
		blob:  "BLOB",
	},
}

// transcript is what a program got from a database, one line per step.
type transcript struct{ strings.Builder }

// note writes a line. An error is written with its type.
func (t *transcript) note(step string, values ...any) {
	t.WriteString(step)
	for _, v := range values {
		if err, ok := v.(error); ok {
			fmt.Fprintf(t, " %T %v", err, err)
		} else {
			fmt.Fprintf(t, " %+v", v)
		}
	}
	t.WriteByte('\n')
}

func (t *transcript) result(step string, r sql.Result, err error) {
	if err != nil {
		t.note(step, err)
		return
	}
	rows, rowsErr := r.RowsAffected()
	id, idErr := r.LastInsertId()
	t.note(step, rows, rowsErr, id, idErr)
}

func (t *transcript) rows(step string, r *sql.Rows, err error) {
	if err != nil {
		t.note(step, err)
		return
	}
	defer r.Close()
	types, err := r.ColumnTypes()
	t.note(step, err)
	for _, c := range types {
		length, hasLength := c.Length()
		precision, scale, hasScale := c.DecimalSize()
		null, hasNull := c.Nullable()
		t.note("column", c.Name(), c.DatabaseTypeName(), c.ScanType(),
			length, hasLength, precision, scale, hasScale, null, hasNull)
	}
	for r.Next() {
		values, dest := make([]any, len(types)), make([]any, len(types))
		for i := range values {
			dest[i] = &values[i]
		}
		err := r.Scan(dest...)
		for i, v := range values {
			values[i] = fmt.Sprintf("%T %#v", v, v)
		}
		t.note("row", append(values, err)...)
	}
	t.note("end", r.Err(), r.NextResultSet(), r.Close())
}

// runDriver uses a database as programs do, in every way that database/sql offers.
func runDriver(tb testing.TB, ctx context.Context, d dialect, db *sql.DB) string {
	tb.Helper()
	var t transcript
	t.note("ping", db.PingContext(ctx))
	useStatements(ctx, &t, d, db)
	usePrepared(ctx, &t, d, db)
	useTransactions(tb, ctx, &t, d, db)
	useRawConn(ctx, &t, db)
	useCancelled(ctx, &t, db)
	t.note("driver", fmt.Sprintf("%T", db.Driver()))
	return t.String()
}

func useStatements(ctx context.Context, t *transcript, d dialect, db *sql.DB) {
	p := d.param
	r, err := db.ExecContext(ctx, "CREATE TABLE book "+
		"(id BIGINT PRIMARY KEY, title VARCHAR(20) NOT NULL, price NUMERIC(10,2), cover "+d.blob+")")
	t.result("create", r, err)
	insert := fmt.Sprintf("INSERT INTO book (id, title, price, cover) VALUES (%s, %s, %s, %s)", p(1), p(2), p(3), p(4))
	for _, c := range []struct {
		step string
		args []any
	}{
		{"insert", []any{int64(1), "Emma", "9.99", []byte("cover")}},
		{"insert with NULL", []any{int64(2), "Persuasion", nil, nil}},
		{"insert a key twice", []any{int64(1), "Emma again", nil, nil}},
		{"insert NULL in NOT NULL", []any{int64(3), nil, nil, nil}},
		{"insert more than int64", []any{uint64(1) << 63, "too large", nil, nil}}, // some drivers send it
		{"insert a struct", []any{int64(4), struct{}{}, nil, nil}},
		{"insert with too few arguments", []any{int64(5), "too few"}},
		{"insert with a named argument", []any{int64(6), sql.Named("title", "Sanditon"), nil, nil}},
	} {
		r, err := db.ExecContext(ctx, insert, c.args...)
		t.result(c.step, r, err)
	}
	q, err := db.QueryContext(ctx, "SELECT * FROM book ORDER BY id")
	t.rows("query", q, err)
	q, err = db.QueryContext(ctx, "SELECT title FROM book WHERE id = "+p(1), 2)
	t.rows("query with an argument", q, err)
	q, err = db.QueryContext(ctx, "SELEC 1")
	t.rows("query with a syntax error", q, err)
	var title string
	t.note("row", db.QueryRowContext(ctx, "SELECT title FROM book WHERE id = "+p(1), 1).Scan(&title), title)
	t.note("no row", db.QueryRowContext(ctx, "SELECT title FROM book WHERE id = "+p(1), 99).Scan(&title))
}

func usePrepared(ctx context.Context, t *transcript, d dialect, db *sql.DB) {
	prepared, err := db.PrepareContext(ctx, "SELECT price FROM book WHERE id = "+d.param(1))
	t.note("prepare", err)
	for id := range 3 {
		q, err := prepared.QueryContext(ctx, id)
		t.rows("prepared", q, err)
	}
	t.note("close twice", prepared.Close(), prepared.Close())
	_, err = db.PrepareContext(ctx, "SELEC ?")
	t.note("prepare a syntax error", err)
}

func useTransactions(tb testing.TB, ctx context.Context, t *transcript, d dialect, db *sql.DB) {
	tb.Helper()
	for _, opts := range []*sql.TxOptions{
		nil, {Isolation: sql.LevelSerializable}, {ReadOnly: true}, {Isolation: sql.LevelLinearizable},
	} {
		tx, err := db.BeginTx(ctx, opts)
		t.note("begin", err)
		if err != nil {
			continue
		}
		r, err := tx.ExecContext(ctx, "UPDATE book SET price = 5 WHERE id = "+d.param(1), 1)
		t.result("update", r, err)
		t.note("rollback, then commit", tx.Rollback(), tx.Commit())
	}
	tx, err := db.BeginTx(ctx, nil)
	t.note("begin", err)
	prepared := spantest.Must(db.Prepare("UPDATE book SET price = 7 WHERE id = " + d.param(1)))(tb)
	r, err := tx.StmtContext(ctx, prepared).ExecContext(ctx, 2)
	t.result("update prepared", r, err)
	t.note("commit", tx.Commit())
}

func useRawConn(ctx context.Context, t *transcript, db *sql.DB) {
	conn, err := db.Conn(ctx)
	t.note("conn", err)
	t.note("raw", conn.Raw(func(any) error { return errors.New("the caller's error") }), conn.Close())
}

func useCancelled(ctx context.Context, t *transcript, db *sql.DB) {
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err := db.QueryContext(cancelled, "SELECT 1")
	t.note("query, cancelled", err)
	tx, err := db.BeginTx(cancelled, nil)
	t.note("begin, cancelled", tx == nil, err)

	later, cancel := context.WithCancel(ctx)
	q, err := db.QueryContext(later, "SELECT * FROM book ORDER BY id")
	t.note("query", err)
	t.note("first row", q.Next())
	cancel()
	for q.Next() {
	}
	t.note("cancelled between rows", q.Err() == nil || errors.Is(q.Err(), context.Canceled))
	q.Close()
	for db.Stats().InUse > 0 { // database/sql gives the connection back in a goroutine
		time.Sleep(time.Millisecond)
	}
}

func TestSQLDriversBehaveAsRaw(t *testing.T) {
	for name, d := range dialects {
		t.Run(name, func(t *testing.T) {
			raw := spantest.Must(sql.Open(d.driver, d.newDSN(t)))(t)
			defer raw.Close()
			want := runDriver(t, t.Context(), d, raw)

			tracer, ctx, parent := spantest.Under(t)
			db := spantest.Must(gapsql.Open(d.driver, d.newDSN(t), gaptrace.WithTracer(tracer)))(t)
			got := runDriver(t, ctx, d, db)
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
					t.Errorf("%s has db.type %v, want %s", s.Operation, s.Tags["db.type"], d.driver)
				}
			}
			for _, operation := range []string{
				"sql ping", "sql exec", "sql query", "sql prepare", "sql begin", "sql commit", "sql rollback",
			} {
				if operations[operation] == 0 {
					t.Errorf("no span %q among %v", operation, operations)
				}
			}
		})
	}
}
