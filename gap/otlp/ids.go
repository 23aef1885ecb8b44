package otlp

import (
	"encoding/base64"
	"encoding/binary"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/internal/spanjson"
)

// traceID reads an id in hexadecimal, as OTLP says, or in base64, as Protobuf's mapping to JSON
// says. Only base64 ends with '=', as it does for 8 and for 16 bytes.
func (d *jsonDecoder) traceID() gap.TraceID {
	if d.Null() {
		return gap.TraceID{}
	}
	text := d.Text()
	if b, ok := unbase64(text); ok {
		return traceID(b)
	}
	return spanjson.ParseTraceID(text)
}

func (d *jsonDecoder) spanID() gap.SpanID {
	if d.Null() {
		return 0
	}
	text := d.Text()
	if b, ok := unbase64(text); ok {
		return spanID(b)
	}
	return spanjson.ParseSpanID(text)
}

func unbase64(text []byte) ([]byte, bool) {
	if len(text) == 0 || text[len(text)-1] != '=' {
		return nil, false
	}
	b, err := base64.StdEncoding.AppendDecode(nil, text)
	return b, err == nil
}

// traceID returns the id in the last 16 bytes of b.
func traceID(b []byte) gap.TraceID {
	if len(b) == 16 {
		return gap.TraceID{High: binary.BigEndian.Uint64(b), Low: binary.BigEndian.Uint64(b[8:])}
	}
	low := max(0, len(b)-8)
	return gap.TraceID{High: uint64(spanID(b[:low])), Low: uint64(spanID(b[low:]))}
}

// spanID returns the id in the last 8 bytes of b.
func spanID(b []byte) (id gap.SpanID) {
	for _, c := range b[max(0, len(b)-8):] {
		id = id<<8 | gap.SpanID(c)
	}
	return id
}
