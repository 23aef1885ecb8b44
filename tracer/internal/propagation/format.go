package propagation

import (
	"fmt"
	"slices"
	"strings"
)

// A Format is a way to write a span's IDs and its sampling decision into headers.
type Format uint8

// The formats. Package tracer documents them.
const (
	Jaeger Format = iota + 1
	B3
	B3Single
	W3C
)

var names = map[Format]string{Jaeger: "jaeger", B3: "b3", B3Single: "b3-single", W3C: "w3c"}

// String returns the format's name in JAEGER_PROPAGATION.
func (f Format) String() string {
	if name, ok := names[f]; ok {
		return name
	}
	return fmt.Sprintf("Format(%d)", uint8(f))
}

// Known reports whether f is one of the four formats.
func (f Format) Known() bool { return slices.Contains(defaultOrder, f) }

// defaultOrder is the order in which formats are read if none was chosen. The reasons are in
// docs/design/propagation.md.
var defaultOrder = []Format{B3Single, B3, Jaeger, W3C}

// readOrder returns all formats in the order in which they are read: first the written ones.
// B3Single always comes before B3, as the B3 specification demands.
func readOrder(written []Format) []Format {
	var order []Format
	for _, f := range slices.Concat(written, defaultOrder) {
		if f == B3 && !slices.Contains(order, B3Single) {
			order = append(order, B3Single)
		}
		if !slices.Contains(order, f) {
			order = append(order, f)
		}
	}
	return order
}

// ParseFormats parses a list of names in any case. It allows a comma at the end, as Jaeger's Java
// client does.
func ParseFormats(s string) ([]Format, bool) {
	var formats []Format
	for name := range strings.SplitSeq(strings.TrimSuffix(strings.TrimSpace(s), ","), ",") {
		name = strings.TrimSpace(name)
		at := slices.IndexFunc(defaultOrder, func(f Format) bool { return strings.EqualFold(f.String(), name) })
		if at < 0 {
			return nil, false
		}
		if f := defaultOrder[at]; !slices.Contains(formats, f) {
			formats = append(formats, f)
		}
	}
	return formats, true
}

// read returns what h says in format f. It is a switch, since a call through a table of functions
// would move h to the heap.
func (f Format) read(h *headers) (found remote, bad malformed) {
	switch f {
	case Jaeger:
		return readJaeger(h)
	case B3:
		return readB3(h)
	case B3Single:
		return readB3Single(h)
	default:
		return readW3C(h)
	}
}

// write writes s into h in format f.
func (f Format) write(s *outgoing, h *headers) {
	switch f {
	case Jaeger:
		h.set(uberTraceID, s.uber)
	case B3:
		writeB3(s, h)
	case B3Single:
		writeB3Single(s, h)
	case W3C:
		writeW3C(s, h)
	}
}

// canDefer reports whether f can leave the decision to the receiver.
func (f Format) canDefer() bool { return f == B3 || f == B3Single }
