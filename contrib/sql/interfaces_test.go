package gapsql_test

import (
	"context"
	"database/sql/driver"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

//lint:file-ignore SA1019 a driver may still have the interfaces from before Go 1.8.

// optional are the interfaces to which database/sql, or a caller of (*sql.Conn).Raw, may assert a
// driver's value.
var optional = []reflect.Type{
	reflect.TypeFor[driver.ColumnConverter](),
	reflect.TypeFor[driver.ConnBeginTx](),
	reflect.TypeFor[driver.ConnPrepareContext](),
	reflect.TypeFor[driver.Execer](),
	reflect.TypeFor[driver.ExecerContext](),
	reflect.TypeFor[driver.NamedValueChecker](),
	reflect.TypeFor[driver.Pinger](),
	reflect.TypeFor[driver.Queryer](),
	reflect.TypeFor[driver.QueryerContext](),
	reflect.TypeFor[driver.RowsColumnTypeDatabaseTypeName](),
	reflect.TypeFor[driver.RowsColumnTypeLength](),
	reflect.TypeFor[driver.RowsColumnTypeNullable](),
	reflect.TypeFor[driver.RowsColumnTypePrecisionScale](),
	reflect.TypeFor[driver.RowsColumnTypeScanType](),
	reflect.TypeFor[driver.RowsNextResultSet](),
	reflect.TypeFor[driver.SessionResetter](),
	reflect.TypeFor[driver.StmtExecContext](),
	reflect.TypeFor[driver.StmtQueryContext](),
	reflect.TypeFor[driver.Validator](),
}

// answered are the interfaces that recorded rows always have. If the driver's rows lack one, the
// recorded rows return what database/sql treats like its absence.
var answered = map[reflect.Type]func(driver.Rows) string{
	reflect.TypeFor[driver.RowsColumnTypeDatabaseTypeName](): func(r driver.Rows) string {
		c, ok := r.(driver.RowsColumnTypeDatabaseTypeName)
		if !ok {
			return ""
		}
		return c.ColumnTypeDatabaseTypeName(0)
	},
	reflect.TypeFor[driver.RowsColumnTypeLength](): func(r driver.Rows) string {
		c, ok := r.(driver.RowsColumnTypeLength)
		if !ok {
			return "0 false"
		}
		length, ok := c.ColumnTypeLength(0)
		return fmt.Sprint(length, ok)
	},
	reflect.TypeFor[driver.RowsColumnTypeNullable](): func(r driver.Rows) string {
		c, ok := r.(driver.RowsColumnTypeNullable)
		if !ok {
			return "false false"
		}
		null, ok := c.ColumnTypeNullable(0)
		return fmt.Sprint(null, ok)
	},
	reflect.TypeFor[driver.RowsColumnTypePrecisionScale](): func(r driver.Rows) string {
		c, ok := r.(driver.RowsColumnTypePrecisionScale)
		if !ok {
			return "0 0 false"
		}
		precision, scale, ok := c.ColumnTypePrecisionScale(0)
		return fmt.Sprint(precision, scale, ok)
	},
	reflect.TypeFor[driver.RowsColumnTypeScanType](): func(r driver.Rows) string {
		c, ok := r.(driver.RowsColumnTypeScanType)
		if !ok {
			return "interface {}"
		}
		return c.ColumnTypeScanType(0).String()
	},
	reflect.TypeFor[driver.RowsNextResultSet](): func(r driver.Rows) string {
		sets, ok := r.(driver.RowsNextResultSet)
		if !ok {
			return "false EOF"
		}
		return fmt.Sprint(sets.HasNextResultSet(), " ", sets.NextResultSet())
	},
}

// sample is one way for a call to be sampled or not.
type sample struct {
	name  string
	under func() (context.Context, gaptrace.Option)
}

func samples(t *testing.T) []sample {
	parent := func(tracer opentracing.Tracer) (context.Context, gaptrace.Option) {
		return opentracing.ContextWithSpan(t.Context(), tracer.StartSpan("parent")), gaptrace.WithTracer(tracer)
	}
	unsampled, closer := jaeger.NewTracer("test", jaeger.NewConstSampler(false), jaeger.NewNullReporter())
	t.Cleanup(func() { closer.Close() })
	return []sample{
		{"no parent", func() (context.Context, gaptrace.Option) { return t.Context(), gaptrace.WithTracer(unsampled) }},
		{"not sampled", func() (context.Context, gaptrace.Option) { return parent(unsampled) }},
		{"sampled", func() (context.Context, gaptrace.Option) { return parent(spantest.NewTracer()) }},
	}
}

// values returns every kind of value that a driver returns when it is used under ctx.
func values(t *testing.T, ctx context.Context, c driver.Connector) map[string]any {
	raw := spantest.Must(c.Connect(ctx))(t)
	handed := map[string]any{"conn": raw}
	prepare := func() driver.Stmt {
		if p, ok := raw.(driver.ConnPrepareContext); ok {
			return spantest.Must(p.PrepareContext(ctx, "SELECT"))(t)
		}
		return spantest.Must(raw.Prepare("SELECT"))(t)
	}
	s := prepare()
	handed["stmt"] = s
	if q, ok := s.(driver.StmtQueryContext); ok {
		handed["rows of the stmt"] = spantest.Must(q.QueryContext(ctx, nil))(t)
	}
	if e, ok := s.(driver.StmtExecContext); ok {
		handed["result of the stmt"] = spantest.Must(e.ExecContext(ctx, nil))(t)
	}
	if q, ok := raw.(driver.QueryerContext); ok {
		handed["rows"] = spantest.Must(q.QueryContext(ctx, "SELECT", nil))(t)
	}
	if e, ok := raw.(driver.ExecerContext); ok {
		handed["result"] = spantest.Must(e.ExecContext(ctx, "UPDATE", nil))(t)
	}
	if b, ok := raw.(driver.ConnBeginTx); ok {
		handed["tx"] = spantest.Must(b.BeginTx(ctx, driver.TxOptions{}))(t)
	}
	return handed
}

// can lists the interfaces of a value, and the results that database/sql would get.
func can(v any) string {
	var all strings.Builder
	for _, i := range optional {
		_, isRows := v.(driver.Rows)
		if answer := answered[i]; isRows && answer != nil {
			fmt.Fprintln(&all, i, answer(v.(driver.Rows)))
		} else if reflect.TypeOf(v).Implements(i) {
			fmt.Fprintln(&all, i)
		}
	}
	return all.String()
}

func TestInterfacesDoNotDependOnSampling(t *testing.T) {
	compare := func(t *testing.T, c func(conn) driver.Conn, s func(stmt) driver.Stmt, r func(*rows) driver.Rows) {
		want := map[string]string{}
		for _, sample := range samples(t) {
			ctx, tracer := sample.under()
			f := &fake{shape: c, stmt: s, rows: r, sets: [][]driver.Value{{int64(1)}, {int64(2)}}}
			for what, value := range values(t, ctx, gapsql.Wrap(f, tracer)) {
				got := can(value)
				if first, seen := want[what]; seen && got != first {
					t.Errorf("%s: a %s can do:\n%sand without a parent:\n%s", sample.name, what, got, first)
				} else if !seen {
					want[what] = got
				}
			}
		}
	}
	for name, shape := range conns {
		t.Run("conn "+name, func(t *testing.T) { compare(t, shape, stmts["bare"], rowses["bare"]) })
	}
	for name, shape := range moreConns {
		t.Run("conn "+name, func(t *testing.T) { compare(t, shape, modernStmt, rowses["bare"]) })
	}
	for name, shape := range stmts {
		t.Run("stmt "+name, func(t *testing.T) { compare(t, modern, shape, rowses["bare"]) })
	}
	for name, shape := range rowses {
		t.Run("rows "+name, func(t *testing.T) { compare(t, modern, modernStmt, shape) })
	}
}
