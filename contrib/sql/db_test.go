package gapsql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
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
	"github.com/uber/jaeger-client-go"
)

// underOne is under, with a DB whose pool has one connection.
func underOne(t testing.TB, f *fake, opts ...gaptrace.Option) (*spantest.Tracer, context.Context, *gapsql.DB) {
	tracer, ctx, db := under(t, f, opts...)
	db.SetMaxOpenConns(1)
	return tracer, ctx, gapsql.WrapDB(db)
}

// slowExec makes a statement last.
func slowExec(d time.Duration) func(string) error {
	return func(call string) error {
		if strings.HasPrefix(call, "Exec") {
			time.Sleep(d)
		}
		return nil
	}
}

func TestTheWaitsForThePoolAreThoseThatItCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{shape: modern, fault: slowExec(10 * time.Millisecond)}
		tracer, _, db := underOne(t, f)
		before := db.Stats()
		var callers sync.WaitGroup
		for range 50 {
			callers.Go(func() {
				parent := tracer.StartSpan("caller")
				defer parent.Finish()
				must(db.ExecContext(opentracing.ContextWithSpan(t.Context(), parent), "UPDATE"))(t)
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
			if s.Tags["wait.us"] != s.Duration().Microseconds() || exec == nil || s.End != exec.Start {
				t.Errorf("waited from %v to %v, and was served by %+v", s.Start, s.End, exec)
			}
		}
		after := db.Stats()
		if counted := after.WaitDuration - before.WaitDuration; waited < counted*98/100 || waited > counted*102/100 || int64(len(pools)) != after.WaitCount-before.WaitCount || len(pools) != 49 {
			t.Errorf("%d waits of %v in all, the pool counts %d of %v", len(pools), waited, after.WaitCount-before.WaitCount, counted)
		}
	})
}

// calls are the ways to ask a DB for a connection.
var calls = map[string]func(ctx context.Context, db *gapsql.DB) error{
	"PingContext": func(ctx context.Context, db *gapsql.DB) error { return db.PingContext(ctx) },
	"PrepareContext": func(ctx context.Context, db *gapsql.DB) error {
		prepared, err := db.PrepareContext(ctx, "UPDATE")
		if err == nil {
			err = prepared.Close()
		}
		return err
	},
	"ExecContext": func(ctx context.Context, db *gapsql.DB) error { _, err := db.ExecContext(ctx, "UPDATE"); return err },
	"QueryContext": func(ctx context.Context, db *gapsql.DB) error {
		r, err := db.QueryContext(ctx, "SELECT")
		if err == nil {
			err = r.Close()
		}
		return err
	},
	"QueryRowContext": func(ctx context.Context, db *gapsql.DB) error {
		var n int
		return db.QueryRowContext(ctx, "SELECT").Scan(&n)
	},
	"BeginTx": func(ctx context.Context, db *gapsql.DB) error {
		tx, err := db.BeginTx(ctx, nil)
		if err == nil {
			err = tx.Rollback()
		}
		return err
	},
	"Conn": func(ctx context.Context, db *gapsql.DB) error {
		conn, err := db.Conn(ctx)
		if err == nil {
			err = conn.Close()
		}
		return err
	},
}

func TestEachCallTellsHowLongItWaitedForThePool(t *testing.T) {
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tracer, ctx, db := underOne(t, &fake{shape: modern, sets: three})
				held := must(db.DB.Conn(t.Context()))(t)
				time.AfterFunc(10*time.Millisecond, func() { held.Close() })
				if err := call(ctx, db); err != nil {
					t.Fatal(err)
				}
				pools := tracer.Named("sql pool")
				if len(pools) != 1 || pools[0].Duration() != 10*time.Millisecond || pools[0].ParentID != 1 || pools[0].Tags["db.type"] != "sql" || pools[0].Tags["error"] != nil {
					t.Errorf("drawn:\n%s", tracer.Tree())
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

func TestAWaitInVainIsDrawnAndHasFailed(t *testing.T) {
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tracer, ctx, db := underOne(t, &fake{shape: modern, sets: three})
				must(db, db.PingContext(ctx))(t) // by now it is known whose driver it is
				held := must(db.DB.Conn(t.Context()))(t)
				defer held.Close()
				impatient, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
				defer cancel()
				if err := call(impatient, db); !errors.Is(err, context.DeadlineExceeded) {
					t.Fatal(err)
				}
				pools := tracer.Named("sql pool")
				if len(pools) != 1 || pools[0].Duration() != 10*time.Millisecond || pools[0].Tags["error"] != true {
					t.Errorf("drawn:\n%s", tracer.Tree())
				}
			})
		})
	}
}

func TestAConnectionThatWasMadeForTheWaiterEndsItsWait(t *testing.T) {
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{shape: modern, sets: three}
				tracer, ctx, db := underOne(t, f)
				held := must(db.DB.Conn(t.Context()))(t)
				time.AfterFunc(10*time.Millisecond, func() {
					held.Raw(func(any) error { return driver.ErrBadConn }) // it is closed, and the pool makes another
					held.Close()
				})
				if err := call(ctx, db); err != nil {
					t.Fatal(err)
				}
				pools := tracer.Named("sql pool")
				if len(pools) != 1 || pools[0].Duration() != 10*time.Millisecond {
					t.Errorf("%s, drawn:\n%s", f.noted(), tracer.Tree())
				}
			})
		})
	}
}

func TestWhoIsGivenABadConnectionWaitsAgain(t *testing.T) {
	for _, bad := range []string{"Exec", "ResetSession"} {
		for name, opts := range map[string][]gaptrace.Option{
			"recorded": nil,
			"filtered": {gaptrace.WithFilter(func(c gaptrace.Call) bool { return c.Operation == "sql pool" })},
		} {
			twice := 0
			for range 60 { // whom of those who wait a pool serves first is chance
				synctest.Test(t, func(t *testing.T) {
					tracer, ctx, db, begun := waitWithAnother(t, failOn(bad, 1, driver.ErrBadConn), opts)
					must(db.ExecContext(ctx, "UPDATE"))(t)
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
				t.Errorf("%s, %s: nobody waited twice", bad, name)
			}
		}
	}
}

// waitWithAnother is a DB whose one connection is given back after 10 ms, with somebody else waiting for it who
// will hold it for 7 ms. What comes to the driver then meets fault.
func waitWithAnother(t *testing.T, fault func(string) error, opts []gaptrace.Option) (*spantest.Tracer, context.Context, *gapsql.DB, time.Time) {
	f := &fake{shape: modern}
	tracer, ctx, db := underOne(t, f, opts...)
	held := must(db.DB.Conn(t.Context()))(t)
	f.fault = fault
	time.AfterFunc(10*time.Millisecond, func() { held.Close() })
	go func() {
		other, err := db.DB.Conn(t.Context())
		if err != nil {
			return // it met the fault
		}
		time.Sleep(7 * time.Millisecond)
		other.Close()
	}()
	synctest.Wait()
	return tracer, ctx, db, time.Now()
}

func TestWhoWaitsAgainInVainHasWaitedAllTheTime(t *testing.T) {
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
		t.Error("nobody waited twice, and in vain")
	}
}

func TestAResetThatWaitsIsDrawn(t *testing.T) {
	for _, failure := range []error{nil, driver.ErrBadConn, errBoom} {
		for _, through := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{shape: modern}
				tracer, ctx, db := under(t, f)
				f.fault = onReset(1, func() error { time.Sleep(20 * time.Millisecond); return failure })
				exec := db.ExecContext
				if through {
					exec = gapsql.WrapDB(db).ExecContext
				}
				_, err := exec(ctx, "UPDATE")
				resets := tracer.Named("sql reset")
				if len(resets) != 1 || resets[0].Duration() != 20*time.Millisecond || resets[0].ParentID != 1 || (resets[0].Tags["error"] == true) != (failure == errBoom) {
					t.Errorf("%v, through a DB %v, %v:\n%s", failure, through, err, tracer.Tree())
				}
				if n := len(tracer.Named("sql pool")); n != 0 {
					t.Errorf("%d waits for a pool that was free", n)
				}
			})
		}
	}
}

// Most drivers look at their socket when a connection is used again, which is no call to the network.
func TestAWaitForThePoolLastsUntilTheConnectionIsOfUse(t *testing.T) {
	const look = 50 * time.Microsecond
	for _, wait := range []time.Duration{0, 10 * time.Millisecond} {
		for _, bad := range []bool{false, true} { // the first connection, and the pool has to make another
			synctest.Test(t, func(t *testing.T) {
				f := &fake{shape: modern}
				tracer, ctx, db := underOne(t, f)
				must(db, db.DB.Ping())(t)
				looks := 0
				f.fault = func(call string) error {
					if call == "ResetSession" {
						time.Sleep(look)
						if looks++; bad && looks == 2 {
							return driver.ErrBadConn
						}
					}
					return nil
				}
				held := must(db.DB.Conn(t.Context()))(t)
				if wait == 0 {
					held.Close()
				} else {
					time.AfterFunc(wait, func() { held.Close() })
				}
				begun := time.Now()
				must(db.ExecContext(ctx, "UPDATE"))(t)
				pools, execs := tracer.Named("sql pool"), tracer.Named("sql exec")
				switch {
				case wait == 0 && len(pools) != 0:
					t.Errorf("bad %v, a wait for a pool that was free:\n%s", bad, tracer.Tree())
				case wait != 0 && (len(pools) != 1 || !pools[0].Start.Equal(begun) || pools[0].Duration() != wait+look || !pools[0].End.Equal(execs[0].Start)):
					t.Errorf("bad %v, waited from %v for %v:\n%s", bad, begun, wait+look, tracer.Tree())
				}
			})
		}
	}
}

func TestAResetThatWaitsEndsTheWaitForThePool(t *testing.T) {
	for _, failure := range []error{nil, driver.ErrBadConn} {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{shape: modern}
			tracer, ctx, db := underOne(t, f)
			held := must(db.DB.Conn(t.Context()))(t)
			f.fault = onReset(1, func() error { time.Sleep(20 * time.Millisecond); return failure })
			time.AfterFunc(10*time.Millisecond, func() { held.Close() })
			must(db.ExecContext(ctx, "UPDATE"))(t)
			pools, resets := tracer.Named("sql pool"), tracer.Named("sql reset")
			if len(pools) != 1 || pools[0].Duration() != 10*time.Millisecond || len(resets) != 1 || !resets[0].Start.Equal(pools[0].End) {
				t.Errorf("%v, drawn:\n%s", failure, tracer.Tree())
			}
		})
	}
}

func TestTheWaitForThePoolIsDrawnHoweverTheCallEnds(t *testing.T) {
	for name, fault := range map[string]func(){
		"panics":  func() { panic(errBoom) },
		"Goexits": runtime.Goexit,
	} {
		for _, call := range []string{"Exec", "Query"} {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{shape: modern, sets: three}
				tracer, ctx, db := underOne(t, f)
				held := must(db.DB.Conn(t.Context()))(t)
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
				if pools := tracer.Named("sql pool"); len(pools) != 1 || pools[0].Duration() != 10*time.Millisecond || pools[0].Tags["error"] != nil {
					t.Errorf("%s %s, drawn:\n%s", call, name, tracer.Tree())
				}
			})
		}
	}
}

func TestTheWaitForThePoolIsDrawnWhereACallTurnsOutToBeNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{shape: modern, fault: failOn("Exec", 1, driver.ErrSkip)}
		tracer, ctx, db := underOne(t, f)
		held := must(db.DB.Conn(t.Context()))(t)
		time.AfterFunc(10*time.Millisecond, func() { held.Close() })
		must(db.ExecContext(ctx, "UPDATE"))(t)
		if pools := tracer.Named("sql pool"); len(pools) != 1 || pools[0].Duration() != 10*time.Millisecond {
			t.Errorf("drawn:\n%s", tracer.Tree())
		}
	})
}

func TestAnErrorOfTheCallIsNotThePools(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracer, ctx, db := underOne(t, &fake{shape: modern, sets: three})
		must(db, db.PingContext(ctx))(t)
		held := must(db.DB.Conn(t.Context()))(t)
		time.AfterFunc(10*time.Millisecond, func() {
			held.Raw(func(any) error { return driver.ErrBadConn })
			held.Close()
		})
		if _, err := db.ExecContext(ctx, "UPDATE ?", struct{}{}); err == nil {
			t.Error("no error")
		}
		if pools := tracer.Named("sql pool"); len(pools) != 1 || pools[0].Tags["error"] != nil {
			t.Errorf("drawn:\n%s", tracer.Tree())
		}
	})
}

func TestWithoutASpanThatIsKeptNothingIsMarked(t *testing.T) {
	f := &fake{shape: modern}
	_, _, db := underOne(t, f)
	ctx := t.Context()
	unsampled, closer := jaeger.NewTracer("test", jaeger.NewConstSampler(false), jaeger.NewNullReporter())
	defer closer.Close()
	for _, ctx := range []context.Context{ctx, opentracing.ContextWithSpan(ctx, unsampled.StartSpan("dropped"))} {
		var seen context.Context
		spied := gapsql.WrapDB(sql.OpenDB(gapsql.Wrap(contextSpy{f, &seen})))
		must(spied, spied.PingContext(ctx))(t)
		if seen != ctx {
			t.Errorf("the driver was given a %T", seen)
		}
		spied.Close()
	}
	// The fewest of several: what else runs may allocate as well.
	raw, wrapped := 1e9, 1e9
	for range 10 {
		raw = min(raw, testing.AllocsPerRun(100, func() { _, _ = db.DB.ExecContext(ctx, "UPDATE") }))
		wrapped = min(wrapped, testing.AllocsPerRun(100, func() { _, _ = db.ExecContext(ctx, "UPDATE") }))
	}
	if wrapped > raw {
		t.Errorf("%v allocations, %v without a DB", wrapped, raw)
	}
}

// contextSpy tells with what context it was asked to connect.
type contextSpy struct {
	*fake
	seen *context.Context
}

func (c contextSpy) Connect(ctx context.Context) (driver.Conn, error) {
	*c.seen = ctx
	return c.fake.Connect(ctx)
}

func TestADBHasAllThatADatabaseHas(t *testing.T) {
	raw, ours := reflect.TypeFor[*sql.DB](), reflect.TypeFor[*gapsql.DB]()
	for method := range raw.Methods() {
		if got, ok := ours.MethodByName(method.Name); !ok || signature(got) != signature(method) {
			t.Errorf("%s is %v, want %v", method.Name, got.Type, method.Type)
		}
	}
	// Each call that takes a context and goes to the pool is one that marks it.
	for method := range raw.Methods() {
		if _, listed := calls[method.Name]; !listed && method.Type.NumIn() > 1 && method.Type.In(1) == reflect.TypeFor[context.Context]() {
			t.Errorf("%s takes a context and is not tested", method.Name)
		}
	}
}

func signature(m reflect.Method) string {
	var words []any
	for in := range m.Type.Ins() {
		words = append(words, in)
	}
	words[0] = "receiver"
	for out := range m.Type.Outs() {
		words = append(words, out)
	}
	return fmt.Sprint(words...)
}

func TestANilDatabaseIsRefused(t *testing.T) {
	defer func() {
		if said, _ := recover().(string); !strings.Contains(said, "db is nil") {
			t.Errorf("panic: %q", said)
		}
	}()
	gapsql.WrapDB(nil)
}

func TestADBHandsOutTheDatabaseWithin(t *testing.T) {
	raw := sql.OpenDB(&fake{shape: modern})
	defer raw.Close()
	if got, err := gapsql.WrapDB(raw).GetDBConn(); got != raw || err != nil {
		t.Errorf("%p, %v, want %p", got, err, raw)
	}
}
