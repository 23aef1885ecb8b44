// Package jaegerjson reads and writes traces in Jaeger's JSON, and reads them from a Jaeger query
// service.
//
//	for spans, err := range jaegerjson.Read(file) {
//		if err != nil {
//			return err // file, offset, and what was expected; the traces before it have been yielded
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
//   - an array of these
//   - spans as Jaeger stores them in Elasticsearch, each with its process
//   - several of these one after the other, as in a file that was appended to
//
// Any of them may be compressed by gzip, whatever its name, and may begin with a byte order mark.
// OTLP is not read.
//
// Read reads in one pass and yields a trace as soon as it is complete, so a stream of many traces
// takes the memory of the largest. By default it keeps only the tags that analysis needs, and no
// logs.
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
// Malformed input is an [*Error], with the offset and what was expected there. Nothing after it is
// read. An error that Jaeger has reported is a [*QueryError], and comes after the traces.
//
// Nesting is bounded to 10,000 levels, and a string that is kept to 16 MiB. [WithMaxBytes] bounds
// the whole input.
package jaegerjson
