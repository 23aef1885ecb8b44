// Package spanutil is the only place where a span starts or finishes.
//
// A wrapper makes one [Wrapper] when its client is wrapped and asks it for a [Call] each time
// the client is used. The Call keeps the law of the gap: its spans cover exactly the time in
// which the caller was blocked. A nil *Call stands for a call that is not recorded; its methods
// do nothing, so a wrapper asks once whether it has one and never again.
//
//	call := w.Begin(ctx, …)        // or Send, for a call that is injected; the first wait begins
//	call.Tag(…)                    // where call.Sampled()
//	ctx = call.Open(ctx)           // behind hooks of the user's the wait begins anew
//	res, err := library(ctx, …)
//	call.Finish(err)               // one wait was all: the span is reported
//
// or, for a call whose result is still to be consumed:
//
//	if call.Answered("rows") {     // the first wait is over, more may come
//		rows = &watched{…}         // Enter and Leave around every Next, Finish at its end
//		spanutil.Watch(call, rows) // if they are forgotten, the garbage collector finishes call
//	}
//
// Tracers and hooks are strangers: whatever they do, panics included, the wrapped call goes on.
package spanutil
