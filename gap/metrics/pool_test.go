package metrics_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace/gap/metrics"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// connections is a driver whose connections only begin and end.
type connections struct{ driver.Conn }

func (connections) Connect(context.Context) (driver.Conn, error) { return connections{}, nil }
func (connections) Driver() driver.Driver                        { return nil }
func (connections) Close() error                                 { return nil }

func TestPoolOfDB(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := sql.OpenDB(connections{})
		defer db.Close()
		db.SetMaxOpenConns(2)
		s := newShop(t, metrics.WithDB("books", db))
		first, _ := db.Conn(t.Context())
		second, _ := db.Conn(t.Context())
		time.AfterFunc(3*time.Second, func() { second.Close() })
		third, _ := db.Conn(t.Context()) // waits for 3 s
		third.Close()
		db.SetMaxIdleConns(-1)

		got := s.scrape()
		got.want(t, "gaptrace_pool_connections", "books,in_use", 1)
		got.want(t, "gaptrace_pool_connections", "books,idle", 0)
		got.want(t, "gaptrace_pool_max_connections", "books", 2)
		got.want(t, "gaptrace_pool_waits_total", "books", 1)
		got.want(t, "gaptrace_pool_wait_seconds_total", "books", 3)
		got.want(t, "gaptrace_pool_closed_total", "books,max_idle", 1)
		got.want(t, "gaptrace_pool_closed_total", "books,idle_time", 0)
		got.want(t, "gaptrace_pool_closed_total", "books,lifetime", 0)
		if got["gaptrace_pool_timeouts_total"] != nil || got["gaptrace_pool_gets_total"] != nil {
			t.Error("figures that database/sql does not have")
		}
		first.Close()
		db.SetMaxOpenConns(0)
		if s.scrape()["gaptrace_pool_max_connections"] != nil {
			t.Error("a limit, want none")
		}
	})
}

// statsV8 has the fields of go-redis v8's PoolStats, statsV9 those of v9. A test of
// internal/interop scrapes the libraries.
type statsV8 struct{ Hits, Misses, Timeouts, TotalConns, IdleConns, StaleConns uint32 }

type statsV9 struct {
	Hits, Misses, Timeouts, WaitCount, TotalConns, IdleConns, StaleConns uint32
	WaitDurationNs                                                       int64
	PipelineStats                                                        *statsV9
}

// redisClient is a client of go-redis with these figures.
type redisClient[S any] struct{ stats *S }

func (c *redisClient[S]) PoolStats() *S { return c.stats }

func TestPoolOfRedis(t *testing.T) {
	v8 := &redisClient[statsV8]{&statsV8{Hits: 1, Misses: 2, Timeouts: 3, TotalConns: 9, IdleConns: 4, StaleConns: 5}}
	v9 := &redisClient[statsV9]{&statsV9{
		WaitCount: 6, WaitDurationNs: 7e9, TotalConns: 8,
		PipelineStats: &statsV9{WaitCount: 1, WaitDurationNs: 5e8, TotalConns: 1, IdleConns: 1},
	}}
	got := newShop(t, metrics.WithRedis("8", v8), metrics.WithRedis("9", v9)).scrape()
	got.want(t, "gaptrace_pool_gets_total", "idle,8", 1)
	got.want(t, "gaptrace_pool_gets_total", "new,8", 2)
	got.want(t, "gaptrace_pool_timeouts_total", "8", 3)
	got.want(t, "gaptrace_pool_connections", "8,in_use", 5)
	got.want(t, "gaptrace_pool_connections", "8,idle", 4)
	got.want(t, "gaptrace_pool_closed_total", "8,stale", 5)
	got.want(t, "gaptrace_pool_waits_total", "9", 7)
	got.want(t, "gaptrace_pool_wait_seconds_total", "9", 7.5)
	got.want(t, "gaptrace_pool_connections", "9,in_use", 8)
	got.want(t, "gaptrace_pool_connections", "9,idle", 1)
	if got["gaptrace_pool_waits_total"]["8"] != nil {
		t.Error("waits of v8, which does not count them")
	}
	v8.stats.IdleConns = 10 // read after TotalConns, so it may be larger
	newShop(t, metrics.WithRedis("8", v8)).scrape().want(t, "gaptrace_pool_connections", "8,in_use", 0)
}

func TestPoolNames(t *testing.T) {
	db := sql.OpenDB(connections{})
	defer db.Close()
	var none *sql.DB
	s := newShop(t, metrics.WithDB("a\xff\n", db), metrics.WithDB("twice", db), metrics.WithDB("twice", db),
		metrics.WithDB("none", nil), metrics.WithDB("none", none), metrics.WithRedis("none", (*redisClient[statsV8])(nil)),
		metrics.WithRedis("no figures", &redisClient[statsV8]{}), metrics.WithRedis("no struct", &redisClient[int]{new(int)}))
	got := s.scrape()
	if n := len(got["gaptrace_pool_waits_total"]); n != 2 {
		t.Errorf("%d pools, want 2: %v", n, got["gaptrace_pool_waits_total"])
	}
	got.want(t, "gaptrace_pool_waits_total", "a\ufffd\ufffd", 0)
	problems, err := testutil.GatherAndLint(s.registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	if newShop(t).scrape()["gaptrace_pool_waits_total"] != nil {
		t.Error("metrics of no pool")
	}
}
