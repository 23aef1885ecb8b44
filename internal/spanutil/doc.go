// Package spanutil is the only place where a span starts or finishes.
//
// A wrapper makes one [Wrapper] when its client is wrapped. Each time the client is used, the
// Wrapper starts a [Call]. The Call's spans cover exactly the time in which the caller was blocked:
// its waits.
//
//	caller   ──┐            ┌──work──┐       ┌──work──┐       ┌───
//	library    └────────────┘        └───────┘        └───────┘
//	spans      |----call----|        |-wait--|        |-wait--|
//	           ^            ^        ^       ^        ^       ^
//	           Start        Answered Wait    Done     Wait    Done, Finish
//
// A nil *Call is a call that is not recorded. Its methods do nothing, so a wrapper asks once
// whether it has a call. A call of a single wait:
//
//	call := w.Start(ctx, spanutil.Local, func() gaptrace.Call { … }) // the first wait begins
//	if call == nil {
//		return library(ctx, …)
//	}
//	defer call.Unwound() // if the library panics
//	if call.Sampled() {
//		call.Tag(…)
//	}
//	res, err := library(call.Open(ctx), …)
//	call.Finish(err) // reports the span
//
// A call whose result is still to be consumed:
//
//	if call.Answered(spanutil.Rows) { // the first wait is over, more may come
//		rows = &watched{…}         // a Wait around every Next; Finish at the end
//		spanutil.Watch(call, rows) // if it is never closed, the garbage collector finishes call
//	}
//
// Tracers and hooks are not trusted: whatever they do, panics included, the wrapped call goes on.
package spanutil
