package gapsql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

func TestSQLComments(t *testing.T) {
	spans := jaeger.NewInMemoryReporter()
	tracer := spantest.Jaeger(t, true, spans)
	parent := tracer.StartSpan("parent")
	sc := parent.Context().(jaeger.SpanContext)
	ids := "traceparent='00-" + strings.Repeat("0", 16) + sc.TraceID().String() + "-" + sc.SpanID().String() + "-01'"
	under := opentracing.ContextWithSpan(t.Context(), parent)
	for _, c := range []struct {
		ctx        context.Context
		keys       map[string]string
		sql, comes string
	}{
		{under, nil, "SELECT 1", "SELECT 1 /*" + ids + "*/"},
		{under, map[string]string{"route": "/b/*'x y"}, "SELECT 1", "SELECT 1 /*route='%2Fb%2F%2A%27x%20y'," + ids + "*/"},
		{under, map[string]string{"z": ""}, "SELECT 1 ;\n", "SELECT 1 /*" + ids + ",z=''*/ ;\n"},
		{under, nil, "SELECT 1 /* mine */", "SELECT 1 /* mine */"},
		{under, nil, "SELECT 1 -- mine", "SELECT 1 -- mine"},
		{under, nil, "SELECT 1 # mine", "SELECT 1 # mine"},
		{under, nil, "\n(select 1)", "\n(select 1) /*" + ids + "*/"},
		{under, nil, "CREATE VIEW v AS SELECT 1", "CREATE VIEW v AS SELECT 1"},
		{under, nil, "", ""},
		{t.Context(), map[string]string{"a": "b"}, "SELECT 1", "SELECT 1"},
	} {
		// A bare connection prepares all statements.
		for shape, comes := range map[string]string{
			"": c.comes, "before Go 1.8": c.comes, "bare": c.sql, "bare, on request": c.comes,
		} {
			f := &fake{shape: modern, sets: three}
			name, onRequest := strings.CutSuffix(shape, ", on request")
			if name != "" {
				f.shape = conns[name]
			}
			opts := []gaptrace.Option{gaptrace.WithTracer(tracer), gaptrace.WithSQLComments(c.keys)}
			if onRequest {
				opts = append(opts, gaptrace.WithPreparedSQLComments())
			}
			db := sql.OpenDB(gapsql.Wrap(f, opts...))
			read(t, spantest.Must(db.QueryContext(c.ctx, c.sql))(t), nil)
			spantest.Must(db.ExecContext(c.ctx, c.sql))(t)
			db.Close()
			got := f.noted()
			want := 2 * strings.Count(comes, "traceparent")
			if onRequest {
				want *= 2 // the fake statement notes its text when it runs, too
			}
			if !strings.Contains(got, comes) || strings.Count(got, "traceparent") != want {
				t.Errorf("%q, %s: the driver got\n%s\nwant %q for a query and an exec", c.sql, shape, got, comes)
			}
		}
	}
	for _, span := range spans.GetSpans() {
		if statement, _ := span.(*jaeger.Span).Tags()["db.statement"].(string); strings.Contains(statement, "traceparent") {
			t.Errorf("db.statement is %q", statement)
		}
	}
}

func TestSQLCommentsWithoutAContext(t *testing.T) {
	db := sql.OpenDB(gapsql.Wrap(&fake{shape: modern}, gaptrace.WithSQLComments(nil)))
	defer db.Close()
	var none context.Context
	noError(t, spantest.Must(db.Conn(t.Context()))(t).Raw(func(c any) error {
		_, err := c.(driver.ExecerContext).ExecContext(none, "SELECT 1", nil)
		return err
	}))
}
