//go:build go1.27

package gapsql_test

import (
	"database/sql"
	"database/sql/driver"
	"io"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace/internal/spantest"
)

func init() {
	rowses["scan columns"] = func(r *rows) driver.Rows { return scanRows{r} }
	rowses["scan columns of sets"] = func(r *rows) driver.Rows {
		return struct {
			scanSetRows
			typeRows
		}{scanSetRows{scanRows{r}}, typeRows{}}
	}
	optional = append(optional, reflect.TypeFor[driver.RowsColumnScanner]())
}

// scanRows are rows that scan columns themselves. They can scan into a []int64, which database/sql
// cannot.
type scanRows struct{ *rows }

type scanSetRows struct{ scanRows }

func (r scanSetRows) HasNextResultSet() bool { return setRows{r.rows}.HasNextResultSet() }
func (r scanSetRows) NextResultSet() error   { return setRows{r.rows}.NextResultSet() }

func (r scanRows) NextRow() error { return r.Next(make([]driver.Value, 1)) }

func (r scanRows) ScanColumn(scanCtx driver.ScanContext, index int, dest any) error {
	if err := r.f.note("ScanColumn %d %T", index, dest); err != nil {
		return err
	}
	value := r.sets[0][r.at-1]
	if list, ok := dest.(*[]int64); ok {
		*list = []int64{1, 2, 3}
		return nil
	}
	return sql.ConvertAssign(scanCtx, dest, value)
}

// scans is a sql.Scanner that is slow.
type scans func(any) error

func (s scans) Scan(v any) error { return s(v) }

func TestScanColumnWaits(t *testing.T) {
	const slow = time.Millisecond
	var (
		n    int64
		v    any
		list []int64
		text *string
		raw  sql.RawBytes
		at   time.Time
		null sql.NullInt64
		own  scans = func(any) error { return nil }
		deep []*sql.NullInt64
	)
	type loop []loop
	for name, tt := range map[string]struct {
		dest any
		want int
	}{
		"a number":             {&n, 1},
		"any":                  {&v, 1},
		"a list":               {&list, 1},
		"a pointer":            {&text, 1},
		"bytes":                {&raw, 1},
		"a time":               {&at, 1},
		"nothing":              {nil, 1},
		"a Scanner":            {own, 0},
		"null":                 {&null, 0},
		"a list of Scanners":   {&deep, 0},
		"a struct":             {new(struct{ a int }), 0},
		"a list of itself":     {new(loop), 0},
		"an interface of some": {new(io.Reader), 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{shape: modern, sets: three, rows: rowses["scan columns"]}
				tracer, ctx, db := openFake(t, f)
				f.fault = func(call string) error {
					if strings.HasPrefix(call, "ScanColumn") {
						time.Sleep(slow)
					}
					return nil
				}
				r := spantest.Must(db.QueryContext(ctx, "SELECT"))(t)
				r.Next()
				time.Sleep(time.Second)
				_ = r.Scan(tt.dest) // most refuse the value
				time.Sleep(time.Second)
				r.Close()
				waits := tracer.Named("sql query wait")
				if len(waits) != tt.want || tt.want == 1 && waits[0].Duration() != slow {
					t.Errorf("recorded:\n%s", tracer.Tree())
				}
				if call := tracer.Named("sql query")[0]; call.Tags["rows"] != int64(1) || call.Tags["error"] != nil {
					t.Errorf("recorded:\n%s", tracer.Tree())
				}
			})
		})
	}
}

func TestScanColumnFromBuffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracer, ctx, db := openFake(t, &fake{shape: modern, sets: three, rows: rowses["scan columns"]})
		r := spantest.Must(db.QueryContext(ctx, "SELECT"))(t)
		var n int
		for r.Next() {
			time.Sleep(time.Second)
			noError(t, r.Scan(&n))
		}
		wantCalls(t, tracer, ctx, "sql query db.statement=SELECT db.type=sql rows=3\n")
	})
}

// The error of a conversion quotes the row's value, which no span may show.
func TestScanColumnErrorIsNotRecorded(t *testing.T) {
	tracer, ctx, db := openFake(t, &fake{shape: modern, sets: [][]driver.Value{{"hunter2"}}, rows: rowses["scan columns"]})
	var n int
	if err := db.QueryRowContext(ctx, "SELECT").Scan(&n); err == nil || !strings.Contains(err.Error(), "hunter2") {
		t.Fatal(err)
	}
	wantCalls(t, tracer, ctx, "sql query db.statement=SELECT db.type=sql rows=1\n")
}

func TestNextRowFails(t *testing.T) {
	f := &fake{shape: modern, sets: three, rows: rowses["scan columns"]}
	tracer, ctx, db := openFake(t, f)
	f.fault = failOn("Next 1", 1, errBoom)
	r := spantest.Must(db.QueryContext(ctx, "SELECT"))(t)
	for r.Next() {
	}
	if r.Err() != errBoom { //nolint:errorlint // by identity
		t.Error(r.Err())
	}
	if got := recordedCalls(tracer, ctx); !strings.HasPrefix(got,
		"sql query db.statement=SELECT db.type=sql error=true rows=1\n") {
		t.Errorf("recorded:\n%s", got)
	}
}

func TestScanColumnPanics(t *testing.T) {
	for name, leave := range map[string]func(){"panics": func() { panic(errBoom) }, "Goexits": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			f := &fake{shape: modern, sets: three, rows: rowses["scan columns"]}
			tracer, ctx, db := openFake(t, f)
			var caller sync.WaitGroup
			caller.Go(func() {
				defer func() { _ = recover() }()
				r := spantest.Must(db.QueryContext(ctx, "SELECT"))(t)
				r.Next()
				_ = r.Scan(scans(func(any) error { leave(); return nil }))
			})
			caller.Wait()
			if got := recordedCalls(tracer, ctx); strings.Count(got, "error=true") != 1 || strings.Contains(got, "PROBLEM") {
				t.Errorf("recorded:\n%s", got)
			}
		})
	}
}
