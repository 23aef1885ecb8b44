// Package mark formats and parses marks. A mark is a message in an execution trace of the Go
// runtime, see [runtime/trace.Log]. It describes a span that was just finished. The marks of an
// execution trace are enough to build the gaps of its traces. [Parse] the message of each log event
// of [Category], and give the [Mark.Span] of all marks of a trace to [gap.Build].
//
// Package tracer writes marks, see tracer.WithExecutionTrace. The goroutine of the event is the one
// that finished the span.
//
// # Format
//
// A message has eleven fields. A space ends each of the first nine, and a tab ends the service:
//
//	version      v1
//	trace        the trace's ID, 16 or 32 hexadecimal digits
//	span         the span's ID, 16 hexadecimal digits
//	references   separated by commas, at most 8; - for none
//	kind         internal, client, server, producer or consumer
//	status       error if the span failed, ok otherwise
//	start        nanoseconds since 1970
//	duration     nanoseconds
//	joined       microseconds: the value of the tag wait.joined_us; 0 without it
//	service      at most 128 bytes
//	operation    at most 123 bytes and the suffix " wait", up to the message's end
//
// A reference is c (ChildOf) or f (FollowsFrom) and the span's ID. If that span is in another
// trace, @ and the trace's ID follow. This message has two lines only here:
//
//	v1 4bf92f3577b34da6 00f067aa0ba902b7 c53995c3f42cd8ad8 client ok 1732791234123456789 1500000
//	0 shop	HTTP GET
//
// Service and operation are valid UTF-8. A space replaces each control character. Text that is too
// long is truncated between two runes. The suffix " wait" stays, since package gap knows the later
// waits of a call by it. A mark has no other tags. So it has no statement, unless the program uses
// one as the name of a span.
//
// A change of the format changes the version.
package mark

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gaptrace/gaptrace/gap"
)

// Category is the category of the log events whose messages are marks.
const Category = "gaptrace"

// The limits of a mark. They keep a message below 1,024 bytes, the limit at which the runtime
// truncates it.
const (
	MaxReferences = 8
	MaxName       = 128 // bytes of a service or an operation
)

const (
	version    = "v1"
	waitSuffix = " wait" // of the operation of a call's later waits
)

// The tags that package gap reads.
const (
	kindTag   = "span.kind"
	errorTag  = "error"
	joinedTag = "wait.joined_us"
)

// Mark is what a mark says about a span.
type Mark struct {
	TraceID    gap.TraceID
	SpanID     gap.SpanID
	References []gap.Reference // a zero TraceID is that of the mark
	Kind       gap.Kind
	Error      bool // the span failed
	Start      time.Time
	Duration   time.Duration
	JoinedUS   int64 // microseconds: the value of the tag wait.joined_us; 0 without it
	Service    string
	Operation  string
}

// Append appends the message to b. It writes the first [MaxReferences] references, the start
// clamped to the years 1678 to 2262, and names within their limit. A kind that is unknown becomes
// internal.
func (m *Mark) Append(b []byte) []byte {
	b = append(b, version+" "...)
	b = appendTraceID(b, m.TraceID)
	b = append(b, ' ')
	b = appendHex(b, uint64(m.SpanID))
	b = append(b, ' ')
	b = m.appendReferences(b)
	b = append(b, ' ')
	b = append(b, kindName(m.Kind)...)
	if m.Error {
		b = append(b, " error "...)
	} else {
		b = append(b, " ok "...)
	}
	b = strconv.AppendInt(b, unixNano(m.Start), 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(m.Duration), 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, m.JoinedUS, 10)
	b = append(b, ' ')
	b = appendName(b, m.Service, MaxName)
	b = append(b, '\t')
	operation, isWait := strings.CutSuffix(m.Operation, waitSuffix)
	b = appendName(b, operation, MaxName-len(waitSuffix))
	if isWait {
		b = append(b, waitSuffix...)
	}
	return b
}

func (m *Mark) appendReferences(b []byte) []byte {
	if len(m.References) == 0 {
		return append(b, '-')
	}
	for i, ref := range m.References[:min(len(m.References), MaxReferences)] {
		if i > 0 {
			b = append(b, ',')
		}
		letter := byte('c')
		if ref.Type == gap.FollowsFrom {
			letter = 'f'
		}
		b = append(b, letter)
		b = appendHex(b, uint64(ref.SpanID))
		if ref.TraceID != m.TraceID && ref.TraceID != (gap.TraceID{}) {
			b = append(b, '@')
			b = appendTraceID(b, ref.TraceID)
		}
	}
	return b
}

func appendTraceID(b []byte, id gap.TraceID) []byte {
	if id.High != 0 {
		b = appendHex(b, id.High)
	}
	return appendHex(b, id.Low)
}

// appendHex appends 16 digits, eight at a time: with a loop they would take half of Append's time.
func appendHex(b []byte, n uint64) []byte {
	b = binary.BigEndian.AppendUint64(b, hexDigits(n>>32))
	return binary.BigEndian.AppendUint64(b, hexDigits(n&math.MaxUint32))
}

// hexDigits returns the eight digits of a number of 32 bits, a byte each.
func hexDigits(n uint64) uint64 {
	const each = 0x0101010101010101 // 1 in every byte
	n = (n | n<<16) & 0x0000ffff0000ffff
	n = (n | n<<8) & 0x00ff00ff00ff00ff
	n = (n | n<<4) & (0x0f * each)
	letters := (n + 6*each) >> 4 & each // 1 in each byte that is more than 9
	return n + '0'*each + letters*('a'-'0'-10)
}

// SetTag sets the field for a tag of the span, if [gap.Build] uses the tag: span.kind, error or
// wait.joined_us. It ignores other tags. A value of another type counts as no tag. SetTag calls no
// method of value.
func (m *Mark) SetTag(key string, value any) {
	switch key {
	case kindTag:
		m.Kind = gap.ParseKind(text(value))
	case errorTag:
		m.Error = value == true || text(value) == "true"
	case joinedTag:
		m.JoinedUS = 0
		if v := reflect.ValueOf(value); v.CanInt() {
			m.JoinedUS = v.Int()
		}
	}
}

// text returns a value of type string, or of another type whose underlying type is string, such as
// ext.SpanKindEnum.
func text(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	if v := reflect.ValueOf(value); v.Kind() == reflect.String {
		return v.String()
	}
	return ""
}

func kindName(k gap.Kind) string {
	if k > gap.KindConsumer {
		k = gap.KindInternal
	}
	return k.String()
}

// unixNano returns t in nanoseconds since 1970, clamped to what an int64 can express.
func unixNano(t time.Time) int64 {
	switch seconds := t.Unix(); {
	case seconds <= math.MinInt64/int64(time.Second):
		return math.MinInt64
	case seconds >= math.MaxInt64/int64(time.Second):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// appendName appends at most limit bytes of a service or an operation.
func appendName(b []byte, name string, limit int) []byte {
	if len(name) <= limit && isPlain(name) {
		return append(b, name...)
	}
	end := len(b) + limit
	for _, r := range name { // U+FFFD for invalid UTF-8
		if unicode.IsControl(r) {
			r = ' '
		}
		if len(b)+utf8.RuneLen(r) > end {
			break
		}
		b = utf8.AppendRune(b, r)
	}
	return b
}

// isPlain reports whether s has only printable ASCII.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// ErrVersion is the error of [Parse] for a mark of another version. A newer version of gaptrace may
// have written it.
var ErrVersion = errors.New("mark: unknown version; known is " + version)

// Parse parses a message that [Mark.Append] wrote. The error is [ErrVersion], or says which field
// is malformed. Parse accepts any untrusted input. What it returns has at most [MaxReferences]
// references, and names that are parts of the message.
func Parse(message string) (Mark, error) {
	p := parser{rest: message}
	if found := p.next(); found != version {
		return Mark{}, ErrVersion
	}
	var m Mark
	m.TraceID = p.traceID("trace", p.next())
	m.SpanID = p.spanID("span", p.next())
	m.References = p.references(p.next(), m.TraceID)
	m.Kind = p.kind(p.next())
	m.Error = p.status(p.next())
	m.Start = time.Unix(0, p.int("start", p.next()))
	m.Duration = time.Duration(p.int("duration", p.next()))
	m.JoinedUS = p.int("joined", p.next())
	service, operation, ok := strings.Cut(p.rest, "\t")
	if !ok {
		p.failed("service", p.rest, "a tab after it")
	}
	m.Service, m.Operation = service, operation
	if p.err != nil {
		return Mark{}, p.err
	}
	return m, nil
}

// parser keeps the first error.
type parser struct {
	rest string
	err  error
}

// next returns the text up to the next space.
func (p *parser) next() (field string) {
	field, p.rest, _ = strings.Cut(p.rest, " ")
	return field
}

func (p *parser) failed(field, got, want string) {
	if p.err == nil {
		const most = 64 // bytes of the input in an error
		p.err = fmt.Errorf("mark: %s %.*q: want %s", field, most, got, want)
	}
}

// hex parses exactly 16 digits.
func (p *parser) hex(field, text string) uint64 {
	n, err := strconv.ParseUint(text, 16, 64)
	if err != nil || len(text) != 16 {
		p.failed(field, text, "16 hexadecimal digits")
	}
	return n
}

func (p *parser) spanID(field, text string) gap.SpanID { return gap.SpanID(p.hex(field, text)) }

func (p *parser) traceID(field, text string) (id gap.TraceID) {
	if len(text) == 32 {
		id.High, text = p.hex(field, text[:16]), text[16:]
	}
	id.Low = p.hex(field, text)
	return id
}

func (p *parser) references(text string, trace gap.TraceID) []gap.Reference {
	if text == "-" {
		return nil
	}
	if n := strings.Count(text, ",") + 1; n > MaxReferences {
		p.failed("references", text, fmt.Sprintf("at most %d", MaxReferences))
		return nil
	}
	var refs []gap.Reference
	for one := range strings.SplitSeq(text, ",") {
		ref := gap.Reference{Type: gap.ChildOf, TraceID: trace}
		span, other, isOther := strings.Cut(one, "@")
		switch {
		case strings.HasPrefix(span, "c"):
		case strings.HasPrefix(span, "f"):
			ref.Type = gap.FollowsFrom
		default:
			p.failed("references", one, "c or f and a span's ID")
			return nil
		}
		ref.SpanID = p.spanID("references", span[1:])
		if isOther {
			ref.TraceID = p.traceID("references", other)
		}
		refs = append(refs, ref)
	}
	return refs
}

func (p *parser) kind(text string) gap.Kind {
	k := gap.ParseKind(text)
	if k.String() != text {
		p.failed("kind", text, "internal, client, server, producer or consumer")
	}
	return k
}

func (p *parser) status(text string) (failed bool) {
	if text != "ok" && text != "error" {
		p.failed("status", text, "ok or error")
	}
	return text == "error"
}

func (p *parser) int(field, text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		p.failed(field, text, "a number of 64 bits")
	}
	return n
}

// Span returns the span for [gap.Build]. Its tags are error, span.kind and wait.joined_us, if the
// mark has them. Give all spans of a service the same process, since an execution trace is of one
// machine. A nil process means that it is unknown.
func (m *Mark) Span(process *gap.Process) gap.Span {
	s := gap.Span{
		TraceID: m.TraceID, SpanID: m.SpanID, References: m.References, Operation: m.Operation,
		Start: m.Start, Duration: m.Duration, Process: process,
	}
	if m.Error {
		s.Tags = append(s.Tags, gap.Field{Key: errorTag, Value: true})
	}
	if m.Kind != gap.KindInternal {
		s.Tags = append(s.Tags, gap.Field{Key: kindTag, Value: kindName(m.Kind)})
	}
	if m.JoinedUS != 0 {
		s.Tags = append(s.Tags, gap.Field{Key: joinedTag, Value: m.JoinedUS})
	}
	return s
}
