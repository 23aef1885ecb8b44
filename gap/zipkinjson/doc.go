// Package zipkinjson reads traces in the JSON of Zipkin's API v2.
//
//	for spans, err := range zipkinjson.Read(file) {
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
//   - an array of spans, as /api/v2/trace/{id} answers and as clients send them: [{…},{…}]
//   - an array of traces, as /api/v2/traces answers: [[{…},{…}],[{…}]]
//   - a span on each line, or spans one after the other
//   - several of these one after the other, as in a file that was appended to
//
// The input may be compressed by gzip, and may begin with a byte order mark. The file's name does
// not matter. The older API v1, whose spans have binaryAnnotations, is not read.
//
// Each slice that Read yields has spans of one trace. In an array of traces, it is a whole trace.
// Otherwise, a slice has at most 1,024 spans, and a trace may come in several slices: the caller
// joins those with the same trace id. Memory is bounded by the largest trace of an array of traces,
// or by 1,024 spans.
//
// # How spans are converted
//
//	Zipkin                 gap.Span
//	traceId, id            TraceID, SpanID; any text that is not hexadecimal is hashed
//	parentId               a ChildOf reference
//	kind                   the tag span.kind, in lower case
//	timestamp, duration    Start, Duration; integer microseconds, strings or fractions
//	localEndpoint          Process, with the tag ip; spans of a process share it
//	tags                   Tags; the tag error becomes true, whatever its value is
//	remoteEndpoint         the tags peer.service, peer.ipv4, peer.ipv6, peer.port
//	annotations            Logs with the field event
//
// By default, Read keeps only the tags that analysis needs, and no logs. [read.WithTags] keeps more
// tags, and [read.WithEverything] keeps all tags and logs. The text of the tag error is kept as
// error.message.
//
// The port of localEndpoint is left out. A process may report different ports for its server spans
// and its client spans, but [gap.Build] must see that they are of one process.
//
// # Shared spans
//
// In Zipkin a server's span may share the id of the client's span that called it. Both keep the id
// here, and [gap.Build] makes the server's span a child of the client's. If a third span names this
// id as its parent, its localEndpoint decides which one is meant: the client's span if service and
// address are the client's, and the server's span otherwise. A shared span without a kind is a
// server's.
//
//	client frontend  id 2  |--------------------|
//	server backend   id 2     |-------------|       shared, child of the client's span
//	sql    backend   id 3       |-----|             parentId 2: child of the server's span
//	dial   frontend  id 4  |-|                      parentId 2: child of the client's span
//
// # Errors
//
// Malformed input ends reading. Read yields all spans before it, then a [*read.Error] that says at
// which byte the input is malformed and what was expected there. A span is left out if its
// timestamp or its duration is not a number. So is an annotation with such a timestamp. Reading
// goes on. A [*read.Error] for the first of them comes after the spans.
//
// In Zipkin the timestamp and the duration are optional. A span without a timestamp, or with the
// timestamp 0, has no start: [gap.Build] puts it where its parent starts, and warns of it. It is
// left out if it has no traceId either. A span without a duration has the duration zero.
//
// Input nested deeper than 10,000 levels, or with a string of more than 16 MiB that Read would
// keep, is malformed. [read.WithMaxBytes] bounds the whole input.
package zipkinjson
