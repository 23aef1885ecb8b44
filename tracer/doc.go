// Package tracer opens a Jaeger tracer in one line:
//
//	t, closer, err := tracer.New("shop")
//	if err != nil {
//		return err
//	}
//	defer closer.Close() // sends the queued spans; its error says how many were lost
//	opentracing.SetGlobalTracer(t)
//
// The environment variables of Jaeger's clients configure it (JAEGER_ENDPOINT, JAEGER_SAMPLER_TYPE,
// …), and so do options. [FromYAML] also reads the YAML of Jaeger's clients in other languages.
// There is no option for the sampler. docs/tracer.md lists all settings and defaults. Nothing
// happens at import, and New does not set the global tracer.
//
// [WithRecorder] keeps the last traces in memory, for a debug page and for tests.
// [Recorder.Observe] calls a function with the spans of each request when it has ended. [WithStats]
// counts the spans that are sent and lost, and [WithLogger] logs the losses. [WithExecutionTrace]
// marks spans in the Go runtime's execution trace.
//
// # Propagation
//
// Inject and Extract accept the carriers of opentracing.HTTPHeaders and opentracing.TextMap. They
// know four formats of headers:
//
//	format     headers
//	Jaeger     uber-trace-id
//	B3         x-b3-traceid, x-b3-spanid, x-b3-parentspanid, x-b3-sampled, x-b3-flags
//	B3Single   b3
//	W3C        traceparent, tracestate
//
// Extract reads all formats. It takes the IDs from the first format that is well-formed, in the
// order B3Single, B3, Jaeger, W3C; formats that [WithPropagation] lists come first. Inject writes
// the listed formats, by default Jaeger and B3. It removes the headers of the others, if the
// carrier allows that: see [Deleter]. docs/propagation.md says which peers need which format.
//
// A peer's sampling decision (not sampled, sampled, debug) holds for all spans of its trace in this
// process, even if it came without IDs. If B3 IDs come without a decision, the sampler decides once
// for all spans of the trace: see [WithDeferredAsDenied].
//
// If no IDs arrive, Extract returns opentracing.ErrSpanContextNotFound. But if baggage, a debug ID
// (jaeger-debug-id) or a decision arrives without IDs, it returns a context with them for a new
// trace. If headers are malformed and nothing else arrives, it returns an error that wraps
// opentracing.ErrSpanContextCorrupted and says what is wrong, together with a context. A span
// started from that context begins a new trace and logs the error.
//
// Baggage is read and written in Jaeger's headers (uberctx-…), up to 64 items and 8 KiB; the rest
// is dropped. In HTTPHeaders, keys become lower case, values are URL-encoded, and items whose key
// cannot be part of a header's name are omitted. In TextMap, keys and values are written unchanged;
// for gRPC metadata, use HTTPHeaders. opentracing.Binary returns opentracing.ErrUnsupportedFormat,
// since Jaeger's reader for it allocates as much memory as a peer asks for.
//
// # Contexts
//
// Spans are of type *jaeger.Span, and their contexts of type jaeger.SpanContext. An extracted
// context may be of another type. Use it only with tracers of this package. Span.Tracer returns
// Jaeger's own tracer, for which such a context is empty, so it begins a new trace. Several
// goroutines may start spans from one extracted context.
package tracer
