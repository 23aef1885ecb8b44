package gapgrpc

import (
	"context"
	"io"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/gaptrace/gaptrace/internal/uncovered"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

// ServerOptions returns two options for grpc.NewServer: they add [UnaryServerInterceptor] and
// [StreamServerInterceptor] to the server's interceptors. The spans cover the interceptors of later
// options, and not those of earlier ones.
func ServerOptions(opts ...gaptrace.Option) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(UnaryServerInterceptor(opts...)),
		grpc.ChainStreamInterceptor(StreamServerInterceptor(opts...)),
	}
}

// UnaryServerInterceptor returns an interceptor that records each call as a server's span. The span
// is a child of the client's span if the metadata has one, and otherwise starts a trace. The
// handler's context carries the span. Calls of the health and reflection services are not recorded,
// unless they are part of a trace, have a jaeger-debug-id, or [gaptrace.WithRoots] is given.
func UnaryServerInterceptor(opts ...gaptrace.Option) grpc.UnaryServerInterceptor {
	uncovered.Server(component)
	w := spanutil.NewServer(opts)
	return func(
		ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler,
	) (resp any, err error) {
		call := serve(ctx, w, info.FullMethod, info.FullMethod, req)
		if call == nil { // not recorded
			return handle(ctx, req)
		}
		spanutil.RunHandler(func() {
			resp, err = handle(call.Open(ctx), req)
		}, func(returned bool, panicked any) {
			call.Served()
			finishServer(call, returned, panicked, err, true)
		})
		return resp, err
	}
}

// StreamServerInterceptor returns an interceptor that records the streams of a server. The waits of
// the handler in RecvMsg, SendMsg and SendHeader are children of the server's span, so that they do
// not look like its work.
func StreamServerInterceptor(opts ...gaptrace.Option) grpc.StreamServerInterceptor {
	uncovered.Server(component)
	w := spanutil.NewServer(opts)
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) (err error) {
		ctx, operation := ss.Context(), info.FullMethod
		unknown := srv == nil // of a grpc.UnknownServiceHandler: the client may send any method
		if unknown {
			operation = unknownMethod
		}
		call := serve(ctx, w, info.FullMethod, operation, info)
		if call == nil {
			return handle(srv, ss)
		}
		if unknown {
			call.Tag("grpc.method", info.FullMethod)
		}
		stream := &serverStream{ServerStream: ss, ctx: call.Open(ctx)}
		stream.reads, stream.writes = call.Reads(spanutil.Messages), call.Writes(spanutil.Messages)
		spanutil.RunHandler(func() {
			err = handle(srv, stream)
		}, func(returned bool, panicked any) {
			call.Served()
			defer func() { // as the next, since hooks may call Goexit
				if info.IsClientStream {
					call.Tag("request_messages", stream.reads.Amount())
				}
				if info.IsServerStream {
					call.Tag("response_messages", stream.writes.Amount())
				}
				answerDue := !info.IsServerStream && stream.writes.Amount() == 0
				finishServer(call, returned, panicked, err, answerDue)
			}()
			defer stream.writes.Finish(nil)
			stream.reads.Finish(nil)
		})
		return err
	}
}

// serve begins the call of a method's handler. It returns nil if the call is not recorded.
func serve(ctx context.Context, w *spanutil.Wrapper, method, operation string, req any) *spanutil.Call {
	md := incoming{ctx}
	call := w.Serve(ctx, gaptrace.Call{Component: component, Operation: operation, Request: req}, format, md)
	if !w.Options.Roots && isProbe(method) && !call.JoinsTrace(format, md) {
		call.Discard()
		return nil
	}
	if call.MaySample() {
		if client, ok := peer.FromContext(ctx); ok {
			tagPeer(call, client)
		}
		if ids := metadata.ValueFromIncomingContext(ctx, "x-request-id"); len(ids) > 0 {
			call.Tag("guid:x-request-id", ids[0]) // the name of Envoy's tag, so that one search finds both spans
		}
	}
	return call
}

// finishServer finishes the span of a handler that returned err, panicked or called Goexit. If a
// handler returns an error whose status is OK, but owes the client its only answer, grpc sends
// neither. Then the client's status is Internal.
func finishServer(call *spanutil.Call, returned bool, panicked any, err error, answerDue bool) {
	code := codes.Unknown
	switch {
	case returned:
		if code = codeOf(err); code == codes.OK && err != nil && answerDue {
			code = codes.Internal
		}
	case panicked != nil:
		err = spanutil.PanicError(panicked)
	default:
		err = spanutil.ErrUnwound
	}
	call.Tag("grpc.code", code.String())
	if err != nil && returned && !call.Failed(int(code), isServerFailure(code)) {
		err = nil
	}
	call.Finish(err)
}

// isServerFailure reports whether the client has not caused a status.
func isServerFailure(code codes.Code) bool {
	switch code {
	case codes.Unknown, codes.DeadlineExceeded, codes.Unimplemented, codes.Internal, codes.Unavailable, codes.DataLoss:
		return true
	}
	return false
}

// serverStream has the span in its context, and records the handler's waits for the client. If a
// wait fails, its own span has the error.
type serverStream struct {
	grpc.ServerStream
	ctx           context.Context
	reads, writes *spanutil.Call
}

// Context returns the context that carries the span.
func (s *serverStream) Context() context.Context { return s.ctx }

func (s *serverStream) RecvMsg(m any) error {
	wait := s.reads.Wait()
	err := s.ServerStream.RecvMsg(m)
	wait.DoneOne(err)
	if err != io.EOF {
		s.reads.Fail(err)
	}
	return err
}

func (s *serverStream) SendMsg(m any) error {
	wait := s.writes.Wait()
	err := s.ServerStream.SendMsg(m)
	wait.DoneOne(err)
	s.writes.Fail(err)
	return err
}

func (s *serverStream) SendHeader(md metadata.MD) error {
	wait := s.writes.Wait()
	err := s.ServerStream.SendHeader(md)
	wait.Done(0)
	s.writes.Fail(err)
	return err
}
