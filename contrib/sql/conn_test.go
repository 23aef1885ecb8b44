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
	"unicode/utf8"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/gaptrace/gaptrace/internal/options"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
)

func TestRawAndDriverConn(t *testing.T) {
	for _, all := range []map[string]func(conn) driver.Conn{conns, moreConns} {
		for name, shape := range all {
			f := &fake{shape: shape}
			want := shape(conn{f})
			for which, c := range map[string]driver.Connector{"raw": f, "wrapped": gapsql.Wrap(f)} {
				db := sql.OpenDB(c)
				held := spantest.Must(gapsql.WrapDB(db).Conn(t.Context()))(t)
				failure := gapsql.Raw(held, func(got any) error {
					if got != want {
						t.Errorf("%s, %s: Raw: %T", name, which, got)
					}
					return errBoom
				})
				if failure != errBoom { //nolint:errorlint // by identity
					t.Error(failure)
				}
				spantest.Must(db, held.Raw(func(c any) error {
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

// (*sql.Conn).Raw of a woven program unwraps woven connections only.
func TestConnectionKnowsWhetherItIsWoven(t *testing.T) {
	for woven, opts := range map[bool][]gaptrace.Option{false: nil, true: {options.Woven}} {
		f := &fake{shape: modern}
		c := spantest.Must(gapsql.Wrap(f, opts...).Connect(t.Context()))(t)
		raw, ok := c.(interface{ Woven() (driver.Conn, bool) }).Woven()
		if ok != woven || raw != modern(conn{f}) {
			t.Errorf("woven %v: %v, %T", woven, ok, raw)
		}
	}
}

func TestFailedAssertionNamesDriverConn(t *testing.T) {
	for _, all := range []map[string]func(conn) driver.Conn{conns, moreConns} {
		for name, shape := range all {
			c := spantest.Must(gapsql.Wrap(&fake{shape: shape}).Connect(t.Context()))(t)
			func() {
				defer func() {
					if said := fmt.Sprint(recover()); !strings.Contains(said,
						"github.com/gaptrace/gaptrace/contrib/sql.useDriverConn") {
						t.Errorf("%s: %s", name, said)
					}
				}()
				_ = c.(conn)
			}()
		}
	}
}

func TestNilResultsStayNil(t *testing.T) {
	f := &fake{
		shape: modern,
		stmt:  func(stmt) driver.Stmt { return nil },
		rows:  func(*rows) driver.Rows { return nil },
	}
	tracer := spantest.NewTracer()
	raw, err := gapsql.Wrap(f, gaptrace.WithTracer(tracer), gaptrace.WithRoots()).Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s, err := raw.(driver.ConnPrepareContext).PrepareContext(t.Context(), "SELECT"); s != nil || err != nil {
		t.Errorf("stmt: %v, %v", s, err)
	}
	if r, err := raw.(driver.QueryerContext).QueryContext(t.Context(), "SELECT", nil); r != nil || err != nil {
		t.Errorf("rows: %v, %v", r, err)
	}
	f.shape = func(conn) driver.Conn { return nil }
	if c, err := gapsql.Wrap(f, gaptrace.WithTracer(tracer), gaptrace.WithRoots()).Connect(t.Context()); c != nil ||
		err != nil {
		t.Errorf("conn: %v, %v", c, err)
	}
	if problems := tracer.Problems(); problems != nil {
		t.Error(problems)
	}
}

// The text of a span and its log if a call fails with errBoom.
const failed = ` db.type=sql error=true
  * event=error error.kind=*errors.errorString message=boom
`

func TestCalls(t *testing.T) {
	t.Run("exec", func(t *testing.T) {
		tracer, ctx, db := openFake(t, &fake{shape: modern})
		spantest.Must(db.ExecContext(ctx, "INSERT ?", 1))(t)
		wantCalls(t, tracer, ctx, `
sql exec db.statement="INSERT ?" db.type=sql
`)
	})
	t.Run("query", func(t *testing.T) {
		tracer, ctx, db := openFake(t, &fake{shape: modern, sets: three})
		r, err := db.QueryContext(ctx, "SELECT ?", "secret")
		read(t, r, err)
		wantCalls(t, tracer, ctx, `
sql query db.statement="SELECT ?" db.type=sql rows=3
`)
	})
	t.Run("query for one row", func(t *testing.T) {
		tracer, ctx, db := openFake(t, &fake{shape: modern, sets: three})
		var n int
		noError(t, db.QueryRowContext(ctx, "SELECT").Scan(&n))
		wantCalls(t, tracer, ctx, `
sql query db.statement=SELECT db.type=sql rows=1
`)
	})
	t.Run("transaction", func(t *testing.T) {
		tracer, ctx, db := openFake(t, &fake{shape: modern})
		tx := spantest.Must(db.BeginTx(ctx, nil))(t)
		spantest.Must(tx.ExecContext(ctx, "INSERT"))(t)
		noError(t, tx.Commit())
		tx = spantest.Must(db.BeginTx(ctx, nil))(t)
		noError(t, tx.Rollback())
		wantCalls(t, tracer, ctx, `
sql begin db.type=sql
sql exec db.statement=INSERT db.type=sql
sql commit db.type=sql
sql begin db.type=sql
sql rollback db.type=sql
`)
	})
	t.Run("ping", func(t *testing.T) {
		tracer, ctx, db := openFake(t, &fake{shape: modern})
		noError(t, db.PingContext(ctx))
		wantCalls(t, tracer, ctx, "sql ping db.type=sql\n")
	})
	t.Run("connect", func(t *testing.T) {
		tracer, ctx, db := openFake(t, &fake{shape: modern})
		held := spantest.Must(db.Conn(ctx))(t)
		noError(t, db.PingContext(ctx))
		noError(t, held.Close())
		wantCalls(t, tracer, ctx, "sql connect db.type=sql\nsql ping db.type=sql\n")
	})
	t.Run("without a parent", func(t *testing.T) {
		tracer, ctx, db := openFake(t, &fake{shape: modern, sets: three})
		spantest.Must(db.Exec("INSERT"))(t)
		read(t, spantest.Must(db.Query("SELECT"))(t), nil)
		tx := spantest.Must(db.Begin())(t)
		noError(t, tx.Commit())
		wantCalls(t, tracer, ctx, "")
	})
}

func TestCallsOfLimitedDrivers(t *testing.T) {
	t.Run("skips arguments", func(t *testing.T) {
		tracer, ctx, db := openFake(t, &fake{shape: conns["skips arguments"], sets: three})
		spantest.Must(db.ExecContext(ctx, "INSERT ?", 1))(t)
		r, err := db.QueryContext(ctx, "SELECT ?", 1)
		read(t, r, err)
		wantCalls(t, tracer, ctx, `
sql prepare db.statement="INSERT ?" db.type=sql
sql exec db.statement="INSERT ?" db.type=sql
sql prepare db.statement="SELECT ?" db.type=sql
sql query db.statement="SELECT ?" db.type=sql rows=3
`)
	})
	t.Run("before Go 1.8", func(t *testing.T) {
		tracer, ctx, db := openFake(t, &fake{shape: conns["before Go 1.8"], sets: three})
		spantest.Must(db.ExecContext(ctx, "INSERT"))(t)
		r, err := db.QueryContext(ctx, "SELECT")
		read(t, r, err)
		prepared := spantest.Must(db.PrepareContext(ctx, "UPDATE"))(t)
		spantest.Must(prepared.ExecContext(ctx))(t)
		r, err = prepared.QueryContext(ctx)
		read(t, r, err)
		noError(t, prepared.Close())
		wantCalls(t, tracer, ctx, `
sql exec db.statement=INSERT db.type=sql
sql query db.statement=SELECT db.type=sql rows=3
sql prepare db.statement=UPDATE db.type=sql
sql exec db.statement=UPDATE db.type=sql
sql query db.statement=UPDATE db.type=sql rows=3
`)
	})
	t.Run("without ping", func(t *testing.T) {
		tracer, ctx, db := openFake(t, &fake{shape: conns["bare"]})
		noError(t, db.PingContext(ctx))
		wantCalls(t, tracer, ctx, "")
	})
	t.Run("without read-only transactions and named arguments", func(t *testing.T) {
		tracer, ctx, db := openFake(t, &fake{shape: conns["bare"]})
		if _, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}); err == nil {
			t.Error("a read-only transaction")
		}
		if _, err := db.ExecContext(ctx, "INSERT ?", sql.Named("a", 1)); err == nil {
			t.Error("a named argument")
		}
		wantCalls(t, tracer, ctx, `
sql prepare db.statement="INSERT ?" db.type=sql
`)
	})
}

// openFailing is openFake for a database whose calls meet fault.
func openFailing(t *testing.T, fault func(string) error) (*spantest.Tracer, context.Context, *sql.DB) {
	f := &fake{shape: modern, sets: three}
	tracer, ctx, db := openFake(t, f, gaptrace.WithExpected(func(_ gaptrace.Call, err error) bool {
		return err == io.ErrNoProgress //nolint:errorlint // by identity
	}))
	f.fault = fault
	return tracer, ctx, db
}

func wantError(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("the program got %v, want %v", got, want)
	}
}

func TestFailures(t *testing.T) {
	t.Run("exec", func(t *testing.T) {
		tracer, ctx, db := openFailing(t, failOn("Exec", 1, errBoom))
		_, err := db.ExecContext(ctx, "INSERT")
		wantError(t, err, errBoom)
		wantCalls(t, tracer, ctx, "sql exec db.statement=INSERT"+failed)
	})
	t.Run("query", func(t *testing.T) {
		tracer, ctx, db := openFailing(t, failOn("Query", 1, errBoom))
		_, err := db.QueryContext(ctx, "SELECT")
		wantError(t, err, errBoom)
		wantCalls(t, tracer, ctx, "sql query db.statement=SELECT"+failed)
	})
	t.Run("second row", func(t *testing.T) {
		tracer, ctx, db := openFailing(t, failOn("Next 1", 1, errBoom))
		r := spantest.Must(db.QueryContext(ctx, "SELECT"))(t)
		for r.Next() {
		}
		wantError(t, r.Err(), errBoom)
		wantCalls(t, tracer, ctx, strings.Replace("sql query db.statement=SELECT"+failed, "\n", " rows=1\n", 1))
	})
	t.Run("rows.Close", func(t *testing.T) {
		tracer, ctx, db := openFailing(t, failOn("Rows.Close", 1, errBoom))
		wantError(t, spantest.Must(db.QueryContext(ctx, "SELECT"))(t).Close(), errBoom)
		wantCalls(t, tracer, ctx, strings.Replace("sql query db.statement=SELECT"+failed, "\n", " rows=0\n", 1))
	})
	t.Run("prepare", func(t *testing.T) {
		tracer, ctx, db := openFailing(t, failOn("Prepare", 1, errBoom))
		_, err := db.PrepareContext(ctx, "SELECT")
		wantError(t, err, errBoom)
		wantCalls(t, tracer, ctx, "sql prepare db.statement=SELECT"+failed)
	})
	t.Run("begin", func(t *testing.T) {
		tracer, ctx, db := openFailing(t, failOn("Begin", 1, errBoom))
		_, err := db.BeginTx(ctx, nil)
		wantError(t, err, errBoom)
		wantCalls(t, tracer, ctx, "sql begin"+failed)
	})
	t.Run("commit", func(t *testing.T) {
		tracer, ctx, db := openFailing(t, failOn("Commit", 1, errBoom))
		wantError(t, spantest.Must(db.BeginTx(ctx, nil))(t).Commit(), errBoom)
		wantCalls(t, tracer, ctx, "sql begin db.type=sql\nsql commit"+failed)
	})
	t.Run("ping", func(t *testing.T) {
		tracer, ctx, db := openFailing(t, failOn("Ping", 1, errBoom))
		wantError(t, db.PingContext(ctx), errBoom)
		wantCalls(t, tracer, ctx, "sql ping"+failed)
	})
	t.Run("an expected error is no failure", func(t *testing.T) {
		tracer, ctx, db := openFailing(t, failOn("Exec", 1, io.ErrNoProgress))
		if _, err := db.ExecContext(ctx, "INSERT"); err != io.ErrNoProgress { //nolint:errorlint // by identity
			t.Errorf("exec: %v", err)
		}
		wantCalls(t, tracer, ctx, "sql exec db.statement=INSERT db.type=sql\n")
	})
}

func TestErrBadConn(t *testing.T) {
	t.Run("is no failure if retried", func(t *testing.T) {
		tracer, ctx, db := openFailing(t, failOn("Exec", 2, driver.ErrBadConn))
		_, err := db.ExecContext(ctx, "INSERT")
		noError(t, err)
		wantCalls(t, tracer, ctx, `
sql exec db.statement=INSERT db.type=sql
sql connect db.type=sql
sql exec db.statement=INSERT db.type=sql
sql connect db.type=sql
sql exec db.statement=INSERT db.type=sql
`)
	})
	t.Run("is a failure of commit", func(t *testing.T) {
		tracer, ctx, db := openFailing(t, failOn("Commit", 1, driver.ErrBadConn))
		err := spantest.Must(db.BeginTx(ctx, nil))(t).Commit()
		if err != driver.ErrBadConn { //nolint:errorlint // by identity
			t.Errorf("commit: %v", err)
		}
		wantCalls(t, tracer, ctx, "sql begin db.type=sql\n"+
			strings.Replace("sql commit"+failed, "boom", `"driver: bad connection"`, 1))
	})
}

func TestPanicPassesThrough(t *testing.T) {
	for call, run := range map[string]func(ctx context.Context, db *sql.DB) error{
		"Exec":  func(ctx context.Context, db *sql.DB) error { _, err := db.ExecContext(ctx, "INSERT"); return err },
		"Query": func(ctx context.Context, db *sql.DB) error { _, err := db.QueryContext(ctx, "SELECT"); return err },
		"Next 2": func(ctx context.Context, db *sql.DB) error {
			r, err := db.QueryContext(ctx, "SELECT")
			for r.Next() {
			}
			return err
		},
		"NextResultSet": func(ctx context.Context, db *sql.DB) error {
			r, err := db.QueryContext(ctx, "SELECT")
			r.NextResultSet()
			return err
		},
		"Rows.Close": func(ctx context.Context, db *sql.DB) error {
			r, err := db.QueryContext(ctx, "SELECT")
			return errors.Join(err, r.Close())
		},
		"Begin": func(ctx context.Context, db *sql.DB) error { _, err := db.BeginTx(ctx, nil); return err },
	} {
		t.Run(call, func(t *testing.T) {
			f := &fake{shape: modern, rows: modernRows, sets: three}
			tracer, ctx, db := openFake(t, f)
			f.fault = func(noted string) error {
				if strings.HasPrefix(noted, call) {
					panic(errBoom)
				}
				return nil
			}
			defer func() {
				if r := recover(); r != errBoom {
					t.Errorf("recovered %v", r)
				}
				f.fault = nil
				if got := recordedCalls(tracer, ctx); strings.Count(got, "error=true") != 1 ||
					!strings.Contains(got, " db.type=sql") || strings.Contains(got, "PROBLEM") {
					t.Errorf("recorded:\n%s", got)
				}
			}()
			err := run(ctx, db)
			t.Errorf("no panic; the program saw %v", err)
		})
	}
}

func TestHookTimeIsNotCovered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{shape: modern, sets: three}
		asked := 0
		tracer, ctx, db := openFake(t, f, gaptrace.WithStatement(func(_ gaptrace.Call, s string) string {
			time.Sleep(time.Second)
			return s
		}), gaptrace.WithExpected(func(gaptrace.Call, error) bool {
			time.Sleep(time.Second)
			asked++
			return false
		}))
		spantest.Must(db.ExecContext(ctx, "INSERT"))(t)
		read(t, spantest.Must(db.QueryContext(ctx, "SELECT"))(t), nil)
		for _, failure := range []error{errBoom, driver.ErrBadConn} {
			f.fault = failOn("Commit", 1, failure)
			if err := spantest.Must(db.BeginTx(ctx, nil))(t).Commit(); !errors.Is(err, failure) {
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

func TestHooksGetTheRequest(t *testing.T) {
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
	spantest.Must(db.Exec("INSERT"))(t)
	const want = `insert component=database/sql db.instance=instance db.statement=INSERT! db.type=kind db.user=nobody mine=kind peer.address=host:1 span.kind=client
`
	if got := tracer.Tree(); got != want {
		t.Errorf("recorded:\n%swant:\n%s", got, want)
	}
	const call = "database/sql sql exec instance INSERT"
	if got := strings.Join(seen, "\n"); got != "database/sql sql connect instance \n"+call+"\n"+call+"\n"+call {
		t.Errorf("hooks saw:\n%s", got)
	}
}

// WithStatement's hook can shorten a statement by itself, or read the comment at its end.
func TestHookGetsLongStatements(t *testing.T) {
	query := "SELECT 1 FROM t WHERE id IN (" + strings.Repeat("17, ", 2000) + "18)"
	var seen string
	tracer, ctx, db := openFake(t, &fake{shape: modern}, gaptrace.WithStatement(func(_ gaptrace.Call, s string) string {
		seen = s
		return "short"
	}))
	spantest.Must(db.ExecContext(ctx, query))(t)
	if seen != query {
		t.Errorf("the hook got %d bytes, want %d", len(seen), len(query))
	}
	if got := tracer.Only(t, "sql exec").Tags["db.statement"]; got != "short" {
		t.Errorf("db.statement = %v", got)
	}
}

func TestStatementReachesDriverUnchanged(t *testing.T) {
	for name, query := range map[string]string{
		"long":         "SELECT '" + strings.Repeat("x", 10<<20) + "'",
		"long, secret": "SET PASSWORD = '" + strings.Repeat("x", 10<<20) + "'",
		"broken":       "SELECT \xff\xfe'\xc3' IDENTIFIED \x00",
		"broken runes": "SELECT " + strings.Repeat("\xe2\x82", 10_000),
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{shape: modern, sets: three}
			tracer, ctx, db := openFake(t, f)
			spantest.Must(db.ExecContext(ctx, query))(t)
			r, err := db.QueryContext(ctx, query)
			read(t, r, err)
			if !strings.Contains(f.noted(), "ExecContext "+query+" ") ||
				!strings.Contains(f.noted(), "QueryContext "+query+" ") {
				t.Error("the driver was given another statement")
			}
			for _, s := range append(tracer.Named("sql exec"), tracer.Named("sql query")...) {
				if statement := s.Tags["db.statement"].(string); len(statement) > 4096 || !utf8.ValidString(statement) {
					t.Errorf("%s: db.statement of %d bytes", s.Operation, len(statement))
				}
			}
			if got := recordedCalls(tracer, ctx); strings.Contains(got, "PROBLEM") {
				t.Errorf("recorded:\n%s", got)
			}
		})
	}
}
