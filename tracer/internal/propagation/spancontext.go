package propagation

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

// decision is what a peer decided about sampling.
type decision uint8

const (
	undecided decision = iota // the receiver decides
	denied
	accepted
	debug // accepted, and no later stage may drop it
)

// Jaeger's flags.
const (
	flagSampled  = 1
	flagDebug    = 2 // needs flagSampled
	flagFirehose = 8 // the storage need not index the span
)

// flagsOf holds each decision as Jaeger's flags.
var flagsOf = [...]byte{undecided: 0, denied: 0, accepted: flagSampled, debug: flagSampled | flagDebug}

// decisionOf returns the decision in Jaeger's flags.
func decisionOf(flags byte) decision {
	switch {
	case flags&flagSampled == 0:
		return denied
	case flags&flagDebug != 0:
		return debug
	}
	return accepted
}

// remote is what one format says about a peer's span: its IDs, a decision, or both.
type remote struct {
	trace        jaeger.TraceID
	span, parent jaeger.SpanID // span is 0 if there are no IDs
	decision     decision
	firehose     bool
}

func (r *remote) hasIDs() bool { return r.span != 0 }

// parseIDs sets r's IDs. It reports whether both are well-formed.
func (r *remote) parseIDs(trace, span string) bool {
	var traceOK, spanOK bool
	r.trace, traceOK = parseTraceID(trace)
	r.span, spanOK = parseSpanID(span)
	return traceOK && spanOK
}

// denial returns what is kept of r if its IDs are malformed: a trace that its caller denied must
// not be sampled because of a typing error.
func (r *remote) denial() remote {
	if r.decision == denied {
		return remote{decision: denied}
	}
	return remote{}
}

// malformed names a header that cannot be parsed, and says what it should contain. In the zero
// value, nothing is malformed.
type malformed struct {
	header header
	want   string
}

const (
	wantTraceID = "1 to 32 hex digits that are not all 0"
	wantSpanID  = "1 to 16 hex digits that are not all 0"
	maxQuoted   = 100 // bytes of a peer's header in an error
)

// err returns Extract's error, nil for the zero value.
func (m malformed) err(h *headers) error {
	if m == (malformed{}) {
		return nil
	}
	name, value := lower[m.header], h.value[m.header]
	if !h.has[m.header] {
		return fmt.Errorf("%w: no %s: want %s", opentracing.ErrSpanContextCorrupted, name, m.want)
	}
	if len(value) > maxQuoted {
		value = value[:maxQuoted] + "…"
	}
	return fmt.Errorf("%w: %s: %q: want %s", opentracing.ErrSpanContextCorrupted, name, value, m.want)
}

// outgoing is a span context as text. All formats write the same digits, so the IDs are substrings
// of uber, and cost no allocations.
type outgoing struct {
	uber                string // the value of uber-trace-id
	trace, span, parent string // of 16 or 32, 16 and 16 digits; parent is "" for a root
	decision            decision
	tracestate          string
}

// format fills s from c, which must be valid.
func (s *outgoing) format(c jaeger.SpanContext) {
	s.decision = decisionOf(c.Flags())
	// Not the debug flag itself: sampling.priority 0 leaves it set.
	flags := flagsOf[s.decision] | c.Flags()&flagFirehose
	buf := make([]byte, 0, 32+1+16+1+16+1+1) // trace:span:parent:flags
	if high := c.TraceID().High; high != 0 {
		buf = appendHex(buf, high)
	}
	buf = appendHex(buf, c.TraceID().Low)
	end := len(buf)
	buf = appendHex(append(buf, ':'), uint64(c.SpanID()))
	buf = appendHex(append(buf, ':'), uint64(c.ParentID()))
	buf = append(buf, ':', digits[flags])
	s.uber = string(buf)
	s.trace, s.span = s.uber[:end], s.uber[end+1:end+17]
	if c.ParentID() != 0 {
		s.parent = s.uber[end+18 : end+34]
	}
}

const digits = "0123456789abcdef"

// appendHex appends the 16 hex digits of v.
func appendHex(buf []byte, v uint64) []byte {
	return hex.AppendEncode(buf, binary.BigEndian.AppendUint64(make([]byte, 0, 8), v))
}

// parseTraceID parses 1 to 32 hex digits that are not all zero. Several clients omit leading zeros.
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

// parseSpanID parses 1 to 16 hex digits that are not all zero.
func parseSpanID(s string) (jaeger.SpanID, bool) {
	id, ok := parseHex(s)
	return jaeger.SpanID(id), ok && id != 0
}

// parseHex parses 1 to 16 hex digits.
func parseHex(s string) (uint64, bool) {
	if len(s) == 0 || len(s) > 16 {
		return 0, false // at once: strconv would allocate an error
	}
	v, err := strconv.ParseUint(s, 16, 64)
	return v, err == nil
}
