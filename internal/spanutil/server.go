package spanutil

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gaptrace/gaptrace"
	"github.com/opentracing/opentracing-go"
)

// Serve begins the call of a request that is served. Its span lasts from Open until Served. The
// parent is the span in ctx, if it has one. Otherwise it is the client's span, which Serve extracts
// from carrier. Serve returns nil if the call is not recorded.
func (w *Wrapper) Serve(ctx context.Context, what gaptrace.Call, format, carrier any) *Call {
	discarded := w.takeOver(ctx, server, what.Component)
	span := opentracing.SpanFromContext(ctx)
	if discarded != nil && span == discarded.span {
		span = nil
	}
	parent := contextOf(span)
	c := w.begin(ctx, func() gaptrace.Call { return what }, server, parent)
	if c == nil {
		return nil
	}
	c.lazy = c.isLazy()
	if parent == nil {
		c.setParent(extract(c.tracer, format, carrier))
		c.remoteParent = true
	}
	return c
}

// Consume begins the call of a handler that gets messages, each of which its producer injected into
// one of carriers. Its span lasts from Open until Finish, and follows from the spans of the
// producers, since none of them waits for it. It is a child of the span in ctx, if it has one.
// Consume returns nil if the call is not recorded.
func (w *Wrapper) Consume(ctx context.Context, what gaptrace.Call, format any, carriers ...any) *Call {
	w.takeOver(ctx, consumer, what.Component)
	parent := contextOf(spanOf(ctx))
	c := w.begin(ctx, func() gaptrace.Call { return what }, consumer, parent)
	if c == nil {
		return nil
	}
	links := make([]opentracing.SpanReference, 0, len(carriers))
	for _, carrier := range carriers {
		if producer := extract(c.tracer, format, carrier); producer != nil {
			links = append(links, reference(opentracing.FollowsFromRef, producer))
		}
	}
	switch {
	case len(links) == 0:
	case parent == nil && len(links) == 1:
		c.setParent(links[0].ReferencedContext)
		c.under[0].Type = opentracing.FollowsFromRef
		c.remoteParent = true
	default:
		c.mu.Lock()
		defer c.mu.Unlock()
		c.option[0] = linkedStart{c, links} // the span opens at once: a Call has no space for links
		c.openLocked(false)
	}
	return c
}

// Served ends the span of a served request: its handler has returned. Call it before the handler's
// waits are reported, since to report them is not the handler's work.
func (c *Call) Served() {
	if c.Sampled() {
		c.Answered(Uncounted)
	}
}

// Reads returns a Call for a handler's reads from its client, counted in unit. Its spans are
// children of c's span, named after it plus " read". If there is no wait, it has no span.
func (c *Call) Reads(unit Unit) *Call { return c.waitsFor(reads, unit) }

// Writes is [Call.Reads] for a handler's writes to its client. Its spans have the suffix " write".
func (c *Call) Writes(unit Unit) *Call { return c.waitsFor(writes, unit) }

func (c *Call) waitsFor(as role, unit Unit) *Call {
	if !c.MaySample() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.lazy && !c.openLocked(false) {
		return nil
	}
	w := newCall(c.wrapper, c.what, c.tracer, as, nil, c.start)
	w.decide(c.decided())
	w.served = c
	w.phase = answered
	w.unit = unit
	w.contextTags = c.contextTags
	return w
}

// JoinsTrace reports whether a call that Serve began from the same carrier belongs to a trace that
// already exists, or that a person requested by a debug ID. Malformed headers, baggage, or a
// decision to sample without IDs name no trace. A decision not to sample does, so that the call
// passes it on.
func (c *Call) JoinsTrace(format, carrier any) bool {
	switch {
	case c == nil || c.parent() == nil:
		return false
	case !c.remoteParent:
		return true
	case !isValid(c.parent()):
		return hasDebugID(carrier)
	case c.decided() != sampled:
		return true
	}
	// A tracer invents the IDs that a bare decision lacks, anew each time. IDs that were sent stay
	// the same.
	return idsOf(c.parent()) == idsOf(extract(c.tracer, format, carrier))
}

// extract returns the context in carrier, or nil if there is none that can be read. Package tracer
// returns ErrSpanContextCorrupted together with a context: a span that starts from it logs why the
// headers are malformed.
func extract(tracer opentracing.Tracer, format, carrier any) (remote opentracing.SpanContext) {
	defer contain()
	if sc, err := tracer.Extract(format, carrier); err == nil || errors.Is(err, opentracing.ErrSpanContextCorrupted) {
		remote = sc
	}
	return remote
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
