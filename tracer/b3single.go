package tracer

import "strings"

// B3 in one header: b3: trace-span-state-parent, where the last two, or the last, or all but the state may be missing.

const (
	wantB3One  = "trace-span-state-parent, trace-span-state, trace-span or a state alone, where a state is 0, 1 or d"
	maxB3Bytes = 32 + 1 + 16 + 1 + 1 + 1 + 16
)

// b3States are the words for decisions; undecided has none.
var b3States = [...]string{denied: "0", accepted: "1", debug: "d"}

func writeB3Single(s *outgoing, h *headers) {
	text := make([]byte, 0, maxB3Bytes)
	text = append(append(append(text, s.trace...), '-'), s.span...)
	if state := b3States[s.decision]; state != "" {
		text = append(append(text, '-'), state...)
		if s.parent != "" {
			text = append(append(text, '-'), s.parent...)
		}
	}
	h.set(b3One, string(text))
}

// readB3Single needs no bound on the whole: each of its parts has one, before which nothing is done but to look for the "-".
func readB3Single(h *headers) (found remote, bad malformed) {
	if !h.is[b3One] {
		return remote{}, malformed{}
	}
	bad = malformed{b3One, wantB3One}
	s := h.value[b3One]
	trace, rest, hasIDs := strings.Cut(s, "-")
	if !hasIDs {
		var ok bool
		if found.decision, ok = b3State(s); !ok {
			return remote{}, bad
		}
		return found, malformed{}
	}
	span, rest, hasState := strings.Cut(rest, "-")
	state, parent, hasParent := strings.Cut(rest, "-")
	var traceOK, spanOK bool
	found.trace, traceOK = parseTraceID(trace)
	found.span, spanOK = parseSpanID(span)
	stateOK, parentOK := true, true
	if hasState {
		found.decision, stateOK = b3State(state)
	}
	if hasParent { // Zipkin's own writer sends zeros for none
		_, parentOK = parseHex(parent)
		found.parent, _ = parseSpanID(parent)
	}
	if !traceOK || !spanOK || !stateOK || !parentOK {
		return found.denial(), bad
	}
	return found, malformed{}
}

func b3State(s string) (decision, bool) {
	switch s {
	case "0":
		return denied, true
	case "1":
		return accepted, true
	case "d":
		return debug, true
	}
	return undecided, false
}
