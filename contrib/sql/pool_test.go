package gapsql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
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

// converts is an argument whose value is the program's work to find.
type converts func() (driver.Value, error)

func (v converts) Value() (driver.Value, error) { return v() }

func works(d time.Duration) converts {
	return func() (driver.Value, error) { time.Sleep(d); return int64(1), nil }
}

// converting is all but a checker of arguments: database/sql converts them.
var converting = pieces["all but connChecker"]

const held = 10 * time.Millisecond

// exhausted is a DB whose one connection is given back after held.
func exhausted(t *testing.T, f *fake, opts ...gaptrace.Option) (*spantest.Tracer, context.Context, *gapsql.DB) {
	tracer, ctx, db := underOne(t, f, opts...)
	conn := must(db.DB.Conn(t.Context()))(t)
	time.AfterFunc(held, func() { conn.Close() })
	return tracer, ctx, db
}

func wantPool(t *testing.T, tracer *spantest.Tracer, want time.Duration) {
	t.Helper()
	if pools := tracer.Named("sql pool"); len(pools) != 1 || pools[0].Duration() != want || pools[0].Tags["error"] != nil {
		t.Errorf("want a wait of %v for the pool, drawn:\n%s", want, tracer.Tree())
	}
	for _, problem := range tracer.Problems() {
		if !strings.HasPrefix(problem, "parent:") {
			t.Error(problem)
		}
	}
}

// database/sql converts arguments when it has a connection, which runs the program's own code.
func TestTheWorkOfAValuerIsNoWaitForThePool(t *testing.T) {
	for name, shape := range map[string]func(conn) driver.Conn{"resets": converting, "does not": conns["before Go 1.8"]} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tracer, ctx, db := exhausted(t, &fake{shape: shape})
				must(db.ExecContext(ctx, "UPDATE ?", works(time.Second)))(t)
				wantPool(t, tracer, held)
			})
		})
	}
	synctest.Test(t, func(t *testing.T) { // database/sql does not look at what else a reset may answer
		tracer, ctx, db := underOne(t, &fake{shape: converting, fault: failOn("ResetSession", 1, errBoom)})
		must(db.ExecContext(ctx, "UPDATE ?", works(time.Second)))(t)
		if n := len(tracer.Named("sql pool")); n != 0 {
			t.Errorf("%d waits for a pool that was free", n)
		}
	})
}

func TestAWaitForThePoolIsDrawnThoughNoCallComes(t *testing.T) {
	panics := converts(func() (driver.Value, error) { panic(errBoom) })
	resets := func(how func()) func(string) error { // the first reset is for who holds the connection
		return onReset(2, func() error { how(); return nil })
	}
	goexits := gaptrace.WithFilter(func(c gaptrace.Call) bool {
		if c.Operation == "sql exec" {
			runtime.Goexit()
		}
		return true
	})
	for name, tt := range map[string]struct {
		argument any
		fault    func(string) error
		opts     []gaptrace.Option
	}{
		"a Valuer panics":                     {argument: panics},
		"a Valuer panics behind a slow reset": {argument: panics, fault: resets(func() { time.Sleep(time.Millisecond) })},
		"the reset panics":                    {argument: 1, fault: resets(func() { panic(errBoom) })},
		"the reset Goexits":                   {argument: 1, fault: resets(runtime.Goexit)},
		"the filter Goexits":                  {argument: 1, opts: []gaptrace.Option{goexits}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tracer, ctx, db := exhausted(t, &fake{shape: converting, fault: tt.fault}, tt.opts...)
				var caller sync.WaitGroup
				caller.Go(func() {
					defer func() { _ = recover() }()
					_, _ = db.ExecContext(ctx, "UPDATE ?", tt.argument)
				})
				caller.Wait()
				wantPool(t, tracer, held)
			})
		})
	}
}

func TestAContextThatEndsWithAConnectionIsNoWaitInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracer, ctx, db := exhausted(t, &fake{shape: conns["before Go 1.8"]})
		ctx, cancel := context.WithCancel(ctx)
		_, _ = db.ExecContext(ctx, "UPDATE ?", converts(func() (driver.Value, error) { cancel(); return int64(1), nil }))
		wantPool(t, tracer, held)
	})
}

// busy is a tracer that takes a while to start a span.
type busy struct{ *spantest.Tracer }

func (b busy) StartSpan(operation string, opts ...opentracing.StartSpanOption) opentracing.Span {
	time.Sleep(time.Millisecond)
	return b.Tracer.StartSpan(operation, opts...)
}

func TestReportingAWaitForThePoolIsNoWork(t *testing.T) {
	for shape, call := range map[string]string{"modern": "sql exec", "skips arguments": "sql prepare"} {
		for _, reset := range []time.Duration{0, time.Second} {
			t.Run(fmt.Sprint(shape, ", reset in ", reset), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					tracer := spantest.NewTracer()
					_, ctx, db := exhausted(t, &fake{
						shape: conns[shape], fault: onReset(2, func() error { time.Sleep(reset); return nil }),
					}, gaptrace.WithTracer(busy{tracer}))
					must(db.ExecContext(ctx, "UPDATE ?", 1))(t)
					wantPool(t, tracer, held)
					waits, next := tracer.Named("sql pool"), tracer.Named(call)
					if reset > 0 {
						waits = append(waits, tracer.Named("sql reset")...)
					}
					if last := waits[len(waits)-1]; len(next) == 0 || !next[0].Start.Equal(last.End) || last.End.Sub(waits[0].Start) != held+reset {
						t.Errorf("%s does not begin where the wait ends:\n%s", call, tracer.Tree())
					}
				})
			})
		}
	}
}

// asking is a connection that asks another database of its own, under the context it was given.
type asking struct {
	driver.Conn
	driver.ExecerContext
	other *sql.DB
}

func (a asking) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if _, err := a.other.ExecContext(ctx, query); err != nil {
		return nil, err
	}
	return a.ExecerContext.ExecContext(ctx, query, args)
}

func TestAPoolsWaitIsNotToldByADatabaseBehindIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracer := spantest.NewTracer()
		other := sql.OpenDB(gapsql.WrapTarget(&fake{shape: modern}, gapsql.Target{Type: "other"}, gaptrace.WithTracer(tracer)))
		defer other.Close()
		_, ctx, db := underOne(t, &fake{shape: func(c conn) driver.Conn {
			return asking{c, execer(c), other}
		}}, gaptrace.WithTracer(tracer))
		must(db.ExecContext(ctx, "UPDATE"))(t)
		conn := must(db.DB.Conn(t.Context()))(t)
		defer conn.Close()
		impatient, cancel := context.WithTimeout(ctx, held)
		defer cancel()
		if _, err := db.ExecContext(impatient, "UPDATE"); err == nil {
			t.Fatal("no error")
		}
		if pools := tracer.Named("sql pool"); len(pools) != 1 || pools[0].Tags["db.type"] != "sql" {
			t.Errorf("drawn:\n%s", tracer.Tree())
		}
	})
}

// unspeakable is an error that panics when it is asked for its text.
type unspeakable struct{ text *string }

func (u unspeakable) Error() string { return *u.text }

func TestADBBreaksOnNoError(t *testing.T) {
	f := &fake{shape: converting}
	_, ctx, db := underOne(t, f)
	must(db, db.PingContext(ctx))(t)
	f.fault = failOn("Exec", 1, unspeakable{})
	if _, err := db.ExecContext(ctx, "UPDATE"); err == nil {
		t.Error("no error")
	}
	synctest.Test(t, func(t *testing.T) { // one that ends the wait has to be told from that of a DB that is closed
		f := &fake{shape: converting}
		_, ctx, db := underOne(t, f)
		must(db, db.PingContext(ctx))(t)
		conn := must(db.DB.Conn(t.Context()))(t)
		f.fault = failOn("Connect", 1, unspeakable{})
		time.AfterFunc(held, func() {
			conn.Raw(func(any) error { return driver.ErrBadConn }) // the pool makes another, for who waits
			conn.Close()
		})
		if _, err := db.ExecContext(ctx, "UPDATE"); err != (unspeakable{}) { //nolint:errorlint // it is handed on as it is
			t.Errorf("%T", err)
		}
	})
}
