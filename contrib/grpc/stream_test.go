package gapgrpc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	gapgrpc "github.com/gaptrace/gaptrace/contrib/grpc"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const bufconnPeer = " peer.address=bufconn"

// streamTest is the caller of one stream, and its server.
type streamTest struct {
	*testing.T
	ctx    context.Context
	tracer *spantest.Tracer
	client pb.TestServiceClient
}

func newStreamTest(t *testing.T) streamTest {
	tracer, ctx, client := wrapped(t, &service{})
	return streamTest{t, ctx, tracer, client}
}

// ended waits until the stream has ended, and returns its span.
func (s streamTest) ended() *spantest.Span {
	spantest.Await(s, "the stream's end", func() bool { return len(s.tracer.Calls()) == 1 })
	return s.tracer.Calls()[0]
}

// want compares the spans of a stream that is about to end. Waits are left out.
func (s streamTest) want(want string) {
	s.Helper()
	s.ended()
	time.Sleep(time.Millisecond) // a second end, if there is one, comes by now
	spantest.WantUnder(s, s.tracer, opentracing.SpanFromContext(s.ctx), want)
}

// wantCode reports an error unless err has that status.
func (s streamTest) wantCode(err error, code codes.Code) {
	s.Helper()
	if status.Code(err) != code {
		s.Errorf("got %v, want %v", err, code)
	}
}

func (s streamTest) download(ctx context.Context, req *pb.StreamingOutputCallRequest) (n int, err error) {
	return drain(spantest.Must(s.client.StreamingOutputCall(ctx, req))(s))
}

// TestStreamEnds checks that a stream's span is finished once, however the stream ends.
func TestStreamEnds(t *testing.T) {
	t.Run("read to its end", func(t *testing.T) {
		s := newStreamTest(t)
		if n, err := s.download(s.ctx, ask(1, 2, 3)); n != 3 || err != io.EOF {
			t.Error(n, err)
		}
		s.want(line(download, "grpc.code=OK messages=3"+bufconnPeer))
	})
	t.Run("read after its end", func(t *testing.T) {
		s := newStreamTest(t)
		stream := spantest.Must(s.client.StreamingOutputCall(s.ctx, ask(1)))(t)
		for range 3 {
			drain(stream)
		}
		s.want(line(download, "grpc.code=OK messages=1"+bufconnPeer))
	})
	t.Run("server fails", func(t *testing.T) {
		s := newStreamTest(t)
		n, err := s.download(s.ctx, askStatus(codes.NotFound, 1))
		if s.wantCode(err, codes.NotFound); n != 1 {
			t.Error(n)
		}
		s.want(failed(download, " messages=1"+bufconnPeer, codes.NotFound, "as asked"))
	})
	t.Run("server fails without a message", func(t *testing.T) {
		s := newStreamTest(t)
		n, err := s.download(s.ctx, askStatus(codes.DataLoss))
		if s.wantCode(err, codes.DataLoss); n != 0 {
			t.Error(n)
		}
		s.want(failed(download, " messages=0"+bufconnPeer, codes.DataLoss, "as asked"))
	})
	t.Run("server fails after Header", func(t *testing.T) {
		s := newStreamTest(t)
		stream := spantest.Must(s.client.StreamingOutputCall(s.ctx, askStatus(codes.Aborted)))(t)
		spantest.Must(stream.Header())(t)
		_, err := stream.Recv()
		s.wantCode(err, codes.Aborted)
		s.want(failed(download, " messages=0"+bufconnPeer, codes.Aborted, "as asked"))
	})
	t.Run("upload", func(t *testing.T) {
		s := newStreamTest(t)
		stream := spantest.Must(s.client.StreamingInputCall(s.ctx))(t)
		for range 3 {
			s.wantCode(stream.Send(&pb.StreamingInputCallRequest{}), codes.OK)
		}
		spantest.Must(stream.CloseAndRecv())(t)
		s.want(line(upload, "grpc.code=OK messages=1"+bufconnPeer+" request_messages=3"))
	})
	t.Run("both ways", func(t *testing.T) {
		s := newStreamTest(t)
		stream := spantest.Must(s.client.FullDuplexCall(s.ctx))(t)
		for range 2 {
			s.wantCode(stream.Send(ask(1, 1)), codes.OK)
			for range 2 {
				spantest.Must(stream.Recv())(t)
			}
		}
		stream.CloseSend()
		if _, err := stream.Recv(); err != io.EOF {
			t.Error(err)
		}
		s.want(line(duplex, "grpc.code=OK messages=4"+bufconnPeer+" request_messages=2"))
	})
}

// TestStreamSendEnds checks the ends that are seen while sending.
func TestStreamSendEnds(t *testing.T) {
	t.Run("server fails while sending", func(t *testing.T) {
		s := newStreamTest(t)
		stream := spantest.Must(s.client.FullDuplexCall(s.ctx))(t)
		var err error
		sent := 0
		for {
			if err = stream.Send(askStatus(codes.PermissionDenied)); err != nil {
				break
			}
			sent++
			time.Sleep(time.Millisecond)
		}
		if err != io.EOF {
			t.Errorf("sending: %v", err)
		}
		_, err = stream.Recv()
		s.wantCode(err, codes.PermissionDenied)
		tags := fmt.Sprintf(" messages=0%s request_messages=%d", bufconnPeer, sent)
		s.want(failed(duplex, tags, codes.PermissionDenied, "as asked"))
	})
	t.Run("message is too large", func(t *testing.T) {
		s := newStreamTest(t)
		stream := spantest.Must(s.client.FullDuplexCall(s.ctx, grpc.MaxCallSendMsgSize(1)))(t)
		s.wantCode(stream.Send(ask(1)), codes.ResourceExhausted)
		s.want(failed(duplex, " messages=0 request_messages=0", codes.ResourceExhausted,
			"trying to send message larger than max (4 vs. 1)"))
	})
	t.Run("sent after the end", func(t *testing.T) {
		s := newStreamTest(t)
		stream := spantest.Must(s.client.FullDuplexCall(s.ctx))(t)
		stream.CloseSend()
		if _, err := stream.Recv(); err != io.EOF {
			t.Error(err)
		}
		s.wantCode(stream.Send(ask(1)), codes.Internal)
		s.want(line(duplex, "grpc.code=OK messages=0"+bufconnPeer+" request_messages=0"))
	})
}

func TestStreamIsCanceled(t *testing.T) {
	t.Run("while nobody waits", func(t *testing.T) {
		s := newStreamTest(t)
		ctx, cancel := context.WithCancel(s.ctx)
		spantest.Must(spantest.Must(s.client.StreamingOutputCall(ctx, ask(1, 2)))(t).Recv())(t)
		cancel()
		s.want(line(download, "grpc.code=Canceled messages=1"+bufconnPeer))
	})
	t.Run("while somebody waits", func(t *testing.T) {
		s := newStreamTest(t)
		ctx, cancel := context.WithCancel(s.ctx)
		stream := spantest.Must(s.client.FullDuplexCall(ctx))(t)
		time.AfterFunc(5*time.Millisecond, cancel)
		_, err := stream.Recv()
		s.wantCode(err, codes.Canceled)
		// The server is known if the request was sent by then.
		delete(s.ended().Tags, "peer.address")
		s.want(line(duplex, "grpc.code=Canceled messages=0 request_messages=0"))
	})
	t.Run("before it starts", func(t *testing.T) {
		s := newStreamTest(t)
		ctx, cancel := context.WithCancel(s.ctx)
		cancel()
		_, err := s.client.FullDuplexCall(ctx)
		s.wantCode(err, codes.Canceled)
		s.want(line(duplex, "grpc.code=Canceled"))
	})
	t.Run("by ClientConn.Close", func(t *testing.T) {
		s := newStreamTest(t)
		conn := dial(t, start(t, &service{}), gapgrpc.DialOptions(gaptrace.WithTracer(s.tracer))...)
		stream := spantest.Must(pb.NewTestServiceClient(conn).FullDuplexCall(s.ctx))(t)
		s.wantCode(stream.Send(ask(1)), codes.OK)
		spantest.Must(stream.Recv())(t)
		conn.Close()
		_, err := stream.Recv()
		s.wantCode(err, codes.Canceled)
		// A failure, since the caller's context has not ended.
		s.want(failed(duplex, " messages=1 peer.address=bufconn request_messages=1", codes.Canceled,
			"grpc: the client connection is closing"))
	})
}

func TestForgottenStreamIsAbandoned(t *testing.T) {
	tracer, ctx, client := wrapped(t, &service{})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	func() {
		spantest.Must(spantest.Must(client.StreamingOutputCall(ctx, ask(1, 2, 3)))(t).Recv())(t)
	}()
	spantest.Await(t, "the garbage collector", func() bool {
		runtime.GC()
		return len(tracer.Calls()) == 1
	})
	cancel() // ends no other span
	time.Sleep(time.Millisecond)
	spantest.WantUnder(t, tracer, opentracing.SpanFromContext(ctx),
		"  "+download+" abandoned=true component=grpc messages=1 peer.address=bufconn span.kind=client\n")
}

// TestStreamIsNotAbandonedInItsLastCall collects garbage while the last RecvMsg ends the stream.
func TestStreamIsNotAbandonedInItsLastCall(t *testing.T) {
	collect := func() { // a stream without references is reported by then
		for range 5 {
			runtime.GC()
			time.Sleep(time.Millisecond)
		}
	}
	tracer, ctx, _ := spantest.Under(t)
	intercept := gapgrpc.StreamClientInterceptor(gaptrace.WithTracer(tracer),
		gaptrace.WithExpected(func(gaptrace.Call, error) bool { // called while the stream ends
			collect()
			return false
		}))
	next := streamer(fakeStream{recv: func() error {
		collect()
		return errNotHere
	}})
	stream, _ := intercept(ctx, &grpc.StreamDesc{ServerStreams: true}, nil, duplex, next)
	if err := stream.RecvMsg(nil); err != errNotHere { // the last reference
		t.Error(err)
	}
	tags := tracer.Only(t, duplex).Tags
	if tags["grpc.code"] != "NotFound" || tags["error"] != true || tags["abandoned"] != nil {
		t.Errorf("tags: %v", tags)
	}
}

// fakeClientStream returns s as a caller gets it from the interceptor.
func fakeClientStream(t *testing.T, s grpc.ClientStream) (*spantest.Tracer, opentracing.Span, grpc.ClientStream) {
	tracer, ctx, parent := spantest.Under(t)
	stream := spantest.Must(newStream(ctx, tracer, &grpc.StreamDesc{ServerStreams: true}, streamer(s)))(t)
	return tracer, parent, stream
}

// streamMethods are the methods of a client's stream that may wait.
var streamMethods = map[string]func(s grpc.ClientStream) error{
	"RecvMsg":   func(s grpc.ClientStream) error { return s.RecvMsg(nil) },
	"SendMsg":   func(s grpc.ClientStream) error { return s.SendMsg(nil) },
	"CloseSend": func(s grpc.ClientStream) error { return s.CloseSend() },
	"Header":    func(s grpc.ClientStream) error { _, err := s.Header(); return err },
}

func TestInnerStreamFails(t *testing.T) {
	want := errors.New("of an inner interceptor")
	fails := func() error { return want }
	header := func() (metadata.MD, error) { return metadata.Pairs("k", "v"), want }
	inner := fakeStream{recv: fails, send: fails, close: fails, header: header}
	for method, call := range streamMethods {
		t.Run(method, func(t *testing.T) {
			tracer, parent, stream := fakeClientStream(t, inner)
			if got := call(stream); got != want {
				t.Errorf("the error was returned as %v", got)
			}
			switch method {
			case "Header":
				if md, _ := stream.Header(); md.Get("k") == nil {
					t.Error("the header is missing")
				}
			case "CloseSend": // ends nothing: what RecvMsg returns counts
				_ = stream.RecvMsg(nil)
			}
			spantest.WantUnder(t, tracer, parent, line(duplex, "error=true grpc.code=Unknown messages=0")+
				"    * event=error error.kind=*errors.errorString message=\"of an inner interceptor\"\n")
		})
	}
}

func TestInnerStreamPanics(t *testing.T) {
	panics := func() error { panic("inner") }
	header := func() (metadata.MD, error) { panic("inner") }
	inner := fakeStream{recv: panics, send: panics, close: panics, header: header}
	for method, call := range streamMethods {
		t.Run(method, func(t *testing.T) {
			tracer, parent, stream := fakeClientStream(t, inner)
			if value := panicOf(func() { _ = call(stream) }); value != "inner" {
				t.Errorf("panicked with %v", value)
			}
			const message = "panic or runtime.Goexit in the wrapped call"
			spantest.WantUnder(t, tracer, parent, line(duplex, "error=true grpc.code=Unknown messages=0")+
				"    * event=error error.kind=*errors.errorString message=\""+message+"\"\n")
		})
	}
}

// TestStreamEndsRace lets senders, receivers and the end of the context meet.
func TestStreamEndsRace(t *testing.T) {
	tracer, ctx, client := wrapped(t, &service{})
	const streams = 200
	for i := range streams {
		ctx, cancel := context.WithCancel(ctx)
		stream := spantest.Must(client.FullDuplexCall(ctx))(t)
		var users sync.WaitGroup
		users.Go(func() {
			for stream.Send(ask(1)) == nil {
			}
		})
		users.Go(func() {
			for {
				if _, err := stream.Recv(); err != nil {
					return
				}
			}
		})
		users.Go(func() { stream.Header() })
		time.Sleep(time.Duration(i%7) * 50 * time.Microsecond)
		cancel()
		users.Wait()
	}
	spantest.Await(t, "the ends of all streams", func() bool { return len(tracer.Named(duplex)) == streams })
	for _, span := range tracer.Named(duplex) {
		if span.Tags["grpc.code"] != "Canceled" || span.Tags["error"] != nil {
			t.Errorf("%v %v", span.Tags, span.Logs)
		}
	}
	opentracing.SpanFromContext(ctx).Finish()
	if problems := tracer.Problems(); problems != nil {
		t.Error(strings.Join(problems, "\n"))
	}
}
