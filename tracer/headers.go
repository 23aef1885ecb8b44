package tracer

import (
	"net/http"
	"strings"

	"github.com/opentracing/opentracing-go"
)

// header numbers the headers that the formats read and write.
type header uint8

const (
	uberTraceID header = iota
	b3TraceID
	b3SpanID
	b3ParentSpanID
	b3Sampled
	b3Flags
	b3One
	traceparent
	tracestate
	headerCount
)

// lower has each header's name as HTTP/2 and gRPC write it, canonical as the keys of http.Header have it.
var (
	lower = [headerCount]string{
		"uber-trace-id", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags", "b3", "traceparent", "tracestate",
	}
	canonical = [headerCount]string{
		"Uber-Trace-Id", "X-B3-Traceid", "X-B3-Spanid", "X-B3-Parentspanid", "X-B3-Sampled", "X-B3-Flags", "B3", "Traceparent", "Tracestate",
	}
)

// headers holds a value for each header that is there.
type headers struct {
	value [headerCount]string
	is    [headerCount]bool
}

func (h *headers) set(k header, value string) { h.value[k], h.is[k] = value, true }

// headerOf finds a header by its name in any case. It allocates nothing: a request has many headers that are not ours.
func headerOf(key string) (header, bool) {
	if len(key) < 2 || len(key) > 17 {
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

// A Deleter is a carrier from which Inject can take headers that another hop wrote, and that no longer hold. One that
// only has Set keeps them. From http.Header, opentracing.HTTPHeadersCarrier and TextMapCarrier they are taken in any case.
type Deleter interface {
	// Del removes the header key, which is in lower case, and all its values.
	Del(key string)
}

// writeTo puts the headers that are there into carrier, and takes those that are not out of it, where it can.
func (h *headers) writeTo(carrier any) error {
	switch c := carrier.(type) {
	case opentracing.HTTPHeadersCarrier:
		if c == nil {
			return opentracing.ErrInvalidCarrier
		}
		h.writeHTTP(http.Header(c))
	case http.Header:
		if c == nil {
			return opentracing.ErrInvalidCarrier
		}
		h.writeHTTP(c)
	case opentracing.TextMapCarrier:
		if c == nil {
			return opentracing.ErrInvalidCarrier
		}
		h.writeMap(c)
	case opentracing.TextMapWriter:
		d, _ := c.(Deleter)
		for k, name := range lower {
			switch {
			case h.is[k]:
				c.Set(name, h.value[k])
			case d != nil:
				d.Del(name)
			}
		}
	default:
		return opentracing.ErrInvalidCarrier
	}
	return nil
}

// writeHTTP knows the canonical names, and has all values in one piece of memory. What others wrote past http.Header's
// methods may have any case.
func (h *headers) writeHTTP(c http.Header) {
	for key := range c {
		if k, ours := headerOf(key); ours && (!h.is[k] || key != canonical[k]) {
			delete(c, key)
		}
	}
	n := 0
	for _, is := range h.is {
		if is {
			n++
		}
	}
	values := make([]string, 0, n)
	for k, name := range canonical {
		if h.is[k] {
			values = append(values, h.value[k])
			c[name] = values[len(values)-1 : len(values) : len(values)]
		}
	}
}

// writeMap removes what others wrote in any case: a map's keys have no canonical form.
func (h *headers) writeMap(c opentracing.TextMapCarrier) {
	for key := range c {
		if _, ours := headerOf(key); ours {
			delete(c, key)
		}
	}
	for k, name := range lower {
		if h.is[k] {
			c[name] = h.value[k]
		}
	}
}
