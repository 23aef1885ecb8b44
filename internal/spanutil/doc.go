// Package spanutil is the only place where a span starts or finishes.
//
// A package such as contrib/nethttp makes one [Wrapper] when a client is wrapped. Each time the
// client is used, the Wrapper starts a [Call]. The Call's spans cover exactly the time in which the
// caller was blocked: its waits.
//
//	caller   ──┐            ┌──work──┐       ┌──work──┐       ┌───
//	library    └────────────┘        └───────┘        └───────┘
//	spans      |----call----|        |-wait--|        |-wait--|
//	           ^            ^        ^       ^        ^       ^
//	           Start        Answered Wait    Done     Wait    Done, Finish
//
// A nil *Call is a call that is not recorded, and its methods do nothing. A call of a single wait:
//
//	call := w.Start(ctx, spanutil.Local, func() gaptrace.Call { … }) // the first wait begins
//	if call == nil {
//		return library(ctx, …)
//	}
//	defer call.Unwound() // if the library panics
//	if call.Sampled() { // only then it pays to describe the call
//		call.Tag(…)
//	}
//	res, err := library(call.Open(ctx), …)
//	call.Finish(err) // reports the span
//
// If the result is still to be consumed, Answered takes the place of Finish:
//
//	if call.Answered(spanutil.Rows) { // the first wait is over, more may come
//		rows = &watched{…}         // has a Wait in every Next; calls Finish at the end
//		spanutil.Watch(call, rows) // if rows become garbage before, Watch finishes the call
//	}
//
// Tracers and hooks are not trusted: whatever they do, panics included, the wrapped call goes on.
package spanutil
