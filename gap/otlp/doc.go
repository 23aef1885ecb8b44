// Package otlp reads and writes spans in OTLP, the protocol of OpenTelemetry. It is a module of its
// own, since it needs OpenTelemetry's library pdata.
//
//	traces := map[gap.TraceID][]gap.Span{}
//	for spans, err := range otlp.Read(file) {
//		if err != nil {
//			return err // with the offset and what was expected there
//		}
//		for _, s := range spans {
//			traces[s.TraceID] = append(traces[s.TraceID], s)
//		}
//	}
//
// # Formats
//
// [Read] reads
//
//   - an export request in JSON, {"resourceSpans":[…]}, or lines of them, as the file exporter of
//     OpenTelemetry's collector writes
//   - an export request in Protobuf, or several, each after its size: in 4 bytes as the same
//     exporter writes with format proto, or as a varint
//   - the answer of Jaeger's API v3, {"result":{"resourceSpans":[…]}}, also several
//   - the answer of Tempo, {"batches":[…]} or {"trace":{…}}, and the same in Protobuf
//   - an array of these objects, and several of them one after the other
//
// The first bytes say which one it is. Names may be in camel case or in snake case, and scopeSpans
// may have its old name instrumentationLibrarySpans. Ids are hexadecimal or, as in Protobuf's
// mapping to JSON, base64. Numbers may be strings, and enumerations may be numbers or names.
// Metrics and logs are skipped. The input may be compressed by gzip.
//
// By default Read keeps only the attributes that analysis needs, and no events, see [read.WithTags]
// and [read.WithEverything].
//
// # What becomes of a span
//
// Read follows OpenTelemetry's translation to Jaeger.
//
//   - service.name of the resource becomes the service, its other attributes the tags of the
//     process.
//   - The parent becomes a ChildOf reference. Links become FollowsFrom references that come after
//     it. The attribute opentracing.ref_type of a link, if it is child_of, makes it ChildOf.
//   - The kind becomes the tag span.kind. The status ERROR becomes the tag error, which is true.
//   - Arrays and maps in attributes become JSON.
//   - With everything: events become logs. The scope and the status become tags that begin with
//     otel.
//   - The attribute @jaeger@warnings becomes [gap.Span.Warnings], since Jaeger writes them there.
//   - A span without a start has no time, and one without an end lasts 0.
//
// # Errors and bounds
//
// Malformed input ends reading with a [*read.Error], which has the offset and what was expected
// there. The spans before it have been yielded. A span whose times are not numbers, such as "soon",
// is left out, and reading goes on. A [*read.Error] for the first such time comes after the spans.
//
// Read keeps one span of the input in memory, and yields batches of at most 128 spans. It keeps the
// spans of a resource until the resource comes: pdata writes it after its spans in Protobuf. In
// Protobuf a span may have 64 MiB. In JSON a string that is kept may have 16 MiB.
package otlp
