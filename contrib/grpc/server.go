package grpc

import (
	"context"
	"io"
	"strings"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/spanutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

// ServerOptions returns the options of a server that chain [UnaryServerInterceptor] and [StreamServerInterceptor] behind
// the interceptors that were given before them: what those do is not covered.
func ServerOptions(opts ...gaptrace.Option) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(UnaryServerInterceptor(opts...)),
		grpc.ChainStreamInterceptor(StreamServerInterceptor(opts...)),
	}
}

// UnaryServerInterceptor returns an interceptor that draws each call as a server's span: a child of the client's, where the
// metadata tells of one, else the start of a trace. The handler's context carries the span. Health checks and reflection
// draw nothing unless they are part of a trace.
func UnaryServerInterceptor(opts ...gaptrace.Option) grpc.UnaryServerInterceptor {
	w := spanutil.New(opts)
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (resp any, err error) {
		call := serve(ctx, w, info.FullMethod, req)
		if call == nil { // filtered out, or nobody's
			return handle(ctx, req)
		}
		returned := false
		defer func() {
			failure := recover()
			call.Served()
			finishServer(call, returned, failure, err)
			if failure != nil {
				panic(failure)
			}
		}()
		resp, err = handle(call.Open(ctx), req)
		returned = true
		return resp, err
	}
}

// StreamServerInterceptor is [UnaryServerInterceptor] for streams. Time in which the handler is blocked in RecvMsg and
// SendMsg is drawn as children of the server's span, so that it is not taken for work.
func StreamServerInterceptor(opts ...gaptrace.Option) grpc.StreamServerInterceptor {
	w := spanutil.New(opts)
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) (err error) {
		ctx, operation := ss.Context(), info.FullMethod
		if srv == nil { // of a grpc.UnknownServiceHandler: any method that a stranger thought of
			operation = "grpc OTHER"
		}
		call := serve(ctx, w, operation, info)
		if call == nil {
			return handle(srv, ss)
		}
		if srv == nil {
			call.Tag("grpc.method", info.FullMethod)
		}
		stream := &serverStream{ServerStream: ss, ctx: call.Open(ctx)}
		stream.reads, stream.writes = call.Under(" read", "messages"), call.Under(" write", "messages")
		returned := false
		defer func() {
			failure := recover()
			call.Served()
			stream.reads.Finish(nil)
			stream.writes.Finish(nil)
			if info.IsClientStream {
				call.Tag("request_messages", stream.reads.Amount())
			}
			if info.IsServerStream {
				call.Tag("response_messages", stream.writes.Amount())
			}
			finishServer(call, returned, failure, err)
			if failure != nil {
				panic(failure)
			}
		}()
		err = handle(srv, stream)
		returned = true
		return err
	}
}

// serve begins the span of a handler; it returns nil where there is none.
func serve(ctx context.Context, w *spanutil.Wrapper, operation string, req any) *spanutil.Call {
	call := w.Serve(ctx, gaptrace.Call{Component: component, Operation: operation, Request: req}, format, incoming{ctx})
	if !w.Roots && !call.Parented() && housekeeping(operation) {
		call.Discard()
		return nil
	}
	if call.Sampled() {
		if client, ok := peer.FromContext(ctx); ok {
			tagPeer(call, client)
		}
		if ids := metadata.ValueFromIncomingContext(ctx, "x-request-id"); len(ids) > 0 {
			call.Tag("guid:x-request-id", ids[0]) // Envoy's name for it: its spans and ours are found together
		}
	}
	return call
}

// housekeeping reports whether a method is one that load balancers and tools call on their own account.
func housekeeping(method string) bool {
	return strings.HasPrefix(method, "/grpc.health.") || strings.HasPrefix(method, "/grpc.reflection.")
}

// finishServer finishes the span of a handler that has returned err or, where it has not returned, was left by a panic
// or, where failure is nil, by runtime.Goexit.
func finishServer(call *spanutil.Call, returned bool, failure any, err error) {
	code := codes.Unknown
	switch {
	case returned:
		code = codeOf(err)
	case failure != nil:
		err = spanutil.Panicked(failure)
	default:
		err = spanutil.ErrUnwound
	}
	call.Tag("grpc.code", code.String())
	switch code {
	case codes.Unknown, codes.DeadlineExceeded, codes.Unimplemented, codes.Internal, codes.Unavailable, codes.DataLoss:
		call.Finish(err)
	default: // it is the client's affair
		call.Finish(nil)
	}
}

// serverStream has the span in its context, and its waits for the client are recorded.
type serverStream struct {
	grpc.ServerStream
	ctx           context.Context
	reads, writes *spanutil.Call
}

// Context returns the context that carries the span.
func (s *serverStream) Context() context.Context { return s.ctx }

// RecvMsg shows, should it fail, on the span of that wait.
func (s *serverStream) RecvMsg(m any) error {
	s.reads.Enter()
	err := s.ServerStream.RecvMsg(m)
	switch err {
	case nil:
		s.reads.Leave(1)
	case io.EOF:
		s.reads.Leave(0)
	default:
		s.reads.Leave(0)
		s.reads.Fail(err)
	}
	return err
}

// SendMsg shows, should it fail, on the span of that wait.
func (s *serverStream) SendMsg(m any) error {
	s.writes.Enter()
	err := s.ServerStream.SendMsg(m)
	if err == nil {
		s.writes.Leave(1)
		return nil
	}
	s.writes.Leave(0)
	s.writes.Fail(err)
	return err
}

// SendHeader waits as SendMsg does.
func (s *serverStream) SendHeader(md metadata.MD) error {
	s.writes.Enter()
	err := s.ServerStream.SendHeader(md)
	s.writes.Leave(0)
	return err
}
