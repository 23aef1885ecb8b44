package gapsql_test

import (
	"context"
	"database/sql/driver"
	"testing"
	"testing/synctest"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/gaptrace/gaptrace/internal/spantest"
)

func TestRollbackAtEndOfContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{shape: modern}
		tracer, ctx, db := openFake(t, f)
		ctx, cancel := context.WithCancel(ctx)
		spantest.Must(db.BeginTx(ctx, nil))(t)
		cancel()
		synctest.Wait()
		wantCalls(t, tracer, ctx, "sql begin db.type=sql\nsql rollback db.type=sql\n")
	})
}

func TestTxWithoutParentIsTheDrivers(t *testing.T) {
	f := &fake{shape: modern}
	c := spantest.Must(gapsql.Wrap(f, gaptrace.WithTracer(spantest.NewTracer())).Connect(t.Context()))(t)
	if begun := spantest.Must(c.(driver.ConnBeginTx).BeginTx(t.Context(), driver.TxOptions{}))(t); begun != (tx{f}) {
		t.Errorf("begun: %T", begun)
	}
}
