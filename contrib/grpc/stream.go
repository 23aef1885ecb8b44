package grpc

import (
	"context"
	"io"
	"runtime"
	"sync/atomic"

	"github.com/gaptrace/gaptrace/internal/spanutil"
	"google.golang.org/grpc"
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
	ctx     context.Context // the caller's
	stop    func() bool     // no more watching ctx; nil where it never ends
	sends   bool            // any number of messages
	single  bool            // one answer comes, and that is the end
	located atomic.Bool     // the peer has been asked for
	sent    atomic.Int64    // messages
	expired atomic.Bool     // ctx has ended
	ended   atomic.Bool
}

func newClientStream(ctx context.Context, cs grpc.ClientStream, desc *grpc.StreamDesc, call *spanutil.Call) *clientStream {
	e := &ending{call: call, ctx: ctx, sends: desc.ClientStreams, single: !desc.ServerStreams}
	s := &clientStream{cs, e}
	spanutil.Watch(call, s)
	if ctx.Done() != nil {
		e.stop = context.AfterFunc(ctx, e.expire)
		runtime.AddCleanup(s, func(stop func() bool) { stop() }, e.stop) // ctx may live as long as the program
	}
	return s
}

// RecvMsg ends the stream with its error, or with the one answer of a stream that has one.
func (s *clientStream) RecvMsg(m any) error {
	returned := false
	defer s.unwound(&returned)
	s.call.Enter()
	err := s.ClientStream.RecvMsg(m)
	returned = true
	if err == nil {
		s.call.Leave(1)
	} else {
		s.call.Leave(0)
	}
	s.locate()
	if err != nil || s.single {
		s.finish(err)
	}
	s.overdue()
	return err
}

// SendMsg ends the stream with an error of this side. With io.EOF it was the server that ended it, and how is RecvMsg's
// to say.
func (s *clientStream) SendMsg(m any) error {
	returned := false
	defer s.unwound(&returned)
	s.call.Enter()
	err := s.ClientStream.SendMsg(m)
	returned = true
	s.call.Leave(0)
	switch err {
	case nil:
		s.sent.Add(1)
	case io.EOF:
	default:
		s.finish(err)
	}
	s.overdue()
	return err
}

// Header ends the stream with its error. grpc's own has none, and leaves the failure to RecvMsg.
func (s *clientStream) Header() (metadata.MD, error) {
	returned := false
	defer s.unwound(&returned)
	s.call.Enter()
	md, err := s.ClientStream.Header()
	returned = true
	s.call.Leave(0)
	s.locate()
	if err != nil {
		s.finish(err)
	}
	s.overdue()
	return md, err
}

// CloseSend ends nothing: the answer is still to come.
func (s *clientStream) CloseSend() error {
	returned := false
	defer s.unwound(&returned)
	s.call.Enter()
	err := s.ClientStream.CloseSend()
	returned = true
	s.call.Leave(0)
	s.overdue()
	return err
}

// locate records who answers. It comes after the first RecvMsg or Header: to ask earlier for the stream's context would
// settle for a server that grpc may still replace by another.
func (s *clientStream) locate() {
	if s.located.Load() || s.located.Swap(true) {
		return
	}
	if server, ok := peer.FromContext(s.ClientStream.Context()); ok {
		tagPeer(s.call, server)
	}
}

// expire is called, in a goroutine of its own, when the caller's context has ended. Whoever is inside the library then
// comes out soon, and knows better how the stream ended.
func (e *ending) expire() {
	e.expired.Store(true)
	e.overdue()
}

// overdue ends the stream with its caller's context, unless somebody is still inside who may do so.
func (e *ending) overdue() {
	if e.expired.Load() && !e.call.Waiting() {
		e.end(status.FromContextError(e.ctx.Err()).Err())
	}
}

// unwound, deferred, ends a stream that a panic or runtime.Goexit leaves. The stream is kept until then: the collector
// must not take one for forgotten whose last RecvMsg is about to end it.
func (s *clientStream) unwound(returned *bool) {
	if !*returned {
		s.finish(spanutil.ErrUnwound)
	}
	runtime.KeepAlive(s)
}

// finish ends the stream; io.EOF is the good end.
func (e *ending) finish(err error) {
	if e.stop != nil {
		e.stop()
	}
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
