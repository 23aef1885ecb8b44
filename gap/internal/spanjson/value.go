package spanjson

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"hash/maphash"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/internal/jsonscan"
)

// Bounds of the cache of strings. Most names and values are few and short.
const (
	maxTexts = 4096
	maxText  = 256 // bytes
)

// Intern returns b as a string, from a cache. The result is an interface, as [gap.Field] needs it,
// to save that allocation, too.
func (d *Decoder) Intern(b []byte) any {
	if len(b) > maxText {
		return string(b)
	}
	if text, ok := d.texts[string(b)]; ok {
		return text
	}
	if len(d.texts) == maxTexts {
		clear(d.texts)
	}
	text := string(b)
	d.texts[text] = text
	return text
}

// String reads a string, or null as "".
func (d *Decoder) String() string {
	if d.Null() {
		return ""
	}
	return d.Intern(d.Text()).(string)
}

// TraceID reads an id, or null as zero.
func (d *Decoder) TraceID() gap.TraceID {
	if d.Null() {
		return gap.TraceID{}
	}
	if text := d.Text(); !bytes.Equal(text, d.traceText) {
		d.traceText, d.trace = append(d.traceText[:0], text...), ParseTraceID(text)
	}
	return d.trace
}

// ParseTraceID parses an id of up to 32 hexadecimal digits. Any other text, such as an id written
// by hand, is hashed, so that references to it are still found.
func ParseTraceID(text []byte) gap.TraceID {
	high, low := text[:max(0, len(text)-16)], text[max(0, len(text)-16):]
	h, highOK := hex(high)
	l, lowOK := hex(low)
	if highOK && lowOK {
		return gap.TraceID{High: h, Low: l}
	}
	sum := fnv.New128a()
	sum.Write(text)
	hash := sum.Sum(nil)
	return gap.TraceID{High: binary.BigEndian.Uint64(hash), Low: binary.BigEndian.Uint64(hash[8:])}
}

// SpanID reads an id, or null as zero.
func (d *Decoder) SpanID() gap.SpanID {
	if d.Null() {
		return 0
	}
	return ParseSpanID(d.Text())
}

// ParseSpanID is [ParseTraceID] for up to 16 digits.
func ParseSpanID(text []byte) gap.SpanID {
	if id, ok := hex(text); ok {
		return gap.SpanID(id)
	}
	sum := fnv.New64a()
	sum.Write(text)
	return gap.SpanID(sum.Sum64())
}

// digits are the values of hexadecimal digits. Those of other bytes exceed 15.
var digits = func() (values [256]byte) {
	for c := range values {
		values[c] = 255
	}
	for i, c := range []byte("0123456789abcdef") {
		values[c] = byte(i)
		values[bytes.ToUpper([]byte{c})[0]] = byte(i)
	}
	return values
}()

// hex parses up to 16 hexadecimal digits, in either case. Zeros before them are allowed.
func hex(b []byte) (id uint64, ok bool) {
	wrong, lost := byte(0), uint64(0)
	for _, c := range b {
		digit := digits[c]
		wrong |= digit
		lost |= id >> 60
		id = id<<4 | uint64(digit&15)
	}
	return id, wrong <= 15 && lost == 0
}

// micros reads a number of microseconds, or a string that holds one. It returns the whole
// microseconds and the rest in nanoseconds. null is 0. If the value is neither, ok is false, and
// the decoder keeps an error for it.
//
// A number of at least 1<<63 is negative, since Jaeger's backends store negative durations as
// unsigned. A number that does not fit into 64 bits becomes the nearest that does.
func (d *Decoder) micros(what string) (whole int64, rest time.Duration, ok bool) {
	if u, ok := d.Uint(); ok {
		return int64(u), 0, true
	}
	var text []byte
	c := d.Peek()
	at := d.Offset()
	switch {
	case c == 'n':
		d.Literal("null")
		return 0, 0, true
	case c == '"':
		text = d.Text()
	case c == '-' || jsonscan.IsDigit(c):
		text = d.Number()
	case c == '[' || c == '{' || c == 't' || c == 'f':
		found := d.Found()
		d.Skip()
		d.NoTime(at, what, found)
		return 0, 0, false
	default:
		d.Fail(0, what)
	}
	if d.Err != nil {
		return 0, 0, false
	}
	if u, err := strconv.ParseUint(string(text), 10, 64); err == nil {
		return int64(u), 0, true
	}
	whole, err := strconv.ParseInt(string(text), 10, 64)
	if err == nil || errors.Is(err, strconv.ErrRange) {
		return whole, 0, true
	}
	f, err := strconv.ParseFloat(string(text), 64)
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange) || !isDecimal(text):
		quoted := strconv.AppendQuote(nil, string(text[:min(len(text), 64)]))
		d.NoTime(at, what, jsonscan.Excerpt(quoted))
		return 0, 0, false
	case f >= 1<<63 && f < 1<<64:
		return int64(uint64(f)), 0, true
	case f >= 1<<63:
		return math.MaxInt64, 0, true
	case f <= math.MinInt64:
		return math.MinInt64, 0, true
	}
	floor := math.Floor(f)
	return int64(floor), time.Duration((f - floor) * 1000), true
}

// isDecimal reports whether text, which ParseFloat accepts, is a decimal number. It also accepts
// infinity, NaN and hexadecimal numbers.
func isDecimal(text []byte) bool {
	for _, c := range text {
		if !jsonscan.IsDigit(c) && strings.IndexByte("+-.eE", c) < 0 {
			return false
		}
	}
	return true
}

// NoTime keeps the error for the first value that is not a time, or for a time that is missing, and
// counts all.
func (d *Decoder) NoTime(at int64, expected, found string) {
	if d.Err != nil {
		return
	}
	if d.noTimes++; d.noTime == nil {
		d.noTime = &jsonscan.Error{Offset: at, Expected: expected, Found: found}
	}
}

// Time reads a number of microseconds since 1970. If the value is not a number, ok is false, and
// the error says that what was expected. Callers pass a constant, so that no memory is allocated.
func (d *Decoder) Time(what string) (t time.Time, ok bool) {
	whole, rest, ok := d.micros(what)
	return time.UnixMicro(whole).Add(rest).UTC(), ok
}

// Nanos reads a number of nanoseconds. If the value is not a number, ok is false, and the error
// says that what was expected.
func (d *Decoder) Nanos(what string) (nanos int64, ok bool) {
	nanos, _, ok = d.micros(what)
	return nanos, ok
}

// Duration reads a number of microseconds. If the value is not a number, ok is false.
func (d *Decoder) Duration() (t time.Duration, ok bool) {
	whole, rest, ok := d.micros("microseconds (duration)")
	const most = math.MaxInt64/1000 - 1
	return time.Duration(max(-most, min(whole, most)))*time.Microsecond + rest, ok
}

// Code reads an HTTP status.
func (d *Decoder) Code() int {
	code, _, _ := d.micros("an HTTP status (code)")
	return int(max(0, min(code, 999)))
}

// Tags reads an array of tags, or of a log's fields. It also reads an object with a member for each
// tag. It keeps those whose key is among d.Keys, or all if all is set.
func (d *Decoder) Tags(all bool) []gap.Field {
	d.AddTags(all)
	return d.Fields.Share(EqualFields)
}

// AddTags adds the tags that Tags would return to Fields.
func (d *Decoder) AddTags(all bool) {
	if d.Peek() == '{' {
		d.Object(func(key []byte) { d.member(key, all) })
	} else {
		d.Array(func() {
			if field, ok := d.repeatedTag(all); ok {
				d.Fields.Add(field)
			}
		})
	}
}

// TagFields reads an object with a member for each tag. Jaeger writes @ for each dot of a key,
// since Elasticsearch gives dots a meaning.
func (d *Decoder) TagFields(all bool) []gap.Field {
	if d.Peek() != '{' {
		d.Skip()
		return nil
	}
	d.Object(func(key []byte) {
		if bytes.IndexByte(key, '@') >= 0 {
			key = bytes.ReplaceAll(key, []byte{'@'}, []byte{'.'})
		}
		d.member(key, all)
	})
	return d.Fields.Take()
}

// member reads the value of a tag that is a member of an object.
func (d *Decoder) member(key []byte, all bool) {
	if !all && !d.Keys[string(key)] {
		d.Skip()
		return
	}
	name := d.Intern(key).(string)
	if v := d.Value(); v != nil {
		d.Fields.Add(gap.Field{Key: name, Value: v})
	}
}

// JoinFields returns the fields of both.
func JoinFields(a, b []gap.Field) []gap.Field {
	switch {
	case len(b) == 0:
		return a
	case len(a) == 0:
		return b
	}
	return slices.Concat(a, b)
}

// EqualFields reports whether two fields are written alike: 0 differs from -0.
func EqualFields(a, b gap.Field) bool {
	if a.Key != b.Key {
		return false
	}
	switch x := a.Value.(type) {
	case []byte:
		y, ok := b.Value.([]byte)
		return ok && bytes.Equal(x, y)
	case float64:
		y, ok := b.Value.(float64)
		return ok && math.Float64bits(x) == math.Float64bits(y)
	}
	return a.Value == b.Value
}

// Value reads a value of any kind. It returns a string, bool, int64 or float64, or nil if the value
// is null, an object or an array.
func (d *Decoder) Value() any { return d.convert(d.value(), "") }

// value is the value of a tag, whose type and key may come later.
type value struct {
	kind byte   // '"' for a string, 'n' for a number, 'b' for a bool, 0 for anything else
	text []byte // valid until the next read, unless it is a copy
}

// tagText is a tag with its text. Most tags of a trace come many times, and comparing a text takes
// much less time than reading it.
type tagText struct {
	text  []byte
	field gap.Field
	ok    bool
}

// repeatedTag is tag, with a cache. A text that repeats ends at its first '}': a longer one is not
// in the cache.
func (d *Decoder) repeatedTag(all bool) (field gap.Field, ok bool) {
	text := d.Ahead('}')
	if text == nil || all != d.Everything { // the cache has the tags of spans
		return d.tag(all)
	}
	cached := &d.tagTexts[maphash.Bytes(d.seed, text)%uint64(len(d.tagTexts))]
	if bytes.Equal(text, cached.text) {
		d.Consume(len(text))
		return cached.field, cached.ok
	}
	start, end := d.Offset(), d.Offset()+int64(len(text))
	field, ok = d.tag(all)
	if text := d.Since(start); text != nil && d.Offset() == end && d.Err == nil {
		*cached = tagText{append(cached.text[:0], text...), field, ok}
	}
	return field, ok
}

// tag reads a tag. It returns false if the tag is not to be kept: it has no value, or all is not
// set and its key is not among d.Keys.
func (d *Decoder) tag(all bool) (field gap.Field, ok bool) {
	const (
		unknown = iota // the key has not come yet
		kept
		skipped
	)
	key, state := "", unknown
	if all {
		state = kept
	}
	var typ string
	var v any
	var pending value // its type has not come yet
	d.Object(func(name []byte) {
		switch {
		case string(name) == "key":
			text := d.Text()
			if !all {
				if state = skipped; d.Keys[string(text)] {
					state = kept
				}
			}
			if state == kept {
				key = d.Intern(text).(string)
			}
		case state == skipped:
			d.Skip()
		case string(name) == "type":
			typ = d.String()
		case string(name) == "value":
			if pending = d.value(); typ != "" {
				v, pending = d.convert(pending, typ), value{}
			} else {
				pending.text = append([]byte(nil), pending.text...)
			}
		default:
			d.Skip()
		}
	})
	if pending.kind != 0 {
		v = d.convert(pending, typ)
	}
	return gap.Field{Key: key, Value: v}, state == kept && v != nil
}

func (d *Decoder) value() value {
	switch c := d.Peek(); {
	case c == '"':
		return value{'"', d.Text()}
	case c == '-' || jsonscan.IsDigit(c):
		return value{'n', d.Number()}
	case c == 't':
		d.Literal("true")
		return value{'b', []byte("true")}
	case c == 'f':
		d.Literal("false")
		return value{'b', []byte("false")}
	}
	d.Skip()
	return value{}
}

// convert returns v with the Go type for typ. If typ is unknown or v is not of it, the type is that
// of the JSON value.
func (d *Decoder) convert(v value, typ string) any {
	typ = strings.ToLower(typ)
	switch {
	case v.kind == 0:
		return nil
	case v.kind == '"' && typ == "" || typ == "string":
		return d.Intern(v.text)
	}
	text := string(v.text)
	switch typ {
	case "bool":
		if b, err := strconv.ParseBool(text); err == nil {
			return b
		}
	case "int64":
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return i
		}
	case "float64":
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return f
		}
	case "binary":
		if b, err := base64.StdEncoding.DecodeString(text); err == nil {
			return b
		}
	}
	switch v.kind {
	case 'b':
		return text == "true"
	case 'n':
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return i
		}
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return f
		}
	}
	return d.Intern(v.text)
}
