package tracer

import (
	"fmt"

	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

// decision is what a peer says about sampling.
type decision uint8

const (
	undecided decision = iota // to be decided here
	denied
	accepted
	debug // accepted, and not to be thrown away by anybody
)

// Jaeger's flags.
const (
	flagSampled  = 1
	flagDebug    = 2
	flagFirehose = 8
)

// remote is what a format tells about a span of a peer: its ids, or what was decided, or both.
type remote struct {
	trace        jaeger.TraceID // 0: no ids
	span, parent jaeger.SpanID
	decision     decision
	firehose     bool
}

func (r *remote) hasIDs() bool { return r.span != 0 }

// denial is what counts of r where its ids are malformed: that it says no.
func (r *remote) denial() remote {
	if r.decision == denied {
		return remote{decision: denied}
	}
	return remote{}
}

// malformed is a header that cannot be read, and why. The zero value is none.
type malformed struct {
	header header
	want   string
}

const (
	wantTraceID = "1 to 32 hex digits that are not all 0"
	wantSpanID  = "1 to 16 hex digits that are not all 0"
	maxQuoted   = 100 // bytes of a peer's words in an error
)

// in says what is wrong, with the value as it came.
func (m malformed) in(h *headers) error {
	value := h.value[m.header]
	if len(value) > maxQuoted {
		value = value[:maxQuoted] + "…"
	}
	if !h.is[m.header] {
		return fmt.Errorf("%w: no %s: want %s", opentracing.ErrSpanContextCorrupted, lower[m.header], m.want)
	}
	return fmt.Errorf("%w: %s: %q: want %s", opentracing.ErrSpanContextCorrupted, lower[m.header], value, m.want)
}

// outgoing is a span in words. The ids are cut from one text, as all formats write them alike.
type outgoing struct {
	trace, span, parent string // of 16 or 32, 16 and 16 digits; parent is "" for a root
	uber                string // Jaeger's whole header
	decision            decision
	state               string // tracestate
}

// of takes the words for c, which is valid.
func (s *outgoing) of(c jaeger.SpanContext) {
	flags := c.Flags()
	switch {
	case flags&flagSampled == 0:
		// sampling.priority 0 leaves Jaeger's debug flag where it was.
		s.decision, flags = denied, flags&flagFirehose
	case flags&flagDebug != 0:
		s.decision = debug
	default:
		s.decision = accepted
	}
	flags &= flagSampled | flagDebug | flagFirehose

	buf := make([]byte, 0, 32+1+16+1+16+1+1) // trace:span:parent:flags, of which the longest fits
	if trace := c.TraceID(); trace.High != 0 {
		buf = appendHex(buf, trace.High)
		buf = appendHex(buf, trace.Low)
	} else {
		buf = appendHex(buf, trace.Low)
	}
	end := len(buf)
	buf = appendHex(append(buf, ':'), uint64(c.SpanID()))
	buf = appendHex(append(buf, ':'), uint64(c.ParentID()))
	buf = append(buf, ':', digits[flags]) // Jaeger writes hex, as its specification says
	s.uber = string(buf)
	s.trace, s.span = s.uber[:end], s.uber[end+1:end+17]
	if c.ParentID() != 0 {
		s.parent = s.uber[end+18 : end+34]
	}
}

const digits = "0123456789abcdef"

// appendHex appends the 16 digits of v.
func appendHex(buf []byte, v uint64) []byte {
	for shift := 60; shift >= 0; shift -= 4 {
		buf = append(buf, digits[v>>shift&0xf])
	}
	return buf
}

// parseTraceID reads 1 to 32 hex digits that are not all zero. Several clients leave out leading zeros.
func parseTraceID(s string) (id jaeger.TraceID, ok bool) {
	if len(s) > 16 {
		if id.High, ok = parseHex(s[:len(s)-16]); !ok {
			return id, false
		}
		s = s[len(s)-16:]
	}
	id.Low, ok = parseHex(s)
	return id, ok && id.IsValid()
}

// parseSpanID reads 1 to 16 hex digits that are not all zero.
func parseSpanID(s string) (jaeger.SpanID, bool) {
	id, ok := parseHex(s)
	return jaeger.SpanID(id), ok && id != 0
}

// parseHex reads 1 to 16 hex digits. strconv would allocate an error for all that are not.
func parseHex(s string) (v uint64, ok bool) {
	if len(s) == 0 || len(s) > 16 {
		return 0, false
	}
	for _, c := range []byte(s) {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		v = v<<4 | uint64(c)
	}
	return v, true
}
