package propagation

import (
	"slices"
	"strings"
)

// B3, in several headers or in one: https://github.com/openzipkin/b3-propagation.

const (
	wantB3Single = "trace-span-state-parent, trace-span-state, trace-span or a state alone, where a state is 0, 1 or d"
	maxB3Single  = 32 + 1 + 16 + 1 + 1 + 1 + 16 // bytes
)

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
	case debug: // also means sampled
		h.set(b3Flags, "1")
	}
}

func readB3(h *headers) (found remote, bad malformed) {
	// A decision may come without IDs. Values outside the specification decide nothing.
	switch s := h.value[b3Sampled]; {
	case h.value[b3Flags] == "1", s == "d":
		found.decision = debug
	case s == "1" || strings.EqualFold(s, "true"): // peers older than the specification send true
		found.decision = accepted
	case s == "0" || strings.EqualFold(s, "false"):
		found.decision = denied
	}
	if !h.has[b3TraceID] && !h.has[b3SpanID] {
		return found, malformed{}
	}
	var ok bool
	if found.trace, ok = parseTraceID(h.value[b3TraceID]); !ok {
		return found.denial(), malformed{b3TraceID, wantTraceID}
	}
	if found.span, ok = parseSpanID(h.value[b3SpanID]); !ok {
		return found.denial(), malformed{b3SpanID, wantSpanID}
	}
	found.parent, _ = parseSpanID(h.value[b3ParentSpanID]) // nothing depends on it; 0 means none
	return found, malformed{}
}

// b3States holds each decision as single B3 writes it, "" for one that the receiver makes.
var b3States = [...]string{denied: "0", accepted: "1", debug: "d"}

func writeB3Single(s *outgoing, h *headers) {
	text := make([]byte, 0, maxB3Single)
	text = append(append(append(text, s.trace...), '-'), s.span...)
	if state := b3States[s.decision]; state != "" {
		text = append(append(text, '-'), state...)
		if s.parent != "" {
			text = append(append(text, '-'), s.parent...)
		}
	}
	h.set(b3Single, string(text))
}

// readB3Single need not limit the header's length: parseTraceID and parseSpanID limit their input.
func readB3Single(h *headers) (found remote, bad malformed) {
	if !h.has[b3Single] {
		return remote{}, malformed{}
	}
	bad = malformed{b3Single, wantB3Single}
	trace, rest, hasIDs := strings.Cut(h.value[b3Single], "-")
	if !hasIDs {
		state, ok := parseB3State(trace)
		if !ok {
			return remote{}, bad
		}
		return remote{decision: state}, malformed{}
	}
	span, rest, hasState := strings.Cut(rest, "-")
	state, parent, hasParent := strings.Cut(rest, "-")
	stateOK, parentOK := true, true
	if hasState {
		found.decision, stateOK = parseB3State(state)
	}
	if hasParent { // Zipkin writes zeros if there is none
		_, parentOK = parseHex(parent)
		found.parent, _ = parseSpanID(parent)
	}
	if idsOK := found.parseIDs(trace, span); !idsOK || !stateOK || !parentOK {
		return found.denial(), bad
	}
	return found, malformed{}
}

func parseB3State(s string) (state decision, ok bool) {
	at := slices.Index(b3States[undecided+1:], s)
	return decision(at + 1), at >= 0 // undecided if s is not a state
}
