package spanutil

import (
	"context"

	"github.com/opentracing/opentracing-go"
)

// decision says whether the spans of a call are kept.
//
//	undecided ──> sampled   the parent, or else the call's own span, is sampled
//	    │            │
//	    └────────────┴────> dropped   not sampled; or the tracer panicked; or Discard
type decision uint32

const (
	undecided decision = iota
	dropped
	sampled
)

func (c *Call) decided() decision { return decision(c.decision.Load()) }

func (c *Call) decide(d decision) { c.decision.Store(uint32(d)) }

// Sampled reports whether the call's spans will be kept, so that it pays to describe them. If the
// call's parent is sampled, they are. Otherwise the call's own span decides, which Sampled then
// opens. A span whose tracer does not say whether it is sampled is kept.
func (c *Call) Sampled() bool {
	if c == nil {
		return false
	}
	if d := c.decided(); d != undecided {
		return d == sampled
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.openLocked(false)
	return c.decided() == sampled
}

// IsDropped reports whether ctx has a span that is not sampled, and never will be.
func IsDropped(ctx context.Context) bool { return isDropped(contextOf(spanOf(ctx))) }

// isSampled asks a span's context whether its spans are kept. It uses the method that
// jaeger.SpanContext and others have, since OpenTracing has none.
func isSampled(sc opentracing.SpanContext) (yes bool) {
	yes = true
	defer contain()
	if s, ok := sc.(interface{ IsSampled() bool }); ok {
		yes = s.IsSampled()
	}
	return yes
}

// isFinal reports whether the decision is final: no tag or name can change it. Contexts without
// Jaeger's method may change it.
func isFinal(sc opentracing.SpanContext) (yes bool) {
	defer contain()
	s, ok := sc.(interface{ IsSamplingFinalized() bool })
	return ok && s.IsSamplingFinalized()
}

// isDropped reports whether the spans under sc will certainly not be kept.
func isDropped(sc opentracing.SpanContext) bool {
	return sc != nil && !isSampled(sc) && isFinal(sc)
}
