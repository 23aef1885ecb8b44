package tracer

import (
	"strings"

	"github.com/uber/jaeger-client-go"
)

// The standard's: https://www.w3.org/TR/trace-context. traceparent: version-trace-parent-flags, of fixed lengths and
// in lower case. It has no debug flag, and no way not to decide.

const (
	wantTraceparent = "one header, version-trace-parent-flags, such as 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	parentBytes     = 2 + 1 + 32 + 1 + 16 + 1 + 2

	// The bounds of tracestate. The standard's are 32 members, and to send on 512 bytes at least.
	maxMembers    = 32
	maxStateBytes = 4096
)

func writeW3C(s *outgoing, h *headers) {
	text := make([]byte, 0, parentBytes)
	text = append(text, "00-"...)
	if len(s.trace) == 16 {
		text = append(text, "0000000000000000"...)
	}
	text = append(append(append(text, s.trace...), '-'), s.span...)
	if s.decision >= accepted {
		text = append(text, "-01"...)
	} else {
		text = append(text, "-00"...)
	}
	h.set(traceparent, string(text))
	if s.state != "" {
		h.set(tracestate, s.state)
	}
}

func readW3C(h *headers) (found remote, bad malformed) {
	if !h.is[traceparent] {
		return remote{}, malformed{}
	}
	bad = malformed{traceparent, wantTraceparent}
	s := h.value[traceparent]
	// A version to come may have more behind a dash; ff will never be one.
	if len(s) < parentBytes || s[2] != '-' || s[35] != '-' || s[52] != '-' ||
		len(s) > parentBytes && (s[:2] == "00" || s[parentBytes] != '-') || s[:2] == "ff" {
		return remote{}, bad
	}
	for _, part := range [...]string{s[:2], s[3:35], s[36:52], s[53:55]} {
		if !lowerHex(part) {
			return remote{}, bad
		}
	}
	var traceOK, spanOK bool
	found.trace, traceOK = parseTraceID(s[3:35])
	found.span, spanOK = parseSpanID(s[36:52])
	if !traceOK || !spanOK {
		return remote{}, bad
	}
	found.decision = denied
	if flags, _ := parseHex(s[53:55]); flags&1 != 0 {
		found.decision = accepted
	}
	return found, malformed{}
}

func lowerHex(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// stateKey is where a context keeps its tracestate: among what samplers may keep for all spans of a trace in this
// process. Nothing else in a jaeger.SpanContext reaches all of them and no peer.
type stateKey struct{}

func keepState(c jaeger.SpanContext, state string) {
	c.ExtendedSamplingState(stateKey{}, func() any { return state })
}

func stateOf(c jaeger.SpanContext) string {
	state, _ := c.ExtendedSamplingState(stateKey{}, func() any { return "" }).(string)
	return state
}

// joinState makes one list of the values of all tracestate headers, with nothing in it that could break a request. It
// is "" where they are malformed or exceed the bounds: the standard lets a list go, and not a part of it.
func joinState(values []string) string {
	size := 0
	for _, v := range values {
		if size += len(v) + 1; size > maxStateBytes {
			return ""
		}
	}
	var list strings.Builder
	members := 0
	for _, v := range values {
		for member := range strings.SplitSeq(v, ",") {
			member = strings.Trim(member, " \t")
			if member == "" {
				continue
			}
			if members++; members > maxMembers || !validMember(member) {
				return ""
			}
			if list.Len() == 0 {
				list.Grow(size)
			} else {
				list.WriteByte(',')
			}
			list.WriteString(member)
		}
	}
	return list.String()
}

// validMember knows key=value. In the key are lower case letters, digits and _-*/@; in the value is what can be
// printed, but no =, to which a comma is no question here.
func validMember(s string) bool {
	key, value, ok := strings.Cut(s, "=")
	if !ok || key == "" || value == "" || len(key) > 256 || len(value) > 256 {
		return false
	}
	for _, c := range []byte(key) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && strings.IndexByte("_-*/@", c) < 0 {
			return false
		}
	}
	for _, c := range []byte(value) {
		if c < ' ' || c > '~' || c == '=' {
			return false
		}
	}
	return true
}
