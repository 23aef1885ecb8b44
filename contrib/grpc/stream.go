package gapgrpc

import (
	"context"
	"io"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/gaptrace/gaptrace/internal/spanutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// clientStream is a client's stream whose waits are recorded.
type clientStream struct {
	grpc.ClientStream
	*ending
}

// ending is how a stream ends, once. It does not lead to the clientStream, so that the collector can find one that was
// forgotten.
type ending struct {
	call    *spanutil.Call
	ctx     context.Context  // the caller's
	cc      *grpc.ClientConn // nil where somebody calls the interceptor by hand
	method  string
	began   time.Time
	sends   bool                  // any number of messages
	single  bool                  // one answer comes, and that is the end
	located atomic.Bool           // the peer has been asked for
	sent    atomic.Int64          // messages
	last    atomic.Pointer[error] // how a stream of grpc's ended, this one or an attempt at it
	status  atomic.Pointer[error] // how grpc ended this one, on its own account
	ended   atomic.Bool
}

func newClientStream(cs grpc.ClientStream, e *ending) *clientStream {
	s := &clientStream{cs, e}
	spanutil.Watch(e.call, s)
	// What ended until now may be an attempt to begin it, even at the end of the service config's time. A ClientConn that is
	// closed begins no other.
	if err := e.status.Swap(nil); err != nil && e.closed() {
		e.end(*err)
	}
	if err := e.ctx.Err(); err != nil {
		e.end(status.FromContextError(err).Err())
	}
	return s
}

// RecvMsg ends the stream with its error, or with the one answer of a stream that has one.
func (s *clientStream) RecvMsg(m any) error {
	wait := s.call.Wait()
	defer s.unwound(&wait)
	err := s.ClientStream.RecvMsg(m)
	if err == nil {
		wait.Done(1)
	} else {
		wait.Done(0)
	}
	s.locate()
	if err != nil || s.single {
		s.finish(err)
	}
	s.overdue(false)
	return err
}

// SendMsg ends the stream with an error of this side. With io.EOF it was the server that ended it, and how is RecvMsg's
// to say.
func (s *clientStream) SendMsg(m any) error {
	wait := s.call.Wait()
	defer s.unwound(&wait)
	err := s.ClientStream.SendMsg(m)
	wait.Done(0)
	switch err {
	case nil:
		s.sent.Add(1)
	case io.EOF:
	default:
		s.finish(err)
	}
	s.overdue(err == io.EOF)
	return err
}

// Header ends the stream with its error. grpc's own has none: where no header came, grpc has ended the stream, and leaves
// it to RecvMsg to tell how. It says nothing more of a stream that nobody asks.
func (s *clientStream) Header() (metadata.MD, error) {
	wait := s.call.Wait()
	defer s.unwound(&wait)
	md, err := s.ClientStream.Header()
	wait.Done(0)
	s.locate()
	if err != nil {
		s.finish(err)
	}
	if last := s.last.Load(); last != nil && md == nil {
		s.status.Store(last)
	}
	s.overdue(md == nil)
	return md, err
}

// CloseSend ends nothing: the answer is still to come.
func (s *clientStream) CloseSend() error {
	wait := s.call.Wait()
	defer s.unwound(&wait)
	err := s.ClientStream.CloseSend()
	wait.Done(0)
	s.overdue(false)
	return err
}

// locate records who answers. It comes after the first RecvMsg or Header: to ask earlier for the stream's context would
// settle for a server that grpc may still replace by another.
func (s *clientStream) locate() {
	if s.located.Load() || s.located.Swap(true) {
		return
	}
	server, _ := peer.FromContext(s.ClientStream.Context())
	if callers, _ := peer.FromContext(s.ctx); server != callers { // a handler's context has its own client
		tagPeer(s.call, server)
	}
}

// over is called by grpc when a stream of its own has ended, which may be an attempt of an interceptor inside of ours: one
// of several, or one that another follows. The end of all is that of the caller's context, or of the time that a service
// config allows, or ClientConn.Close. Whoever is inside the library then comes out soon, and knows better.
func (e *ending) over(err error) {
	e.last.Store(&err)
	if e.ctx.Err() == nil && !e.closed() && !e.timedOut(err) {
		return
	}
	e.status.Store(&err)
	if !e.call.Waiting() {
		go e.end(err) // a hook may take its time, or end its goroutine, and grpc has not done with this one
	}
}

// closed reports whether the ClientConn is: no other attempt can begin.
func (e *ending) closed() bool {
	return e.cc != nil && e.cc.GetState() == connectivity.Shutdown
}

// timedOut reports whether err is the end of the time that the service config allows, and not of one that an interceptor
// allows an attempt, as far as can be told. It is asked late: the resolver may bring the config while the stream begins.
func (e *ending) timedOut(err error) bool {
	if e.cc == nil || codeOf(err) != codes.DeadlineExceeded {
		return false
	}
	allowed := e.cc.GetMethodConfig(e.method).Timeout
	return allowed != nil && time.Since(e.began) >= *allowed
}

// overdue ends the stream as grpc did, unless somebody is still inside who may do so. Who came out without an error
// knows that it is gone, by io.EOF or the lack of a header, or leaves it to the caller's context or the ClientConn to say
// so: where a service config's time is over, an interceptor may have begun another.
func (e *ending) overdue(gone bool) {
	err := e.status.Load()
	if err != nil && (gone || e.closed() || e.ctx.Err() != nil) && !e.call.Waiting() {
		e.end(*err)
	}
}

// unwound, deferred, ends a stream that a panic or runtime.Goexit leaves. The stream is kept until then: the collector
// must not take one for forgotten whose last RecvMsg is about to end it.
func (s *clientStream) unwound(wait *spanutil.Wait) {
	if wait.Pending() {
		s.finish(spanutil.ErrUnwound)
	}
	runtime.KeepAlive(s)
}

// finish ends the stream; io.EOF is the good end.
func (e *ending) finish(err error) {
	if err == io.EOF {
		err = nil
	}
	e.end(err)
}

func (e *ending) end(err error) {
	if e.ended.Swap(true) {
		return
	}
	if e.sends {
		e.call.Tag("request_messages", e.sent.Load())
	}
	finishClient(e.ctx, e.call, err)
}
