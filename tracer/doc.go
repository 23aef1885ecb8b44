// Package tracer opens a Jaeger tracer in one line:
//
//	t, closer, err := tracer.New("shop")
//	if err != nil {
//		return err
//	}
//	defer closer.Close() // sends the queued spans; its error says how many were lost
//	opentracing.SetGlobalTracer(t)
//
// The tracer is configured by the environment variables of all Jaeger clients (JAEGER_ENDPOINT,
// JAEGER_SAMPLER_TYPE, …), or with [FromYAML] also by the YAML of Jaeger's clients in other
// languages, and by options. docs/tracer.md lists all settings and defaults. Nothing happens at
// import, and New does not set the global tracer.
//
// [WithRecorder] keeps the last traces in memory, for a debug page and for tests. [WithStats]
// counts the spans that are sent and lost, and [WithLogger] logs the losses.
//
// # Propagation
//
// Contexts travel in opentracing.HTTPHeaders and opentracing.TextMap, in four formats:
//
//	format     headers
//	Jaeger     uber-trace-id
//	B3         x-b3-traceid, x-b3-spanid, x-b3-parentspanid, x-b3-sampled, x-b3-flags
//	B3Single   b3
//	W3C        traceparent, tracestate
//
// Extract reads all of them. The IDs are those of the first well-formed format, in the order
// B3Single, B3, Jaeger, W3C; formats that [WithPropagation] lists come first. Inject writes the
// listed formats, by default Jaeger and B3. It removes the headers of all others, if the carrier
// can do that: see [Deleter]. docs/propagation.md says which peers need which format.
//
// A peer's decision (not sampled, sampled, debug) holds for all spans of its trace in this process,
// even if it came without IDs. B3 IDs without a decision ask the sampler, once for all spans of the
// trace; see [WithDeferredAsDenied].
//
// Malformed headers do not fail a request. Extract returns an error that wraps
// opentracing.ErrSpanContextCorrupted and says what is wrong, and also a context: a span started
// from it begins a new trace and logs the reason. Without headers, Extract returns
// opentracing.ErrSpanContextNotFound. A debug ID, baggage or a denial is kept for the new trace,
// and then there is no error.
//
// Baggage is read and written in Jaeger's headers (uberctx-…), at most 64 items and 8 KiB. In
// HTTPHeaders, keys become lower case, values are URL-encoded, and items whose key cannot be a
// header's name are omitted. In TextMap, keys and values are written unchanged; for gRPC metadata,
// use HTTPHeaders. opentracing.Binary is not supported, since Jaeger's reader for it allocates as
// much memory as a peer asks for.
//
// # Contexts
//
// Spans and their contexts are jaeger-client-go's own types. An extracted context may be of another
// type: use it with a tracer of this package, not with Span.Tracer, which is Jaeger's own tracer
// and begins a new trace. Several goroutines may start spans from one extracted context.
package tracer
