// Package zipkinjson reads traces in the JSON of Zipkin's API v2.
//
//	for spans, err := range zipkinjson.Read(file) {
//		if err != nil {
//			return err // with the offset and what was expected there
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
// The input may be compressed by gzip, whatever the file's name, and may begin with a byte order
// mark. The older API v1, whose spans have binaryAnnotations, is not read.
//
// Each slice that Read yields has spans of one trace. In an array of traces it is a whole trace.
// Other spans come in several slices, of at most 1,024 spans: callers join those with the same
// trace id. Memory is bounded by the largest trace of an array of traces, or by 1,024 spans.
//
// # What becomes of a span
//
//	Zipkin                 gap.Span
//	traceId, id            TraceID, SpanID; any text that is not hexadecimal is hashed
//	parentId               a ChildOf reference
//	kind                   the tag span.kind, in lower case
//	timestamp, duration    Start, Duration; integer microseconds, strings or fractions
//	localEndpoint          Process, with the tag ip; spans of a process share it
//	tags                   Tags; if there is a tag error, whatever its value, it is true
//	remoteEndpoint         the tags peer.service, peer.ipv4, peer.ipv6, peer.port
//	annotations            Logs with the field event
//
// By default Read keeps only the tags that analysis needs, and no logs, see [read.WithTags] and
// [read.WithEverything]. The text of the tag error is kept as error.message.
//
// The port of localEndpoint is left out: a process may name another one for its server spans than
// for its client spans, and [gap.Build] compares processes.
//
// # Shared spans
//
// In Zipkin a server's span may share the id of the client's span that called it. Both keep the id
// here, and [gap.Build] makes the server's span a child of the client's. If a third span names this
// id as its parent, its localEndpoint decides: it is a child of the client's span if it has the
// client's service and address, and of the server's span otherwise. A shared span without a kind is
// a server's.
//
//	client frontend  id 2  |--------------------|
//	server backend   id 2     |-------------|       shared, child of the client's span
//	sql    backend   id 3       |-----|             parentId 2: child of the server's span
//	dial   frontend  id 4  |-|                      parentId 2: child of the client's span
//
// # Errors
//
// Malformed input ends reading with a [*read.Error], which has the offset and what was expected
// there. The spans before it have been yielded. A span is left out if its timestamp is missing,
// zero or not a number, or if its duration is not a number. So is an annotation with such a
// timestamp. Reading goes on, and a [*read.Error] for the first of them comes after the spans. A
// span without a duration has the duration zero.
//
// Input nested deeper than 10,000 levels, or with a string of more than 16 MiB that Read would
// keep, is malformed. [read.WithMaxBytes] bounds the whole input.
package zipkinjson
