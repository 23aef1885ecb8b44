package gapsql_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/uber/jaeger-client-go"
)

func TestCallsAreNotMixed(t *testing.T) {
	spans := jaeger.NewInMemoryReporter()
	tracer := spantest.Jaeger(t, true, spans)
	db := sql.OpenDB(gapsql.Wrap(instant{rows: 2}, gaptrace.WithTracer(tracer)))
	defer db.Close()
	spantest.Mixed(t, tracer, spans, func(ctx context.Context, text string) {
		result, err := db.ExecContext(ctx, "UPDATE "+text)
		if err != nil {
			t.Error(err)
			return
		}
		rows, err := db.QueryContext(ctx, "SELECT "+text)
		if err != nil {
			t.Error(err)
			return
		}
		for rows.Next() {
		}
		if _, err := result.RowsAffected(); err == nil { // instant has driver.ResultNoRows
			t.Error("the result is not the driver's")
		}
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
	})
}
