package spanutil

import (
	"fmt"
	"strings"

	"github.com/opentracing/opentracing-go"
)

// Parented reports whether a call that Serve began, from the same carrier, is part of a trace that somebody else began,
// or of one that a person asks for by a debug id. What else a context may be made of, malformed headers, baggage or the
// bare decision to sample, names no trace. To deny one draws nothing, and counts, so that it is passed on.
func (c *Call) Parented(format, carrier any) bool {
	switch {
	case c == nil || c.parent == nil:
		return false
	case !c.remote:
		return true
	case !isValid(c.parent):
		return hasDebugID(carrier)
	case !c.likely:
		return true
	}
	// A tracer makes up the ids that a bare decision lacks, and others each time. Those that were sent are read again.
	return idsOf(c.parent) == idsOf(extract(c.tracer, format, carrier))
}

// isValid asks a context whether it has ids, by the method that jaeger.SpanContext and others have.
func isValid(sc opentracing.SpanContext) (yes bool) {
	yes = true
	defer contain()
	if s, ok := sc.(interface{ IsValid() bool }); ok {
		yes = s.IsValid()
	}
	return yes
}

// idsOf is a context as text, by the method that jaeger.SpanContext has, and "" for one that has none.
func idsOf(sc opentracing.SpanContext) (ids string) {
	defer contain()
	if s, ok := sc.(fmt.Stringer); ok {
		ids = s.String()
	}
	return ids
}

// hasDebugID looks for Jaeger's header, as its contexts do not tell of it.
func hasDebugID(carrier any) (found bool) {
	defer contain()
	if r, ok := carrier.(opentracing.TextMapReader); ok {
		_ = r.ForeachKey(func(key, value string) error {
			found = found || value != "" && strings.EqualFold(key, "jaeger-debug-id")
			return nil
		})
	}
	return found
}
