package spanutil

import (
	"fmt"
	"strings"

	"github.com/opentracing/opentracing-go"
)

// JoinsTrace reports whether a call that Serve began from the same carrier belongs to a trace that
// already exists, or that a person requested by a debug ID. Malformed headers, baggage, or a
// decision to sample without IDs name no trace. A decision not to sample does, so that the call
// passes it on.
func (c *Call) JoinsTrace(format, carrier any) bool {
	switch {
	case c == nil || c.parent == nil:
		return false
	case !c.remoteParent:
		return true
	case !isValid(c.parent):
		return hasDebugID(carrier)
	case c.decided() != sampled:
		return true
	}
	// A tracer invents the IDs that a bare decision lacks, anew each time. IDs that were sent stay
	// the same.
	return idsOf(c.parent) == idsOf(extract(c.tracer, format, carrier))
}

// isValid asks a span's context whether it has IDs, by the method of jaeger.SpanContext and others.
func isValid(sc opentracing.SpanContext) (yes bool) {
	yes = true
	defer contain()
	if s, ok := sc.(interface{ IsValid() bool }); ok {
		yes = s.IsValid()
	}
	return yes
}

// idsOf returns a span's context as text, by jaeger.SpanContext's method. Other types give "".
func idsOf(sc opentracing.SpanContext) (ids string) {
	defer contain()
	if s, ok := sc.(fmt.Stringer); ok {
		ids = s.String()
	}
	return ids
}

// hasDebugID looks for Jaeger's header, since its span contexts do not expose the debug ID.
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
