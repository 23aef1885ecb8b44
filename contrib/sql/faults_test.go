package gapsql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
)

func TestNilArgumentsPanic(t *testing.T) {
	for want, wrap := range map[string]func(){
		"gapsql.Wrap: c is nil":       func() { gapsql.Wrap(nil) },
		"gapsql.WrapTarget: c is nil": func() { gapsql.WrapTarget(nil, gapsql.Target{}) },
		"gapsql.WrapDriver: d is nil": func() { gapsql.WrapDriver(nil) },
		"gapsql.WrapDB: db is nil":    func() { gapsql.WrapDB(nil) },
	} {
		t.Run(want, func(t *testing.T) {
			defer func() {
				if got := recover(); got != want {
					t.Errorf("panic: %v", got)
				}
			}()
			wrap()
		})
	}
}

func TestWhatADriverMayReturnAsNilStaysNil(t *testing.T) {
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
	if c, err := gapsql.Wrap(f, gaptrace.WithTracer(tracer), gaptrace.WithRoots()).Connect(t.Context()); c != nil || err != nil {
		t.Errorf("conn: %v, %v", c, err)
	}
	if problems := tracer.Problems(); problems != nil {
		t.Error(problems)
	}
}

func TestAPanicOfTheDriverPassesThroughAndItsSpanIsFinished(t *testing.T) {
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
			tracer, ctx, db := under(t, f)
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
				if got := drawn(tracer, ctx); strings.Count(got, "error=true") != 1 || !strings.Contains(got, " db.type=sql") || strings.Contains(got, "PROBLEM") {
					t.Errorf("drawn:\n%s", got)
				}
			}()
			err := run(ctx, db)
			t.Errorf("no panic; the program saw %v", err)
		})
	}
}

func TestRowsNeverClosedAreReportedWhenTheyAreGarbage(t *testing.T) {
	tracer := spantest.NewTracer()
	ctx := opentracing.ContextWithSpan(t.Context(), tracer.StartSpan("parent"))
	func() { // without database/sql, which might hold them
		c := must(gapsql.Wrap(&fake{shape: modern, sets: three}, gaptrace.WithTracer(tracer)).Connect(t.Context()))(t)
		r := must(c.(driver.QueryerContext).QueryContext(ctx, "SELECT", nil))(t)
		must(r, r.Next(make([]driver.Value, 1)))(t)
	}()
	for deadline := time.Now().Add(time.Minute); len(tracer.Named("sql query")) == 0; time.Sleep(time.Millisecond) {
		runtime.GC()
		if time.Now().After(deadline) {
			t.Fatal("rows never closed were never reported")
		}
	}
	if got, want := drawn(tracer, ctx), "sql query abandoned=true db.statement=SELECT db.type=sql rows=1\n"; got != want {
		t.Errorf("drawn:\n%swant:\n%s", got, want)
	}
}

func TestAStatementOfTenMegabytesOrOfBrokenUTF8ReachesTheDriverAsItIs(t *testing.T) {
	for name, query := range map[string]string{
		"long":         "SELECT '" + strings.Repeat("x", 10<<20) + "'",
		"long, secret": "SET PASSWORD = '" + strings.Repeat("x", 10<<20) + "'",
		"broken":       "SELECT \xff\xfe'\xc3' IDENTIFIED \x00",
		"broken runes": "SELECT " + strings.Repeat("\xe2\x82", 10_000),
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{shape: modern, sets: three}
			tracer, ctx, db := under(t, f)
			must(db.ExecContext(ctx, query))(t)
			r, err := db.QueryContext(ctx, query)
			read(t, r, err)
			if !strings.Contains(f.noted(), "ExecContext "+query+" ") || !strings.Contains(f.noted(), "QueryContext "+query+" ") {
				t.Error("the driver was given another statement")
			}
			for _, s := range append(tracer.Named("sql exec"), tracer.Named("sql query")...) {
				if statement := s.Tags["db.statement"].(string); len(statement) > 4096 || !utf8.ValidString(statement) {
					t.Errorf("%s: db.statement of %d bytes", s.Operation, len(statement))
				}
			}
			if got := drawn(tracer, ctx); strings.Contains(got, "PROBLEM") {
				t.Errorf("drawn:\n%s", got)
			}
		})
	}
}

func TestRowsMayBeCancelledWhileTheyAreRead(t *testing.T) {
	f := &fake{shape: modern, sets: [][]driver.Value{make([]driver.Value, 1000)}}
	tracer, ctx, db := under(t, f)
	var readers sync.WaitGroup
	for range 50 {
		readers.Go(func() {
			ctx, cancel := context.WithCancel(ctx)
			r, err := db.QueryContext(ctx, "SELECT")
			if err != nil {
				t.Error(err)
			}
			readers.Go(cancel)
			for r.Next() {
			}
			r.Close()
		})
	}
	readers.Wait()
	if got := drawn(tracer, ctx); strings.Contains(got, "PROBLEM") || strings.Count(got, "sql query") != 50 {
		t.Errorf("drawn:\n%s", got)
	}
}
