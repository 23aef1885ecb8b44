package propagation

import (
	"strings"

	"github.com/uber/jaeger-client-go"
)

// W3C Trace Context: https://www.w3.org/TR/trace-context. traceparent has no debug flag, and cannot
// leave the decision to the receiver.

const (
	wantTraceparent = "one header, version-trace-parent-flags, such as " +
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	traceparentBytes = 2 + 1 + 32 + 1 + 16 + 1 + 2

	// The standard limits tracestate to 32 members, and asks for at least 512 bytes.
	maxMembers         = 32
	maxTracestateBytes = 4096
)

func writeW3C(s *outgoing, h *headers) {
	text := append(make([]byte, 0, traceparentBytes), "00-"...)
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
	if s.tracestate != "" {
		h.set(tracestate, s.tracestate)
	}
}

func readW3C(h *headers) (found remote, bad malformed) {
	if !h.has[traceparent] {
		return remote{}, malformed{}
	}
	bad = malformed{traceparent, wantTraceparent}
	s := h.value[traceparent]
	// A later version may append more after a dash. Version ff is invalid for ever.
	if len(s) < traceparentBytes || s[2] != '-' || s[35] != '-' || s[52] != '-' ||
		len(s) > traceparentBytes && (s[:2] == "00" || s[traceparentBytes] != '-') || s[:2] == "ff" {
		return remote{}, bad
	}
	for _, part := range [...]string{s[:2], s[3:35], s[36:52], s[53:55]} {
		if strings.Trim(part, digits) != "" { // upper case is not allowed
			return remote{}, bad
		}
	}
	if !found.parseIDs(s[3:35], s[36:52]) {
		return remote{}, bad
	}
	flags, _ := parseHex(s[53:55])
	found.decision = decisionOf(byte(flags) & flagSampled) // the same bit as Jaeger's
	return found, malformed{}
}

// tracestateKey is the key of a trace's tracestate in Jaeger's extended sampling state, which all
// spans of the trace in this process share. They also share baggage, but that is sent to peers.
type tracestateKey struct{}

func keepTracestate(c jaeger.SpanContext, state string) {
	c.ExtendedSamplingState(tracestateKey{}, func() any { return state })
}

func tracestateOf(c jaeger.SpanContext) string {
	state, _ := c.ExtendedSamplingState(tracestateKey{}, func() any { return "" }).(string)
	return state
}

// joinTracestates joins the values of all tracestate headers. It returns "" if one is malformed, or
// if together they exceed the limits: the standard allows dropping the whole list, but no part of
// it.
func joinTracestates(values []string) string {
	size := 0
	for _, v := range values {
		if size += len(v) + 1; size > maxTracestateBytes {
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

// validMember reports whether s is key=value with a key of lower case letters, digits and _-*/@,
// and a value of printable ASCII without "=". The caller has split at commas.
func validMember(s string) bool {
	key, value, _ := strings.Cut(s, "=")
	if key == "" || value == "" || len(key) > 256 || len(value) > 256 {
		return false
	}
	return strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789_-*/@") == "" &&
		!strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c > '~' || c == '=' })
}
