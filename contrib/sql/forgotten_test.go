package gapsql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/gaptrace/gaptrace/internal/spantest"
)

// forget maps names to ways to leave rows open such that database/sql keeps referencing them.
var forget = map[string]func(t *testing.T, ctx context.Context, db *sql.DB) *sql.Rows{
	"of a closed statement": func(t *testing.T, ctx context.Context, db *sql.DB) *sql.Rows {
		prepared := spantest.Must(db.PrepareContext(t.Context(), "SELECT"))(t)
		defer prepared.Close()
		return spantest.Must(prepared.QueryContext(ctx))(t)
	},
	"of an open statement": func(t *testing.T, ctx context.Context, db *sql.DB) *sql.Rows {
		return spantest.Must(spantest.Must(db.PrepareContext(t.Context(), "SELECT"))(t).QueryContext(ctx))(t)
	},
	"of a statement on a connection": func(t *testing.T, ctx context.Context, db *sql.DB) *sql.Rows {
		conn := spantest.Must(db.Conn(t.Context()))(t)
		return spantest.Must(spantest.Must(conn.PrepareContext(t.Context(), "SELECT"))(t).QueryContext(ctx))(t)
	},
	"of a transaction": func(t *testing.T, ctx context.Context, db *sql.DB) *sql.Rows {
		return spantest.Must(spantest.Must(db.BeginTx(t.Context(), nil))(t).QueryContext(ctx, "SELECT"))(t)
	},
	"of a statement in a transaction": func(t *testing.T, ctx context.Context, db *sql.DB) *sql.Rows {
		tx := spantest.Must(db.BeginTx(t.Context(), nil))(t)
		return spantest.Must(spantest.Must(tx.PrepareContext(t.Context(), "SELECT"))(t).QueryContext(ctx))(t)
	},
	"of a context that goes on": func(t *testing.T, ctx context.Context, db *sql.DB) *sql.Rows {
		ctx, cancel := context.WithCancel(ctx)
		t.Cleanup(cancel)
		return spantest.Must(db.QueryContext(ctx, "SELECT"))(t)
	},
}

// forgetful opens a database in a synctest bubble. Its queries have a context that is never
// cancelled.
func forgetful(t *testing.T, use func(t *testing.T, tracer *spantest.Tracer, ctx context.Context, db *sql.DB),
	opts ...gaptrace.Option,
) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		tracer, ctx, db := openFake(t, &fake{shape: modern, stmt: modernStmt, sets: three}, opts...)
		ctx = context.WithoutCancel(ctx)
		use(t, tracer, ctx, db)
	})
}

// another runs another query, which makes the wrapper check for forgotten rows.
func another(t *testing.T, ctx context.Context, db *sql.DB) {
	t.Helper()
	read(t, spantest.Must(db.QueryContext(ctx, "SELECT 2"))(t), nil)
}

func abandoned(tracer *spantest.Tracer) (spans []*spantest.Span) {
	for _, s := range tracer.Named("sql query") {
		if s.Tags["abandoned"] == true {
			spans = append(spans, s)
		}
	}
	return spans
}

func TestForgottenRows(t *testing.T) {
	for name, open := range forget {
		t.Run(name, func(t *testing.T) {
			forgetful(t, func(t *testing.T, tracer *spantest.Tracer, ctx context.Context, db *sql.DB) {
				r := open(t, ctx, db)
				r.Next()
				for range 9 {
					time.Sleep(time.Minute)
					another(t, ctx, db)
				}
				if got := abandoned(tracer); len(got) != 0 {
					t.Fatalf("abandoned too early:\n%s", tracer.Tree())
				}
				for range 3 {
					time.Sleep(time.Minute)
					another(t, ctx, db)
				}
				got := abandoned(tracer)
				if len(got) != 1 || got[0].Tags["rows"] != int64(1) || got[0].Tags["db.statement"] != "SELECT" ||
					got[0].Duration() != 0 {
					t.Errorf("recorded:\n%s", tracer.Tree())
				}
				n := len(tracer.Spans())
				r.Close()
				if len(tracer.Spans()) != n {
					t.Errorf("a Close that was no wait is recorded:\n%s", tracer.Tree())
				}
			})
		})
	}
}

func TestForgottenRowsAtClose(t *testing.T) {
	for name, open := range forget {
		t.Run(name, func(t *testing.T) {
			forgetful(t, func(t *testing.T, tracer *spantest.Tracer, ctx context.Context, db *sql.DB) {
				r := open(t, ctx, db)
				db.Close()
				if got := abandoned(tracer); len(got) != 1 {
					t.Errorf("recorded:\n%s", tracer.Tree())
				}
				r.Close()
			})
		})
	}
}

func TestRowsBeingReadAreNotForgotten(t *testing.T) {
	forgetful(t, func(t *testing.T, tracer *spantest.Tracer, ctx context.Context, db *sql.DB) {
		prepared := spantest.Must(db.PrepareContext(t.Context(), "SELECT"))(t)
		r := spantest.Must(prepared.QueryContext(ctx))(t)
		for r.Next() {
			for range 9 {
				time.Sleep(time.Minute)
				another(t, ctx, db)
			}
		}
		if got := abandoned(tracer); len(got) != 0 || len(tracer.Named("sql query")) != 3*9+1 {
			t.Errorf("recorded:\n%s", tracer.Tree())
		}
	})
}

func TestRowsWaitedForAreNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{shape: modern, stmt: modernStmt, sets: three}
		tracer, ctx, db := openFake(t, f)
		r := spantest.Must(spantest.Must(db.PrepareContext(t.Context(),
			"SELECT"))(t).QueryContext(context.WithoutCancel(ctx)))(t)
		f.fault = func(call string) error {
			if call == "Next 0" {
				time.Sleep(time.Hour)
			}
			return nil
		}
		go r.Next()
		synctest.Wait()
		f.fault = nil
		for range 20 {
			time.Sleep(time.Minute)
			another(t, ctx, db)
		}
		time.Sleep(time.Hour)
		r.Close()
		if got := abandoned(tracer); len(got) != 0 {
			t.Errorf("recorded:\n%s", tracer.Tree())
		}
	})
}

func TestForgottenRowsReadAgain(t *testing.T) {
	for _, how := range []string{"Next", "Close"} {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{shape: modern, stmt: modernStmt, sets: three}
			tracer, ctx, db := openFake(t, f)
			r := spantest.Must(spantest.Must(db.PrepareContext(t.Context(),
				"SELECT"))(t).QueryContext(context.WithoutCancel(ctx)))(t)
			r.Next()
			for range 12 {
				time.Sleep(time.Minute)
				another(t, ctx, db)
			}
			tracer.Reset()
			f.fault = func(call string) error {
				if strings.HasPrefix(call, "Next") || call == "Rows.Close" {
					time.Sleep(time.Millisecond)
				}
				return nil
			}
			begun := time.Now()
			want := "sql query rows=0"
			if how == "Next" {
				for r.Next() {
				}
				want = "sql query rows=2"
			} else {
				r.Close()
			}
			spans := tracer.Spans()
			if len(spans) != 1 {
				t.Fatalf("%s, recorded:\n%s", how, tracer.Tree())
			}
			if got := fmt.Sprint(spans[0].Operation, " rows=", spans[0].Tags["rows"]); got != want ||
				!spans[0].Start.Equal(begun) || spans[0].Duration() != time.Since(begun) || spans[0].ParentID != 1 ||
				spans[0].Tags["db.statement"] != "SELECT" {
				t.Errorf("%s, recorded:\n%s", how, tracer.Tree())
			}
		})
	}
}

func TestForgottenRowsOfAnotherDB(t *testing.T) {
	tracer := spantest.NewTracer()
	opts := []gaptrace.Option{gaptrace.WithTracer(tracer), gaptrace.WithRoots()}
	f := &fake{shape: modern, sets: three}
	register(f)
	d := gapsql.WrapDriver(contextDriver{f}, opts...)
	name := gapsql.Register("new", opts...)
	for how, open := range map[string]func() *sql.DB{
		"WrapDriver": func() *sql.DB { return sql.OpenDB(spantest.Must(d.(driver.DriverContext).OpenConnector("dsn"))(t)) },
		"Register":   func() *sql.DB { return spantest.Must(sql.Open(name, "dsn"))(t) },
	} {
		one, other := open(), open()
		r := spantest.Must(other.QueryContext(t.Context(), "SELECT"))(t)
		one.Close()
		if got := abandoned(tracer); len(got) != 0 {
			t.Errorf("%s: recorded:\n%s", how, tracer.Tree())
		}
		r.Close()
		other.Close()
	}
}

// If forgotten rows hold all connections of a pool, no query can run. So a caller that gives up
// waiting reports them.
func TestForgottenRowsAtFailedPoolWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracer, ctx, db := openPool(t, &fake{shape: modern, stmt: modernStmt, sets: three})
		prepared := spantest.Must(db.PrepareContext(ctx, "SELECT"))(t)
		r := spantest.Must(prepared.QueryContext(context.WithoutCancel(ctx)))(t)
		defer r.Close()
		for range 11 {
			impatient, cancel := context.WithTimeout(ctx, time.Minute)
			if err := db.PingContext(impatient); err == nil {
				t.Error("no error")
			}
			cancel()
		}
		if got := abandoned(tracer); len(got) != 1 {
			t.Errorf("recorded:\n%s", tracer.Tree())
		}
	})
}

func TestForgottenRowsAfterPoolWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracer, ctx, db := openExhausted(t, &fake{shape: modern, sets: three})
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		spantest.Must(db.QueryContext(ctx, "SELECT"))(t)
		db.Close()
		wantPool(t, tracer, held)
		if got := abandoned(tracer); len(got) != 1 {
			t.Errorf("recorded:\n%s", tracer.Tree())
		}
	})
}

func TestForgottenRowsWithHookThatGoexits(t *testing.T) {
	asked := 0
	forgetful(t, func(t *testing.T, tracer *spantest.Tracer, ctx context.Context, db *sql.DB) {
		for range 2 {
			defer forget["of a closed statement"](t, ctx, db).Close()
		}
		done := make(chan bool)
		go func() {
			defer close(done)
			db.Close()
		}()
		<-done
		if n := len(abandoned(tracer)); n != 1 || asked != 2 {
			t.Errorf("recorded:\n%s", tracer.Tree())
		}
	}, gaptrace.WithOperation(func(c gaptrace.Call) string {
		if c.Operation == "sql query" {
			if asked++; asked == 1 {
				runtime.Goexit()
			}
		}
		return ""
	}))
}

func TestForgottenRowsReadConcurrently(t *testing.T) {
	const n = 1000
	f := &fake{shape: modern, sets: [][]driver.Value{make([]driver.Value, n)}}
	tracer := spantest.NewTracer()
	// Closing the database reports the rows, while this goroutine still reads them.
	for range 20 {
		db := sql.OpenDB(gapsql.Wrap(f, gaptrace.WithTracer(tracer), gaptrace.WithRoots()))
		r := spantest.Must(db.QueryContext(t.Context(), "SELECT"))(t)
		var closing sync.WaitGroup
		closing.Go(func() { db.Close() })
		got := 0
		for r.Next() {
			got++
		}
		closing.Wait()
		if got != n || r.Err() != nil {
			t.Errorf("%d rows, %v", got, r.Err())
		}
	}
	if problems := tracer.Problems(); problems != nil {
		t.Error(problems)
	}
}

// A hook may end the goroutine that reports a forgotten query. The query that looked for it goes
// on.
func TestHookEndsTheReportOfAForgottenQuery(t *testing.T) {
	var ends atomic.Bool
	forgetful(t, func(t *testing.T, tracer *spantest.Tracer, ctx context.Context, db *sql.DB) {
		r := forget["of an open statement"](t, ctx, db)
		time.Sleep(time.Hour)
		ends.Store(true)
		another(t, ctx, db)
		if n := len(tracer.Named("sql query")); ends.Load() || n == 0 {
			t.Errorf("%d queries recorded:\n%s", n, tracer.Tree())
		}
		r.Close()
	}, gaptrace.WithOperation(func(c gaptrace.Call) string {
		if c.Operation == "sql query" && ends.CompareAndSwap(true, false) {
			runtime.Goexit()
		}
		return ""
	}))
}

func TestStatementHookEndsTheGoroutine(t *testing.T) {
	tracer, ctx, db := openFake(t, &fake{shape: modern, sets: three},
		gaptrace.WithStatement(func(gaptrace.Call, string) string { runtime.Goexit(); return "" }))
	var group sync.WaitGroup
	group.Go(func() { db.QueryContext(ctx, "SELECT") })
	group.Wait()
	tracer.Only(t, "sql query")
}
