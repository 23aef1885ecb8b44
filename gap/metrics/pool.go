package metrics

import (
	"database/sql"
	"reflect"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// WithDB adds metrics of the connection pool of a database, with the label pool=name. db is a
// *sql.DB or a *gapsql.DB.
//
// A pool's figures come from the library and count all calls, sampled or not. They are read at each
// scrape. A figure that the library does not keep has no metric. If two pools have the same name,
// the metrics are those of the last one. A nil pool is ignored.
func WithDB(name string, db interface{ Stats() sql.DBStats }) Option {
	return withPool(name, db, func() []figure {
		s := db.Stats()
		figures := []figure{
			{poolConnections, "in_use", float64(s.InUse)},
			{poolConnections, "idle", float64(s.Idle)},
			{poolWaits, "", float64(s.WaitCount)},
			{poolWaitSeconds, "", s.WaitDuration.Seconds()},
			{poolClosed, "max_idle", float64(s.MaxIdleClosed)},
			{poolClosed, "idle_time", float64(s.MaxIdleTimeClosed)},
			{poolClosed, "lifetime", float64(s.MaxLifetimeClosed)},
		}
		if s.MaxOpenConnections > 0 { // 0: no limit
			figures = append(figures, figure{poolMax, "", float64(s.MaxOpenConnections)})
		}
		return figures
	})
}

// WithRedis adds metrics of the connection pool of a client of go-redis v8 or v9, as [WithDB] does.
// The figures are sums over all nodes of a ring or cluster, and over v9's pool for pipelines. A
// scrape of a cluster's client that has made no call yet asks the cluster for its slots.
func WithRedis[S any](name string, client interface{ PoolStats() *S }) Option {
	return withPool(name, client, func() []figure {
		s := reflect.ValueOf(client.PoolStats()).Elem() // the types of v8 and v9 share no method
		if s.Kind() != reflect.Struct {
			return nil
		}
		figures := []figure{
			{poolConnections, "in_use", max(0, redisFigure(s, "TotalConns")-redisFigure(s, "IdleConns"))},
			{poolConnections, "idle", redisFigure(s, "IdleConns")},
			{poolGets, "idle", redisFigure(s, "Hits")},
			{poolGets, "new", redisFigure(s, "Misses")},
			{poolTimeouts, "", redisFigure(s, "Timeouts")},
			{poolClosed, "stale", redisFigure(s, "StaleConns")},
		}
		if s.FieldByName("WaitCount").IsValid() { // v9
			figures = append(figures,
				figure{poolWaits, "", redisFigure(s, "WaitCount")},
				figure{poolWaitSeconds, "", redisFigure(s, "WaitDurationNs") / 1e9})
		}
		return figures
	})
}

// redisFigure returns a field of a redis.PoolStats, with that of its pool for pipelines, if any.
func redisFigure(stats reflect.Value, field string) (sum float64) {
	switch v := stats.FieldByName(field); {
	case v.CanUint():
		sum = float64(v.Uint())
	case v.CanInt():
		sum = float64(v.Int())
	}
	if pipelines := stats.FieldByName("PipelineStats"); pipelines.IsValid() && !pipelines.IsNil() {
		sum += redisFigure(pipelines.Elem(), field)
	}
	return sum
}

// PgxStat is what [WithPgx] needs of a *pgxpool.Stat.
type PgxStat interface {
	AcquiredConns() int32
	IdleConns() int32
	MaxConns() int32
	EmptyAcquireCount() int64
	CanceledAcquireCount() int64
	MaxIdleDestroyCount() int64
	MaxLifetimeDestroyCount() int64
}

// WithPgx adds metrics of a *pgxpool.Pool of pgx v5, as [WithDB] does.
func WithPgx[S PgxStat](name string, pool interface{ Stat() S }) Option {
	return withPool(name, pool, func() []figure {
		s := pool.Stat()
		figures := []figure{
			{poolConnections, "in_use", float64(s.AcquiredConns())},
			{poolConnections, "idle", float64(s.IdleConns())},
			{poolMax, "", float64(s.MaxConns())},
			{poolWaits, "", float64(s.EmptyAcquireCount())},
			{poolTimeouts, "", float64(s.CanceledAcquireCount())},
			{poolClosed, "idle_time", float64(s.MaxIdleDestroyCount())},
			{poolClosed, "lifetime", float64(s.MaxLifetimeDestroyCount())},
		}
		if s, ok := any(s).(interface{ EmptyAcquireWaitTime() time.Duration }); ok { // newer releases have it
			figures = append(figures, figure{poolWaitSeconds, "", s.EmptyAcquireWaitTime().Seconds()})
		}
		return figures
	})
}

// figure is a value of a pool. The label is "" if its metric has only the pool's.
type figure struct {
	metric *poolMetric
	label  string
	value  float64
}

type poolMetric struct {
	*prometheus.Desc
	kind prometheus.ValueType
}

func newPoolMetric(kind prometheus.ValueType, name, help string, label ...string) *poolMetric {
	return &poolMetric{
		prometheus.NewDesc("gaptrace_pool_"+name, help, append([]string{"pool"}, label...), nil), kind,
	}
}

var (
	poolConnections = newPoolMetric(prometheus.GaugeValue, "connections", "Open connections.", "state")
	poolMax         = newPoolMetric(prometheus.GaugeValue, "max_connections",
		"The most connections that may be open.")
	poolWaits = newPoolMetric(prometheus.CounterValue, "waits_total",
		"Callers that had to wait for a connection.")
	poolWaitSeconds = newPoolMetric(prometheus.CounterValue, "wait_seconds_total",
		"How long callers waited for a connection.")
	poolTimeouts = newPoolMetric(prometheus.CounterValue, "timeouts_total",
		"Callers that gave up waiting for a connection.")
	poolGets = newPoolMetric(prometheus.CounterValue, "gets_total",
		"Callers that got an idle connection, or needed a new one.", "connection")
	poolClosed = newPoolMetric(prometheus.CounterValue, "closed_total",
		"Connections that the pool closed.", "reason")
	poolMetrics = []*poolMetric{
		poolConnections, poolMax, poolWaits, poolWaitSeconds, poolTimeouts, poolGets, poolClosed,
	}
)

// pools is a collector of pools, by name.
type pools map[string]func() []figure

func withPool(name string, pool any, figures func() []figure) Option {
	v := reflect.ValueOf(pool)
	if !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return nil
	}
	return func(o *options) { o.pools[labelOf(name)] = figures }
}

func (p pools) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range poolMetrics {
		ch <- m.Desc
	}
}

func (p pools) Collect(ch chan<- prometheus.Metric) {
	for name, figures := range p {
		for _, f := range figures() {
			labels := []string{name}
			if f.label != "" {
				labels = append(labels, f.label)
			}
			ch <- prometheus.MustNewConstMetric(f.metric.Desc, f.metric.kind, f.value, labels...)
		}
	}
}
