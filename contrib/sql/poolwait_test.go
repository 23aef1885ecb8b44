package gapsql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
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

// slowExec returns a fault with which each exec takes d.
func slowExec(d time.Duration) func(string) error {
	return func(call string) error {
		if strings.HasPrefix(call, "Exec") {
			time.Sleep(d)
		}
		return nil
	}
}

const held = 10 * time.Millisecond

// openExhausted is openPool; the one connection is returned to the pool after held.
func openExhausted(t *testing.T, f *fake, opts ...gaptrace.Option) (*spantest.Tracer, context.Context, *gapsql.DB) {
	tracer, ctx, db := openPool(t, f, opts...)
	conn := spantest.Must(db.DB.Conn(t.Context()))(t)
	time.AfterFunc(held, func() { conn.Close() })
	return tracer, ctx, db
}

func wantPool(t *testing.T, tracer *spantest.Tracer, want time.Duration) {
	t.Helper()
	if pools := tracer.Named("sql pool"); len(pools) != 1 || pools[0].Duration() != want || pools[0].Tags["error"] != nil {
		t.Errorf("want a wait of %v for the pool, recorded:\n%s", want, tracer.Tree())
	}
	for _, problem := range tracer.Problems() {
		if !strings.HasPrefix(problem, "parent:") {
			t.Error(problem)
		}
	}
}

func TestPoolWaitsMatchStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{shape: modern, fault: slowExec(10 * time.Millisecond)}
		tracer, _, db := openPool(t, f)
		before := db.Stats()
		var callers sync.WaitGroup
		for range 50 {
			callers.Go(func() {
				parent := tracer.StartSpan("caller")
				defer parent.Finish()
				spantest.Must(db.ExecContext(opentracing.ContextWithSpan(t.Context(), parent), "UPDATE"))(t)
			})
		}
		callers.Wait()
		var waited time.Duration
		pools, execs := tracer.Named("sql pool"), map[int]*spantest.Span{}
		for _, s := range tracer.Named("sql exec") {
			execs[s.ParentID] = s
		}
		for _, s := range pools {
			waited += s.Duration()
			exec := execs[s.ParentID]
			if exec == nil || s.End != exec.Start {
				t.Errorf("waited from %v to %v, and was served by %+v", s.Start, s.End, exec)
			}
		}
		after := db.Stats()
		if counted := after.WaitDuration - before.WaitDuration; waited < counted*98/100 || waited > counted*102/100 ||
			int64(len(pools)) != after.WaitCount-before.WaitCount || len(pools) != 49 {
			t.Errorf("%d waits of %v in all, the pool counts %d of %v", len(pools), waited, after.WaitCount-before.WaitCount,
				counted)
		}
	})
}

func TestPoolWaitOfEachMethod(t *testing.T) {
	for name, call := range poolMethods {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tracer, ctx, db := openPool(t, &fake{shape: modern, sets: three})
				held := spantest.Must(db.DB.Conn(t.Context()))(t)
				time.AfterFunc(10*time.Millisecond, func() { held.Close() })
				if err := call(ctx, db); err != nil {
					t.Fatal(err)
				}
				pools := tracer.Named("sql pool")
				if len(pools) != 1 || pools[0].Duration() != 10*time.Millisecond || pools[0].ParentID != 1 ||
					pools[0].Tags["db.type"] != "sql" || pools[0].Tags["error"] != nil {
					t.Errorf("recorded:\n%s", tracer.Tree())
				}
				tracer.Reset()
				parent := tracer.StartSpan("parent")
				if err := call(opentracing.ContextWithSpan(ctx, parent), db); err != nil {
					t.Fatal(err)
				}
				if n := len(tracer.Named("sql pool")); n != 0 {
					t.Errorf("%d waits for a pool that was free", n)
				}
			})
		})
	}
}

func TestPoolWaitThatTimesOut(t *testing.T) {
	for name, call := range poolMethods {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tracer, ctx, db := openPool(t, &fake{shape: modern, sets: three})
				noError(t, db.PingContext(ctx)) // so that the DB knows its driver
				held := spantest.Must(db.DB.Conn(t.Context()))(t)
				defer held.Close()
				impatient, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
				defer cancel()
				if err := call(impatient, db); !errors.Is(err, context.DeadlineExceeded) {
					t.Fatal(err)
				}
				pools := tracer.Named("sql pool")
				if len(pools) != 1 || pools[0].Duration() != 10*time.Millisecond || pools[0].Tags["error"] != true {
					t.Errorf("recorded:\n%s", tracer.Tree())
				}
			})
		})
	}
}

func TestPoolWaitEndsWithNewConnection(t *testing.T) {
	for name, call := range poolMethods {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{shape: modern, sets: three}
				tracer, ctx, db := openPool(t, f)
				held := spantest.Must(db.DB.Conn(t.Context()))(t)
				time.AfterFunc(10*time.Millisecond, func() {
					held.Raw(func(any) error { return driver.ErrBadConn }) // it is closed, and the pool makes another
					held.Close()
				})
				if err := call(ctx, db); err != nil {
					t.Fatal(err)
				}
				pools := tracer.Named("sql pool")
				if len(pools) != 1 || pools[0].Duration() != 10*time.Millisecond {
					t.Errorf("%s, recorded:\n%s", f.noted(), tracer.Tree())
				}
			})
		})
	}
}

// The caller gets a bad connection and waits again.
func TestPoolWaitAfterBadConn(t *testing.T) {
	for _, bad := range []string{"Exec", "ResetSession"} {
		for name, opts := range map[string][]gaptrace.Option{
			"recorded": nil,
			"filtered": {gaptrace.WithFilter(func(c gaptrace.Call) bool { return c.Operation == "sql pool" })},
		} {
			twice := 0
			for range 60 { // which waiter the pool serves first is random
				synctest.Test(t, func(t *testing.T) {
					tracer, ctx, db, begun := waitWithAnother(t, failOn(bad, 1, driver.ErrBadConn), opts)
					spantest.Must(db.ExecContext(ctx, "UPDATE"))(t)
					var waited time.Duration
					for _, s := range tracer.Named("sql pool") {
						waited += s.Duration()
					}
					took := time.Since(begun)
					if waited != took {
						t.Errorf("%s, %s: waited %v in all of %v:\n%s", bad, name, waited, took, tracer.Tree())
					}
					if took > 10*time.Millisecond && len(tracer.Named("sql pool")) == 2 || bad == "ResetSession" {
						twice++
					}
					time.Sleep(time.Second) // for the other
				})
			}
			if twice == 0 {
				t.Errorf("%s, %s: no caller waited twice", bad, name)
			}
		}
	}
}

// waitWithAnother opens a pool whose one connection is returned after 10 ms. Another caller waits
// for it too, and will hold it for 7 ms. Calls to the driver after that meet fault.
func waitWithAnother(t *testing.T, fault func(string) error, opts []gaptrace.Option) (*spantest.Tracer,
	context.Context, *gapsql.DB, time.Time,
) {
	f := &fake{shape: modern}
	tracer, ctx, db := openPool(t, f, opts...)
	held := spantest.Must(db.DB.Conn(t.Context()))(t)
	f.fault = fault
	time.AfterFunc(10*time.Millisecond, func() { held.Close() })
	go func() {
		other, err := db.DB.Conn(t.Context())
		if err != nil {
			return // because of fault
		}
		time.Sleep(7 * time.Millisecond)
		other.Close()
	}()
	synctest.Wait()
	return tracer, ctx, db, time.Now()
}

func TestPoolWaitAfterBadConnThatTimesOut(t *testing.T) {
	twice := 0
	for range 60 {
		synctest.Test(t, func(t *testing.T) {
			tracer, ctx, db, begun := waitWithAnother(t, failOn("Exec", 1, driver.ErrBadConn), nil)
			impatient, cancel := context.WithDeadline(ctx, begun.Add(15*time.Millisecond))
			defer cancel()
			_, err := db.ExecContext(impatient, "UPDATE")
			var waited time.Duration
			for _, s := range tracer.Named("sql pool") {
				waited += s.Duration()
			}
			if took := time.Since(begun); waited != took && len(tracer.Named("sql exec")) > 0 {
				t.Errorf("%v: waited %v in all of %v:\n%s", err, waited, took, tracer.Tree())
			}
			if err != nil && len(tracer.Named("sql pool")) == 2 {
				twice++
			}
			time.Sleep(time.Second)
		})
	}
	if twice == 0 {
		t.Error("no caller waited twice and timed out")
	}
}

func TestPoolWaitBeforePanic(t *testing.T) {
	for name, fault := range map[string]func(){
		"panics":  func() { panic(errBoom) },
		"Goexits": runtime.Goexit,
	} {
		for _, call := range []string{"Exec", "Query"} {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{shape: modern, sets: three}
				tracer, ctx, db := openPool(t, f)
				held := spantest.Must(db.DB.Conn(t.Context()))(t)
				f.fault = func(which string) error {
					if strings.HasPrefix(which, call) {
						fault()
					}
					return nil
				}
				time.AfterFunc(10*time.Millisecond, func() { held.Close() })
				var caller sync.WaitGroup
				caller.Go(func() {
					defer func() { _ = recover() }()
					if call == "Exec" {
						_, _ = db.ExecContext(ctx, "UPDATE")
					} else {
						_, _ = db.QueryContext(ctx, "SELECT")
					}
				})
				caller.Wait()
				if pools := tracer.Named("sql pool"); len(pools) != 1 || pools[0].Duration() != 10*time.Millisecond ||
					pools[0].Tags["error"] != nil {
					t.Errorf("%s %s, recorded:\n%s", call, name, tracer.Tree())
				}
			})
		}
	}
}

func TestPoolWaitBeforeErrSkip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{shape: modern, fault: failOn("Exec", 1, driver.ErrSkip)}
		tracer, ctx, db := openPool(t, f)
		held := spantest.Must(db.DB.Conn(t.Context()))(t)
		time.AfterFunc(10*time.Millisecond, func() { held.Close() })
		spantest.Must(db.ExecContext(ctx, "UPDATE"))(t)
		if pools := tracer.Named("sql pool"); len(pools) != 1 || pools[0].Duration() != 10*time.Millisecond {
			t.Errorf("recorded:\n%s", tracer.Tree())
		}
	})
}

func TestPoolWaitDoesNotFailWithItsCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracer, ctx, db := openPool(t, &fake{shape: modern, sets: three})
		noError(t, db.PingContext(ctx))
		held := spantest.Must(db.DB.Conn(t.Context()))(t)
		time.AfterFunc(10*time.Millisecond, func() {
			held.Raw(func(any) error { return driver.ErrBadConn })
			held.Close()
		})
		if _, err := db.ExecContext(ctx, "UPDATE ?", struct{}{}); err == nil {
			t.Error("no error")
		}
		if pools := tracer.Named("sql pool"); len(pools) != 1 || pools[0].Tags["error"] != nil {
			t.Errorf("recorded:\n%s", tracer.Tree())
		}
	})
}

// converts is an argument whose value the program's own code computes.
type converts func() (driver.Value, error)

func (v converts) Value() (driver.Value, error) { return v() }

func works(d time.Duration) converts {
	return func() (driver.Value, error) { time.Sleep(d); return int64(1), nil }
}

// converting is a connection that does not check arguments, so that database/sql converts them.
var converting = moreConns["all but connChecker"]

// Once it has a connection, database/sql converts arguments, which runs the program's own code.
func TestPoolWaitExcludesValuer(t *testing.T) {
	for name, shape := range map[string]func(conn) driver.Conn{"resets": converting, "does not": conns["before Go 1.8"]} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tracer, ctx, db := openExhausted(t, &fake{shape: shape})
				spantest.Must(db.ExecContext(ctx, "UPDATE ?", works(time.Second)))(t)
				wantPool(t, tracer, held)
			})
		})
	}
	synctest.Test(t, func(t *testing.T) { // database/sql ignores other errors of a reset
		tracer, ctx, db := openPool(t, &fake{shape: converting, fault: failOn("ResetSession", 1, errBoom)})
		spantest.Must(db.ExecContext(ctx, "UPDATE ?", works(time.Second)))(t)
		if n := len(tracer.Named("sql pool")); n != 0 {
			t.Errorf("%d waits for a pool that was free", n)
		}
	})
}

func TestPoolWaitWithoutCall(t *testing.T) {
	panics := converts(func() (driver.Value, error) { panic(errBoom) })
	resets := func(how func()) func(string) error { // the first reset is that of held
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
		"a Valuer panics":                    {argument: panics},
		"a Valuer panics after a slow reset": {argument: panics, fault: resets(func() { time.Sleep(time.Millisecond) })},
		"the reset panics":                   {argument: 1, fault: resets(func() { panic(errBoom) })},
		"the reset Goexits":                  {argument: 1, fault: resets(runtime.Goexit)},
		"the filter Goexits":                 {argument: 1, opts: []gaptrace.Option{goexits}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tracer, ctx, db := openExhausted(t, &fake{shape: converting, fault: tt.fault}, tt.opts...)
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

func TestPoolWaitDoesNotFailWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracer, ctx, db := openExhausted(t, &fake{shape: conns["before Go 1.8"]})
		ctx, cancel := context.WithCancel(ctx)
		_, _ = db.ExecContext(ctx, "UPDATE ?", converts(func() (driver.Value, error) { cancel(); return int64(1), nil }))
		wantPool(t, tracer, held)
	})
}

// busy is a tracer that takes 1 ms to start a span.
type busy struct{ *spantest.Tracer }

func (b busy) StartSpan(operation string, opts ...opentracing.StartSpanOption) opentracing.Span {
	time.Sleep(time.Millisecond)
	return b.Tracer.StartSpan(operation, opts...)
}

func TestPoolWaitIsReportedWithItsCall(t *testing.T) {
	for shape, call := range map[string]string{"modern": "sql exec", "skips arguments": "sql prepare"} {
		for _, reset := range []time.Duration{0, time.Second} {
			t.Run(fmt.Sprint(shape, ", reset in ", reset), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					tracer := spantest.NewTracer()
					_, ctx, db := openExhausted(t, &fake{
						shape: conns[shape], fault: onReset(2, func() error { time.Sleep(reset); return nil }),
					}, gaptrace.WithTracer(busy{tracer}))
					spantest.Must(db.ExecContext(ctx, "UPDATE ?", 1))(t)
					wantPool(t, tracer, held)
					waits, next := tracer.Named("sql pool"), tracer.Named(call)
					if reset > 0 {
						waits = append(waits, tracer.Named("sql reset")...)
					}
					if last := waits[len(waits)-1]; len(next) == 0 || !next[0].Start.Equal(last.End) ||
						last.End.Sub(waits[0].Start) != held+reset {
						t.Errorf("%s does not begin where the wait ends:\n%s", call, tracer.Tree())
					}
				})
			})
		}
	}
}

// asking is a connection that uses another database, with the context it is given.
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

func TestPoolWaitBelongsToOneDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracer := spantest.NewTracer()
		other := sql.OpenDB(gapsql.WrapTarget(&fake{shape: modern}, gapsql.Target{Type: "other"},
			gaptrace.WithTracer(tracer)))
		defer other.Close()
		_, ctx, db := openPool(t, &fake{shape: func(c conn) driver.Conn {
			return asking{c, execer(c), other}
		}}, gaptrace.WithTracer(tracer))
		spantest.Must(db.ExecContext(ctx, "UPDATE"))(t)
		conn := spantest.Must(db.DB.Conn(t.Context()))(t)
		defer conn.Close()
		impatient, cancel := context.WithTimeout(ctx, held)
		defer cancel()
		if _, err := db.ExecContext(impatient, "UPDATE"); err == nil {
			t.Fatal("no error")
		}
		if pools := tracer.Named("sql pool"); len(pools) != 1 || pools[0].Tags["db.type"] != "sql" {
			t.Errorf("recorded:\n%s", tracer.Tree())
		}
	})
}
