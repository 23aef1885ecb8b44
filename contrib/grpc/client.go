package gapgrpc

import (
	"context"
	"slices"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/spanutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
)

// DialOptions returns two options for grpc.NewClient: they add [UnaryClientInterceptor] and
// [StreamClientInterceptor] to the client's interceptors. Those of later options run inside ours,
// and their work counts as waiting.
func DialOptions(opts ...gaptrace.Option) []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithChainUnaryInterceptor(UnaryClientInterceptor(opts...)),
		grpc.WithChainStreamInterceptor(StreamClientInterceptor(opts...)),
	}
}

// UnaryClientInterceptor returns an interceptor that records each call as a child of the span in
// the call's context. The call is sent with its span's context in the metadata. The caller's own
// metadata is not changed, and errors are returned as they are.
func UnaryClientInterceptor(opts ...gaptrace.Option) grpc.UnaryClientInterceptor {
	w := spanutil.NewClient(component, opts)
	return func(
		ctx context.Context, method string, req, reply any,
		cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption,
	) error {
		call := w.Start(ctx, spanutil.Injected, func() gaptrace.Call {
			return gaptrace.Call{Component: component, Operation: method, Request: req}
		})
		if call == nil { // not recorded
			ctx, _ = w.Unrecorded(ctx)
			return invoker(ctx, method, req, reply, cc, opts...)
		}
		defer unwound(ctx, call)
		with := openAndInject(ctx, call)
		var server *peer.Peer
		if call.Sampled() {
			server = new(peer.Peer)
			opts = append(slices.Clip(opts), grpc.Peer(server))
		}
		err := invoker(with, method, req, reply, cc, opts...)
		tagPeer(call, server)
		finishClient(ctx, call, err)
		return err
	}
}

// StreamClientInterceptor returns an interceptor that records a client's streams. A stream's span
// covers NewStream. Its later waits, in RecvMsg, SendMsg, Header and CloseSend, are spans of their
// own. All are reported when the stream ends: docs/grpc.md says when that is.
func StreamClientInterceptor(opts ...gaptrace.Option) grpc.StreamClientInterceptor {
	w := spanutil.NewClient(component, opts)
	return func(
		ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn,
		method string, streamer grpc.Streamer, opts ...grpc.CallOption,
	) (grpc.ClientStream, error) {
		call := w.Start(ctx, spanutil.Injected, func() gaptrace.Call {
			return gaptrace.Call{Component: component, Operation: method, Request: desc}
		})
		if call == nil { // not recorded
			ctx, _ = w.Unrecorded(ctx)
			return streamer(ctx, desc, cc, method, opts...)
		}
		defer unwound(ctx, call)
		with := openAndInject(ctx, call)
		var end *streamEnd
		if call.Sampled() {
			end = newStreamEnd(ctx, call, desc, cc, method)
			// It comes first, since the caller's own OnFinish may block.
			opts = slices.Insert(slices.Clip(opts), 0, grpc.CallOption(grpc.OnFinish(end.onFinish)))
		}
		cs, err := streamer(with, desc, cc, method, opts...)
		if err != nil || cs == nil {
			finishClient(ctx, call, err)
			return cs, err
		}
		if !call.Answered(spanutil.Messages) {
			return cs, nil
		}
		return newClientStream(cs, end), nil
	}
}

// openAndInject opens the call's span, and returns ctx with the span and with the span's context in
// the outgoing metadata.
func openAndInject(ctx context.Context, call *spanutil.Call) context.Context {
	ctx = call.Open(ctx)
	md := newOutgoing(ctx)
	call.Inject(format, md)
	return md.in(ctx)
}

// finishClient finishes a call that returned err to a caller whose context is ctx. Canceled is not
// a failure if the caller canceled ctx. An error whose status is OK can only come from an
// interceptor, and counts as Unknown.
func finishClient(ctx context.Context, call *spanutil.Call, err error) {
	code := codeOf(err)
	if code == codes.OK && err != nil {
		code = codes.Unknown
	}
	call.Tag("grpc.code", code.String())
	isFailure := code != codes.Canceled || ctx.Err() != context.Canceled
	if err != nil && err != spanutil.ErrUnwound && !call.Failed(int(code), isFailure) { //nolint:errorlint // our own
		err = nil
	}
	call.Finish(err)
}

// unwound, deferred, finishes a call that a panic or runtime.Goexit unwinds.
func unwound(ctx context.Context, call *spanutil.Call) {
	if call.InFirstWait() {
		finishClient(ctx, call, spanutil.ErrUnwound)
	}
}
