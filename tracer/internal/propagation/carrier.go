package propagation

import (
	"maps"
	"strings"

	"github.com/opentracing/opentracing-go"
)

// header identifies a header that the formats read and write.
type header uint8

const (
	uberTraceID header = iota
	b3TraceID
	b3SpanID
	b3ParentSpanID
	b3Sampled
	b3Flags
	b3Single
	traceparent
	tracestate
	headerCount
)

// lower holds each header's name as HTTP/2 and gRPC write it, canonical as http.Header keeps it.
var (
	lower = [headerCount]string{
		"uber-trace-id", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags",
		"b3", "traceparent", "tracestate",
	}
	canonical = [headerCount]string{
		"Uber-Trace-Id", "X-B3-Traceid", "X-B3-Spanid", "X-B3-Parentspanid", "X-B3-Sampled", "X-B3-Flags",
		"B3", "Traceparent", "Tracestate",
	}
)

// headers holds the values of the headers that are present.
type headers struct {
	value [headerCount]string
	has   [headerCount]bool
}

func (h *headers) set(k header, value string) { h.value[k], h.has[k] = value, true }

// headerOf finds a header by its name in any case. Most headers of a request are others, so it
// rejects them fast. It allocates nothing.
func headerOf(key string) (header, bool) {
	if len(key) < len("b3") || len(key) > len("x-b3-parentspanid") {
		return 0, false
	}
	switch key[0] | 0x20 {
	case 'u', 'x', 'b', 't':
	default:
		return 0, false
	}
	for k, name := range lower {
		if len(key) == len(name) && key[0]|0x20 == name[0] && (key == canonical[k] || strings.EqualFold(key, name)) {
			return header(k), true
		}
	}
	return 0, false
}

// read calls add for every header of carrier.
func (in *incoming) read(carrier any, encoded bool) error {
	switch c := carrier.(type) {
	case opentracing.HTTPHeadersCarrier:
		for key, values := range c {
			for _, value := range values {
				in.add(key, value, encoded)
			}
		}
	case opentracing.TextMapCarrier:
		for key, value := range c {
			in.add(key, value, encoded)
		}
	case opentracing.TextMapReader:
		given := new(incoming) // a closure over in would move in to the heap, for all types of carriers
		err := c.ForeachKey(func(key, value string) error {
			given.add(key, value, encoded)
			return nil
		})
		*in = *given
		return err
	default:
		return opentracing.ErrInvalidCarrier
	}
	return nil
}

// writeTo writes the headers that are present into w. It removes the others, if w allows that.
func (h *headers) writeTo(w opentracing.TextMapWriter) {
	names := &lower
	header, isHeader := w.(opentracing.HTTPHeadersCarrier)
	if isHeader {
		names = &canonical
	}
	deleteKeys(w, func(key string) bool {
		k, ours := headerOf(key)
		return ours && !(h.has[k] && key == names[k]) // that one is overwritten
	})
	if isHeader {
		h.writeHTTP(header)
		return
	}
	deleter, _ := w.(interface{ Del(key string) })
	for k, name := range lower {
		switch {
		case h.has[k]:
			w.Set(name, h.value[k])
		case deleter != nil:
			deleter.Del(name)
		}
	}
}

// writeHTTP allocates once for all values, where http.Header.Set would allocate for each.
func (h *headers) writeHTTP(header opentracing.HTTPHeadersCarrier) {
	n := 0
	for _, has := range h.has {
		if has {
			n++
		}
	}
	values := make([]string, 0, n)
	for k, name := range canonical {
		if h.has[k] {
			values = append(values, h.value[k])
			header[name] = values[len(values)-1 : len(values) : len(values)]
		}
	}
}

// deleteKeys deletes the keys of w that match, if w is a map. A key may have any case, since
// programs also set keys without http.Header's methods.
func deleteKeys(w opentracing.TextMapWriter, match func(key string) bool) {
	header, _ := w.(opentracing.HTTPHeadersCarrier)
	maps.DeleteFunc(header, func(key string, _ []string) bool { return match(key) })
	m, _ := w.(opentracing.TextMapCarrier)
	maps.DeleteFunc(m, func(key, _ string) bool { return match(key) })
}
