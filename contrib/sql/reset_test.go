package gapsql_test

import (
	"database/sql/driver"
	"testing"
	"testing/synctest"
	"time"

	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/gaptrace/gaptrace/internal/spantest"
)

func TestResetThatWaits(t *testing.T) {
	for _, failure := range []error{nil, driver.ErrBadConn, errBoom} {
		for _, through := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{shape: modern}
				tracer, ctx, db := openFake(t, f)
				f.fault = onReset(1, func() error { time.Sleep(20 * time.Millisecond); return failure })
				exec := db.ExecContext
				if through {
					exec = gapsql.WrapDB(db).ExecContext
				}
				_, err := exec(ctx, "UPDATE")
				resets := tracer.Named("sql reset")
				if len(resets) != 1 || resets[0].Duration() != 20*time.Millisecond || resets[0].ParentID != 1 ||
					(resets[0].Tags["error"] == true) != (failure == errBoom) {
					t.Errorf("%v, through a DB %v, %v:\n%s", failure, through, err, tracer.Tree())
				}
				if n := len(tracer.Named("sql pool")); n != 0 {
					t.Errorf("%d waits for a pool that was free", n)
				}
			})
		}
	}
}

// Most drivers only look at their socket in ResetSession.
func TestPoolWaitIncludesShortReset(t *testing.T) {
	const look = 50 * time.Microsecond
	for _, wait := range []time.Duration{0, 10 * time.Millisecond} {
		for _, bad := range []bool{false, true} { // the first connection, and the pool has to make another
			synctest.Test(t, func(t *testing.T) {
				f := &fake{shape: modern}
				tracer, ctx, db := openPool(t, f)
				noError(t, db.DB.Ping())
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
				held := spantest.Must(db.DB.Conn(t.Context()))(t)
				if wait == 0 {
					held.Close()
				} else {
					time.AfterFunc(wait, func() { held.Close() })
				}
				begun := time.Now()
				spantest.Must(db.ExecContext(ctx, "UPDATE"))(t)
				pools, execs := tracer.Named("sql pool"), tracer.Named("sql exec")
				switch {
				case wait == 0 && len(pools) != 0:
					t.Errorf("bad %v, a wait for a pool that was free:\n%s", bad, tracer.Tree())
				case wait != 0 && (len(pools) != 1 || !pools[0].Start.Equal(begun) || pools[0].Duration() != wait+look ||
					!pools[0].End.Equal(execs[0].Start)):
					t.Errorf("bad %v, waited from %v for %v:\n%s", bad, begun, wait+look, tracer.Tree())
				}
			})
		}
	}
}

func TestPoolWaitEndsWithLongReset(t *testing.T) {
	for _, failure := range []error{nil, driver.ErrBadConn} {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{shape: modern}
			tracer, ctx, db := openPool(t, f)
			held := spantest.Must(db.DB.Conn(t.Context()))(t)
			f.fault = onReset(1, func() error { time.Sleep(20 * time.Millisecond); return failure })
			time.AfterFunc(10*time.Millisecond, func() { held.Close() })
			spantest.Must(db.ExecContext(ctx, "UPDATE"))(t)
			pools, resets := tracer.Named("sql pool"), tracer.Named("sql reset")
			if len(pools) != 1 || pools[0].Duration() != 10*time.Millisecond || len(resets) != 1 ||
				!resets[0].Start.Equal(pools[0].End) {
				t.Errorf("%v, recorded:\n%s", failure, tracer.Tree())
			}
		})
	}
}
