package otlp

import (
	"io"
	"math"

	"github.com/gaptrace/gaptrace/gap/internal/jsonscan"
)

// maxMessage bounds a span, a resource and a scope, which have to be in memory as a whole.
const maxMessage = 64 << 20

// protoDecoder decodes OTLP's Protobuf. It reads the input once, and keeps one span in memory.
type protoDecoder struct {
	*decoder
	buf  []byte // read from Source; buf[pos:] is not consumed yet
	pos  int
	base int64 // offset of buf[0] in the input
}

func (d *protoDecoder) offset() int64   { return d.base + int64(d.pos) }
func (d *protoDecoder) buffered() int64 { return d.base + int64(len(d.buf)) }

// fail stops with an error about the byte at offset. found is "" if the input ends there.
func (d *protoDecoder) fail(offset int64, expected, found string) {
	e := &jsonscan.Error{Offset: offset, Expected: expected, Found: found}
	switch {
	case found != "":
	case d.End == io.EOF:
		e.Err = io.ErrUnexpectedEOF
	default:
		e.Expected, e.Err = "", d.End
	}
	d.Stop(e)
}

// fill drops what is consumed and reads more. It returns false at the end of the input.
func (d *protoDecoder) fill() bool {
	if d.End != nil || d.Err != nil {
		return false
	}
	d.base += int64(d.pos)
	n := copy(d.buf, d.buf[d.pos:])
	d.buf, d.pos = d.buf[:n], 0
	if n == cap(d.buf) {
		d.buf = append(make([]byte, 0, max(64<<10, 2*n)), d.buf...)
	}
	k, err := 0, error(nil)
	for range 100 { // as bufio does, for a reader that returns 0, nil
		if k, err = d.Source.Read(d.buf[n:cap(d.buf)]); k > 0 || err != nil {
			break
		}
	}
	if k == 0 && err == nil {
		err = io.ErrNoProgress
	}
	d.buf, d.End = d.buf[:n+k], err
	if d.OnRead != nil {
		d.OnRead()
	}
	return k > 0
}

// need makes n bytes available, and fails if the input has fewer.
func (d *protoDecoder) need(n int, what string) bool {
	for len(d.buf)-d.pos < n {
		if !d.fill() {
			d.fail(d.buffered(), what, "")
			return false
		}
	}
	return true
}

// more reports whether the input has another byte. It fails if the input ends with an error.
func (d *protoDecoder) more() bool {
	if d.Err == nil && d.pos == len(d.buf) && !d.fill() && d.End != io.EOF {
		d.fail(d.buffered(), "", "")
	}
	return d.Err == nil && d.pos < len(d.buf)
}

// skipTo skips the input up to an offset.
func (d *protoDecoder) skipTo(offset int64) {
	for d.Err == nil && d.buffered() < offset {
		if d.pos = len(d.buf); !d.fill() {
			d.fail(d.buffered(), "the rest of a message", "")
			return
		}
	}
	d.pos = max(d.pos, int(min(offset-d.base, int64(len(d.buf)))))
}

// varint reads a varint that ends before the offset end.
func (d *protoDecoder) varint(end int64, what string) (v uint64) {
	at := d.offset()
	for shift := 0; d.offset() < end && d.need(1, what); shift += 7 {
		c := d.buf[d.pos]
		d.pos++
		if v |= uint64(c&0x7f) << shift; c < 0x80 && (shift < 63 || c < 2) {
			return v
		}
		if shift == 63 {
			break
		}
	}
	if d.Err == nil {
		d.fail(at, what, "none")
	}
	return 0
}

// unbounded is the end of a message that ends with the input.
const unbounded = math.MaxInt64

// messages reads the whole input.
func (d *protoDecoder) messages(e encoding) {
	for d.more() {
		at, end := d.offset(), int64(unbounded)
		switch e {
		case sized:
			if d.need(4, "the size of a message in 4 bytes") {
				b := d.buf[d.pos:]
				d.pos += 4
				end = d.offset() + int64(b[0])<<24 + int64(b[1])<<16 + int64(b[2])<<8 + int64(b[3])
			}
		case delimited:
			size := d.varint(unbounded, "the size of a message")
			if end = d.offset() + int64(min(size, 1<<31)); size >= 1<<31 {
				d.fail(at, "the size of a message, less than 2 GiB", "a larger one")
			}
		}
		if d.Err != nil {
			return
		}
		if e == answer {
			d.fields(end, func(number uint64, end int64) {
				if number == 1 {
					d.fields(end, d.requestField)
				}
			})
		} else {
			d.fields(end, d.requestField)
		}
		d.flush()
	}
}

// fields reads a message that ends at the offset end, or with the input. For each field with a
// length, it calls f with the offset at which the field ends. It skips what f does not read.
func (d *protoDecoder) fields(end int64, f func(number uint64, end int64)) {
	for d.Err == nil && d.offset() < end && (end < unbounded || d.more()) {
		at := d.offset()
		tag := d.varint(end, "a field of a message")
		next := d.offset()
		switch tag & 7 {
		case varintField:
			d.varint(end, "a number")
			continue
		case fixed64Field:
			next += 8
		case fixed32Field:
			next += 4
		case bytesField:
			size := d.varint(end, "the size of a field")
			next = d.offset() + int64(min(size, math.MaxInt32))
			if size > math.MaxInt32 {
				next = unbounded
			}
		default:
			d.fail(at, "a field of OTLP", "a group or a type that Protobuf does not have")
		}
		if d.Err != nil {
			return
		}
		if next > end || next == unbounded {
			d.fail(at, "a field that ends within its message", "a longer one")
			return
		}
		if tag&7 == bytesField {
			f(tag>>3, next)
		}
		d.skipTo(next)
	}
}

func (d *protoDecoder) requestField(number uint64, end int64) {
	if number == 1 {
		d.beginResource()
		d.fields(end, d.resourceSpansField)
		d.endResource()
	}
}

func (d *protoDecoder) resourceSpansField(number uint64, end int64) {
	switch number {
	case 1:
		if b, at, ok := d.take(end, "a resource"); ok {
			d.readResource(b, at)
		}
	case 2, 1000: // 1000: of files from before the scope got its name
		d.beginScope()
		d.fields(end, d.scopeSpansField)
	}
}

func (d *protoDecoder) scopeSpansField(number uint64, end int64) {
	switch number {
	case 1:
		if b, at, ok := d.take(end, "a scope"); ok && d.all {
			d.readScope(b, at)
		}
	case 2:
		if b, at, ok := d.take(end, "a span"); ok {
			d.readSpan(b, at)
		}
	}
}

// take reads the bytes up to the offset end. They are valid until the next read. at is their
// offset.
func (d *protoDecoder) take(end int64, what string) (b []byte, at int64, ok bool) {
	at = d.offset()
	if end-at > maxMessage {
		d.fail(at, what+" of at most 64 MiB", "a larger one")
		return nil, 0, false
	}
	n := int(end - at)
	if len(d.buf)-d.pos < n && !d.need(n, "the rest of "+what) {
		return nil, 0, false
	}
	b = d.buf[d.pos : d.pos+n]
	d.pos += n
	return b, at, true
}
