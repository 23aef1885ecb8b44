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

// streamEnd finds the end of a client's stream, and finishes its call once. What ends a stream, and
// with which status:
//
//	starting ── NewStream fails ──────────────────────────────> ended, with its error
//	  │     ─── ctx ended, or the ClientConn was closed ──────> ended, with that
//	  v
//	open ────── RecvMsg fails, or returns the only answer ────> ended, with its error (io.EOF: OK)
//	  │ ─────── SendMsg fails, except with io.EOF ────────────> ended, with its error
//	  │ ─────── Header fails ─────────────────────────────────> ended, with its error
//	  │ ─────── a panic or Goexit in one of them ─────────────> ended, Unknown
//	  │ ─────── grpc ends the stream, nobody is inside ───────> ended, with grpc's error
//	  │ ─────── the stream is garbage ────────────────────────> ended, abandoned
//	  │
//	  │ grpc ends the stream while somebody is inside, or Header returns no header
//	  v
//	over ────── the last one inside returns with an error ────> ended, with its error
//	    ─────── … with SendMsg's io.EOF, or without a header ─> ended, with grpc's error
//	    ─────── … and ctx ended, or the ClientConn closed ────> ended, with grpc's error
//
// Somebody is inside while a goroutine is in one of the stream's methods. It knows the status best,
// so it is given the chance to end the stream.
//
// grpc's OnFinish option reports the end of an attempt. It is the end of the stream only if ctx has
// ended, the ClientConn is closed, or the time of the service config is over. Otherwise an
// interceptor inside of ours may have begun another attempt, or be about to.
//
// A streamEnd does not refer to its clientStream, so that a stream nobody reads becomes garbage.
type streamEnd struct {
	call      *spanutil.Call
	ctx       context.Context  // the caller's
	cc        *grpc.ClientConn // nil if the interceptor is called by hand
	method    string
	start     time.Time
	countSent bool                  // the client may send several messages
	oneAnswer bool                  // the server sends one message
	located   atomic.Bool           // tagServer has run
	sent      atomic.Int64          // messages
	attempt   atomic.Pointer[error] // with which the last attempt ended
	over      atomic.Pointer[error] // with which grpc ended the stream: the state over
	ended     atomic.Bool
}

func newStreamEnd(
	ctx context.Context, call *spanutil.Call, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string,
) *streamEnd {
	return &streamEnd{
		call: call, ctx: ctx, cc: cc, method: method, start: time.Now(),
		countSent: desc.ClientStreams, oneAnswer: !desc.ServerStreams,
	}
}

// opened is called when NewStream has returned. What has ended before may be an attempt, even if
// the time of the service config was over. But a closed ClientConn begins no other.
func (e *streamEnd) opened() {
	if err := e.over.Swap(nil); err != nil && e.closed() {
		e.end(*err)
	}
	if err := e.ctx.Err(); err != nil {
		e.end(status.FromContextError(err).Err())
	}
}

// onFinish is called by grpc when an attempt has ended with err.
func (e *streamEnd) onFinish(err error) {
	e.attempt.Store(&err)
	if e.ctx.Err() == nil && !e.closed() && !e.timedOut(err) {
		return
	}
	e.over.Store(&err)
	if !e.call.Waiting() {
		go e.end(err) // a user's hook may block or call Goexit, and grpc goes on with this goroutine
	}
}

// closed reports whether the ClientConn is closed.
func (e *streamEnd) closed() bool {
	return e.cc != nil && e.cc.GetState() == connectivity.Shutdown
}

// timedOut reports whether err is the end of the time that the service config allows the method. As
// far as can be known, it is not the end of a time that an interceptor allows an attempt. The
// config is read late, since the resolver may bring it while the stream starts.
func (e *streamEnd) timedOut(err error) bool {
	if e.cc == nil || codeOf(err) != codes.DeadlineExceeded {
		return false
	}
	allowed := e.cc.GetMethodConfig(e.method).Timeout
	return allowed != nil && time.Since(e.start) >= *allowed
}

// left is called after each method of the stream. It ends a stream that is over, unless somebody is
// still inside. gone says that the method found the stream gone, though it has no status.
//
// A timeout of the service config does not count here: an interceptor may have begun another
// attempt.
func (e *streamEnd) left(gone bool) {
	err := e.over.Load()
	if err != nil && (gone || e.closed() || e.ctx.Err() != nil) && !e.call.Waiting() {
		e.end(*err)
	}
}

// noHeader is called when Header has returned neither a header nor an error: the last attempt was
// the end of the stream.
func (e *streamEnd) noHeader() {
	if err := e.attempt.Load(); err != nil {
		e.over.Store(err)
	}
}

// end finishes the call with err, if it has not ended yet.
func (e *streamEnd) end(err error) {
	if e.ended.Swap(true) {
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
