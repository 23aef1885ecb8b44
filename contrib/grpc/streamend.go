package gapgrpc

import (
	"context"
	"io"
	"sync/atomic"
	"time"

	"github.com/gaptrace/gaptrace/internal/spanutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"
)

// streamEnd finds the end of a client's stream, and finishes its call once. This is what finishes
// the call, and with which error:
//
//	starting ── NewStream fails ──────────────────────────> finished, with its error
//	  │ ─────── ctx ended, or the ClientConn is closed ───> finished, with ctx's or grpc's error
//	  v
//	open ────── RecvMsg fails, or returns the only answer > finished, with its error (io.EOF: OK)
//	  │ ─────── SendMsg fails, except with io.EOF ────────> finished, with its error
//	  │ ─────── Header fails ─────────────────────────────> finished, with its error
//	  │ ─────── a panic or Goexit in one of them ─────────> finished, Unknown
//	  │ ─────── grpc ends the stream, nobody is inside ───> finished, with grpc's error
//	  │ ─────── the stream is garbage ────────────────────> finished, abandoned
//	  │
//	  │ grpc ends the stream while a goroutine is inside, or Header returns no header
//	  v
//	over ────── a method fails, as in the state open ─────> finished, with its error
//	  │ ─────── SendMsg's io.EOF, or no header (*) ───────> finished, with grpc's error
//	  └ ─────── ctx ended, or the ClientConn is closed (*)> finished, with grpc's error
//
//	(*) when the last goroutine inside has left
//
// A goroutine is inside while it runs one of the stream's methods. If that method returns the
// status to the caller, it finishes the call with the same status.
//
// An attempt is a stream that grpc makes for the call: one, unless an interceptor after ours makes
// several. grpc's OnFinish option reports the end of each. That is the end of the caller's stream
// only if ctx has ended, the ClientConn is closed, or the service config's timeout has expired.
// Otherwise the interceptor may have begun another attempt, or be about to.
//
// A streamEnd does not refer to its clientStream, so that a stream nobody reads becomes garbage.
type streamEnd struct {
	call       *spanutil.Call
	ctx        context.Context  // the caller's
	cc         *grpc.ClientConn // nil if the interceptor is called by hand
	method     string
	start      time.Time
	countSent  bool                  // the client may send several messages
	oneAnswer  bool                  // the server sends one message
	peerTagged atomic.Bool           // tagServer has run
	sent       atomic.Int64          // number of messages
	attempt    atomic.Pointer[error] // how the last attempt ended; nil before
	over       atomic.Pointer[error] // how grpc ended the stream; not nil in the state over
	finished   atomic.Bool
}

func newStreamEnd(
	ctx context.Context, call *spanutil.Call, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string,
) *streamEnd {
	return &streamEnd{
		call: call, ctx: ctx, cc: cc, method: method, start: time.Now(),
		countSent: desc.ClientStreams, oneAnswer: !desc.ServerStreams,
	}
}

// opened is called after NewStream has returned. What ended during NewStream may be one attempt of
// several, even if the service config's timeout had expired. But a closed ClientConn begins no
// other.
func (e *streamEnd) opened() {
	if err := e.over.Swap(nil); err != nil && e.closed() {
		e.finish(*err)
	}
	if err := e.ctx.Err(); err != nil {
		e.finish(status.FromContextError(err).Err())
	}
}

// onFinish is called by grpc after an attempt has ended with err.
func (e *streamEnd) onFinish(err error) {
	e.attempt.Store(&err)
	if e.ctx.Err() == nil && !e.closed() && !e.timedOut(err) {
		return
	}
	e.over.Store(&err)
	if !e.call.Waiting() {
		go e.finish(err) // users' hooks may block or call Goexit, and this goroutine is grpc's
	}
}

// closed reports whether the ClientConn is closed.
func (e *streamEnd) closed() bool {
	return e.cc != nil && e.cc.GetState() == connectivity.Shutdown
}

// timedOut reports whether err says that the service config's timeout of the method has expired. An
// interceptor's own timeout of an attempt returns the same error, but usually earlier. The config
// is read late, since the resolver may bring it while the stream starts.
func (e *streamEnd) timedOut(err error) bool {
	if e.cc == nil || codeOf(err) != codes.DeadlineExceeded {
		return false
	}
	timeout := e.cc.GetMethodConfig(e.method).Timeout
	return timeout != nil && time.Since(e.start) >= *timeout
}

// left is called after each method of the stream. It finishes the call if the stream is over,
// unless another goroutine is still inside. gone says that the method found the stream ended, but
// did not return its status.
//
// The service config's timeout does not count here: an interceptor may have begun another attempt.
func (e *streamEnd) left(gone bool) {
	err := e.over.Load()
	if err != nil && (gone || e.closed() || e.ctx.Err() != nil) && !e.call.Waiting() {
		e.finish(*err)
	}
}

// noHeader is called after Header has returned neither a header nor an error. Then the end of the
// last attempt was the end of the stream.
func (e *streamEnd) noHeader() {
	if err := e.attempt.Load(); err != nil {
		e.over.Store(err)
	}
}

// finish finishes the call with err. Only the first finish counts.
func (e *streamEnd) finish(err error) {
	if e.finished.Swap(true) {
		return
	}
	if err == io.EOF {
		err = nil
	}
	if e.countSent {
		e.call.Tag("request_messages", e.sent.Load())
	}
	finishClient(e.ctx, e.call, err)
}
