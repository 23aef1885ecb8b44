// Package tracer opens a Jaeger tracer in one line:
//
//	t, closer, err := tracer.New("shop")
//	if err != nil {
//		return err
//	}
//	defer closer.Close() // sends what is still queued, and says so when it could not
//	opentracing.SetGlobalTracer(t)
//
// What it should do is read from the environment, in the variables of every Jaeger client (JAEGER_ENDPOINT,
// JAEGER_SAMPLER_TYPE and so on), or, with [FromYAML], from the YAML of Jaeger's clients in other languages, and then
// from the options. [New] says what holds when nobody speaks; docs/tracer.md has a table of it all.
//
// With [WithRecorder] the last traces stay in memory, for a debug page and for tests. With [WithStats] and [WithLogger]
// nothing is lost silently. Nothing happens at import, and New does not set the global tracer: a library may then open a
// tracer of its own.
//
// # Propagation
//
// A span's context travels in the formats opentracing.HTTPHeaders and opentracing.TextMap. Inject writes what
// [WithPropagation] chose, by default Jaeger's header and B3 in several; it takes out of the carrier what another hop
// wrote in the other ones, where the carrier can do that: see [Deleter]. Extract reads four: uber-trace-id, x-b3-…, b3,
// traceparent with tracestate. The ids are those of the first format that is there and well-formed, in the order chosen;
// single B3 always comes before B3 in several headers. docs/propagation.md says who sends what.
//
// What a peer decided is kept for all spans of its trace here: not sampled, also where no ids came with that; sampled;
// debug. B3 ids without a decision leave it to the sampler, once for all spans; or see [WithDeferredAsDenied].
//
// Baggage goes in Jaeger's own headers (uberctx-…) only. Under HTTPHeaders an item whose key no header can carry is
// left out, values are URL-encoded, and keys become lower case, as every reader of them does anyway: of keys that
// differ in case only one is written, the one in lower case if there is one, and one is read. TextMap holds any string, so
// there keys and values are written as they are: for gRPC metadata, use HTTPHeaders. At most 64 items and
// 8 KiB are read from a peer, and as many written.
//
// What a peer sends cannot fail a request. Malformed headers give an error that wraps
// opentracing.ErrSpanContextCorrupted and tells the reason, no headers opentracing.ErrSpanContextNotFound; the caller
// starts a new trace. Beside the former comes a context, too: a span that is started from it is the root of a new trace,
// and has the reason in its log. Where a debug id, baggage or a denial came, there is no error, and the context
// takes these into the new trace. Several goroutines may start spans from one extracted context, and another tracer of
// this package may.
// opentracing.Binary is not supported: Jaeger's reader for it allocates whatever a peer asks for.
//
// The tracer's spans, and their contexts, are jaeger-client-go's own. So is the tracer that a span answers with
// (Span.Tracer). Its Extract takes B3 ids without a decision as not sampled, and spans of what it extracted have to be
// started one after the other, as it writes to that. A context that our Extract could not say in Jaeger's type (a decision
// that is not made yet, or was made without ids) is none to its StartSpan: a new trace begins.
package tracer
