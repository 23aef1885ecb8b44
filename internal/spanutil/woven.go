package spanutil

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/opentracing/opentracing-go"
)

// A program that gaptrace build has woven contains wrappers inside its libraries. If a client is
// also wrapped by hand, both wrappers see its calls. The wrapper by hand always records:
//
//	outer      inner      which one records
//	by hand    woven      outer: inner records nothing while the outer call waits
//	woven      by hand    inner; also outer, if it is a wrapper of another library
//	woven      woven      outer: a SQL driver or Elasticsearch that sends HTTP requests is one call
//
// A served request may go through the wrappers of two libraries, such as net/http and grpc. Then
// both record it, as two wrappers by hand do.
//
// Wrappers find each other's calls by the context. In a program that is not woven, contexts do not
// carry calls, and nothing in this file has an effect.

// woven is set if the program has a woven wrapper.
var woven atomic.Bool

// servesByHand is set after a server or a handler was wrapped by hand. Until then, a woven server
// never has to yield.
var servesByHand atomic.Bool

// NewServer is [New] for a wrapper that serves requests.
func NewServer(opts []gaptrace.Option) *Wrapper {
	w := New(opts)
	if !w.Options.Woven && !servesByHand.Load() {
		servesByHand.Store(true)
	}
	return w
}

// callKey is the key of the innermost call that a context is inside of.
type callKey struct{}

// callContext is the context inside a call. It is the Call itself, so that it costs no allocation.
type callContext Call

var _ context.Context = (*callContext)(nil)

func (c *callContext) Deadline() (time.Time, bool) { return c.ctx.Deadline() }

func (c *callContext) Done() <-chan struct{} { return c.ctx.Done() }

func (c *callContext) Err() error { return c.ctx.Err() }

// Value opens the span of a lazy call when code asks for the context's span.
func (c *callContext) Value(key any) any {
	switch {
	case key == any(callKey{}):
		return (*Call)(c)
	case c.lazy && key == spanKey():
		if span := (*Call)(c).opened(); span != nil {
			return span
		}
	}
	return c.ctx.Value(key)
}

// spanKey returns the key by which package opentracing finds a context's span.
var spanKey = sync.OnceValue(func() any {
	var probe keyProbe
	opentracing.SpanFromContext(&probe)
	return probe.key
})

// keyProbe is a context that keeps the key it is asked for.
type keyProbe struct {
	context.Context
	key any
}

func (p *keyProbe) Value(key any) any {
	p.key = key
	return nil
}

// Within returns the context for the library's work during c. [Call.Open] calls it, so only a
// wrapper that does not call Open needs it. It returns ctx itself if the program is not woven.
func (c *Call) Within(ctx context.Context) context.Context {
	if c == nil || !woven.Load() {
		return ctx
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.withinLocked(ctx)
}

func (c *Call) withinLocked(ctx context.Context) context.Context {
	if c.ctx != nil || !woven.Load() {
		return ctx
	}
	c.ctx = ctx
	return (*callContext)(c)
}

// Unrecorded returns the context for a call that w does not record although its context carries a
// span. A filter may have rejected the call. Woven wrappers record nothing in that context. If no
// woven wrapper could record the call, Unrecorded returns ctx itself and false.
func (w *Wrapper) Unrecorded(ctx context.Context) (within context.Context, differs bool) {
	if !woven.Load() || w.Options.Woven {
		return ctx, false
	}
	if span := spanOf(ctx); span == nil || isDropped(contextOf(span)) {
		return ctx, false
	}
	return unrecordedContext{ctx}, true
}

// unrecordedContext is the context inside a call that is not recorded.
type unrecordedContext struct{ context.Context }

// Value returns, for callKey, a call whose first wait never ends.
func (u unrecordedContext) Value(key any) any {
	if key == any(callKey{}) {
		return &unrecordedCall
	}
	return u.Context.Value(key)
}

var unrecordedCall = Call{wrapper: new(Wrapper)}

// innermost returns the call that ctx is inside of, or nil.
func innermost(ctx context.Context) *Call {
	if ctx == nil {
		return nil
	}
	c, _ := ctx.Value(callKey{}).(*Call)
	return c
}

// isInside reports whether ctx comes from a client's call that still waits.
func isInside(ctx context.Context) bool {
	for c := innermost(ctx); c != nil && !c.role.serves(); c = innermost(c.ctx) {
		if c.InFirstWait() {
			return true
		}
	}
	return false
}

// takeOver discards the woven call that ctx is inside of, if it is for the same library as a call
// that a wrapper by hand begins. It returns the discarded call, or nil.
func (w *Wrapper) takeOver(ctx context.Context, as role, component string) *Call {
	if !woven.Load() || w.Options.Woven {
		return nil
	}
	for c := innermost(ctx); c != nil && c.role == as; c = innermost(c.ctx) {
		if c.wrapper.Options.Woven && c.what.Component == component && c.yield() {
			return c
		}
	}
	return nil
}

// yield discards a woven call. It returns false, and does nothing, if the call has been answered,
// or if it is a client's call and its span is open.
func (c *Call) yield() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != begun || c.span != nil && !c.role.serves() {
		return false
	}
	c.phase, c.yielded = finished, true
	c.decide(dropped)
	c.inside.Store(closed)
	return true
}

// opened opens the span of a lazy call, and returns it. It returns nil if the call has no span or
// has yielded.
func (c *Call) opened() opentracing.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.yielded {
		return nil
	}
	c.openLocked(false)
	return c.span
}

// isLazy reports whether a woven server's call opens its span late: when code asks for it, or when
// the handler has returned. Until then, an inner wrapper by hand can replace the call, and no span
// is lost. A tracer that changes contexts, such as OpenTelemetry's bridge, needs the span at once.
func (c *Call) isLazy() bool {
	if !c.wrapper.Options.Woven || !servesByHand.Load() {
		return false
	}
	_, changes := c.tracer.(opentracing.TracerContextWithSpanExtension)
	return !changes
}

// MaySample reports what [Call.Sampled] does, but does not open the span of a lazy call. For that,
// it returns true if the call may still be sampled.
func (c *Call) MaySample() bool {
	if c != nil && c.lazy && c.decided() == undecided {
		return true
	}
	return c.Sampled()
}
