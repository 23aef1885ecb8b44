package gapsql_test

import (
	"context"
	"database/sql/driver"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
)

// The driver answers after 10 ms, a row comes after 5 ms, and the program works for 20 ms on each.
func TestRowsWorkIsNotCovered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{shape: modern, sets: three}
		tracer, ctx, db := openFake(t, f)
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
		r := spantest.Must(db.QueryContext(ctx, "SELECT"))(t)
		for r.Next() {
			time.Sleep(20 * time.Millisecond)
		}
		var got []time.Duration
		for _, s := range tracer.Spans() {
			got = append(got, s.Start.Sub(begin)/time.Millisecond, s.End.Sub(begin)/time.Millisecond)
		}
		// Query and the first Next are one wait, and so are the last Next and Close.
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
func TestNextResultSetWaits(t *testing.T) {
	for _, failure := range []error{nil, errBoom} {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{
				shape: modern, sets: [][]driver.Value{{int64(1)}, {int64(2)}},
				rows: func(r *rows) driver.Rows { return setRows{r} },
			}
			tracer, ctx, db := openFake(t, f)
			f.fault = func(call string) error {
				if strings.HasPrefix(call, "NextResultSet") {
					time.Sleep(5 * time.Millisecond)
					return failure
				}
				return nil
			}
			r := spantest.Must(db.QueryContext(ctx, "SELECT"))(t)
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

func TestRowsOutliveTheirParent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{shape: modern, sets: three}
		tracer, ctx, db := openFake(t, f)
		f.fault = func(call string) error {
			if call == "Rows.Close" {
				time.Sleep(5 * time.Millisecond)
			}
			return nil
		}
		begin := time.Now()
		r := spantest.Must(db.QueryContext(ctx, "SELECT"))(t)
		opentracing.SpanFromContext(ctx).Finish()
		time.Sleep(time.Second)
		noError(t, r.Close())
		waits := tracer.Named("sql query wait")
		if len(waits) != 1 || waits[0].ParentID != 1 || waits[0].Start.Sub(begin) != time.Second ||
			waits[0].Duration() != 5*time.Millisecond || tracer.Problems() != nil {
			t.Errorf("recorded:\n%s", tracer.Tree())
		}
		if call := tracer.Named("sql query")[0]; call.Start != begin || call.Duration() != 0 {
			t.Errorf("the query is recorded from %v to %v", call.Start, call.End)
		}
	})
}

func TestRowsNeverClosed(t *testing.T) {
	tracer := spantest.NewTracer()
	ctx := opentracing.ContextWithSpan(t.Context(), tracer.StartSpan("parent"))
	func() { // without database/sql, which might hold them
		c := spantest.Must(gapsql.Wrap(&fake{shape: modern, sets: three},
			gaptrace.WithTracer(tracer)).Connect(t.Context()))(t)
		r := spantest.Must(c.(driver.QueryerContext).QueryContext(ctx, "SELECT", nil))(t)
		noError(t, r.Next(make([]driver.Value, 1)))
	}()
	for deadline := time.Now().Add(time.Minute); len(tracer.Named("sql query")) == 0; time.Sleep(time.Millisecond) {
		runtime.GC()
		if time.Now().After(deadline) {
			t.Fatal("rows never closed were never reported")
		}
	}
	wantCalls(t, tracer, ctx, "sql query abandoned=true db.statement=SELECT db.type=sql rows=1\n")
}

func TestRowsCancelledWhileRead(t *testing.T) {
	f := &fake{shape: modern, sets: [][]driver.Value{make([]driver.Value, 1000)}}
	tracer, ctx, db := openFake(t, f)
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
	if got := recordedCalls(tracer, ctx); strings.Contains(got, "PROBLEM") || strings.Count(got, "sql query") != 50 {
		t.Errorf("recorded:\n%s", got)
	}
}
