package gapsql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
)

// three are three rows of one column.
var three = [][]driver.Value{{int64(1), int64(2), int64(3)}}

// openFake opens a wrapped database over f, with one idle connection. It returns a context with a
// span, and the tracer of both.
func openFake(t testing.TB, f *fake, opts ...gaptrace.Option) (*spantest.Tracer, context.Context, *sql.DB) {
	t.Helper()
	tracer, ctx, _ := spantest.Under(t)
	db := f.db(t, func(c driver.Connector) driver.Connector {
		return gapsql.Wrap(c, append([]gaptrace.Option{gaptrace.WithTracer(tracer)}, opts...)...)
	})
	noError(t, db.Ping()) // connects: without a parent, so without a span
	return tracer, ctx, db
}

// recordedCalls finishes the span in ctx and returns the tree under it, without the tags that all
// spans have.
func recordedCalls(tracer *spantest.Tracer, ctx context.Context) string {
	opentracing.SpanFromContext(ctx).Finish()
	var b strings.Builder
	for line := range strings.Lines(tracer.Tree("component=database/sql ", "", " span.kind=client", "")) {
		if line != "parent\n" && !strings.HasPrefix(line, "  sql reset") { // on a busy machine, a reset takes long
			b.WriteString(strings.TrimPrefix(line, "  "))
		}
	}
	return b.String()
}

func wantCalls(t testing.TB, tracer *spantest.Tracer, ctx context.Context, want string) {
	t.Helper()
	spantest.Want(t, recordedCalls(tracer, ctx), want)
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, r *sql.Rows, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for r.Next() {
	}
	if err := errors.Join(r.Err(), r.Close()); err != nil {
		t.Fatal(err)
	}
}
