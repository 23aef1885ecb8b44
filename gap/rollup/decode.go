package rollup

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

var (
	errNotRow    = errors.New("not a row: want 32 hexadecimal digits, a tab and a span, as gaptrace rollup spans writes them")
	errTruncated = errors.New("truncated row")
	errMalformed = errors.New("malformed row")
)

// key is the key of a row: the right half of the trace ID, then the left half.
type key struct{ right, left uint64 }

func (k key) String() string { return fmt.Sprintf("%016x%016x", k.right, k.left) }

// less reports whether the rows with key k come before those with the other.
func (k key) less(other key) bool {
	return k.right < other.right || k.right == other.right && k.left < other.left
}

// decoder decodes rows. Spans share strings, processes and arrays, which reset uses again.
type decoder struct {
	strings    map[string]string // decoded strings, by their encoding
	tags       map[string]gap.Field
	processes  map[string]*gap.Process // by the encoding of service and tags
	scratch    []byte
	references []gap.Reference
	fields     []gap.Field
}

func newDecoder() *decoder {
	return &decoder{
		strings: map[string]string{}, tags: map[string]gap.Field{}, processes: map[string]*gap.Process{},
	}
}

// reset invalidates the spans that were decoded so far.
func (d *decoder) reset() {
	const most = 1 << 16 // a large trace does not hold its arrays for ever
	if cap(d.references) > most || cap(d.fields) > most {
		d.references, d.fields = nil, nil
	}
	d.references, d.fields = d.references[:0], d.fields[:0]
}

// parseKey returns the key of a row, and the rest of the row after the tab.
func parseKey(line []byte) (k key, rest []byte, err error) {
	if len(line) <= keyLength || line[keyLength] != '\t' {
		return k, nil, errNotRow
	}
	right, rightOK := parseHex(line[:keyLength/2])
	left, leftOK := parseHex(line[keyLength/2 : keyLength])
	if !rightOK || !leftOK {
		return k, nil, errNotRow
	}
	return key{right, left}, line[keyLength+1:], nil
}

// span decodes what follows the key in a row, without its new line.
func (d *decoder) span(k key, text []byte) (s gap.Span, err error) {
	f := fields{rest: text}
	if version, ok := parseNumber(f.next()); !ok || version == 0 {
		if f.rest == nil {
			return s, errTruncated
		}
		return s, errNotRow
	} else if version > rowVersion {
		return s, fmt.Errorf("a newer release wrote this row: its version is %d, this release reads up to %d",
			version, rowVersion)
	}
	if !bytes.HasSuffix(text, []byte(";.")) {
		return s, errTruncated
	}
	s.TraceID = gap.TraceID{High: k.left, Low: k.right}
	id, ok := parseNumber(f.next())
	start, startOK := parseTime(f.next())
	duration, durationOK := parseSigned(f.next())
	service := f.next()
	operation, operationOK := d.string(f.next())
	s.SpanID, s.Start, s.Duration, s.Operation = gap.SpanID(id), start, time.Duration(duration), operation
	if f.rest == nil {
		return s, errTruncated
	}
	if !ok || !startOK || !durationOK || !operationOK || !d.attributes(&s, &f) || !d.process(&s, service, f.rest) {
		return s, errMalformed
	}
	return s, nil
}

// fields are the fields of a row that have not been read.
type fields struct{ rest []byte } // nil after the last one

// next returns the next field, or nil if there is none.
func (f *fields) next() []byte {
	end := bytes.IndexByte(f.rest, ';')
	if end < 0 {
		f.rest = nil
		return nil
	}
	field := f.rest[:end:end]
	f.rest = f.rest[end+1:]
	return field
}

// attributes decodes the fields after the operation, up to those of the process.
func (d *decoder) attributes(s *gap.Span, f *fields) (ok bool) {
	firstReference, firstField := len(d.references), len(d.fields)
	for ok = true; ok && f.rest[0] != '.' && f.rest[0] != 'h' && f.rest[0] != 'p'; {
		a := f.next()
		if len(a) == 0 || len(f.rest) == 0 {
			return false
		}
		switch letter, a := a[0], a[1:]; letter {
		case 'z':
			s.TraceID, ok = gap.TraceID{}, len(a) == 0
		case 'c', 'f':
			ok = d.reference(s, letter, a)
		case 'k', 'e', 'j', 't':
			ok = d.tag(letter, a)
		case 'w', 'W':
			ok = d.warnings(s, letter, a)
		default:
			return false
		}
	}
	if last := len(d.references); last > firstReference {
		s.References = d.references[firstReference:last:last]
	}
	if last := len(d.fields); last > firstField {
		s.Tags = d.fields[firstField:last:last]
	}
	return ok
}

func (d *decoder) reference(s *gap.Span, letter byte, text []byte) (ok bool) {
	ref := gap.Reference{TraceID: s.TraceID}
	if letter == 'f' {
		ref.Type = gap.FollowsFrom
	}
	id, trace, foreign := bytes.Cut(text, []byte("."))
	span, ok := parseNumber(id)
	ref.SpanID = gap.SpanID(span)
	if foreign {
		ref.TraceID = gap.TraceID{}
	}
	if high, low, more := bytes.Cut(trace, []byte(".")); ok && len(trace) > 0 {
		var lowOK bool
		ref.TraceID.High, ok = parseNumber(high)
		ref.TraceID.Low, lowOK = parseNumber(low)
		ok = ok && lowOK && more
	}
	d.references = append(d.references, ref)
	return ok
}

// tag decodes a tag of a span.
func (d *decoder) tag(letter byte, text []byte) (ok bool) {
	var tag gap.Field
	switch letter {
	case 'k':
		for i := range kinds {
			if len(text) == 1 && text[0] == kinds[i].letter {
				tag, ok = kinds[i].tag, true
			}
		}
	case 'e':
		tag, ok = gap.Field{Key: "error", Value: true}, len(text) == 0
	case 'j':
		var us int64
		us, ok = parseSigned(text)
		tag = gap.Field{Key: "wait.joined_us", Value: us}
	default:
		tag, ok = d.otherTag(text)
	}
	d.fields = append(d.fields, tag)
	return ok
}

// otherTag decodes type, key=value. It decodes equal tags once.
func (d *decoder) otherTag(text []byte) (tag gap.Field, ok bool) {
	if tag, ok = d.tags[string(text)]; ok {
		return tag, true
	}
	if len(text) == 0 {
		return tag, false
	}
	name, value, ok := bytes.Cut(text[1:], []byte("="))
	if !ok {
		return tag, false
	}
	if tag.Key, ok = d.string(name); ok {
		tag.Value, ok = parseValue(text[0], value)
	}
	if ok {
		remember(d.tags, text, tag)
	}
	return tag, ok
}

func (d *decoder) warnings(s *gap.Span, letter byte, text []byte) (ok bool) {
	hash, ok := parseNumber(text)
	if letter == 'W' {
		s.Warnings = []string{movedByJaeger}
	}
	s.Warnings = append(s.Warnings, fmt.Sprint(hash))
	return ok
}

// process decodes the process of a span. It decodes equal processes once.
func (d *decoder) process(s *gap.Span, service, tags []byte) (ok bool) {
	if string(service) == "-" {
		return string(tags) == "."
	}
	d.scratch = append(append(append(d.scratch[:0], service...), ';'), tags...)
	if s.Process = d.processes[string(d.scratch)]; s.Process != nil {
		return true
	}
	p := &gap.Process{}
	if p.Service, ok = d.string(service); !ok {
		return false
	}
	for f := (fields{tags}); string(f.rest) != "."; {
		field := f.next()
		if f.rest == nil || len(field) == 0 {
			return false
		}
		tag, ok := processTag(field)
		if !ok {
			return false
		}
		p.Tags = append(p.Tags, tag)
	}
	remember(d.processes, d.scratch, p)
	s.Process = p
	return true
}

// processTag decodes a tag of a process. The hash of its other tags gets no key.
func processTag(field []byte) (tag gap.Field, ok bool) {
	switch {
	case field[0] == 'p':
		hash, ok := parseNumber(field[1:])
		return gap.Field{Value: int64(hash)}, ok
	case field[0] == 'h' && len(field) > 2 && '0' <= field[1] && int(field[1]-'0') < len(hostTags):
		tag.Key = hostTags[field[1]-'0']
		tag.Value, ok = parseValue(field[2], field[3:])
	}
	return tag, ok
}

// string decodes a string. It decodes equal short strings once.
func (d *decoder) string(text []byte) (s string, ok bool) {
	if s, ok = d.strings[string(text)]; ok {
		return s, true
	}
	if s, ok = unescape(text); ok {
		remember(d.strings, text, s)
	}
	return s, ok
}

// remember adds a decoded value to a map, and bounds the size of the map.
func remember[V any](m map[string]V, text []byte, value V) {
	if len(text) > 1024 {
		return
	}
	if len(m) == maxProcesses {
		clear(m)
	}
	m[string(text)] = value
}

func unescape(text []byte) (s string, ok bool) {
	i := bytes.IndexByte(text, '%')
	if i < 0 {
		return string(text), true
	}
	b := append(make([]byte, 0, len(text)), text[:i]...)
	for ; i < len(text); i++ {
		c := text[i]
		if c == '%' {
			if i+2 >= len(text) {
				return "", false
			}
			high, low := hexDigit(text[i+1]), hexDigit(text[i+2])
			if high > 15 || low > 15 {
				return "", false
			}
			c = high<<4 | low
			i += 2
		}
		b = append(b, c)
	}
	return string(b), true
}

// parseValue is the reverse of appendValue.
func parseValue(letter byte, text []byte) (value any, ok bool) {
	switch letter {
	case 'n':
		return nil, len(text) == 0
	case 's':
		return unescape(text)
	case 'b':
		return string(text) == "1", string(text) == "0" || string(text) == "1"
	case 'i':
		return parseSigned(text)
	case 'd':
		bits, ok := parseNumber(text)
		return math.Float64frombits(bits), ok
	case 'x':
		s, ok := unescape(text)
		return []byte(s), ok
	}
	return nil, false
}

// hexDigit returns the value of a digit, or more than 15.
func hexDigit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	}
	return 255
}

// parseHex parses 16 digits.
func parseHex(text []byte) (n uint64, ok bool) {
	wrong := byte(0)
	for _, c := range text {
		digit := hexDigit(c)
		wrong |= digit
		n = n<<4 | uint64(digit&15)
	}
	return n, wrong <= 15
}

// parseNumber parses digits of base 32.
func parseNumber(text []byte) (n uint64, ok bool) {
	if len(text) == 0 || len(text) > 13 {
		return 0, false
	}
	for _, c := range text {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'v':
			c -= 'a' - 10
		default:
			return 0, false
		}
		n = n<<5 | uint64(c)
	}
	return n, true
}

func parseSigned(text []byte) (n int64, ok bool) {
	digits, negative := bytes.CutPrefix(text, []byte("-"))
	u, ok := parseNumber(digits)
	if negative {
		u = -u
	}
	return int64(u), ok
}

func parseTime(text []byte) (t time.Time, ok bool) {
	number, fraction, whole := bytes.Cut(text, []byte("."))
	n, ok := parseSigned(number)
	if !whole {
		return time.Unix(0, n).UTC(), ok
	}
	ns, nsOK := parseNumber(fraction)
	return time.Unix(n, int64(ns)).UTC(), ok && nsOK && ns < 1_000_000_000
}
