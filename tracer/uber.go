package tracer

import (
	"net/url"
	"strings"
)

// Jaeger's header: uber-trace-id: trace:span:parent:flags.

const (
	wantUber    = "trace:span:parent:flags in hex digits"
	maxUberText = 256 // bytes: 70, encoded or not, and room for leading zeros
)

func writeJaeger(s *outgoing, h *headers) { h.set(uberTraceID, s.uber) }

func readJaeger(h *headers) (found remote, bad malformed) {
	if !h.is[uberTraceID] {
		return remote{}, malformed{}
	}
	bad = malformed{uberTraceID, wantUber}
	s := h.value[uberTraceID]
	if len(s) > maxUberText {
		return remote{}, bad
	}
	if strings.IndexByte(s, '%') >= 0 {
		if v, err := url.QueryUnescape(s); err == nil {
			s = v // some clients encode the colons
		}
	}
	trace, s, ok1 := strings.Cut(s, ":")
	span, s, ok2 := strings.Cut(s, ":")
	parent, flagText, ok3 := strings.Cut(s, ":")
	// Jaeger's Go client writes hex, as its specification says, but reads decimal.
	flags, ok4 := parseHex(flagText)
	if !ok1 || !ok2 || !ok3 || !ok4 || flags > 0xff {
		return remote{}, bad
	}
	var traceOK, spanOK bool
	found.trace, traceOK = parseTraceID(trace)
	found.span, spanOK = parseSpanID(span)
	if !traceOK || !spanOK {
		return remote{}, bad
	}
	found.parent, _ = parseSpanID(parent) // nothing here needs it, and 0 means none
	switch {
	case flags&flagSampled == 0:
		found.decision = denied
	case flags&flagDebug != 0:
		found.decision = debug
	default:
		found.decision = accepted
	}
	found.firehose = flags&flagFirehose != 0
	return found, malformed{}
}
