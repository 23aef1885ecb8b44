package gapsql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"testing"

	"github.com/gaptrace/gaptrace/internal/spantest"
)

func TestCallsWithoutParentAreCounted(t *testing.T) {
	exec := func(ctx context.Context, db *sql.DB, args ...any) {
		spantest.Must(db.ExecContext(ctx, "INSERT", args...))(t)
	}
	for name, test := range map[string]struct {
		fake *fake
		call func(ctx context.Context, db *sql.DB)
		want int64
	}{
		"a statement": {&fake{shape: modern}, func(ctx context.Context, db *sql.DB) { exec(ctx, db) }, 1},
		"without a context": {&fake{shape: modern}, func(_ context.Context, db *sql.DB) {
			spantest.Must(db.Exec("INSERT"))(t)
		}, 1},
		"rows": {&fake{shape: modern, sets: three}, func(ctx context.Context, db *sql.DB) {
			r, err := db.QueryContext(ctx, "SELECT")
			read(t, r, err)
		}, 1},
		"a transaction": {&fake{shape: modern}, func(ctx context.Context, db *sql.DB) {
			tx := spantest.Must(db.BeginTx(ctx, nil))(t)
			spantest.Must(tx.ExecContext(ctx, "INSERT"))(t)
			noError(t, tx.Commit())
		}, 2}, // the end has no context of its own
		"a driver that prepares, having skipped arguments": {
			&fake{shape: conns["skips arguments"]}, func(ctx context.Context, db *sql.DB) {
				spantest.Must(db.ExecContext(ctx, "INSERT ?", 1))(t)
			}, 2,
		},
		"a retry": {
			&fake{shape: modern, fault: failOn("Exec", 2, driver.ErrBadConn)},
			func(ctx context.Context, db *sql.DB) { exec(ctx, db) }, 1,
		},
		"connecting": {&fake{shape: modern}, func(ctx context.Context, db *sql.DB) {
			db.SetMaxIdleConns(0)
			exec(ctx, db)
			exec(ctx, db) // connects anew
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			_, under, db := openFake(t, test.fake)
			if got := spantest.NoParent("database/sql", func() { test.call(t.Context(), db) }); got != test.want {
				t.Errorf("%d calls without a parent are counted, want %d", got, test.want)
			}
			if name == "without a context" || name == "a retry" {
				return
			}
			if got := spantest.NoParent("database/sql", func() { test.call(under, db) }); got != 0 {
				t.Errorf("%d calls under a parent are counted", got)
			}
		})
	}
}
