// Package otlp reads and writes spans in OTLP, the protocol of OpenTelemetry. It is a module of its
// own, since it needs OpenTelemetry's library pdata.
//
//	traces := map[gap.TraceID][]gap.Span{}
//	for spans, err := range otlp.Read(file) {
//		if err != nil {
//			return err // says at which byte, and what was expected there
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
//   - an export request in JSON, {"resourceSpans":[…]}, or one on each line, as the file exporter
//     of OpenTelemetry's collector writes them
//   - an export request in Protobuf, or several, each preceded by its size: in 4 bytes, as the same
//     exporter writes it with format proto, or as a varint
//   - one or several answers of Jaeger's API v3, {"result":{"resourceSpans":[…]}}
//   - the answer of Tempo in JSON, {"batches":[…]} or {"trace":{…}}, or in Protobuf
//   - an array of these objects, or several objects one after the other
//
// Read finds out which of these formats the input has. Names may be in camel case or in snake case,
// and scopeSpans may have its old name instrumentationLibrarySpans. Ids are hexadecimal or, as in
// Protobuf's mapping to JSON, base64. Numbers may be strings, and enumerations may be numbers or
// names. Metrics and logs are skipped. The input may be compressed by gzip.
//
// By default, Read keeps only the attributes that analysis needs, and no events. [read.WithTags]
// keeps more attributes, and [read.WithEverything] keeps all attributes and events.
//
// # How spans are converted
//
// Read follows OpenTelemetry's translation to Jaeger.
//
//   - The attribute service.name of the resource becomes the service. Its other attributes become
//     the tags of the process.
//   - The parent becomes a ChildOf reference. Links become FollowsFrom references after it. A link
//     whose attribute opentracing.ref_type is child_of becomes a ChildOf reference.
//   - The kind becomes the tag span.kind. The status ERROR becomes the tag error with the value
//     true.
//   - Arrays and maps in attributes become JSON.
//   - With [read.WithEverything], events become logs. The scope and the status become tags whose
//     keys begin with otel.
//   - The attribute @jaeger@warnings becomes [gap.Span.Warnings], since Jaeger writes them there.
//   - A span without a start has no time. One without an end, such as a span that was not finished,
//     has a negative duration: it ends in 1970. [gap.Build] warns of both, and of times that do not
//     fit into 64 bits with a sign.
//
// # Errors and bounds
//
// Malformed input ends reading. Read yields all spans before it, then a [*read.Error] that says at
// which byte the input is malformed and what was expected there. A span whose times are not
// numbers, such as "soon", is left out, and reading goes on. A [*read.Error] for the first such
// time comes after the spans.
//
// Read keeps one span of the input in memory, and yields batches of at most 128 spans. If a
// resource comes after its spans, as in pdata's Protobuf, Read keeps these spans until then. In
// Protobuf, a span may have 64 MiB. In JSON, a string that is kept may have 16 MiB.
package otlp
