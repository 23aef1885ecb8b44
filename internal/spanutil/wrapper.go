package spanutil

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/options"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
)

// Wrapper starts the calls of one wrapped client. It is safe for use by several goroutines.
type Wrapper struct {
	Options options.Config

	hooked    bool                // a user's hook describes calls
	component atomic.Pointer[any] // the component tag of the last call
	tags      atomic.Int32        // how many tags the last span started with, if more than a small map holds
}

// New returns a Wrapper with opts. A wrapper calls it once, when its client is wrapped.
func New(opts []gaptrace.Option) *Wrapper {
	w := &Wrapper{Options: options.NewConfig(opts...)}
	w.hooked = w.Options.Tags != nil || w.Options.Operation != nil || w.Options.Statement != nil
	return w
}

// componentTag returns name as the value of a tag. A wrapper has only one component, and boxing its
// name again for each span would allocate.
func (w *Wrapper) componentTag(name string) any {
	if boxed := w.component.Load(); boxed != nil && *boxed == name {
		return *boxed
	}
	var boxed any = name
	w.component.Store(&boxed)
	return boxed
}

// The values of span.kind, boxed once for the same reason.
var (
	clientKind any = ext.SpanKindRPCClientEnum
	serverKind any = ext.SpanKindRPCServerEnum
)

// MayRecord reports whether a call under ctx could be recorded: ctx carries a span, or the wrapper
// needs none. It allocates nothing. A wrapper that prepares something for its calls asks it first;
// Start itself decides.
func (w *Wrapper) MayRecord(ctx context.Context) bool { return w.Options.Roots || spanOf(ctx) != nil }

// spanOf returns the span in ctx, or nil. A nil ctx has none: to refuse it is up to the library.
func spanOf(ctx context.Context) opentracing.Span {
	if ctx == nil {
		return nil
	}
	return opentracing.SpanFromContext(ctx)
}

// Kind says whether a call carries its trace to the server.
type Kind uint8

const (
	// Local is a call that is not injected. If its spans would be dropped, it is not recorded.
	Local Kind = iota

	// Injected is a call that [Call.Inject] hands to the server. If its spans would be dropped, it
	// has no span and injects its parent's context, so that the server drops its own spans too.
	Injected
)

// Start begins a client's call under the span in ctx. It returns nil if the call is not recorded:
// it has no parent and needs one, its spans would be dropped, or the filter rejects it.
//
// Start calls describe only if the call may be recorded, and before the call's time begins.
//
// Open opens the call's span, for a call whose span must be known while it runs. Otherwise the span
// is opened, with the true start time, when the call finishes. That costs less, since all tags are
// known when the span starts.
func (w *Wrapper) Start(ctx context.Context, kind Kind, describe func() gaptrace.Call) *Call {
	span := spanOf(ctx)
	if span == nil && !w.Options.Roots {
		return nil
	}
	parent := contextOf(span)
	drop := isDropped(parent)
	if drop && kind != Injected {
		return nil
	}
	c := w.begin(describe, client, parent)
	if c != nil && drop {
		c.decide(dropped)
		c.self = parent
	}
	return c
}

// Waited returns a client's call of one wait that began at start and ended at end. It returns nil
// if the call is not recorded, or was too short to be a wait.
func (w *Wrapper) Waited(ctx context.Context, what gaptrace.Call, start, end time.Time) *Call {
	wait := interval{0, end.Sub(start)}
	if wait.end <= Buffered {
		return nil
	}
	c := w.Start(ctx, Local, func() gaptrace.Call { return what })
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.start, c.phase = start, answered
	c.inside.Store(0)
	c.waits.add(wait)
	return c
}

// Serve begins the span of a request that is served. The span lasts from Open until Served. Its
// parent is the span in ctx if there is one, and otherwise the client's span, which it extracts
// from carrier.
func (w *Wrapper) Serve(ctx context.Context, what gaptrace.Call, format, carrier any) *Call {
	parent := contextOf(opentracing.SpanFromContext(ctx))
	c := w.begin(func() gaptrace.Call { return what }, server, parent)
	if c != nil && parent == nil {
		c.setParent(extract(c.tracer, format, carrier))
		c.remoteParent = true
	}
	return c
}

// extract returns nil if carrier holds no context, or none that can be read. A tracer may return a
// context with the error that the headers are malformed: package tracer's logs the reason on the
// span that starts from this context.
func extract(tracer opentracing.Tracer, format, carrier any) (remote opentracing.SpanContext) {
	defer contain()
	if sc, err := tracer.Extract(format, carrier); err == nil || errors.Is(err, opentracing.ErrSpanContextCorrupted) {
		remote = sc
	}
	return remote
}

func (w *Wrapper) tracer() opentracing.Tracer {
	if w.Options.Tracer != nil {
		return w.Options.Tracer
	}
	return opentracing.GlobalTracer()
}

func (w *Wrapper) begin(describe func() gaptrace.Call, as role, parent opentracing.SpanContext) *Call {
	tracer := w.tracer()
	if _, noop := tracer.(opentracing.NoopTracer); noop {
		return nil
	}
	what := describe()
	if !w.keeps(what) {
		return nil
	}
	c := newCall(w, what, tracer, as, parent, time.Now())
	c.inside.Store(one) // the first wait has begun
	return c
}

func (w *Wrapper) keeps(what gaptrace.Call) (keep bool) {
	if w.Options.Filter == nil {
		return true
	}
	defer contain() // a filter that panics keeps nothing
	return w.Options.Filter(what)
}

// contextOf returns span's context. It returns nil if span is nil, or if its method panics.
func contextOf(span opentracing.Span) opentracing.SpanContext {
	if span == nil {
		return nil
	}
	defer contain()
	return span.Context()
}
