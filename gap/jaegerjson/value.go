package jaegerjson

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// The bounds of the strings that are kept once, however often they come: names and values are mostly few and short.
const (
	maxTexts = 4096
	maxText  = 256 // bytes
)

// intern returns b as a string, in the box that a Field wants it in.
func (d *decoder) intern(b []byte) any {
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

// string reads a string; null is "".
func (d *decoder) string() string {
	if d.null() {
		return ""
	}
	return d.intern(d.text()).(string)
}

// traceID reads an id of up to 32 hexadecimal digits. Anything else that somebody put there by hand has an id, too: one that
// is made of it, so that what it names is still found.
func (d *decoder) traceID() gap.TraceID {
	if d.null() {
		return gap.TraceID{}
	}
	text := d.text()
	high, low := text[:max(0, len(text)-16)], text[max(0, len(text)-16):]
	h, highOK := hex(high)
	l, lowOK := hex(low)
	if highOK && lowOK {
		return gap.TraceID{High: h, Low: l}
	}
	sum := fnv.New128a()
	sum.Write(text)
	made := sum.Sum(nil)
	return gap.TraceID{High: binary.BigEndian.Uint64(made), Low: binary.BigEndian.Uint64(made[8:])}
}

func (d *decoder) spanID() gap.SpanID {
	if d.null() {
		return 0
	}
	text := d.text()
	if id, ok := hex(text); ok {
		return gap.SpanID(id)
	}
	sum := fnv.New64a()
	sum.Write(text)
	return gap.SpanID(sum.Sum64())
}

// hex reads up to 16 hexadecimal digits, of either case.
func hex(b []byte) (id uint64, ok bool) {
	for _, c := range b {
		if !hexadecimal(c) || id>>60 != 0 {
			return 0, false
		}
		if id <<= 4; digit(c) {
			id |= uint64(c - '0')
		} else {
			id |= uint64(c | 0x20 - 'a' + 10)
		}
	}
	return id, true
}

// micros reads a number of microseconds, or a string with one. It returns the whole microseconds
// and the rest in nanoseconds. null is 0. A number from 1<<63 up is negative: so Jaeger's backends
// store the duration of a span that ends before it starts. A number too large for 64 bits becomes
// the largest.
func (d *decoder) micros(what string) (whole int64, rest time.Duration) {
	var text []byte
	d.peek()
	at := d.offset()
	switch c := d.peek(); {
	case c == 'n':
		d.literal("null")
		return 0, 0
	case c == '"':
		text = d.text()
	case c == '-' || digit(c):
		text = d.number()
	default:
		d.fail(0, what)
		return 0, 0
	}
	if d.err != nil {
		return 0, 0
	}
	if u, err := strconv.ParseUint(string(text), 10, 64); err == nil {
		return int64(u), 0
	}
	whole, err := strconv.ParseInt(string(text), 10, 64)
	if err == nil || errors.Is(err, strconv.ErrRange) {
		return whole, 0
	}
	f, err := strconv.ParseFloat(string(text), 64)
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange) || math.IsNaN(f):
		d.stop(&Error{Offset: at, Expected: what, Found: excerpt(strconv.AppendQuote(nil, string(text[:min(len(text), 64)])))})
		return 0, 0
	case f >= 1<<63 && f < 1<<64:
		return int64(uint64(f)), 0
	case f >= 1<<63:
		return math.MaxInt64, 0
	case f <= math.MinInt64:
		return math.MinInt64, 0
	}
	floor := math.Floor(f)
	return int64(floor), time.Duration((f - floor) * 1000)
}

func (d *decoder) time(what string) time.Time {
	whole, rest := d.micros("microseconds since 1970 (" + what + ")")
	return time.UnixMicro(whole).Add(rest).UTC()
}

func (d *decoder) duration() time.Duration {
	whole, rest := d.micros("microseconds (duration)")
	const most = math.MaxInt64/1000 - 1
	return time.Duration(max(-most, min(whole, most)))*time.Microsecond + rest
}

// code reads an HTTP status.
func (d *decoder) code() int {
	code, _ := d.micros("an HTTP status (code)")
	return int(max(0, min(code, 999)))
}

// tags reads an array of tags, or of a log's fields.
func (d *decoder) tags(all bool) []gap.Field {
	d.array(func() { d.tag(all) })
	return d.trace.fields.take()
}

// value is a JSON value that may have to wait for its type and key.
type value struct {
	kind byte   // of its text: '"', 'n'umber, 'b'ool, 0 for what no tag can hold
	text []byte // good until more is read, or a copy
}

// tag reads a tag and keeps it, if it is to be kept.
func (d *decoder) tag(all bool) {
	const (
		unknown = iota // the key is still to come
		kept
		skipped
	)
	key, state := "", unknown
	if all {
		state = kept
	}
	var typ string
	var v any
	var waiting value // until the type is known
	d.object(func(name []byte) {
		switch {
		case string(name) == "key":
			text := d.text()
			if !all {
				if state = skipped; d.keys[string(text)] {
					state = kept
				}
			}
			if state == kept {
				key = d.intern(text).(string)
			}
		case state == skipped:
			d.skip()
		case string(name) == "type":
			typ = d.string()
		case string(name) == "value":
			if waiting = d.value(); typ != "" {
				v, waiting = d.convert(waiting, typ), value{}
			} else {
				waiting.text = append([]byte(nil), waiting.text...)
			}
		default:
			d.skip()
		}
	})
	if waiting.kind != 0 {
		v = d.convert(waiting, typ)
	}
	if state == kept && v != nil {
		d.trace.fields.add(gap.Field{Key: key, Value: v})
	}
}

func (d *decoder) value() value {
	switch c := d.peek(); {
	case c == '"':
		return value{'"', d.text()}
	case c == '-' || digit(c):
		return value{'n', d.number()}
	case c == 't':
		d.literal("true")
		return value{'b', []byte("true")}
	case c == 'f':
		d.literal("false")
		return value{'b', []byte("false")}
	}
	d.skip()
	return value{}
}

// convert makes v what its type says, or its JSON, where the type says nothing or it is not of it.
func (d *decoder) convert(v value, typ string) any {
	typ = strings.ToLower(typ)
	switch {
	case v.kind == 0:
		return nil
	case v.kind == '"' && typ == "" || typ == "string":
		return d.intern(v.text)
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
	return d.intern(v.text)
}
