package tracer

import (
	"strings"

	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

// The headers of B3 that each hold one thing: https://github.com/openzipkin/b3-propagation.
const (
	b3TraceID      = "x-b3-traceid"
	b3SpanID       = "x-b3-spanid"
	b3ParentSpanID = "x-b3-parentspanid"
	b3Sampled      = "x-b3-sampled"
	b3Flags        = "x-b3-flags"
)

// b3Multi is B3 in those headers. B3 has no baggage.
type b3Multi struct{}

func (b3Multi) write(c jaeger.SpanContext, set func(key, value string)) {
	set(b3TraceID, c.TraceID().String()) // 16 digits or 32, with leading zeros
	set(b3SpanID, c.SpanID().String())
	if c.ParentID() != 0 {
		set(b3ParentSpanID, c.ParentID().String())
	}
	sampled := "0"
	if c.IsSampled() {
		sampled = "1"
	}
	set(b3Sampled, sampled)
}

func (b3Multi) read(h map[string]string) (ids, error) {
	trace, hasTrace := h[b3TraceID]
	span, hasSpan := h[b3SpanID]
	if !hasTrace && !hasSpan {
		return ids{}, opentracing.ErrSpanContextNotFound
	}
	var found ids
	var traceOK, spanOK bool
	found.trace, traceOK = parseTraceID(trace)
	found.span, spanOK = parseSpanID(span)
	if !traceOK || !spanOK {
		return ids{}, opentracing.ErrSpanContextCorrupted
	}
	found.parent, _ = parseSpanID(h[b3ParentSpanID]) // nothing here needs it, and 0 means none
	if h[b3Flags] == "1" {                           // debug, which implies sampled, and comes without it
		found.flags = flagSampled | flagDebug
	}
	// B3 writes 1; peers older than its specification write true.
	if s := h[b3Sampled]; s == "1" || strings.EqualFold(s, "true") {
		found.flags |= flagSampled
	}
	return found, nil
}
