// Package jaegerjson reads and writes traces in Jaeger's JSON, and asks a Jaeger query service for them.
//
//	for spans, err := range jaegerjson.Read(file) {
//		if err != nil {
//			return err // file, offset, and what was expected; the traces before it have been yielded
//		}
//		trace, warnings := gap.Build(spans)
//		…
//	}
//
// # What is read
//
// What a query service answers ({"data":[…]}), what Jaeger's UI downloads, a trace by itself ({"spans":[…],"processes":{…}}),
// an array of them, and several of all these behind each other, as in a file that was appended to. It may be compressed by
// gzip, whatever it is called, and begin with a byte order mark. Spans as Jaeger stores them in Elasticsearch are read, too, each with its
// process. OTLP is not.
//
// It is read in one pass, and a trace is yielded as soon as it is complete: a stream of many traces takes the memory of
// the largest. Of the tags only those are kept that analysis needs, and no logs, unless an option asks for more.
//
// # Units and types
//
// Jaeger's times are integer microseconds; numbers may be strings, or have a fraction. Ids are hexadecimal, of up to 32 digits for a trace and
// 16 for a span; leading zeros may be missing. A tag's value is of the Go type that its type names: string, bool, int64, float64,
// binary ([]byte, from base64). [Write] rounds every moment down to a microsecond.
//
// # Errors
//
// What is wrong with an input is an [*Error] with the offset of the byte and what was expected there, and nothing is read behind it. What
// Jaeger itself told of an answer is a [*QueryError], which comes last. Nesting is bounded (10,000), and so is a string that is kept (16 MiB);
// [WithMaxBytes] bounds the whole.
package jaegerjson
