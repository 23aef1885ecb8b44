// Package wrap makes a wrapper for any client or server that waits for the network, with the same
// promises as those in contrib. docs/own-wrapper.md is a tutorial; package
// [github.com/gaptrace/gaptrace/wrap/wraptest] tests a wrapper, and package
// [github.com/gaptrace/gaptrace/wrap/redact] redacts statements and errors.
//
// A blocking call that is not worth a wrapper is one line:
//
//	err := wrap.Do(ctx, "lease acquire", func(ctx context.Context) error {
//		return acquire(ctx)
//	})
//
// # Calls and waits
//
// A wrapper makes one [Wrapper] when a client is wrapped. Each time the client is used, it starts a
// [Call]. The spans of a call cover exactly the time in which the caller was blocked: its waits.
//
//	caller   ──┐            ┌──work──┐       ┌──work──┐       ┌───
//	library    └────────────┘        └───────┘        └───────┘
//	spans      |----call----|        |-wait--|        |-wait--|
//	           ^            ^        ^       ^        ^       ^
//	           Start        Answered Wait    Done     Wait    Done, Finish
//
// Start returns nil if the call is not recorded, and the methods of a nil *Call do nothing. So one
// code serves both, and what it costs to describe a call is only spent if somebody will read it:
//
//	call := wrapper.Start(ctx, func() gaptrace.Call {
//		return gaptrace.Call{Component: "shelf", Operation: "shelf get", Request: key}
//	})
//	defer call.Unwound() // if the library panics
//	if call.Sampled() {
//		call.Tag("peer.address", addr)
//	}
//	value, err := get(ctx, key) // the library
//	call.Finish(err)            // reports the span
//
// The operation names the span. It has few values: no ID, key or value. The request is for the
// hooks of options, such as [gaptrace.WithFilter].
//
// # A result that is still to be consumed
//
// If the caller gets an iterator or a stream, Answered takes the place of Finish. Each method of
// the result that may block is a [Wait], and the one at the end finishes the call. If the result
// becomes garbage before, [Watch] finishes it:
//
//	call.Answered("rows")          call.Wait, wait.Done(1), …
//	Watch(call, rows)              call.Finish(err)
//	          │                              │
//	     result ──────────── consumed ───────┤
//	          └───── becomes garbage ────────┴──> reported
//
// [Call.Body] does all that for an io.ReadCloser.
//
// # A call that the server continues
//
// [Wrapper.Send] begins a call whose context goes to the server, by [Call.Inject]. There,
// [Wrapper.Serve] begins the call that it is the parent of:
//
//	client   |-------- call ---------|     Send, Open, Inject, Finish
//	                │         ^
//	                v         │
//	server       |--- handler ---|         Serve, Open, Finish
//
// A message has kind producer where it is sent, and kind consumer where it is handled. A producer
// does not wait for its consumers, so its span is over when the library has taken the message. To
// learn later whether it was delivered does not block the program:
//
//	producer  |-send-|                     Send, Open, Inject, Answered; Finish in the callback
//	                  ╲ follows from
//	consumer           |--- handler ---|   Serve, Open, Finish
//
// # Promises
//
// Tracers and the hooks of options are not trusted: whatever they do, panics included, the wrapped
// call goes on. Every span is finished exactly once, also if the library panics, if the caller
// gives up, or if it never closes a result. The wrapper keeps the rest: it returns what the library
// returns, describes no secret, and gets the waits right. Package wraptest checks all of it.
package wrap
