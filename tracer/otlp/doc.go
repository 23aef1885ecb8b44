// Package otlp opens a Jaeger tracer that sends spans by OTLP, the protocol of OpenTelemetry. It is
// a module of its own, since it needs OpenTelemetry's and Protobuf's libraries.
//
//	import "github.com/gaptrace/gaptrace/tracer/otlp"
//
//	t, closer, err := otlp.New("shop") // instead of tracer.New("shop")
//	if err != nil {
//		return err
//	}
//	defer closer.Close() // sends the queued spans; its error says how many were lost
//	opentracing.SetGlobalTracer(t)
//
// The program's spans, its headers and its sampling stay as they are. [New] takes the options of
// package tracer. Spans go to http://localhost:4318 as Protobuf over HTTP. These variables change
// that:
//
//	OTEL_EXPORTER_OTLP_ENDPOINT             a URL, to which /v1/traces is added
//	OTEL_EXPORTER_OTLP_HEADERS              key=value,key=value, such as a token
//	OTEL_EXPORTER_OTLP_TIMEOUT              milliseconds for a request; 10000 by default
//	OTEL_EXPORTER_OTLP_COMPRESSION          gzip or none, the default
//	OTEL_EXPORTER_OTLP_PROTOCOL             http/protobuf; others are an error
//	OTEL_EXPORTER_OTLP_CERTIFICATE          a file with the collector's root certificates
//	OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE   and _CLIENT_KEY: files for TLS
//	OTEL_SERVICE_NAME                       used if New gets no name
//	OTEL_RESOURCE_ATTRIBUTES                key=value,key=value: tags of the process
//	OTEL_SDK_DISABLED                       true: a tracer that does nothing
//
// A variable whose name has TRACES_ after OTLP_ wins over the one without. Its ENDPOINT is used
// unchanged.
//
// # What is sent
//
// Nothing of a span is lost. IDs stay the same: a trace ID of 64 bits gets zeros in front. Times
// have nanoseconds. Package gap/otlp reads back what a Recorder keeps.
//
//   - The first ChildOf reference within the trace becomes the parent, or else the first reference
//     within it. Other references become links, whose attribute opentracing.ref_type is child_of or
//     follows_from. So does the parent if the span only follows from it.
//   - Logs become events. The field event is an event's name.
//   - Tags of the process become attributes of the resource.
//   - The tag span.kind becomes the kind, and error=true becomes the status ERROR.
//   - If a tag was set several times, its last value is sent. Bytes that are not UTF-8 become
//     U+FFFD. As for Jaeger, a tag's value is truncated at 4 KiB.
//
// [WithSemanticConventions] also gives tags the names that backends made for OpenTelemetry know.
//
// # Lost spans
//
// Spans wait in a queue of 10,000, as those for Jaeger do. If the collector answers 429, 502, 503
// or 504, or not at all, they are sent again after 1, 2, 4 and 8 seconds, or later if Retry-After
// says so. A request that is too large (413) is sent again in halves. What is lost is counted by
// [tracer.WithStats], logged by [tracer.WithLogger] and in the error of Close, even if the
// collector accepts only some spans of a request. Finish never waits. Close takes at most fifteen
// seconds if the collector fails.
package otlp
