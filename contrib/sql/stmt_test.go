package gapsql_test

import (
	"database/sql/driver"
	"testing"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
)

func TestPreparedStatementUsesCallersSpan(t *testing.T) {
	tracer := spantest.NewTracer()
	db := (&fake{shape: modern, stmt: modernStmt, sets: three}).db(t, func(c driver.Connector) driver.Connector {
		return gapsql.Wrap(c, gaptrace.WithTracer(tracer))
	})
	prepared := spantest.Must(db.Prepare("SELECT"))(t) // without a span
	for _, name := range []string{"first", "second"} {
		span := tracer.StartSpan(name)
		r, err := prepared.QueryContext(opentracing.ContextWithSpan(t.Context(), span))
		read(t, r, err)
		spantest.Must(prepared.ExecContext(opentracing.ContextWithSpan(t.Context(), span)))(t)
		span.Finish()
	}
	read(t, spantest.Must(prepared.Query())(t), nil)
	noError(t, prepared.Close())
	const want = `first
  sql query component=database/sql db.statement=SELECT db.type=sql rows=3 span.kind=client
  sql exec component=database/sql db.statement=SELECT db.type=sql span.kind=client
second
  sql query component=database/sql db.statement=SELECT db.type=sql rows=3 span.kind=client
  sql exec component=database/sql db.statement=SELECT db.type=sql span.kind=client
`
	if got := tracer.Tree(); got != want {
		t.Errorf("recorded:\n%swant:\n%s", got, want)
	}
}

func TestStatementCloseIsNotRecorded(t *testing.T) {
	tracer, ctx, db := openFake(t, &fake{shape: modern, stmt: modernStmt})
	prepared := spantest.Must(db.PrepareContext(ctx, "UPDATE"))(t)
	spantest.Must(prepared.ExecContext(ctx))(t)
	opentracing.SpanFromContext(ctx).Finish()
	before := len(tracer.Spans())
	noError(t, prepared.Close())
	noError(t, db.Close())
	if n := len(tracer.Spans()); n != before || tracer.Problems() != nil {
		t.Errorf("%d spans more:\n%s", n-before, tracer.Tree())
	}
}
