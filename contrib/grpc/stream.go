package gapgrpc

import (
	"io"
	"runtime"

	"github.com/gaptrace/gaptrace/internal/spanutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

// clientStream is a client's stream whose waits are recorded. The diagram at streamEnd shows how
// each of its methods may finish the call.
type clientStream struct {
	grpc.ClientStream
	*streamEnd
}

func newClientStream(cs grpc.ClientStream, end *streamEnd) *clientStream {
	s := &clientStream{cs, end}
	spanutil.Watch(end.call, s)
	end.opened()
	return s
}

// RecvMsg finishes the call if it fails, or if it returns the only answer.
func (s *clientStream) RecvMsg(m any) error {
	wait := s.call.Wait()
	defer s.unwound(&wait)
	err := s.ClientStream.RecvMsg(m)
	wait.DoneOne(err)
	s.tagServer()
	if err != nil || s.oneAnswer {
		s.finish(err)
	}
	s.left(false)
	return err
}

// SendMsg finishes the call if it fails on this side. io.EOF says that the stream has ended
// already, and RecvMsg returns with which status.
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
	s.left(err == io.EOF)
	return err
}

// Header finishes the call if it fails. grpc's own Header returns no error. If it returns no header
// either, the stream has ended, and RecvMsg returns with which status.
func (s *clientStream) Header() (metadata.MD, error) {
	wait := s.call.Wait()
	defer s.unwound(&wait)
	md, err := s.ClientStream.Header()
	wait.Done(0)
	s.tagServer()
	if err != nil {
		s.finish(err)
	}
	if md == nil {
		s.noHeader()
	}
	s.left(md == nil)
	return md, err
}

// CloseSend does not finish the call: the answer is still to come.
func (s *clientStream) CloseSend() error {
	wait := s.call.Wait()
	defer s.unwound(&wait)
	err := s.ClientStream.CloseSend()
	wait.Done(0)
	s.left(false)
	return err
}

// tagServer records the server's address, once. It needs the stream's context, so it is called
// after the first RecvMsg or Header. An earlier call of Context would end grpc's transparent
// retries, which may choose another server.
func (s *clientStream) tagServer() {
	if s.peerTagged.Load() || s.peerTagged.Swap(true) {
		return
	}
	server, _ := peer.FromContext(s.ClientStream.Context())
	// The caller may be a handler. Then its context has a peer already: the handler's client.
	if callers, _ := peer.FromContext(s.ctx); server != callers {
		tagPeer(s.call, server)
	}
}

// unwound, deferred, finishes the call of a stream that a panic or runtime.Goexit unwinds. It also
// keeps s alive until then: the garbage collector must not abandon a stream whose last RecvMsg is
// about to finish the call.
func (s *clientStream) unwound(wait *spanutil.Wait) {
	if wait.Pending() {
		s.finish(spanutil.ErrUnwound)
	}
	runtime.KeepAlive(s)
}
