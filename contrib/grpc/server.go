package gapgrpc

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
// draw nothing unless they are part of a trace, or asked for by a debug id.
func UnaryServerInterceptor(opts ...gaptrace.Option) grpc.UnaryServerInterceptor {
	w := spanutil.New(opts)
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (resp any, err error) {
		call := serve(ctx, w, info.FullMethod, info.FullMethod, req)
		if call == nil { // filtered out, or nobody's
			return handle(ctx, req)
		}
		spanutil.RunHandler(func() {
			resp, err = handle(call.Open(ctx), req)
		}, func(returned bool, failure any) {
			call.Served()
			finishServer(call, returned, failure, err, true)
		})
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
		call := serve(ctx, w, info.FullMethod, operation, info)
		if call == nil {
			return handle(srv, ss)
		}
		if srv == nil {
			call.Tag("grpc.method", info.FullMethod)
		}
		stream := &serverStream{ServerStream: ss, ctx: call.Open(ctx)}
		stream.reads, stream.writes = call.Reads(spanutil.Messages), call.Writes(spanutil.Messages)
		spanutil.RunHandler(func() {
			err = handle(srv, stream)
		}, func(returned bool, failure any) {
			call.Served()
			stream.reads.Finish(nil)
			stream.writes.Finish(nil)
			if info.IsClientStream {
				call.Tag("request_messages", stream.reads.Amount())
			}
			if info.IsServerStream {
				call.Tag("response_messages", stream.writes.Amount())
			}
			finishServer(call, returned, failure, err, !info.IsServerStream && stream.writes.Amount() == 0)
		})
		return err
	}
}

// serve begins the span of a method's handler; it returns nil where there is none.
func serve(ctx context.Context, w *spanutil.Wrapper, method, operation string, req any) *spanutil.Call {
	md := incoming{ctx}
	call := w.Serve(ctx, gaptrace.Call{Component: component, Operation: operation, Request: req}, format, md)
	if !w.Options.Roots && housekeeping(method) && !call.JoinsTrace(format, md) {
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
// or, where failure is nil, by runtime.Goexit. One that owes an answer and returns an error which says that all is well
// sends neither: its client takes that for an error of the protocol.
func finishServer(call *spanutil.Call, returned bool, failure any, err error, owes bool) {
	code := codes.Unknown
	switch {
	case returned:
		if code = codeOf(err); code == codes.OK && err != nil && owes {
			code = codes.Internal
		}
	case failure != nil:
		err = spanutil.PanicError(failure)
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

// SendHeader waits, and fails, as SendMsg does.
func (s *serverStream) SendHeader(md metadata.MD) error {
	s.writes.Enter()
	err := s.ServerStream.SendHeader(md)
	s.writes.Leave(0)
	s.writes.Fail(err)
	return err
}
