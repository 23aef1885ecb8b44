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
	"github.com/uber/jaeger-client-go"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/gaptrace/gaptrace/internal/spantest"
)

// upper is a sql.Scanner of the program's.
type upper string

func (u *upper) Scan(v any) error {
	*u = upper(strings.ToUpper(fmt.Sprint(v)))
	return nil
}

// scanned are queries with one column, and destinations for it. Since Go 1.27 pgx scans slices
// itself.
var scanned = map[string][]struct {
	query string
	dest  []func() any
}{
	"jackc/pgx": {
		{"SELECT ARRAY[1,2,3]::bigint[]", []func() any{newOf[[]int64], newOf[[]string], newOf[string], newOf[any], newOf[pgtype.FlatArray[int64]], newOf[int]}},
		{"SELECT 42::bigint", []func() any{newOf[int64], newOf[int8], newOf[string], newOf[any], newOf[*int64], newOf[sql.NullInt64], newOf[upper], newOf[sql.RawBytes], newOf[time.Time], newOf[bool]}},
		{"SELECT NULL::bigint", []func() any{newOf[int64], newOf[*int64], newOf[sql.NullInt64], newOf[any], newOf[sql.Null[int]]}},
		{"SELECT 'héllo'", []func() any{newOf[string], newOf[[]byte], newOf[sql.RawBytes], newOf[upper], newOf[int]}},
		{`SELECT '{"a":1}'::jsonb`, []func() any{newOf[map[string]int], newOf[json.RawMessage], newOf[string], newOf[struct{ A int }]}},
		{"SELECT '2026-01-02 03:04:05+00'::timestamptz", []func() any{newOf[time.Time], newOf[string], newOf[pgtype.Timestamptz]}},
		{"SELECT '[1,5)'::int8range", []func() any{newOf[pgtype.Range[pgtype.Int8]], newOf[string]}},
		{"SELECT '0b8a7ee4-7d17-4ae6-a6c0-d3c9a3a3ad3f'::uuid", []func() any{newOf[[16]byte], newOf[string], newOf[pgtype.UUID]}},
	},
	"modernc.org/sqlite": {
		{"SELECT 42", []func() any{newOf[int64], newOf[int8], newOf[string], newOf[any], newOf[*int64], newOf[sql.NullInt64], newOf[upper], newOf[sql.RawBytes], newOf[[]int64]}},
		{"SELECT NULL", []func() any{newOf[int64], newOf[*int64], newOf[sql.NullInt64], newOf[any]}},
		{"SELECT x'00ff'", []func() any{newOf[[]byte], newOf[string], newOf[sql.RawBytes], newOf[[16]byte]}},
	},
	"go-sql-driver/mysql": {
		{"SELECT 42", []func() any{newOf[int64], newOf[int8], newOf[string], newOf[any], newOf[*int64], newOf[sql.NullInt64], newOf[upper], newOf[sql.RawBytes], newOf[[]int64]}},
		{"SELECT NULL", []func() any{newOf[int64], newOf[*int64], newOf[sql.NullInt64], newOf[any]}},
	},
}

func newOf[T any]() any { return new(T) }

func scanAll(t *testing.T, ctx context.Context, name string, db *sql.DB) string {
	see, seen := sightings()
	for _, s := range scanned[name] {
		prepared, err := db.PrepareContext(ctx, s.query)
		if err != nil {
			t.Fatal(err)
		}
		for _, query := range []func() (*sql.Rows, error){
			func() (*sql.Rows, error) { return db.QueryContext(ctx, s.query) },
			func() (*sql.Rows, error) { return prepared.QueryContext(ctx) },
		} {
			rows, err := query()
			if err != nil {
				t.Fatal(err)
			}
			for rows.Next() {
				for _, dest := range s.dest {
					d := dest()
					err := rows.Scan(d)
					text, jsonErr := json.Marshal(d)
					see(fmt.Sprintf("%s into a %T", s.query, d), err, string(text), jsonErr)
					if _, held := d.(*sql.RawBytes); held && err == nil {
						break // the next Scan would be refused until the next row
					}
				}
			}
			see("end", rows.Err(), rows.Close())
		}
		prepared.Close()
	}
	return seen.String()
}

// sampledBy are the ways for a call to be recorded or not.
func sampledBy(t *testing.T) map[string]func() (context.Context, gaptrace.Option) {
	under := func(tracer opentracing.Tracer) (context.Context, gaptrace.Option) {
		return opentracing.ContextWithSpan(t.Context(), tracer.StartSpan("parent")), gaptrace.WithTracer(tracer)
	}
	unsampled, closer := jaeger.NewTracer("test", jaeger.NewConstSampler(false), jaeger.NewNullReporter())
	t.Cleanup(func() { closer.Close() })
	return map[string]func() (context.Context, gaptrace.Option){
		"no parent":   func() (context.Context, gaptrace.Option) { return t.Context(), gaptrace.WithTracer(unsampled) },
		"not sampled": func() (context.Context, gaptrace.Option) { return under(unsampled) },
		"sampled":     func() (context.Context, gaptrace.Option) { return under(spantest.NewTracer()) },
	}
}

func TestWhatCanBeScannedDoesNotDependOnSampling(t *testing.T) {
	for name := range scanned {
		t.Run(name, func(t *testing.T) {
			d := dialects[name]
			dsn := d.dsn(t)
			raw, err := sql.Open(d.driver, dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer raw.Close()
			want := scanAll(t, t.Context(), name, raw)
			for how, under := range sampledBy(t) {
				ctx, tracer := under()
				db, err := gapsql.Open(d.driver, dsn, tracer)
				if err != nil {
					t.Fatal(err)
				}
				if got := scanAll(t, ctx, name, db); got != want {
					t.Errorf("%s: raw:\n%s\nwrapped:\n%s", how, want, got)
				}
				db.Close()
			}
		})
	}
}

// use the driver's connection as its documentation shows it.
func TestTheDriversConnectionIsReachedThroughRaw(t *testing.T) {
	ctx := t.Context()
	pgxDSN := dialects["jackc/pgx"].dsn(t)
	connect := map[string]func() (*sql.DB, error){
		"raw":  func() (*sql.DB, error) { return sql.Open("pgx", pgxDSN) },
		"Open": func() (*sql.DB, error) { return gapsql.Open("pgx", pgxDSN) },
		"Wrap": func() (*sql.DB, error) {
			config, err := pgx.ParseConfig(pgxDSN)
			if err != nil {
				return nil, err
			}
			return sql.OpenDB(gapsql.Wrap(stdlib.GetConnector(*config))), nil
		},
	}
	for name, open := range connect {
		t.Run("pgx, "+name, func(t *testing.T) {
			db, err := open()
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			conn, err := gapsql.WrapDB(db).Conn(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			err = gapsql.Raw(conn, func(c any) error {
				own := c.(*stdlib.Conn).Conn() // *pgx.Conn
				if _, err := own.Exec(ctx, "CREATE TEMPORARY TABLE book (id bigint)"); err != nil {
					return err
				}
				n, err := own.CopyFrom(ctx, pgx.Identifier{"book"}, []string{"id"}, pgx.CopyFromRows([][]any{{int64(1)}, {int64(2)}}))
				if n != 2 {
					t.Errorf("%d rows copied", n)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			var n int
			if err := conn.QueryRowContext(ctx, "SELECT count(*) FROM book").Scan(&n); n != 2 || err != nil {
				t.Errorf("%d rows, %v", n, err)
			}
		})
	}
	t.Run("sqlite", func(t *testing.T) {
		db, err := gapsql.Open("sqlite", dialects["modernc.org/sqlite"].dsn(t))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		conn, err := db.Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		err = gapsql.Raw(conn, func(c any) error {
			data, err := c.(interface{ Serialize() ([]byte, error) }).Serialize()
			if len(data) > 0 && !strings.HasPrefix(string(data), "SQLite format 3") {
				t.Errorf("serialized: %.20q", data)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		defer func() {
			if said := fmt.Sprint(recover()); !strings.Contains(said, "contrib/sql.useDriverConn") {
				t.Errorf("the panic of a plain Raw does not lead to DriverConn: %s", said)
			}
		}()
		_ = conn.Raw(func(c any) error {
			if _, ok := c.(interface{ Serialize() ([]byte, error) }); ok {
				t.Error("the wrapped connection serializes")
			}
			_ = c.(*stdlib.Conn)
			return nil
		})
	})
}
