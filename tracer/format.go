package tracer

import (
	"fmt"
	"slices"
	"strings"
)

// A Format is a way to write the ids of a span into headers.
type Format uint8

// The formats. All of them are read, whatever is written.
const (
	// Jaeger is Jaeger's own header: uber-trace-id.
	Jaeger Format = iota + 1

	// B3 is Zipkin's in several headers, as Envoy writes it: x-b3-traceid, x-b3-spanid, x-b3-parentspanid,
	// x-b3-sampled, x-b3-flags.
	B3

	// B3Single is Zipkin's in one header: b3.
	B3Single

	// W3C is the standard's: traceparent, and tracestate, which is sent on as it came.
	W3C
)

// formatNames are those of JAEGER_PROPAGATION. Jaeger's Java client has jaeger, b3 and w3c, in any case.
var formatNames = map[Format]string{Jaeger: "jaeger", B3: "b3", B3Single: "b3-single", W3C: "w3c"}

const wantFormats = "jaeger, b3, b3-single or w3c, or several of them with commas between"

// String is the format's name in JAEGER_PROPAGATION.
func (f Format) String() string {
	if name, ok := formatNames[f]; ok {
		return name
	}
	return fmt.Sprintf("Format(%d)", uint8(f))
}

// read gives what h says in format f. Where malformed says something, of the rest only a denial counts: who says no must not
// be sampled for a slip.
func (f Format) read(h *headers) (found remote, bad malformed) {
	switch f {
	case Jaeger:
		return readJaeger(h)
	case B3:
		return readB3(h)
	case B3Single:
		return readB3Single(h)
	case W3C:
		return readW3C(h)
	}
	return remote{}, malformed{}
}

// write puts into h what format f says of a span.
func (f Format) write(s *outgoing, h *headers) {
	switch f {
	case Jaeger:
		writeJaeger(s, h)
	case B3:
		writeB3(s, h)
	case B3Single:
		writeB3Single(s, h)
	case W3C:
		writeW3C(s, h)
	}
}

// defers reports whether f can leave the decision open.
func (f Format) defers() bool { return f == B3 || f == B3Single }

// parseFormats reads a list as Jaeger's Java client does, which does not mind a comma at the end.
func parseFormats(s string) ([]Format, bool) {
	var formats []Format
	for name := range strings.SplitSeq(strings.TrimSuffix(strings.TrimSpace(s), ","), ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		at := slices.IndexFunc(known, func(f Format) bool { return f.String() == name })
		if at < 0 {
			return nil, false
		}
		if !slices.Contains(formats, known[at]) {
			formats = append(formats, known[at])
		}
	}
	return formats, true
}

// known are all formats, in the order in which they are believed where WithPropagation says nothing. A mesh rewrites
// B3 or traceparent, and leaves uber-trace-id as the span before it wrote it. But who was not told to write traceparent
// wrote uber-trace-id, and then the traceparent beside it is of a trace that some proxy began.
var known = []Format{B3Single, B3, Jaeger, W3C}

// believed is the order in which formats are read: those that are written first, as they were listed, and single B3
// always before B3 in several headers, as its specification demands.
func believed(written []Format) []Format {
	var order []Format
	for _, f := range slices.Concat(written, known) {
		if f == B3 && !slices.Contains(order, B3Single) {
			order = append(order, B3Single)
		}
		if !slices.Contains(order, f) {
			order = append(order, f)
		}
	}
	return order
}
