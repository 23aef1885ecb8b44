// Package gapconnector is a connector of the OpenTelemetry Collector that analyzes whole traces. It
// feeds
//
//   - a pipeline of metrics with histograms of self time, self time on the critical path, and
//     duration, by service and span name
//   - a pipeline of traces with the same spans, each with its self time as an attribute, so that
//     any backend can sort by it
//
// Self time is the time of a span that none of its children covers, as package gap defines it.
//
// # Use
//
// An OpenTelemetry Collector that was built with this module has the connector gap.
// collector/builder.yaml of this repository builds one, and docs/collector.md has a complete
// configuration. In short:
//
//	connectors:
//	  gap:
//	service:
//	  pipelines:
//	    traces: {receivers: [otlp], exporters: [gap]}
//	    metrics: {receivers: [gap], exporters: [prometheus]}
//
// # Metrics
//
//	gaptrace.duration            from the start of a span to its end
//	gaptrace.self_time           the time in which no child ran; zero for spans of clients
//	gaptrace.critical_self_time  the part of it on the critical path of the trace
//
// All are exponential histograms in seconds. Their attributes are service.name, span.name and those
// that metrics::dimensions names. The resource has collector.instance.id, since several collectors
// may report the same attributes.
//
// # Attributes of spans
//
//	gap.self_time_us  self time in microseconds
//	gap.critical_us   the part of it on the critical path
//	gap.incomplete    true if spans of the trace are missing, or may be
//
// # Assembling traces
//
// The spans of a trace come in many batches. The connector keeps them for the duration wait,
// counted from the first span, and then analyzes the trace:
//
//	spans of a trace   |  || |   |        |  analyzed without the others
//	wait               |--------------|
//	analyzed                          ^
//
// What waits is bounded by max_traces, max_spans and max_bytes. If more waits, the oldest traces
// are analyzed early, by the goroutine that brings more. At shutdown, all traces that wait are
// analyzed. Each of the two pipelines has a buffer of its own.
//
// All spans of a trace must come to the same collector. With grouped set, each batch must have all
// spans of its traces, as after the processor groupbytrace. Then nothing waits.
//
// A trace ID of 64 bits is the same as one of 128 bits whose right half it is, see [gap.Build]. If
// several IDs of 128 bits that wait have this right half, the ID of 64 bits is that of another
// trace.
//
// # Acknowledgement
//
// A receiver may forget spans when ConsumeTraces returns: Kafka's receiver then commits their
// offset. By default, the connector returns when it has the spans, so a crash loses what waits.
// With acknowledge set to "exported", it returns when they have been exported, with an error if
// they could not be:
//
//	acknowledge: received   |.... wait ....|.. flush_interval ..|
//	                        ^ returns
//	acknowledge: exported   |.... wait ....|.. flush_interval ..|
//	                                                            ^ returns
//
// If the caller's context ends first, what the caller waits for is analyzed and exported at once.
// If an export fails, delta metrics are lost, and the caller gets an error. Cumulative metrics are
// in the next export, for which the caller waits.
//
// # The connector's own metrics
//
//	otelcol_connector_gap_traces          traces, by outcome: complete, evicted, flushed
//	otelcol_connector_gap_spans           their spans
//	otelcol_connector_gap_overflow_spans  spans beyond metrics::cardinality_limit
//	otelcol_connector_gap_refused_spans   spans lost, because the next component refused them;
//	                                      none if acknowledge is "exported"
//
// Their attribute connector is the connector's name in the configuration. Their attribute output is
// metrics or traces, for the pipeline that it feeds, since each pipeline analyzes all traces.
package gapconnector
