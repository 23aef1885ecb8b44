package gapsql_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/gaptrace/gaptrace/internal/spantest"
)

// unusedName returns a name that no driver has. A name cannot be freed again, and tests may run
// more than once.
func unusedName() string { return fmt.Sprint("driver ", names.Add(1)) }

var names atomic.Int64

func TestRegisterReturnsOneName(t *testing.T) {
	one, other := unusedName(), unusedName()
	got := make([]string, 20)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() { got[i] = gapsql.Register(one, gaptrace.WithRoots()) })
	}
	wg.Wait()
	want := one + "-gaptrace"
	if slices.ContainsFunc(got, func(name string) bool { return name != want }) {
		t.Errorf("%q, want %q", got, want)
	}
	if again := gapsql.Register(want); again != want {
		t.Errorf("of its own name: %q, want %q", again, want)
	}
	if got := gapsql.Register(other); got == want || !slices.Contains(sql.Drivers(), got) {
		t.Errorf("another driver: %q; registered are %q", got, sql.Drivers())
	}
}

func TestRegisterAvoidsTakenNames(t *testing.T) {
	name := unusedName()
	sql.Register(name+"-gaptrace", oldDriver{})
	sql.Register(name+"-gaptrace-2", oldDriver{})
	for range 2 {
		if got, want := gapsql.Register(name), name+"-gaptrace-3"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	foreign := name + "-gaptrace"
	if got := gapsql.Register(foreign); !strings.HasPrefix(got, foreign+"-") {
		t.Errorf("a name that Register did not return: %q", got)
	}
}

func TestRegisterBeforeTheDriver(t *testing.T) {
	f := &fake{shape: modern}
	register(f)
	driverName := unusedName()
	name := gapsql.Register(driverName, gaptrace.WithRoots())
	_, want := sql.Open(driverName, "dsn")
	if db, err := sql.Open(name, "dsn"); db != nil || err == nil || err.Error() != want.Error() {
		t.Errorf("%v, %v, want %v", db, err, want)
	}
	sql.Register(driverName, oldDriver{})
	db := spantest.Must(sql.Open(name, "dsn"))(t)
	defer db.Close()
	noError(t, db.Ping())
	if !strings.Contains(f.noted(), "Open dsn") {
		t.Errorf("the driver was asked for:\n%s", f.noted())
	}
}

func TestRegisterOptions(t *testing.T) {
	register(&fake{shape: modern})
	driverName := unusedName()
	sql.Register(driverName, oldDriver{})
	first, second := spantest.NewTracer(), spantest.NewTracer()
	pings := func(db *sql.DB) (ofFirst, ofSecond int) {
		first.Reset()
		second.Reset()
		noError(t, db.Ping())
		return len(first.Named("sql ping")), len(second.Named("sql ping"))
	}
	open := func(opts ...gaptrace.Option) *sql.DB {
		db := spantest.Must(openRegistered(driverName)("dsn", opts...))(t)
		t.Cleanup(func() { db.Close() })
		return db
	}
	none := open()
	older := open(gaptrace.WithTracer(first), gaptrace.WithRoots())
	kept := open()
	newer := open(gaptrace.WithTracer(second), gaptrace.WithRoots()) // those of the first tracer are replaced
	for name, test := range map[string]struct {
		db                *sql.DB
		ofFirst, ofSecond int
	}{
		"without options":             {none, 0, 0},
		"with options":                {older, 1, 0},
		"with those of earlier calls": {kept, 1, 0},
		"with other options":          {newer, 0, 1},
	} {
		if ofFirst, ofSecond := pings(test.db); ofFirst != test.ofFirst || ofSecond != test.ofSecond {
			t.Errorf("%s: %d pings of the first tracer, %d of the second", name, ofFirst, ofSecond)
		}
	}
}
