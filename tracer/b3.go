package tracer

import "strings"

// B3 in several headers, each of which holds one thing: https://github.com/openzipkin/b3-propagation.

func writeB3(s *outgoing, h *headers) {
	h.set(b3TraceID, s.trace)
	h.set(b3SpanID, s.span)
	if s.parent != "" {
		h.set(b3ParentSpanID, s.parent)
	}
	switch s.decision {
	case denied:
		h.set(b3Sampled, "0")
	case accepted:
		h.set(b3Sampled, "1")
	case debug: // which implies sampled, and goes without it
		h.set(b3Flags, "1")
	}
}

func readB3(h *headers) (found remote, bad malformed) {
	// What was decided may come without ids. What is not in the specification decides nothing.
	switch s := h.value[b3Sampled]; {
	case h.value[b3Flags] == "1":
		found.decision = debug
	case s == "1" || strings.EqualFold(s, "true"): // peers older than the specification write true
		found.decision = accepted
	case s == "0" || strings.EqualFold(s, "false"):
		found.decision = denied
	case s == "d":
		found.decision = debug
	}
	if !h.is[b3TraceID] && !h.is[b3SpanID] {
		return found, malformed{}
	}
	var ok bool
	if found.trace, ok = parseTraceID(h.value[b3TraceID]); !ok {
		return found.denial(), malformed{b3TraceID, wantTraceID}
	}
	if found.span, ok = parseSpanID(h.value[b3SpanID]); !ok {
		return found.denial(), malformed{b3SpanID, wantSpanID}
	}
	found.parent, _ = parseSpanID(h.value[b3ParentSpanID]) // nothing here needs it, and 0 means none
	return found, malformed{}
}
