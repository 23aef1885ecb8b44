package gapgrpc

import (
	"context"
	"slices"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/spanutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

// DialOptions returns the two options of a client that chain [UnaryClientInterceptor] and [StreamClientInterceptor]
// behind the interceptors that were given before them. They are two because grpc has no public way to make one of them.
func DialOptions(opts ...gaptrace.Option) []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithChainUnaryInterceptor(UnaryClientInterceptor(opts...)),
		grpc.WithChainStreamInterceptor(StreamClientInterceptor(opts...)),
	}
}

// UnaryClientInterceptor returns an interceptor that draws each call as a span under the span of the call's context. The
// call goes out with the span's context in its metadata, on a copy; errors come back as they are.
func UnaryClientInterceptor(opts ...gaptrace.Option) grpc.UnaryClientInterceptor {
	w := spanutil.New(opts)
	return func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		call := w.Start(ctx, spanutil.Injected, func() gaptrace.Call {
			return gaptrace.Call{Component: component, Operation: method, Request: req}
		})
		if call == nil { // not recorded
			return invoker(ctx, method, req, reply, cc, opts...)
		}
		defer unwound(ctx, call)
		with := open(ctx, call)
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

// StreamClientInterceptor is [UnaryClientInterceptor] for streams. A stream's span is the wait for NewStream; what its
// caller waits for later, in RecvMsg, SendMsg, Header and CloseSend, is drawn beside it when the stream has ended: when
// RecvMsg, or NewStream, returned an error (io.EOF is the good end), SendMsg one that is not io.EOF, when the one answer of
// a stream that has one came, when Header returned none, when grpc ended it (ctx or the service config's time is over, or the
// ClientConn is closed), or when nobody can ask the stream for more.
func StreamClientInterceptor(opts ...gaptrace.Option) grpc.StreamClientInterceptor {
	w := spanutil.New(opts)
	return func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		call := w.Start(ctx, spanutil.Injected, func() gaptrace.Call {
			return gaptrace.Call{Component: component, Operation: method, Request: desc}
		})
		if call == nil {
			return streamer(ctx, desc, cc, method, opts...)
		}
		defer unwound(ctx, call)
		with := open(ctx, call)
		var e *ending
		if call.Sampled() {
			e = &ending{call: call, ctx: ctx, cc: cc, method: method, began: time.Now(), sends: desc.ClientStreams, single: !desc.ServerStreams}
			opts = slices.Insert(slices.Clip(opts), 0, grpc.CallOption(grpc.OnFinish(e.over))) // the caller's own may block
		}
		cs, err := streamer(with, desc, cc, method, opts...)
		if err != nil || cs == nil {
			finishClient(ctx, call, err)
			return cs, err
		}
		if !call.Answered(spanutil.Messages) {
			return cs, nil
		}
		return newClientStream(cs, e), nil
	}
}

// open opens the call's span and returns ctx with it, and with its context in the outgoing metadata.
func open(ctx context.Context, call *spanutil.Call) context.Context {
	ctx = call.Open(ctx)
	c := carrier{written: metadata.MD{}}
	c.callers, _ = metadata.FromOutgoingContext(ctx)
	call.Inject(format, &c)
	return c.outgoing(ctx)
}

// finishClient finishes a call that came back with err. That the caller, whose context ctx is, called it off is no
// failure. An error that says that all is well is one all the same, of an interceptor's.
func finishClient(ctx context.Context, call *spanutil.Call, err error) {
	code := codeOf(err)
	if code == codes.OK && err != nil {
		code = codes.Unknown
	}
	call.Tag("grpc.code", code.String())
	if code == codes.Canceled && ctx.Err() == context.Canceled {
		err = nil
	}
	call.Finish(err)
}

// unwound, deferred, finishes a call that a panic or runtime.Goexit leaves.
func unwound(ctx context.Context, call *spanutil.Call) {
	if call.InFirstWait() {
		finishClient(ctx, call, spanutil.ErrUnwound)
	}
}
