package metrics

import (
	"sync/atomic"

	"github.com/gaptrace/gaptrace/tracer"
	"github.com/prometheus/client_golang/prometheus"
)

const defaultMaxOperations = 100

// Collector exports what it observes of a Recorder. It implements prometheus.Collector. Use
// [NewCollector].
type Collector struct {
	metrics []prometheus.Collector
	stop    func()
}

var _ prometheus.Collector = (*Collector)(nil)

// NewCollector returns a collector that observes recorder from now on, until Close. Give recorder
// to a tracer, and register the collector. Several collectors may observe one recorder.
//
// All collectors have metrics of the same names, so a registry accepts one. To register several,
// give each a value of one label by prometheus.WrapRegistererWith.
func NewCollector(recorder *tracer.Recorder, opts ...Option) *Collector {
	o := options{maxOperations: defaultMaxOperations, pools: pools{}}
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	v := newObserver(o.maxOperations)
	c := &Collector{metrics: append(v.metrics(), o.pools,
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "gaptrace_unobserved_local_roots_total",
			Help: "Sampled local roots that an observer of the Recorder did not get, because it was too slow or too many spans were unfinished. They are in no other metric.",
		}, func() float64 { return float64(recorder.Unobserved()) }),
	)}
	if o.stats != nil {
		c.metrics = append(c.metrics, tracerMetrics(o.stats)...)
	}
	c.stop = recorder.Observe(v.observe, 0)
	return c
}

// Option configures [NewCollector]. A nil Option is ignored.
type Option func(*options)

type options struct {
	maxOperations int
	stats         []*tracer.Stats
	pools         pools
}

// WithMaxOperations sets how many operations have metrics of their own: the first n that are
// observed. All others are counted as the operation "other". Without this option, or if n is 0 or
// less, it is 100.
func WithMaxOperations(n int) Option {
	return func(o *options) {
		if n <= 0 {
			n = defaultMaxOperations
		}
		o.maxOperations = n
	}
}

// WithStats adds metrics of the spans that tracers have sent or lost, or that wait in their queues.
// The metrics are sums over all stats. Without this option, or if all stats are nil, there are no
// such metrics.
func WithStats(stats ...*tracer.Stats) Option {
	return func(o *options) {
		for _, s := range stats {
			if s != nil {
				o.stats = append(o.stats, s)
			}
		}
	}
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range c.metrics {
		m.Describe(ch)
	}
}

// Collect implements prometheus.Collector. It shares no lock with the program's spans.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	for _, m := range c.metrics {
		m.Collect(ch)
	}
}

// Close ends the observation, and returns after its goroutine has ended. Local roots that have
// ended are counted first. The metrics stay, so the last values can still be scraped. Close may be
// called several times.
func (c *Collector) Close() { c.stop() }

// tracerMetrics returns the metrics of the option WithStats.
func tracerMetrics(all []*tracer.Stats) []prometheus.Collector {
	sum := func(field func(*tracer.Stats) *atomic.Int64) func() float64 {
		return func() (sum float64) {
			for _, stats := range all {
				sum += float64(field(stats).Load())
			}
			return sum
		}
	}
	lost := func(reason string, field func(*tracer.Stats) *atomic.Int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name:        "gaptrace_tracer_spans_lost_total",
			Help:        "Spans that the tracer did not deliver. Metrics of self time still have them.",
			ConstLabels: prometheus.Labels{"reason": reason},
		}, sum(field))
	}
	return []prometheus.Collector{
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "gaptrace_tracer_spans_sent_total",
			Help: "Spans that the collector accepted, or that were sent to an agent, which does not answer.",
		}, sum(func(s *tracer.Stats) *atomic.Int64 { return &s.Sent })),
		lost("queue_full", func(s *tracer.Stats) *atomic.Int64 { return &s.Dropped }),
		lost("too_large", func(s *tracer.Stats) *atomic.Int64 { return &s.TooLarge }),
		lost("failed", func(s *tracer.Stats) *atomic.Int64 { return &s.Failed }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "gaptrace_tracer_queue_spans",
			Help: "Spans that wait in the tracer's queue.",
		}, sum(func(s *tracer.Stats) *atomic.Int64 { return &s.Queued })),
	}
}
