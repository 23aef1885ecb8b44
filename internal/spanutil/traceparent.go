package spanutil

import (
	"strconv"
	"strings"

	"github.com/opentracing/opentracing-go"
)

// Traceparent returns the context of a span as W3C's header traceparent, or "" if its tracer does
// not tell its IDs. Jaeger's contexts have them as text. Other tracers may inject the header.
func Traceparent(span opentracing.Span) string {
	sc := contextOf(span)
	if trace, rest, ok := strings.Cut(idsOf(sc), ":"); ok {
		id, rest, _ := strings.Cut(rest, ":")
		_, flags, ok := strings.Cut(rest, ":")
		if f, err := strconv.ParseUint(flags, 16, 8); ok && err == nil && isHex(trace, 32) && isHex(id, 16) {
			return "00-" + padded(trace, 32) + "-" + padded(id, 16) + "-0" + strconv.FormatUint(f&1, 10)
		}
	}
	carrier := opentracing.TextMapCarrier{}
	inject(span, sc, carrier)
	return carrier["traceparent"]
}

func inject(span opentracing.Span, sc opentracing.SpanContext, carrier opentracing.TextMapCarrier) {
	defer contain()
	_ = span.Tracer().Inject(sc, opentracing.TextMap, carrier)
}

func padded(digits string, length int) string {
	return strings.Repeat("0", length-len(digits)) + digits
}

func isHex(s string, most int) bool {
	return s != "" && len(s) <= most && strings.Trim(s, "0123456789abcdef") == ""
}
