package spanutil

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
)

// Wrapper is what a wrapper's options come to. Safe for use by several goroutines.
type Wrapper struct {
	gaptrace.Config
	hooked bool                // there are hooks of the user's that describe a call
	boxed  atomic.Pointer[any] // the component tag of the last call
	tags   atomic.Int32        // how many tags the last span started with, if more than a small map takes
}

// New reads the options once, when a client is wrapped.
func New(opts []gaptrace.Option) *Wrapper {
	w := &Wrapper{Config: gaptrace.NewConfig(opts...)}
	w.hooked = w.Tags != nil || w.Config.Operation != nil || w.Config.Statement != nil
	return w
}

// component is name as the value of a tag. A wrapper has but one, and making a value of it for
// each span would allocate.
func (w *Wrapper) component(name string) any {
	if boxed := w.boxed.Load(); boxed != nil && *boxed == name {
		return *boxed
	}
	var boxed any = name
	w.boxed.Store(&boxed)
	return boxed
}

// The values of span.kind, boxed once for the same reason.
var (
	clientKind any = ext.SpanKindRPCClientEnum
	serverKind any = ext.SpanKindRPCServerEnum
)

// Wants reports whether a call under ctx could be recorded: it has a parent, or needs none. It
// allocates nothing; where describing a call does, ask first.
func (w *Wrapper) Wants(ctx context.Context) bool { return w.Roots || spanOf(ctx) != nil }

// Parent is what a call under ctx is a child of, nil where it has no parent. It reports whether the call is to be
// recorded: it is not where it needs a parent and has none, nor where its spans would be dropped with its parent's.
func (w *Wrapper) Parent(ctx context.Context) (parent opentracing.SpanContext, recorded bool) {
	span := spanOf(ctx)
	if span == nil {
		return nil, w.Roots
	}
	parent = contextOf(span)
	return parent, !dropped(parent)
}

// dropped reports whether the spans under sc are sure not to be kept: it is decided, and nothing that a span starts with
// or is told later can change it. Contexts that cannot say so, as by the methods of Jaeger's, are of spans that may be kept.
func dropped(sc opentracing.SpanContext) (yes bool) {
	defer contain()
	s, ok := sc.(interface {
		IsSampled() bool
		IsSamplingFinalized() bool
	})
	return ok && !s.IsSampled() && s.IsSamplingFinalized()
}

// spanOf is the span in ctx, or nil. A nil ctx is the library's to refuse.
func spanOf(ctx context.Context) opentracing.Span {
	if ctx == nil {
		return nil
	}
	return opentracing.SpanFromContext(ctx)
}

// Begin begins a client's call; it returns nil where the call is not recorded. Its span is opened by
// Open, for a call whose span must be known while it runs, or else, with the true start time, when
// the call finishes, and after Discard never. A span costs least that is opened last, since all its
// tags are known when it starts.
func (w *Wrapper) Begin(ctx context.Context, what gaptrace.Call) *Call {
	parent, recorded := w.Parent(ctx)
	if !recorded {
		return nil
	}
	return w.BeginUnder(parent, what)
}

// BeginUnder is Begin for a call of which [Wrapper.Parent] has said that it is to be recorded.
func (w *Wrapper) BeginUnder(parent opentracing.SpanContext, what gaptrace.Call) *Call {
	return w.begin(what, false, parent)
}

// Send is Begin for a call that takes its trace along, by Inject. One whose spans would be dropped is no nil: it has no span,
// and injects its parent's context, so that the server too knows what was decided.
func (w *Wrapper) Send(ctx context.Context, what gaptrace.Call) *Call {
	parent, recorded := w.Parent(ctx)
	if !recorded && parent == nil {
		return nil
	}
	c := w.begin(what, false, parent)
	if c != nil && !recorded {
		c.broken, c.self = true, parent
	}
	return c
}

// Waited begins a client's call of one wait that has begun and ended already, as told by somebody else. It returns nil
// where it is not recorded, or was too short to be a wait.
func (w *Wrapper) Waited(ctx context.Context, what gaptrace.Call, start, end time.Time) *Call {
	wait := interval{0, end.Sub(start)}
	if wait.end <= Buffered {
		return nil
	}
	c := w.Begin(ctx, what)
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.start, c.answered = start, true
	c.state.Store(0)
	c.waits.add(wait)
	return c
}

// Serve begins the span of a request being served, which covers all of it, from Open until Finish. Its
// parent is the span in ctx, where there is one, else the client's, as carrier tells it.
func (w *Wrapper) Serve(ctx context.Context, what gaptrace.Call, format, carrier any) *Call {
	c := w.begin(what, true, contextOf(opentracing.SpanFromContext(ctx)))
	if c != nil && c.parent == nil {
		c.under(extract(c.tracer, format, carrier))
		c.remote = true
	}
	return c
}

// extract answers nil where carrier holds no context, or none that can be read. A tracer may give a context beside the
// error that what came is malformed: package tracer's puts the reason into the log of the span that starts from it.
func extract(tracer opentracing.Tracer, format, carrier any) (remote opentracing.SpanContext) {
	defer contain()
	if sc, err := tracer.Extract(format, carrier); err == nil || errors.Is(err, opentracing.ErrSpanContextCorrupted) {
		remote = sc
	}
	return remote
}

func (w *Wrapper) tracer() opentracing.Tracer {
	if w.Tracer != nil {
		return w.Tracer
	}
	return opentracing.GlobalTracer()
}

func (w *Wrapper) begin(what gaptrace.Call, server bool, parent opentracing.SpanContext) *Call {
	tracer := w.tracer()
	if _, none := tracer.(opentracing.NoopTracer); none || !w.keeps(what) {
		return nil
	}
	c := newCall(w, what, tracer, server, parent, time.Now())
	c.state.Store(one) // the first wait has begun
	return c
}

func (w *Wrapper) keeps(what gaptrace.Call) (keep bool) {
	if w.Filter == nil {
		return true
	}
	defer contain() // a filter that panics keeps nothing
	return w.Filter(what)
}

// contain, deferred, ends a panic of a tracer or a hook: neither may break the call.
func contain() { _ = recover() }

// contextOf is span's context, nil where there is no span or it will not say.
func contextOf(span opentracing.Span) opentracing.SpanContext {
	if span == nil {
		return nil
	}
	defer contain()
	return span.Context()
}
