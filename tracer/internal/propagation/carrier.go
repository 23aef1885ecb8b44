package propagation

import (
	"net/http"
	"strings"

	"github.com/opentracing/opentracing-go"
)

// header is an index of the headers that the formats read and write.
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

// headerOf finds a header by its name in any case. It allocates nothing, since most headers of a
// request are others.
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
		given := new(incoming) // a closure over in would move it to the heap for every carrier
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

// writeTo writes the headers that are present into carrier. It removes the others, if the carrier
// can do that.
func (h *headers) writeTo(carrier any) error {
	switch c := carrier.(type) {
	case opentracing.HTTPHeadersCarrier:
		return h.writeHTTP(http.Header(c))
	case http.Header:
		return h.writeHTTP(c)
	case opentracing.TextMapCarrier:
		return h.writeMap(c)
	case opentracing.TextMapWriter:
		deleter, _ := c.(interface{ Del(key string) })
		for k, name := range lower {
			switch {
			case h.has[k]:
				c.Set(name, h.value[k])
			case deleter != nil:
				deleter.Del(name)
			}
		}
		return nil
	}
	return opentracing.ErrInvalidCarrier
}

// writeHTTP puts all values into one slice. Keys may have any case: a program may have written them
// without http.Header's methods.
func (h *headers) writeHTTP(c http.Header) error {
	if c == nil {
		return opentracing.ErrInvalidCarrier
	}
	for key := range c {
		if k, ours := headerOf(key); ours && (!h.has[k] || key != canonical[k]) {
			delete(c, key)
		}
	}
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
			c[name] = values[len(values)-1 : len(values) : len(values)]
		}
	}
	return nil
}

func (h *headers) writeMap(c opentracing.TextMapCarrier) error {
	if c == nil {
		return opentracing.ErrInvalidCarrier
	}
	for key := range c {
		if _, ours := headerOf(key); ours {
			delete(c, key)
		}
	}
	for k, name := range lower {
		if h.has[k] {
			c[name] = h.value[k]
		}
	}
	return nil
}
