// Package metrics exports self time to Prometheus, from a running program.
//
//	recorder := tracer.NewRecorder(0)
//	t, closer, err := tracer.New("bookshop", tracer.WithRecorder(recorder))
//	…
//	collector := metrics.NewCollector(recorder)
//	defer collector.Close()
//	prometheus.MustRegister(collector)
//
// It is a module of its own, so that only programs that use it get Prometheus' libraries.
//
// # Metrics
//
// A local root is a request that the program serves, or a job that it begins. When a local root and
// the spans below it have finished, they are analyzed as [gap.Build] does, and counted. So the sums
// are those of gaptrace top for the same spans:
//
//	gaptrace_duration_seconds              histogram, by operation: durations of spans
//	gaptrace_self_time_seconds             histogram, by operation: time that no call covers
//	gaptrace_critical_self_time_seconds    histogram, by operation: part on the critical path
//	gaptrace_calls_total                   calls of clients, by component
//	gaptrace_wait_seconds_total            how long callers waited in them, by component
//	gaptrace_local_roots_total             local roots that were analyzed
//	gaptrace_unobserved_local_roots_total  local roots that were sampled, but dropped
//	gaptrace_missing_spans_total           spans that the analysis did not have
//	gaptrace_operations                    operations with histograms of their own
//	gaptrace_operations_limit              the most that there may be
//	gaptrace_other_spans_total             spans of all other operations
//
// Spans of clients have no self time, so they only have a duration. The critical path is that of
// the local root, not of the whole trace: what other services do is not known here.
//
// [WithStats] adds metrics of the tracer:
//
//	gaptrace_tracer_spans_sent_total  spans that were sent
//	gaptrace_tracer_spans_lost_total  spans lost, by reason: failed, queue_full, too_large
//	gaptrace_tracer_queue_spans       spans that wait to be sent
//
// [WithDB], [WithRedis] and [WithPgx] add the figures that connection pools keep, with the label
// pool:
//
//	gaptrace_pool_connections         open connections, by state: in_use, idle
//	gaptrace_pool_max_connections     the most that may be open
//	gaptrace_pool_waits_total         callers that had to wait for a connection
//	gaptrace_pool_wait_seconds_total  how long they waited
//	gaptrace_pool_timeouts_total      callers that gave up waiting
//	gaptrace_pool_gets_total          callers that got an idle connection or needed a new one
//	gaptrace_pool_closed_total        connections that the pool closed, by reason
//
// The histograms are native ones. They also have classic buckets, from 100 µs to 10 s, for a
// Prometheus that does not scrape native histograms. Exemplars have the label trace_id, which is
// the ID in Jaeger. Each bucket gets at most one per second. Prometheus gets exemplars only from a
// handler with promhttp.HandlerOpts.EnableOpenMetrics.
//
// # Sampling
//
// Only sampled traces are seen. Averages, quantiles and shares are right if the sampler does not
// prefer some requests. Totals are too low by the sampling rate; docs/metrics.md says how to scale
// them.
//
// # Limits
//
// The first 100 operations have histograms of their own, see [WithMaxOperations], and the first 50
// components have counters of their own. All others are counted as "other". A name is truncated to
// 200 bytes. What is not printable in it becomes U+FFFD, and an empty name becomes "unknown".
//
// # Cost
//
// All work is done on one goroutine, which [Collector.Close] ends. A scrape shares no lock with the
// goroutines that finish spans. docs/PERFORMANCE.md says what a span costs.
package metrics
