package spanutil

import (
	"context"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/gap/cpuclock"
	"github.com/gaptrace/gaptrace/internal/options"
	"github.com/gaptrace/gaptrace/internal/uncovered"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
)

// Wrapper starts the calls of one wrapped client. It is safe for use by several goroutines.
type Wrapper struct {
	Options options.Config

	hooked    bool                 // a user's hook describes calls
	clients   *uncovered.Component // counts calls without a parent; nil: does not
	component atomic.Pointer[any]  // the component tag of the last call
	tagCount  atomic.Int32         // of the last recorded call

	appender atomic.Pointer[tagAppender] // of the last recorded call's tracer

	open openCalls
}

// NewClient returns a Wrapper with opts for a client of a component. A wrapper calls it once, when
// the client is wrapped. The calls that it does not record for want of a parent are counted, except
// by a woven wrapper: it also sees the calls of wrappers by hand, and those of the tracer itself.
func NewClient(component string, opts []gaptrace.Option) *Wrapper {
	w := New(opts)
	clients := uncovered.Client(component)
	if !w.Options.Woven {
		w.clients = clients
	}
	return w
}

// New returns a Wrapper with opts for a server, or for a client that may wait without a request,
// such as one that receives messages. Its calls without a parent are not counted.
func New(opts []gaptrace.Option) *Wrapper {
	w := &Wrapper{Options: options.NewConfig(opts...)}
	w.hooked = w.Options.Tags != nil || w.Options.Operation != nil || w.Options.Statement != nil
	if w.Options.Woven {
		woven.Store(true)
	}
	return w
}

// Another returns a Wrapper for the calls of another client with the same options.
func (w *Wrapper) Another() *Wrapper {
	return &Wrapper{Options: w.Options, hooked: w.hooked, clients: w.clients}
}

// HasHooks reports whether any of the user's functions gets the calls of w.
func (w *Wrapper) HasHooks() bool {
	o := &w.Options
	return w.hooked || o.Filter != nil || o.Expected != nil || o.Failure != nil
}

// componentTag returns name as the value of a tag. It keeps the value, since to box the name again
// for each span would allocate.
func (w *Wrapper) componentTag(name string) any {
	if boxed := w.component.Load(); boxed != nil && *boxed == name {
		return *boxed
	}
	var boxed any = name
	w.component.Store(&boxed)
	return boxed
}

// learn notes how tags get to the spans of tracer, which has started span.
func (w *Wrapper) learn(tracer opentracing.Tracer, span opentracing.Span) {
	if reflect.TypeOf(tracer).Kind() != reflect.Pointer { // it might not even be comparable
		return
	}
	defer contain()
	if a := w.appender.Load(); a == nil || a.tracer != tracer {
		w.appender.Store(newTagAppender(tracer, span))
	}
}

// The values of span.kind, boxed once for the same reason.
var (
	clientKind   any = ext.SpanKindRPCClientEnum
	serverKind   any = ext.SpanKindRPCServerEnum
	producerKind any = ext.SpanKindProducerEnum
	consumerKind any = ext.SpanKindConsumerEnum
)

// MayRecord reports whether a call under ctx could be recorded: ctx carries a span, or WithRoots is
// set. It allocates nothing. Call it before preparing anything for Start, which decides.
func (w *Wrapper) MayRecord(ctx context.Context) bool { return w.Options.Roots || spanOf(ctx) != nil }

// NoParent counts a call that is not recorded since its context carries no span. Start does so,
// too.
func (w *Wrapper) NoParent() { w.clients.NoParent() }

// spanOf returns the span in ctx, or nil. A nil ctx has no span. The library may refuse it.
func spanOf(ctx context.Context) opentracing.Span {
	if ctx == nil {
		return nil
	}
	return opentracing.SpanFromContext(ctx)
}

// Kind says whether a call carries its trace to the server.
type Kind uint8

const (
	// Local is a call that is not injected. If its parent is dropped, the call is not recorded.
	Local Kind = iota

	// Injected is a call whose trace [Call.Inject] sends to the server. If its parent is dropped,
	// the call has no span. It injects the parent's context, so that the server drops its spans
	// too.
	Injected

	// Produced is Injected for a call that sends a message to a queue. Its spans are of kind
	// producer.
	Produced
)

// Start begins a client's call under the span in ctx. It returns nil if the call is not recorded:
// ctx has no span and WithRoots is not set, a Local call's parent is dropped, WithFilter's hook
// rejects the call, the tracer is a NoopTracer, or w is woven and ctx comes from another call.
//
// Start calls describe only if the call may be recorded, and before the call's time begins.
//
// Call [Call.Open] if the span must be known while the call runs. Otherwise the span is opened,
// with the true start time, when the call finishes. That costs less, since it starts with all its
// tags.
func (w *Wrapper) Start(ctx context.Context, kind Kind, describe func() gaptrace.Call) *Call {
	span := spanOf(ctx)
	if span == nil && !w.Options.Roots {
		w.NoParent()
		return nil
	}
	parent := contextOf(span)
	drop := isDropped(parent)
	if drop && kind == Local || w.Options.Woven && isInside(ctx) {
		return nil
	}
	as := client
	if kind == Produced {
		as = producer
	}
	c := w.begin(ctx, describe, as, parent)
	if c != nil && drop {
		c.decide(dropped)
		c.spanContext = parent
	}
	return c
}

// Waited returns a client's call that had one wait, from start to end. Finish reports it. Waited
// returns nil if the call is not recorded, or too short to be a wait.
func (w *Wrapper) Waited(ctx context.Context, what gaptrace.Call, start, end time.Time) *Call {
	wait := interval{0, end.Sub(start)}
	if wait.end <= Buffered {
		return nil
	}
	if !w.MayRecord(ctx) {
		return nil // and not counted: the call that follows is
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

func (w *Wrapper) begin(
	ctx context.Context, describe func() gaptrace.Call, as role, parent opentracing.SpanContext,
) *Call {
	tracer := w.Options.Tracer
	if tracer == nil {
		tracer = opentracing.GlobalTracer()
	}
	if _, noop := tracer.(opentracing.NoopTracer); noop {
		return nil
	}
	what := describe()
	if !as.serves() {
		w.takeOver(ctx, as, what.Component)
	}
	if !w.keeps(what) {
		return nil
	}
	c := newCall(w, what, tracer, as, parent, time.Now())
	c.contextTags = options.TagsIn(ctx)
	c.inside.Store(oneGoroutine) // the first wait has begun
	cpuclock.Read()
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
