package gapsql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
)

// three are three rows of one column.
var three = [][]driver.Value{{int64(1), int64(2), int64(3)}}

// under is a database around f, a context with a span, and the tracer of both.
func under(t testing.TB, f *fake, opts ...gaptrace.Option) (*spantest.Tracer, context.Context, *sql.DB) {
	t.Helper()
	tracer := spantest.NewTracer()
	parent := tracer.StartSpan("parent")
	db := f.db(t, func(c driver.Connector) driver.Connector {
		return gapsql.Wrap(c, append([]gaptrace.Option{gaptrace.WithTracer(tracer)}, opts...)...)
	})
	if err := db.Ping(); err != nil { // connect: without a parent, so without a span
		t.Fatal(err)
	}
	return tracer, opentracing.ContextWithSpan(t.Context(), parent), db
}

// drawn finishes the span in ctx and draws those under it.
func drawn(tracer *spantest.Tracer, ctx context.Context) string {
	opentracing.SpanFromContext(ctx).Finish()
	var b strings.Builder
	for line := range strings.Lines(tracer.Tree("component=database/sql ", "", " span.kind=client", "")) {
		if line != "parent\n" && !strings.HasPrefix(line, "  sql reset") { // which a busy machine may draw
			b.WriteString(strings.TrimPrefix(line, "  "))
		}
	}
	return b.String()
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

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestEveryCallIsASpan(t *testing.T) {
	type program func(ctx context.Context, db *sql.DB)
	for name, test := range map[string]struct {
		shape func(conn) driver.Conn
		run   program
		want  string
	}{
		"exec": {modern, func(ctx context.Context, db *sql.DB) {
			must(db.ExecContext(ctx, "INSERT ?", 1))(t)
		}, `
sql exec db.statement="INSERT ?" db.type=sql
`},
		"query": {modern, func(ctx context.Context, db *sql.DB) {
			r, err := db.QueryContext(ctx, "SELECT ?", "secret")
			read(t, r, err)
		}, `
sql query db.statement="SELECT ?" db.type=sql rows=3
`},
		"a query for one row": {modern, func(ctx context.Context, db *sql.DB) {
			var n int
			must(n, db.QueryRowContext(ctx, "SELECT").Scan(&n))(t)
		}, `
sql query db.statement=SELECT db.type=sql rows=1
`},
		"arguments that the driver skips": {conns["skips arguments"], func(ctx context.Context, db *sql.DB) {
			must(db.ExecContext(ctx, "INSERT ?", 1))(t)
			r, err := db.QueryContext(ctx, "SELECT ?", 1)
			read(t, r, err)
		}, `
sql prepare db.statement="INSERT ?" db.type=sql
sql exec db.statement="INSERT ?" db.type=sql
sql prepare db.statement="SELECT ?" db.type=sql
sql query db.statement="SELECT ?" db.type=sql rows=3
`},
		"a driver from before Go 1.8": {conns["before Go 1.8"], func(ctx context.Context, db *sql.DB) {
			must(db.ExecContext(ctx, "INSERT"))(t)
			r, err := db.QueryContext(ctx, "SELECT")
			read(t, r, err)
			prepared := must(db.PrepareContext(ctx, "UPDATE"))(t)
			must(prepared.ExecContext(ctx))(t)
			r, err = prepared.QueryContext(ctx)
			read(t, r, err)
			must(db, prepared.Close())(t)
		}, `
sql exec db.statement=INSERT db.type=sql
sql query db.statement=SELECT db.type=sql rows=3
sql prepare db.statement=UPDATE db.type=sql
sql exec db.statement=UPDATE db.type=sql
sql query db.statement=UPDATE db.type=sql rows=3
`},
		"a transaction": {modern, func(ctx context.Context, db *sql.DB) {
			tx := must(db.BeginTx(ctx, nil))(t)
			must(tx.ExecContext(ctx, "INSERT"))(t)
			must(db, tx.Commit())(t)
			tx = must(db.BeginTx(ctx, nil))(t)
			must(db, tx.Rollback())(t)
		}, `
sql begin db.type=sql
sql exec db.statement=INSERT db.type=sql
sql commit db.type=sql
sql begin db.type=sql
sql rollback db.type=sql
`},
		"ping": {modern, func(ctx context.Context, db *sql.DB) {
			must(db, db.PingContext(ctx))(t)
		}, `
sql ping db.type=sql
`},
		"a ping of what has none": {conns["bare"], func(ctx context.Context, db *sql.DB) {
			must(db, db.PingContext(ctx))(t)
		}, `
`},
		"what the driver cannot do at all": {conns["bare"], func(ctx context.Context, db *sql.DB) {
			if _, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}); err == nil {
				t.Error("a read-only transaction")
			}
			if _, err := db.ExecContext(ctx, "INSERT ?", sql.Named("a", 1)); err == nil {
				t.Error("a named argument")
			}
		}, `
sql prepare db.statement="INSERT ?" db.type=sql
`},
		"connect": {modern, func(ctx context.Context, db *sql.DB) {
			held := must(db.Conn(ctx))(t)
			must(db, db.PingContext(ctx))(t)
			must(db, held.Close())(t)
		}, `
sql connect db.type=sql
sql ping db.type=sql
`},
		"calls without a parent": {modern, func(_ context.Context, db *sql.DB) {
			must(db.Exec("INSERT"))(t)
			read(t, must(db.Query("SELECT"))(t), nil)
			tx := must(db.Begin())(t)
			must(db, tx.Commit())(t)
		}, `
`},
	} {
		t.Run(name, func(t *testing.T) {
			tracer, ctx, db := under(t, &fake{shape: test.shape, sets: three})
			test.run(ctx, db)
			if got, want := drawn(tracer, ctx), test.want[1:]; got != want {
				t.Errorf("drawn:\n%swant:\n%s", got, want)
			}
		})
	}
}

func TestFailuresAreTaggedAndWhatIsNoneIsNot(t *testing.T) {
	const failed = ` db.type=sql error=true
  * event=error error.kind=*errors.errorString message=boom
`
	for name, test := range map[string]struct {
		fault func(string) error
		run   func(ctx context.Context, db *sql.DB) error
		want  string
	}{
		"exec": {failOn("Exec", 1, errBoom), func(ctx context.Context, db *sql.DB) error {
			_, err := db.ExecContext(ctx, "INSERT")
			return err
		}, "sql exec db.statement=INSERT" + failed},
		"query": {failOn("Query", 1, errBoom), func(ctx context.Context, db *sql.DB) error {
			_, err := db.QueryContext(ctx, "SELECT")
			return err
		}, "sql query db.statement=SELECT" + failed},
		"rows that fail half-way": {failOn("Next 1", 1, errBoom), func(ctx context.Context, db *sql.DB) error {
			r := must(db.QueryContext(ctx, "SELECT"))(t)
			for r.Next() {
			}
			return r.Err()
		}, strings.Replace("sql query db.statement=SELECT"+failed, "\n", " rows=1\n", 1)},
		"rows whose end fails": {failOn("Rows.Close", 1, errBoom), func(ctx context.Context, db *sql.DB) error {
			return must(db.QueryContext(ctx, "SELECT"))(t).Close()
		}, strings.Replace("sql query db.statement=SELECT"+failed, "\n", " rows=0\n", 1)},
		"prepare": {failOn("Prepare", 1, errBoom), func(ctx context.Context, db *sql.DB) error {
			_, err := db.PrepareContext(ctx, "SELECT")
			return err
		}, "sql prepare db.statement=SELECT" + failed},
		"begin": {failOn("Begin", 1, errBoom), func(ctx context.Context, db *sql.DB) error {
			_, err := db.BeginTx(ctx, nil)
			return err
		}, "sql begin" + failed},
		"commit": {failOn("Commit", 1, errBoom), func(ctx context.Context, db *sql.DB) error {
			return must(db.BeginTx(ctx, nil))(t).Commit()
		}, "sql begin db.type=sql\nsql commit" + failed},
		"ping": {failOn("Ping", 1, errBoom), func(ctx context.Context, db *sql.DB) error {
			return db.PingContext(ctx)
		}, "sql ping" + failed},
		"a bad connection, tried again": {failOn("Exec", 2, driver.ErrBadConn), func(ctx context.Context, db *sql.DB) error {
			_, err := db.ExecContext(ctx, "INSERT")
			return errors.Join(err, errBoom)
		}, `sql exec db.statement=INSERT db.type=sql
sql connect db.type=sql
sql exec db.statement=INSERT db.type=sql
sql connect db.type=sql
sql exec db.statement=INSERT db.type=sql
`},
		"a bad connection at commit": {failOn("Commit", 1, driver.ErrBadConn), func(ctx context.Context, db *sql.DB) error {
			if err := must(db.BeginTx(ctx, nil))(t).Commit(); err != driver.ErrBadConn { //nolint:errorlint // by identity
				t.Errorf("commit: %v", err)
			}
			return errBoom
		}, `sql begin db.type=sql
` + strings.Replace("sql commit"+failed, "boom", `"driver: bad connection"`, 1)},
		"an error that is expected": {failOn("Exec", 1, io.ErrNoProgress), func(ctx context.Context, db *sql.DB) error {
			_, err := db.ExecContext(ctx, "INSERT")
			if err != io.ErrNoProgress { //nolint:errorlint // by identity
				t.Errorf("exec: %v", err)
			}
			return errBoom
		}, "sql exec db.statement=INSERT db.type=sql\n"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{shape: modern, sets: three}
			tracer, ctx, db := under(t, f, gaptrace.WithExpected(func(_ gaptrace.Call, err error) bool { return err == io.ErrNoProgress })) //nolint:errorlint // by identity
			f.fault = test.fault
			if err := test.run(ctx, db); !errors.Is(err, errBoom) {
				t.Errorf("the program saw %v", err)
			}
			if got := drawn(tracer, ctx); got != test.want {
				t.Errorf("drawn:\n%swant:\n%s", got, test.want)
			}
		})
	}
}

func TestAPreparedStatementIsRecordedUnderEachCallersSpan(t *testing.T) {
	tracer := spantest.NewTracer()
	db := (&fake{shape: modern, stmt: modernStmt, sets: three}).db(t, func(c driver.Connector) driver.Connector {
		return gapsql.Wrap(c, gaptrace.WithTracer(tracer))
	})
	prepared := must(db.Prepare("SELECT"))(t) // without a span
	for _, name := range []string{"first", "second"} {
		span := tracer.StartSpan(name)
		r, err := prepared.QueryContext(opentracing.ContextWithSpan(t.Context(), span))
		read(t, r, err)
		must(prepared.ExecContext(opentracing.ContextWithSpan(t.Context(), span)))(t)
		span.Finish()
	}
	read(t, must(prepared.Query())(t), nil)
	must(prepared, prepared.Close())(t)
	const want = `first
  sql query component=database/sql db.statement=SELECT db.type=sql rows=3 span.kind=client
  sql exec component=database/sql db.statement=SELECT db.type=sql span.kind=client
second
  sql query component=database/sql db.statement=SELECT db.type=sql rows=3 span.kind=client
  sql exec component=database/sql db.statement=SELECT db.type=sql span.kind=client
`
	if got := tracer.Tree(); got != want {
		t.Errorf("drawn:\n%swant:\n%s", got, want)
	}
}

func TestARollbackByTheEndOfItsContextIsASpan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{shape: modern}
		tracer, ctx, db := under(t, f)
		ctx, cancel := context.WithCancel(ctx)
		must(db.BeginTx(ctx, nil))(t)
		cancel()
		synctest.Wait()
		if got, want := drawn(tracer, ctx), "sql begin db.type=sql\nsql rollback db.type=sql\n"; got != want {
			t.Errorf("drawn:\n%swant:\n%s", got, want)
		}
	})
}

// The driver answers after 10 ms, a row comes after 5 ms, and the program works for 20 ms on each.
func TestSpansCoverTheWaitsAndNotTheWorkBetweenThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{shape: modern, sets: three}
		tracer, ctx, db := under(t, f)
		f.fault = func(call string) error {
			switch {
			case strings.HasPrefix(call, "Query"):
				time.Sleep(10 * time.Millisecond)
			case strings.HasPrefix(call, "Next"):
				time.Sleep(5 * time.Millisecond)
			case call == "Rows.Close":
				time.Sleep(time.Millisecond)
			}
			return nil
		}
		begin := time.Now()
		r := must(db.QueryContext(ctx, "SELECT"))(t)
		for r.Next() {
			time.Sleep(20 * time.Millisecond)
		}
		var got []time.Duration
		for _, s := range tracer.Spans() {
			got = append(got, s.Start.Sub(begin)/time.Millisecond, s.End.Sub(begin)/time.Millisecond)
		}
		// Query and the first Next lie side by side, and so do the last Next and Close.
		want := []time.Duration{0, 15, 35, 40, 60, 65, 85, 91}
		if len(got) != len(want) {
			t.Fatalf("spans from and to, in ms: %d, want %d", got, want)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("spans from and to, in ms: %d, want %d", got, want)
			}
		}
		call := tracer.Named("sql query")[0]
		if call.Tags["wait.us"] != int64(31_000) || call.Tags["rows"] != int64(3) {
			t.Errorf("totals: %v", call.Tags)
		}
	})
}

// The next result set comes after 5 ms, or not at all.
func TestTheWaitForAResultSetIsCoveredAndItsFailureTold(t *testing.T) {
	for _, failure := range []error{nil, errBoom} {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{shape: modern, sets: [][]driver.Value{{int64(1)}, {int64(2)}}, rows: func(r *rows) driver.Rows { return setRows{r} }}
			tracer, ctx, db := under(t, f)
			f.fault = func(call string) error {
				if strings.HasPrefix(call, "NextResultSet") {
					time.Sleep(5 * time.Millisecond)
					return failure
				}
				return nil
			}
			r := must(db.QueryContext(ctx, "SELECT"))(t)
			for r.Next() {
			}
			time.Sleep(time.Second)
			if r.NextResultSet() == (failure != nil) {
				t.Errorf("another result set, failing with %v", failure)
			}
			r.Close()
			call, waits := tracer.Named("sql query")[0], tracer.Named("sql query wait")
			if len(waits) != 1 || waits[0].Duration() != 5*time.Millisecond || (call.Tags["error"] == true) != (failure != nil) {
				t.Errorf("failing with %v:\n%s", failure, tracer.Tree())
			}
		})
	}
}

func TestRowsThatOutliveTheirRequestAreDrawnWithTheirTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{shape: modern, sets: three}
		tracer, ctx, db := under(t, f)
		f.fault = func(call string) error {
			if call == "Rows.Close" {
				time.Sleep(5 * time.Millisecond)
			}
			return nil
		}
		begin := time.Now()
		r := must(db.QueryContext(ctx, "SELECT"))(t)
		opentracing.SpanFromContext(ctx).Finish()
		time.Sleep(time.Second)
		must(db, r.Close())(t)
		waits := tracer.Named("sql query wait")
		if len(waits) != 1 || waits[0].ParentID != 1 || waits[0].Start.Sub(begin) != time.Second || waits[0].Duration() != 5*time.Millisecond || tracer.Problems() != nil {
			t.Errorf("drawn:\n%s", tracer.Tree())
		}
		if call := tracer.Named("sql query")[0]; call.Start != begin || call.Duration() != 0 {
			t.Errorf("the query is drawn from %v to %v", call.Start, call.End)
		}
	})
}

func TestClosingAStatementHangsUnderNoRequest(t *testing.T) {
	tracer, ctx, db := under(t, &fake{shape: modern, stmt: modernStmt})
	prepared := must(db.PrepareContext(ctx, "UPDATE"))(t)
	must(prepared.ExecContext(ctx))(t)
	opentracing.SpanFromContext(ctx).Finish()
	drawn := len(tracer.Spans())
	must(db, prepared.Close())(t)
	must(db, db.Close())(t)
	if n := len(tracer.Spans()); n != drawn || tracer.Problems() != nil {
		t.Errorf("%d spans more:\n%s", n-drawn, tracer.Tree())
	}
}

func TestWhatAHookTakesIsNoPartOfTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{shape: modern, sets: three}
		asked := 0
		tracer, ctx, db := under(t, f, gaptrace.WithStatement(func(_ gaptrace.Call, s string) string {
			time.Sleep(time.Second)
			return s
		}), gaptrace.WithExpected(func(gaptrace.Call, error) bool {
			time.Sleep(time.Second)
			asked++
			return false
		}))
		must(db.ExecContext(ctx, "INSERT"))(t)
		read(t, must(db.QueryContext(ctx, "SELECT"))(t), nil)
		for _, failure := range []error{errBoom, driver.ErrBadConn} {
			f.fault = failOn("Commit", 1, failure)
			if err := must(db.BeginTx(ctx, nil))(t).Commit(); !errors.Is(err, failure) {
				t.Error(err)
			}
		}
		if asked != 2 {
			t.Errorf("asked %d times, want 2", asked)
		}
		for _, s := range tracer.Spans() {
			if s.Duration() != 0 {
				t.Errorf("%s takes %v, want 0", s.Operation, s.Duration())
			}
		}
	})
}

func TestHooksSeeTheRequest(t *testing.T) {
	var seen []string
	see := func(c gaptrace.Call) gapsql.Request {
		r := c.Request.(*gapsql.Request)
		seen = append(seen, c.Component+" "+c.Operation+" "+r.Target.Instance+" "+r.Statement)
		return *r
	}
	f := &fake{shape: modern}
	tracer := spantest.NewTracer()
	db := f.db(t, func(c driver.Connector) driver.Connector {
		return gapsql.WrapTarget(c, gapsql.Target{Type: "kind", Instance: "instance", User: "user", Address: "host:1"},
			gaptrace.WithTracer(tracer), gaptrace.WithRoots(),
			gaptrace.WithFilter(func(c gaptrace.Call) bool { return see(c).Statement != "" }),
			gaptrace.WithOperation(func(c gaptrace.Call) string { return strings.ToLower(see(c).Statement) }),
			gaptrace.WithTags(func(c gaptrace.Call) opentracing.Tags {
				return opentracing.Tags{"db.user": "nobody", "mine": see(c).Target.Type}
			}),
			gaptrace.WithStatement(func(c gaptrace.Call, s string) string { return s + "!" }))
	})
	must(db.Exec("INSERT"))(t)
	const want = `insert component=database/sql db.instance=instance db.statement=INSERT! db.type=kind db.user=nobody mine=kind peer.address=host:1 span.kind=client
`
	if got := tracer.Tree(); got != want {
		t.Errorf("drawn:\n%swant:\n%s", got, want)
	}
	const call = "database/sql sql exec instance INSERT"
	if got := strings.Join(seen, "\n"); got != "database/sql sql connect instance \n"+call+"\n"+call+"\n"+call {
		t.Errorf("hooks saw:\n%s", got)
	}
}

func TestATransactionWithNowhereToDrawItsEndIsTheDriversOwn(t *testing.T) {
	f := &fake{shape: modern}
	c := must(gapsql.Wrap(f, gaptrace.WithTracer(spantest.NewTracer())).Connect(t.Context()))(t)
	if begun := must(c.(driver.ConnBeginTx).BeginTx(t.Context(), driver.TxOptions{}))(t); begun != (tx{f}) {
		t.Errorf("begun: %T", begun)
	}
}

func TestTheDriversConnectionCanBeReached(t *testing.T) {
	for _, all := range []map[string]func(conn) driver.Conn{conns, pieces} {
		for name, shape := range all {
			f := &fake{shape: shape}
			want := shape(conn{f})
			for which, c := range map[string]driver.Connector{"raw": f, "wrapped": gapsql.Wrap(f)} {
				db := sql.OpenDB(c)
				held := must(gapsql.WrapDB(db).Conn(t.Context()))(t)
				failure := gapsql.Raw(held, func(got any) error {
					if got != want {
						t.Errorf("%s, %s: Raw: %T", name, which, got)
					}
					return errBoom
				})
				if failure != errBoom { //nolint:errorlint // by identity
					t.Error(failure)
				}
				must(db, held.Raw(func(c any) error {
					if got := gapsql.DriverConn(c); got != want {
						t.Errorf("%s, %s: DriverConn: %T", name, which, got)
					}
					if c, ok := c.(interface{ Raw() driver.Conn }); ok != (which == "wrapped") || ok && c.Raw() != want {
						t.Errorf("%s, %s: a method Raw: %v", name, which, ok)
					}
					return nil
				}))(t)
				held.Close()
				db.Close()
			}
		}
	}
	if got := gapsql.DriverConn(nil); got != nil {
		t.Errorf("DriverConn(nil) = %v", got)
	}
}

func TestFailedAssertionNamesDriverConn(t *testing.T) {
	for _, all := range []map[string]func(conn) driver.Conn{conns, pieces} {
		for name, shape := range all {
			c := must(gapsql.Wrap(&fake{shape: shape}).Connect(t.Context()))(t)
			func() {
				defer func() {
					if said := fmt.Sprint(recover()); !strings.Contains(said, "github.com/gaptrace/gaptrace/contrib/sql.useDriverConn") {
						t.Errorf("%s: %s", name, said)
					}
				}()
				_ = c.(conn)
			}()
		}
	}
}
