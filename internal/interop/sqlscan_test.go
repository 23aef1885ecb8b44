package interop_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/opentracing/opentracing-go"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/gaptrace/gaptrace/internal/spantest"
)

// upper is a program's own sql.Scanner.
type upper string

func (u *upper) Scan(v any) error {
	*u = upper(strings.ToUpper(fmt.Sprint(v)))
	return nil
}

// scanCase is a query with one row and one column, and the destinations into which it is scanned.
// sql.RawBytes must be the last: after it, Scan is refused until the next row.
type scanCase struct {
	query        string
	destinations []func() any
}

func newOf[T any]() any { return new(T) }

// scanCases are the queries by driver. Since Go 1.27 pgx scans columns itself.
var scanCases = map[string][]scanCase{
	"jackc/pgx": {
		{"SELECT ARRAY[1,2,3]::bigint[]", []func() any{
			newOf[[]int64], newOf[[]string], newOf[string], newOf[any], newOf[pgtype.FlatArray[int64]], newOf[int],
		}},
		{"SELECT 42::bigint", []func() any{
			newOf[int64], newOf[int8], newOf[string], newOf[any], newOf[*int64], newOf[sql.NullInt64], newOf[upper],
			newOf[time.Time], newOf[bool], newOf[sql.RawBytes],
		}},
		{"SELECT NULL::bigint", []func() any{
			newOf[int64], newOf[*int64], newOf[sql.NullInt64], newOf[any], newOf[sql.Null[int]],
		}},
		{"SELECT 'héllo'", []func() any{
			newOf[string], newOf[[]byte], newOf[upper], newOf[int], newOf[sql.RawBytes],
		}},
		{`SELECT '{"a":1}'::jsonb`, []func() any{
			newOf[map[string]int], newOf[json.RawMessage], newOf[string], newOf[struct{ A int }],
		}},
		{"SELECT '2026-01-02 03:04:05+00'::timestamptz", []func() any{
			newOf[time.Time], newOf[string], newOf[pgtype.Timestamptz],
		}},
		{"SELECT '[1,5)'::int8range", []func() any{newOf[pgtype.Range[pgtype.Int8]], newOf[string]}},
		{"SELECT '0b8a7ee4-7d17-4ae6-a6c0-d3c9a3a3ad3f'::uuid", []func() any{
			newOf[[16]byte], newOf[string], newOf[pgtype.UUID],
		}},
	},
	"modernc.org/sqlite": {
		{"SELECT 42", []func() any{
			newOf[int64], newOf[int8], newOf[string], newOf[any], newOf[*int64], newOf[sql.NullInt64], newOf[upper],
			newOf[[]int64], newOf[sql.RawBytes],
		}},
		{"SELECT NULL", []func() any{newOf[int64], newOf[*int64], newOf[sql.NullInt64], newOf[any]}},
		{"SELECT x'00ff'", []func() any{newOf[[]byte], newOf[string], newOf[[16]byte], newOf[sql.RawBytes]}},
	},
	"go-sql-driver/mysql": {
		{"SELECT 42", []func() any{
			newOf[int64], newOf[int8], newOf[string], newOf[any], newOf[*int64], newOf[sql.NullInt64], newOf[upper],
			newOf[[]int64], newOf[sql.RawBytes],
		}},
		{"SELECT NULL", []func() any{newOf[int64], newOf[*int64], newOf[sql.NullInt64], newOf[any]}},
	},
}

// scanAll runs the queries, plain and prepared, and returns what was scanned.
func scanAll(t *testing.T, ctx context.Context, name string, db *sql.DB) string {
	t.Helper()
	var got transcript
	for _, c := range scanCases[name] {
		c.scan(&got, spantest.Must(db.QueryContext(ctx, c.query))(t))
		prepared := spantest.Must(db.PrepareContext(ctx, c.query))(t)
		c.scan(&got, spantest.Must(prepared.QueryContext(ctx))(t))
		prepared.Close()
	}
	return got.String()
}

func (c scanCase) scan(got *transcript, rows *sql.Rows) {
	for rows.Next() {
		for _, newDestination := range c.destinations {
			destination := newDestination()
			err := rows.Scan(destination)
			text, jsonErr := json.Marshal(destination)
			got.note(fmt.Sprintf("%s into a %T", c.query, destination), err, string(text), jsonErr)
		}
	}
	got.note("end", rows.Err(), rows.Close())
}

func TestScanIsIndependentOfSampling(t *testing.T) {
	unsampled := spantest.Jaeger(t, false, nil)
	for name := range scanCases {
		t.Run(name, func(t *testing.T) {
			d := dialects[name]
			dsn := d.newDSN(t)
			raw := spantest.Must(sql.Open(d.driver, dsn))(t)
			defer raw.Close()
			want := scanAll(t, t.Context(), name, raw)

			sampled := spantest.NewTracer()
			for _, c := range []struct {
				name   string
				tracer opentracing.Tracer
				parent opentracing.Span
			}{
				{"no parent", unsampled, nil},
				{"not sampled", unsampled, unsampled.StartSpan("parent")},
				{"sampled", sampled, sampled.StartSpan("parent")},
			} {
				ctx := t.Context()
				if c.parent != nil {
					ctx = opentracing.ContextWithSpan(ctx, c.parent)
				}
				db := spantest.Must(gapsql.Open(d.driver, dsn, gaptrace.WithTracer(c.tracer)))(t)
				if got := scanAll(t, ctx, name, db); got != want {
					t.Errorf("%s: raw:\n%s\nwrapped:\n%s", c.name, want, got)
				}
				db.Close()
			}
		})
	}
}

// TestRaw uses a driver's connection as the driver's documentation shows it.
func TestRaw(t *testing.T) {
	t.Run("pgx", func(t *testing.T) {
		dsn := dialects["jackc/pgx"].newDSN(t)
		config := spantest.Must(pgx.ParseConfig(dsn))(t)
		for name, db := range map[string]*sql.DB{
			"not wrapped": spantest.Must(sql.Open("pgx", dsn))(t),
			"Open":        spantest.Must(gapsql.Open("pgx", dsn))(t),
			"Wrap":        sql.OpenDB(gapsql.Wrap(stdlib.GetConnector(*config))),
		} {
			t.Run(name, func(t *testing.T) {
				defer db.Close()
				copyRows(t, gapsql.WrapDB(db))
			})
		}
	})
	t.Run("sqlite", func(t *testing.T) {
		db := spantest.Must(gapsql.Open("sqlite", dialects["modernc.org/sqlite"].newDSN(t)))(t)
		defer db.Close()
		serialize(t, db)
	})
}

// copyRows uses pgx's COPY, which database/sql does not have.
func copyRows(t *testing.T, db *gapsql.DB) {
	t.Helper()
	ctx := t.Context()
	conn := spantest.Must(db.Conn(ctx))(t)
	defer conn.Close()
	err := gapsql.Raw(conn, func(driverConn any) error {
		pgxConn := driverConn.(*stdlib.Conn).Conn()
		if _, err := pgxConn.Exec(ctx, "CREATE TEMPORARY TABLE book (id bigint)"); err != nil {
			return err
		}
		rows := pgx.CopyFromRows([][]any{{int64(1)}, {int64(2)}})
		n, err := pgxConn.CopyFrom(ctx, pgx.Identifier{"book"}, []string{"id"}, rows)
		if n != 2 {
			t.Errorf("%d rows copied, want 2", n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := conn.QueryRowContext(ctx, "SELECT count(*) FROM book").Scan(&n); n != 2 || err != nil {
		t.Errorf("%d rows, want 2, error %v", n, err)
	}
}

// serialize uses a method that only sqlite's connection has. A connection from (*sql.Conn).Raw must
// not have it, and if a program asserts its type there, the panic must name the way.
func serialize(t *testing.T, db *sql.DB) {
	t.Helper()
	conn := spantest.Must(db.Conn(t.Context()))(t)
	defer conn.Close()
	type serializer interface{ Serialize() ([]byte, error) }
	err := gapsql.Raw(conn, func(driverConn any) error {
		data, err := driverConn.(serializer).Serialize()
		if len(data) > 0 && !strings.HasPrefix(string(data), "SQLite format 3") {
			t.Errorf("serialized: %.20q", data)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	defer func() {
		if got := fmt.Sprint(recover()); !strings.Contains(got, "contrib/sql.useDriverConn") {
			t.Errorf("the panic does not name DriverConn: %s", got)
		}
	}()
	_ = conn.Raw(func(driverConn any) error {
		if _, ok := driverConn.(serializer); ok {
			t.Error("the wrapped connection has Serialize")
		}
		_ = driverConn.(*stdlib.Conn)
		return nil
	})
}
