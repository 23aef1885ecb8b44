package interop_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
)

// A server's list of running statements shows the comment that its log of slow queries has.
func TestSQLCommentsReachTheServer(t *testing.T) {
	running := map[string]string{
		"jackc/pgx":           "SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid();",
		"go-sql-driver/mysql": "SELECT info FROM information_schema.processlist WHERE id = CONNECTION_ID();",
		"modernc.org/sqlite":  "SELECT 'traceparent';",
	}
	for name, d := range dialects {
		t.Run(name, func(t *testing.T) {
			tr, closer, err := tracer.New("go", tracer.WithRecorder(tracer.NewRecorder(1)))
			if err != nil {
				t.Fatal(err)
			}
			defer closer.Close()
			ctx := opentracing.ContextWithSpan(t.Context(), tr.StartSpan("request"))
			db := spantest.Must(gapsql.Open(d.driver, d.newDSN(t),
				gaptrace.WithTracer(tr), gaptrace.WithSQLComments(map[string]string{"application": "shop"}),
				gaptrace.WithPreparedSQLComments()))(t)
			defer db.Close()
			prepared := spantest.Must(db.PrepareContext(ctx, running[name]))(t)
			defer prepared.Close()
			for _, row := range []*sql.Row{db.QueryRowContext(ctx, running[name]), prepared.QueryRowContext(ctx)} {
				var text string
				if err := row.Scan(&text); err != nil {
					t.Fatal(err)
				}
				want := " /*application='shop',traceparent='00-"
				if name != "modernc.org/sqlite" && !strings.Contains(text, want) {
					t.Errorf("the server runs %q, want %q in it", text, want)
				}
			}
			if _, err := db.ExecContext(ctx, "CREATE TABLE t (id INT)"); err != nil {
				t.Error(err)
			}
			if _, err := db.ExecContext(ctx, "INSERT INTO t VALUES ("+d.param(1)+")", 7); err != nil {
				t.Error(err)
			}
		})
	}
}
