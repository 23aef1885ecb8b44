package propagation

import (
	"net/url"
	"strings"
)

const (
	wantUber = "trace:span:parent:flags in hex digits"
	maxUber  = 256 // bytes: 70 as text, 76 URL-encoded, and some leading zeros
)

// readJaeger parses uber-trace-id: trace:span:parent:flags.
func readJaeger(h *headers) (found remote, bad malformed) {
	if !h.has[uberTraceID] {
		return remote{}, malformed{}
	}
	bad = malformed{uberTraceID, wantUber}
	s := h.value[uberTraceID]
	if len(s) > maxUber {
		return remote{}, bad
	}
	if strings.IndexByte(s, '%') >= 0 { // some clients encode the colons
		if v, err := url.QueryUnescape(s); err == nil {
			s = v
		}
	}
	trace, s, _ := strings.Cut(s, ":")
	span, s, _ := strings.Cut(s, ":")
	parent, s, _ := strings.Cut(s, ":")
	idsOK := found.parseIDs(trace, span)
	found.parent, _ = parseSpanID(parent) // nothing depends on it; 0 means none
	flags, flagsOK := parseHex(s)         // Jaeger's Go client reads decimal, but writes hex
	if !idsOK || !flagsOK || flags > 0xff {
		return remote{}, bad
	}
	found.decision = decisionOf(byte(flags))
	found.firehose = flags&flagFirehose != 0
	return found, malformed{}
}
