package gapsql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/wrap/wraptest"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

// wrappings are the ways to wrap a database. With each it must behave like the raw one.
var wrappings = map[string]func(context.Context, driver.Connector) (context.Context, driver.Connector){
	"no parent":                      wrapWithoutParent,
	"roots":                          wrapRoots,
	"under a parent":                 wrapUnderParent,
	"not sampled":                    wrapUnsampled,
	"twice":                          wrapTwice,
	"filtered":                       wrapFiltered,
	"through a DB":                   wrapDB,
	"through a DB without a parent":  wrapDBWithoutParent,
	"through a DB of another driver": wrapDBOnly,
	"by the driver":                  wrapDriver,
}

func wrapWithoutParent(ctx context.Context, c driver.Connector) (context.Context, driver.Connector) {
	return ctx, gapsql.Wrap(c, gaptrace.WithTracer(spantest.NewTracer()))
}

func wrapRoots(ctx context.Context, c driver.Connector) (context.Context, driver.Connector) {
	return ctx, gapsql.Wrap(c, gaptrace.WithTracer(spantest.NewTracer()), gaptrace.WithRoots())
}

func wrapUnderParent(ctx context.Context, c driver.Connector) (context.Context, driver.Connector) {
	tracer := spantest.NewTracer()
	return opentracing.ContextWithSpan(ctx, tracer.StartSpan("parent")), gapsql.Wrap(c, gaptrace.WithTracer(tracer))
}

func wrapUnsampled(ctx context.Context, c driver.Connector) (context.Context, driver.Connector) {
	tracer, _ := jaeger.NewTracer("test", jaeger.NewConstSampler(false), jaeger.NewNullReporter())
	return opentracing.ContextWithSpan(ctx, tracer.StartSpan("parent")), gapsql.Wrap(c, gaptrace.WithTracer(tracer))
}

func wrapTwice(ctx context.Context, c driver.Connector) (context.Context, driver.Connector) {
	tracer := spantest.NewTracer()
	c = gapsql.Wrap(gapsql.Wrap(c, gaptrace.WithTracer(tracer)), gaptrace.WithTracer(tracer))
	return opentracing.ContextWithSpan(ctx, tracer.StartSpan("parent")), c
}

func wrapFiltered(ctx context.Context, c driver.Connector) (context.Context, driver.Connector) {
	return ctx, gapsql.Wrap(c, gaptrace.WithRoots(), gaptrace.WithFilter(func(gaptrace.Call) bool { return false }))
}

func wrapDB(ctx context.Context, c driver.Connector) (context.Context, driver.Connector) {
	tracer := spantest.NewTracer()
	return opentracing.ContextWithSpan(ctx, tracer.StartSpan("parent")),
		throughDB{gapsql.Wrap(c, gaptrace.WithTracer(tracer))}
}

func wrapDBWithoutParent(ctx context.Context, c driver.Connector) (context.Context, driver.Connector) {
	return ctx, throughDB{gapsql.Wrap(c, gaptrace.WithTracer(spantest.NewTracer()))}
}

func wrapDBOnly(ctx context.Context, c driver.Connector) (context.Context, driver.Connector) {
	return opentracing.ContextWithSpan(ctx, spantest.NewTracer().StartSpan("parent")), throughDB{c}
}

func wrapDriver(ctx context.Context, c driver.Connector) (context.Context, driver.Connector) {
	d := gapsql.WrapDriver(contextDriver{c}, gaptrace.WithTracer(spantest.NewTracer()), gaptrace.WithRoots())
	c, _ = d.(driver.DriverContext).OpenConnector("dsn")
	return ctx, c
}

// throughDB is a connector whose database is used through a gapsql.DB.
type throughDB struct{ driver.Connector }

// pool has the methods of *sql.DB and *gapsql.DB that the tests use.
type pool interface {
	PingContext(ctx context.Context) error
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	BeginTx(ctx context.Context, opts *sql.TxOptions) (*sql.Tx, error)
	Begin() (*sql.Tx, error)
	Conn(ctx context.Context) (*sql.Conn, error)
	Stats() sql.DBStats
	Close() error
}

// open is sql.OpenDB, through a gapsql.DB if c is a throughDB.
func open(c driver.Connector) pool {
	if through, ok := c.(throughDB); ok {
		return gapsql.WrapDB(sql.OpenDB(through.Connector))
	}
	return sql.OpenDB(c)
}

// contextDriver is a driver whose only connector is c.
type contextDriver struct{ c driver.Connector }

func (d contextDriver) Open(string) (driver.Conn, error) { return d.c.Connect(context.Background()) }

func (d contextDriver) OpenConnector(string) (driver.Connector, error) {
	return d.c, nil
}

// observe uses a database in every way of uses. It returns what the program and the driver saw.
func observe(t *testing.T, conns func(conn) driver.Conn, stmts func(stmt) driver.Stmt, rowses func(*rows) driver.Rows,
	wrap func(context.Context, driver.Connector) (context.Context, driver.Connector),
) map[string]string {
	seen := map[string]string{}
	for name, use := range uses {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{
				shape: conns, stmt: stmts, rows: rowses,
				sets: [][]driver.Value{{int64(1), int64(2), nil}, {}, {int64(3)}},
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ctx, c := wrap(ctx, f)
			db := open(c)
			var s sight
			use(&s, ctx, cancel, f, db)
			synctest.Wait()
			s.see("open", db.Stats().OpenConnections, db.Stats().InUse, db.Stats().Idle)
			s.see("close", db.Close())
			synctest.Wait()
			seen[name] = s.String() + f.noted()
		})
	}
	return seen
}

func TestTransparent(t *testing.T) {
	raw := func(ctx context.Context, c driver.Connector) (context.Context, driver.Connector) { return ctx, c }
	compare := func(t *testing.T, c func(conn) driver.Conn, s func(stmt) driver.Stmt, r func(*rows) driver.Rows) {
		want := observe(t, c, s, r, raw)
		for name, wrap := range wrappings {
			got := observe(t, c, s, r, wrap)
			for use := range uses {
				if got[use] != want[use] {
					t.Errorf("%s, %s: raw:\n%s\nwrapped:\n%s", name, use, want[use], got[use])
				}
			}
		}
	}
	for name, shape := range conns {
		t.Run("conn "+name, func(t *testing.T) { compare(t, shape, stmts["bare"], rowses["sets"]) })
	}
	for name, shape := range moreConns {
		t.Run("conn "+name, func(t *testing.T) { compare(t, shape, modernStmt, rowses["sets"]) })
	}
	for name, shape := range stmts {
		t.Run("stmt "+name, func(t *testing.T) {
			compare(t, conns["skips arguments"], shape, rowses["bare"])
			compare(t, conns["bare"], shape, rowses["bare"])
		})
	}
	for name, shape := range rowses {
		t.Run("rows "+name, func(t *testing.T) { compare(t, modern, modernStmt, shape) })
	}
}

func TestTransparentInEachSituation(t *testing.T) {
	wraptest.Compare(t, func(t *testing.T, ctx context.Context, opts ...gaptrace.Option) string {
		wrap := func(inBubble context.Context, c driver.Connector) (context.Context, driver.Connector) {
			if opts == nil {
				return inBubble, c
			}
			return opentracing.ContextWithSpan(inBubble, opentracing.SpanFromContext(ctx)), gapsql.Wrap(c, opts...)
		}
		seen := observe(t, modern, modernStmt, modernRows, wrap)
		var b strings.Builder
		for _, use := range slices.Sorted(maps.Keys(seen)) {
			fmt.Fprintf(&b, "%s:\n%s\n", use, seen[use])
		}
		return b.String()
	})
}

// sight is what a program saw.
type sight struct{ strings.Builder }

func (s *sight) see(what string, values ...any) {
	s.WriteString(what)
	for _, v := range values {
		if err, ok := v.(error); ok {
			fmt.Fprintf(s, " %T %q boom=%v", err, err, errors.Is(err, errBoom))
		} else {
			fmt.Fprintf(s, " %#v", v)
		}
	}
	s.WriteByte('\n')
}

var errBoom = errors.New("boom")

func (s *sight) result(r sql.Result, err error) {
	if err != nil {
		s.see("failed", err)
		return
	}
	n, err := r.RowsAffected()
	s.see("affected", n, err)
	_, err = r.LastInsertId()
	s.see("last id", err)
}

func (s *sight) rows(r *sql.Rows, err error) {
	if err != nil {
		s.see("failed", err)
		return
	}
	synctest.Wait() // database/sql closes rows whose context has ended in a goroutine
	for more := true; more; more = r.NextResultSet() {
		columns, err := r.Columns()
		s.see("columns", columns, err)
		types, err := r.ColumnTypes()
		if err != nil {
			s.see("types", err)
		}
		for _, c := range types {
			length, hasLength := c.Length()
			precision, scale, hasScale := c.DecimalSize()
			null, hasNull := c.Nullable()
			s.see("type", c.Name(), c.DatabaseTypeName(), fmt.Sprint(c.ScanType()), length, hasLength, precision, scale,
				hasScale, null, hasNull)
		}
		for r.Next() {
			var v any
			err := r.Scan(&v)
			s.see("row", v, err)
			var list []int64 // which only some drivers can scan into
			err = r.Scan(&list)
			s.see("list", list, err)
			var null sql.NullInt64
			s.see("null", r.Scan(&null), null)
			var bytes sql.RawBytes
			s.see("bytes", r.Scan(&bytes), bytes)
		}
	}
	s.see("end", r.Err(), r.Close(), r.Err())
}
