// Package jaegerjson reads and writes traces in Jaeger's JSON, and reads them from a Jaeger query
// service.
//
//	for spans, err := range jaegerjson.Read(file) {
//		if err != nil {
//			return err // says at which byte, and what was expected there
//		}
//		trace, warnings := gap.Build(spans)
//		…
//	}
//
// # Formats
//
// [Read] reads
//
//   - the answer of a query service, which is also what Jaeger's UI downloads: {"data":[…]}
//   - a single trace: {"spans":[…],"processes":{…}}
//   - spans as Jaeger stores them in Elasticsearch, each with its process: {"traceID":…,"spanID":…}
//   - hits of Elasticsearch, as elasticdump writes them: {"_index":…,"_source":{…}}
//   - the answer of Elasticsearch to a search: {"hits":{"hits":[…]}}
//   - an array of these
//   - several of these one after the other, as on lines, or in a file that was appended to
//
// Other programs write traceId or trace_id instead of traceID, and likewise for other ids. Read
// accepts these names. Tags may be an array or an object. Jaeger may also store them in
// Elasticsearch as fields of the object "tag", which Read adds to the others.
//
// The input may be compressed by gzip, and may begin with a byte order mark. The file's name does
// not matter. Package otlp reads OTLP, and package zipkinjson reads Zipkin's JSON.
//
// Each slice that Read yields has spans of one trace. A trace in an object of its own is yielded as
// soon as it is complete. Spans from Elasticsearch come one by one, in any order: Read collects up
// to 1,024 of them, and yields a slice for each of their traces. If a trace comes in several
// objects or slices, the caller joins them. Memory is bounded by the largest trace, or by 1,024
// spans. By default, Read keeps only the tags that analysis needs, and no logs. [read.WithTags]
// keeps more tags, and [read.WithEverything] keeps all tags and logs.
//
// # Units and types
//
// Times are integer microseconds in Jaeger's JSON. Read also accepts strings and fractions. Ids are
// hexadecimal, up to 32 digits for a trace and 16 for a span, with or without leading zeros. A
// tag's value has the Go type for its type in Jaeger: string, bool, int64, float64, and []byte for
// binary. [Write] rounds times down to microseconds.
//
// # Errors
//
// Malformed input ends reading. Read yields all traces before it, then a [*read.Error] that says at
// which byte the input is malformed and what was expected there. A span whose start or duration is
// not a number, such as "Infinity", is left out, and so is a log with such a time. Reading goes on.
// A [*read.Error] for the first such value comes after the traces. A span of a trace without a
// startTime has no start: [gap.Build] puts it where its parent starts, and warns of it. Another
// [*read.Error] reports an answer of Elasticsearch that lacks spans: its search timed out or failed
// on some shards. An error that Jaeger has reported is a [*QueryError]. It also comes after the
// traces, so a caller that stops at the first error has all traces.
//
// Input nested deeper than 10,000 levels, or with a string of more than 16 MiB that Read would
// keep, is malformed. [read.WithMaxBytes] bounds the whole input.
package jaegerjson
