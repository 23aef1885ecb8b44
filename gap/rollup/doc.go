// Package rollup summarizes more spans than fit into memory, on one machine or on many. It has the
// three steps of such a computation, and leaves sorting and moving data to others: sort(1), Spark,
// Flink, or gaptrace rollup.
//
//	spans → Encoder → rows → sort by key → sorted rows → Fold → partials → Merge → Partial
//
// A row is one line of text for one span. It has what analysis needs and nothing else, about 130
// bytes:
//
//	key (32 hexadecimal digits), a tab, version and span, a new line
//
// The rows of a trace have to reach the same call of [Fold], next to one another. The key is the
// right half of the trace ID, then the left half, because a trace ID of 64 bits is the same as one
// of 128 bits whose right half it is, see [gap.Build]. So programs that distribute rows distribute
// them by the first 16 digits of the key, and sort them by the whole key.
//
// A [Partial] is what Fold makes of any number of traces: a [gap.Summary] and a few counts.
// Partials of any parts of the data can be kept, and merged in any order. The result is always the
// same, byte for byte, as long as each trace is in one of them.
//
// The result is what [gap.Build] and [gap.Summary] make of the spans as package jaegerjson, otlp or
// zipkinjson read them. One case may differ: if copies of a span differ only in tags of their
// process or in warnings, another copy may be kept.
//
// Rows and partials have versions. This release reads all versions before its own.
package rollup
