package interop_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/gap/metrics"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/go-redis/redis/v8"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	redis9 "github.com/redis/go-redis/v9"
)

// The figures of pools are those that the libraries' own types have.
func TestPoolFigures(t *testing.T) {
	addr := servers.Redis(t)
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	client9 := redis9.NewClient(&redis9.Options{Addr: addr})
	defer client9.Close()
	for range 2 {
		if err := errors.Join(client.Ping(t.Context()).Err(), client9.Ping(t.Context()).Err()); err != nil {
			t.Fatal(err)
		}
	}
	pool := spantest.Must(pgxpool.New(t.Context(), servers.PostgreSQL(t)))(t)
	defer pool.Close()
	conn := spantest.Must(pool.Acquire(t.Context()))(t)
	defer conn.Release()

	recorder := tracer.NewRecorder(0)
	collector := metrics.NewCollector(recorder,
		metrics.WithRedis("redis", client), metrics.WithRedis("redis 9", client9), metrics.WithPgx("pgx", pool))
	defer collector.Close()
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector)
	got := map[string]float64{}
	for _, family := range spantest.Must(registry.Gather())(t) {
		for _, m := range family.GetMetric() {
			key := []string{family.GetName()}
			for _, label := range m.GetLabel() {
				key = append(key, label.GetValue())
			}
			got[strings.Join(key, " ")] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	for key, want := range map[string]float64{
		"gaptrace_pool_connections redis idle":     1,
		"gaptrace_pool_connections redis in_use":   0,
		"gaptrace_pool_gets_total new redis":       1,
		"gaptrace_pool_gets_total idle redis":      1,
		"gaptrace_pool_connections redis 9 idle":   1,
		"gaptrace_pool_connections redis 9 in_use": 0,
		"gaptrace_pool_gets_total new redis 9":     1,
		"gaptrace_pool_gets_total idle redis 9":    1,
		"gaptrace_pool_waits_total redis 9":        0,
		"gaptrace_pool_wait_seconds_total redis 9": 0,
		"gaptrace_pool_connections pgx in_use":     1,
		"gaptrace_pool_max_connections pgx":        float64(pool.Config().MaxConns),
		"gaptrace_pool_waits_total pgx":            float64(pool.Stat().EmptyAcquireCount()),
		"gaptrace_pool_wait_seconds_total pgx":     pool.Stat().EmptyAcquireWaitTime().Seconds(),
		"gaptrace_pool_closed_total pgx lifetime":  0,
		"gaptrace_pool_closed_total pgx idle_time": 0,
	} {
		if value, ok := got[key]; !ok || value != want {
			t.Errorf("%s is %v, %v, want %v", key, value, ok, want)
		}
	}
}
