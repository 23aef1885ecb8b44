package otlp

import (
	"encoding/binary"
	"math"

	"github.com/gaptrace/gaptrace/gap"
)

// message iterates over the fields of a message in memory. It has no pointer that next changes,
// since that would cost a write barrier.
type message struct {
	b      []byte
	pos    int
	start  int    // where the bytes of a field with a length start; they end at pos
	tag    uint64 // number and type of the field
	number uint64 // value of a varint or of a fixed field
	bad    bool   // b is malformed at pos
}

// bytes returns the value of a field with a length.
func (m *message) bytes() []byte { return m.b[m.start:m.pos:m.pos] }

// Types of a field. Its tag is its number and its type in one.
const (
	varintField  = 0
	fixed64Field = 1
	bytesField   = 2
	fixed32Field = 5
)

// next reads the next field.
func (m *message) next() bool {
	if m.pos >= len(m.b) {
		return false
	}
	if m.tag = uint64(m.b[m.pos]); m.tag < 0x80 {
		m.pos++
	} else if m.tag = m.varint(); m.bad {
		return false
	}
	switch left := len(m.b) - m.pos; m.tag & 7 {
	case varintField:
		m.number = m.varint()
		return !m.bad
	case bytesField:
		if left > 0 && m.b[m.pos] < 0x80 {
			m.start = m.pos + 1
			m.pos = m.start + int(m.b[m.pos])
			if m.pos <= len(m.b) {
				return true
			}
			m.pos = m.start - 1
		} else if size := m.varint(); !m.bad && size <= uint64(len(m.b)-m.pos) {
			m.start = m.pos
			m.pos += int(size)
			return true
		}
	case fixed64Field:
		if left >= 8 {
			m.number = binary.LittleEndian.Uint64(m.b[m.pos:])
			m.pos += 8
			return true
		}
	case fixed32Field:
		if left >= 4 {
			m.pos += 4
			return true
		}
	}
	m.bad = true
	return false
}

func (m *message) varint() uint64 {
	v, n := binary.Uvarint(m.b[m.pos:])
	if n <= 0 {
		m.bad = true
		return 0
	}
	m.pos += n
	return v
}

// check stops reading if m, which began at offset at, is malformed.
func (d *protoDecoder) check(m *message, at int64) bool {
	if m.bad {
		d.fail(at+int64(m.pos), "a field that ends within its message", "none")
	}
	return !m.bad
}

func (d *protoDecoder) readSpan(b []byte, at int64) {
	var s span
	m := message{b: b}
	for m.next() {
		switch m.tag {
		case 1<<3 | bytesField:
			s.traceID = traceID(m.bytes())
		case 2<<3 | bytesField:
			s.id = spanID(m.bytes())
		case 4<<3 | bytesField:
			s.parent = spanID(m.bytes())
		case 5<<3 | bytesField:
			s.name = d.Intern(m.bytes()).(string)
		case 6<<3 | varintField:
			s.kind = int(min(m.number, math.MaxInt8))
		case 7<<3 | fixed64Field:
			s.start = int64(m.number)
		case 8<<3 | fixed64Field:
			s.end = int64(m.number)
		case 9<<3 | bytesField:
			d.readAttribute(&s, m.bytes())
		case 11<<3 | bytesField:
			if d.all {
				d.readEvent(&s, m.bytes())
			}
		case 13<<3 | bytesField:
			d.readLink(m.bytes())
		case 15<<3 | bytesField:
			d.readStatus(&s, m.bytes())
		}
	}
	if d.check(&m, at) {
		d.add(&s)
	} else {
		d.drop()
	}
}

func (d *protoDecoder) readAttribute(s *span, b []byte) {
	if !d.all && !has(&d.keep, keyOf(b)) {
		return
	}
	switch key, value := d.keyValue(b, 0); {
	case value == nil:
	case key == warningsKey:
		s.addWarnings(value)
	default:
		d.addTag(key, fieldValue(value))
	}
}

// keyOf returns the key of an attribute. pdata writes it last.
func keyOf(b []byte) (key []byte) {
	if len(b) > 2 && b[0] == 2<<3|bytesField && b[1] < 0x80 {
		if end := 2 + int(b[1]); end+2 <= len(b) && b[end] == 1<<3|bytesField && int(b[end+1]) == len(b)-end-2 {
			return b[end+2:]
		}
	}
	for m := (message{b: b}); m.next(); {
		if m.tag == 1<<3|bytesField {
			key = m.bytes()
		}
	}
	return key
}

// keyValue reads an attribute. Its value is nil if there is none.
func (d *protoDecoder) keyValue(b []byte, depth int) (key string, value any) {
	for m := (message{b: b}); m.next(); {
		switch m.tag {
		case 1<<3 | bytesField:
			key = d.Intern(m.bytes()).(string)
		case 2<<3 | bytesField:
			value = d.value(m.bytes(), depth)
		}
	}
	return key, value
}

// value reads the value of an attribute.
func (d *protoDecoder) value(b []byte, depth int) (value any) {
	if depth > maxDepth {
		return nil
	}
	for m := (message{b: b}); m.next(); {
		switch m.tag {
		case 1<<3 | bytesField:
			value = d.Intern(m.bytes())
		case 2<<3 | varintField:
			value = m.number != 0
		case 3<<3 | varintField:
			value = int64(m.number)
		case 4<<3 | fixed64Field:
			value = math.Float64frombits(m.number)
		case 5<<3 | bytesField:
			values := []any{}
			for list := (message{b: m.bytes()}); list.next(); {
				if list.tag == 1<<3|bytesField {
					values = append(values, d.value(list.bytes(), depth+1))
				}
			}
			value = values
		case 6<<3 | bytesField:
			values := map[string]any{}
			for list := (message{b: m.bytes()}); list.next(); {
				if list.tag == 1<<3|bytesField {
					key, v := d.keyValue(list.bytes(), depth+1)
					values[key] = v
				}
			}
			value = values
		case 7<<3 | bytesField:
			value = append([]byte{}, m.bytes()...)
		}
	}
	return value
}

func (d *protoDecoder) readEvent(s *span, b []byte) {
	var nanos int64
	var name string
	for m := (message{b: b}); m.next(); {
		switch m.tag {
		case 1<<3 | fixed64Field:
			nanos = int64(m.number)
		case 2<<3 | bytesField:
			name = d.Intern(m.bytes()).(string)
		case 3<<3 | bytesField:
			if key, value := d.keyValue(m.bytes(), 0); value != nil {
				d.mapper.fields.Add(gap.Field{Key: key, Value: fieldValue(value)})
			}
		}
	}
	s.logs = append(s.logs, d.event(nanos, name))
}

func (d *protoDecoder) readLink(b []byte) {
	link := gap.Reference{Type: gap.FollowsFrom}
	for m := (message{b: b}); m.next(); {
		switch m.tag {
		case 1<<3 | bytesField:
			link.TraceID = traceID(m.bytes())
		case 2<<3 | bytesField:
			link.SpanID = spanID(m.bytes())
		case 4<<3 | bytesField:
			if key, value := d.keyValue(m.bytes(), 0); key == refTypeKey && value == childOf {
				link.Type = gap.ChildOf
			}
		}
	}
	d.addLink(link)
}

func (d *protoDecoder) readStatus(s *span, b []byte) {
	for m := (message{b: b}); m.next(); {
		switch m.tag {
		case 2<<3 | bytesField:
			if d.all {
				s.message = d.Intern(m.bytes()).(string)
			}
		case 3<<3 | varintField:
			s.status = int(min(m.number, math.MaxInt8))
		}
	}
}

func (d *protoDecoder) readResource(b []byte, at int64) {
	var service string
	m := message{b: b}
	for m.next() {
		if m.tag != 1<<3|bytesField {
			continue
		}
		key, value := d.keyValue(m.bytes(), 0)
		if text, ok := value.(string); ok && key == serviceKey {
			service = text
		} else if value != nil {
			d.mapper.fields.Add(gap.Field{Key: key, Value: fieldValue(value)})
		}
	}
	d.check(&m, at)
	d.resource(service)
}

func (d *protoDecoder) readScope(b []byte, at int64) {
	var name, version string
	m := message{b: b}
	for m.next() {
		switch m.tag {
		case 1<<3 | bytesField:
			name = d.Intern(m.bytes()).(string)
		case 2<<3 | bytesField:
			version = d.Intern(m.bytes()).(string)
		}
	}
	d.check(&m, at)
	d.setScope(name, version)
}
