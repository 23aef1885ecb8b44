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
// JAEGER_SAMPLER_TYPE and so on), and then from the options. [New] says what holds when neither speaks.
//
// With [WithRecorder] the last traces stay in memory, for a debug page and for tests. Nothing happens at import,
// and New does not set the global tracer: a library may then open a tracer of its own.
//
// # Propagation
//
// A span's context travels in the formats opentracing.HTTPHeaders and opentracing.TextMap. Inject writes two sets
// of headers, Jaeger's (uber-trace-id) and B3 in its multi-header form (x-b3-traceid, x-b3-spanid,
// x-b3-parentspanid, x-b3-sampled). Extract reads both; where both are well-formed, Jaeger's wins, because it says
// more: of the two only it carries the debug flag here. In each, the first of several values counts.
//
// Baggage goes in Jaeger's own headers (uberctx-…) only. Under HTTPHeaders an item whose key no header can carry is
// left out, values are URL-encoded, and keys become lower case, as every reader of them does anyway. TextMap holds
// any string, so there keys and values are written as they are. At most 64 items and 8 KiB are read from a peer.
//
// What a peer sends cannot fail a request: malformed headers give opentracing.ErrSpanContextCorrupted, no headers
// opentracing.ErrSpanContextNotFound, and the caller starts a new trace. Where a debug id or baggage came beside
// either, there is no error but a context without ids, which takes these into the new trace. opentracing.Binary is not supported:
// Jaeger's reader for it allocates whatever a peer asks for.
package tracer
