package wrap

import (
	"context"
	"sync"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/opentracing/opentracing-go/ext"
)

// Wrapper starts the calls of one wrapped client or server. It is safe for use by several
// goroutines.
type Wrapper struct{ spans *spanutil.Wrapper }

// New returns a Wrapper with the options that its user has given. A wrapper calls it once, when the
// client is wrapped.
//
// The component names the wrapped library. The debug page counts its calls that are not recorded
// for want of a parent. If component is empty, they are not counted: a server has none, and a
// client that polls for messages makes them all the time.
func New(component string, opts ...gaptrace.Option) *Wrapper {
	if component == "" {
		return &Wrapper{spanutil.New(opts)}
	}
	return &Wrapper{spanutil.NewClient(component, opts)}
}

// Start begins a client's call under the span in ctx. Its first wait begins, so call Start right
// before the library. The call is not sent to the server: see [Wrapper.Send].
//
// Start returns nil if the call is not recorded: ctx has no span and [gaptrace.WithRoots] is not
// set, the span in ctx is not sampled, or [gaptrace.WithFilter] rejects the call. All methods of a
// nil *Call do nothing.
//
// Start calls describe only if the call may be recorded, so that a call without a parent costs
// neither time nor memory.
func (w *Wrapper) Start(ctx context.Context, describe func() gaptrace.Call) *Call {
	return (*Call)(w.spans.Start(ctx, spanutil.Local, describe))
}

// Send is Start for a call whose context [Call.Inject] sends to a server. If the span in ctx is not
// sampled, the call has no span, but Inject tells the server not to sample either.
//
// The kind is ext.SpanKindRPCClientEnum, or ext.SpanKindProducerEnum for a message to a queue.
func (w *Wrapper) Send(ctx context.Context, kind ext.SpanKindEnum, describe func() gaptrace.Call) *Call {
	as := spanutil.Injected
	if kind == ext.SpanKindProducerEnum {
		as = spanutil.Produced
	}
	return (*Call)(w.spans.Start(ctx, as, describe))
}

// Serve begins the call of a request, or of messages, that are served. The span lasts from
// [Call.Open] until [Call.Finish]. Call Open right before the handler, and Finish right after it.
//
//	kind                       the span
//	ext.SpanKindRPCServerEnum  is a child of the span in ctx, or else of the client's in carriers[0]
//	ext.SpanKindConsumerEnum   is a child of the span in ctx, and follows from the spans of the
//	                           producers in all carriers: a producer does not wait for it
//
// Each carrier is what [Call.Inject] has written, as the tracer's Extract reads it in that format.
// A carrier without a span is ignored. If there is no span at all, the call starts a trace.
//
// Serve returns nil if the call is not recorded.
func (w *Wrapper) Serve(
	ctx context.Context, kind ext.SpanKindEnum, what gaptrace.Call, format any, carriers ...any,
) *Call {
	if kind == ext.SpanKindConsumerEnum {
		return (*Call)(w.spans.Consume(ctx, what, format, carriers...))
	}
	var carrier any
	if len(carriers) > 0 {
		carrier = carriers[0]
	}
	return (*Call)(w.spans.Serve(ctx, what, format, carrier))
}

// Waited returns a client's call of one wait, which was measured elsewhere and has ended, such as
// the wait for a connection of a pool. [Call.Finish] reports it. Waited returns nil if the call is
// not recorded, or if the wait took 20 µs or less.
//
// Finish it after the call that the wait was for. To report it takes time, which would look like
// the program's work between the two:
//
//	pool      |--wait--|
//	call               |---call---|
//	Finish                        ^ call, pool
func (w *Wrapper) Waited(ctx context.Context, what gaptrace.Call, start, end time.Time) *Call {
	return (*Call)(w.spans.Waited(ctx, what, start, end))
}

// MayRecord reports whether Start could return a call: ctx has a span, or [gaptrace.WithRoots] is
// set. Use it before preparations that cost more than a closure for Start. If MayRecord returns
// false, it has counted the call as one without a parent, as Start does.
func (w *Wrapper) MayRecord(ctx context.Context) bool {
	if w.spans.MayRecord(ctx) {
		return true
	}
	w.spans.NoParent()
	return false
}

// doer is the Wrapper of Do.
var doer = sync.OnceValue(func() *spanutil.Wrapper { return spanutil.New(nil) })

// Do calls f, and records it as one wait of that operation. It is for a blocking call that is not
// worth a wrapper: a file lock, a channel, a lease.
//
//	err := wrap.Do(ctx, "lease acquire", func(ctx context.Context) error {
//		return acquire(ctx)
//	})
//
// The span is a child of the span in ctx, of the global tracer, with the component tag "wrap". If
// ctx has no span, Do only calls f. An error of f is the span's failure. Do returns it as it is.
func Do(ctx context.Context, operation string, f func(ctx context.Context) error) error {
	call := doer().Start(ctx, spanutil.Local, func() gaptrace.Call {
		return gaptrace.Call{Component: "wrap", Operation: operation}
	})
	if call == nil {
		return f(ctx)
	}
	defer call.Unwound()
	err := f(call.Open(ctx))
	call.Finish(err)
	return err
}
