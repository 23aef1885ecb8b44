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

// line is how a stream's span is drawn, with the tags between its component and its kind.
func line(operation, tags string) string {
	return "  " + operation + " component=grpc " + tags + " span.kind=client\n"
}

// failed is line for one that failed with a status.
func failed(operation, tags string, code codes.Code, message string) string {
	return line(operation, fmt.Sprintf("error=true grpc.code=%v%s", code, tags)) +
		fmt.Sprintf("    * event=error error.kind=*status.Error message=\"rpc error: code = %v desc = %s\"\n", code, message)
}

func TestAStreamsSpanIsFinishedOnceHoweverItEnds(t *testing.T) {
	const bufconn = " peer.address=bufconn"
	type use func(t *testing.T, ctx context.Context, client pb.TestServiceClient)
	for name, c := range map[string]struct {
		use  use
		want string
	}{
		"read to its end": {func(t *testing.T, ctx context.Context, client pb.TestServiceClient) {
			if n, err := drain(must(client.StreamingOutputCall(ctx, ask(1, 2, 3)))(t)); n != 3 || err != io.EOF {
				t.Error(n, err)
			}
		}, line(download, "grpc.code=OK messages=3"+bufconn)},
		"read beyond its end": {func(t *testing.T, ctx context.Context, client pb.TestServiceClient) {
			stream := must(client.StreamingOutputCall(ctx, ask(1)))(t)
			for range 3 {
				drain(stream)
			}
		}, line(download, "grpc.code=OK messages=1"+bufconn)},
		"failed by the server": {func(t *testing.T, ctx context.Context, client pb.TestServiceClient) {
			if n, err := drain(must(client.StreamingOutputCall(ctx, askStatus(codes.NotFound, 1)))(t)); n != 1 || status.Code(err) != codes.NotFound {
				t.Error(n, err)
			}
		}, failed(download, " messages=1"+bufconn, codes.NotFound, "as asked")},
		"failed without a message": {func(t *testing.T, ctx context.Context, client pb.TestServiceClient) {
			if n, err := drain(must(client.StreamingOutputCall(ctx, askStatus(codes.DataLoss)))(t)); n != 0 || status.Code(err) != codes.DataLoss {
				t.Error(n, err)
			}
		}, failed(download, " messages=0"+bufconn, codes.DataLoss, "as asked")},
		"uploaded": {func(t *testing.T, ctx context.Context, client pb.TestServiceClient) {
			stream := must(client.StreamingInputCall(ctx))(t)
			for range 3 {
				if err := stream.Send(&pb.StreamingInputCallRequest{}); err != nil {
					t.Error(err)
				}
			}
			if _, err := stream.CloseAndRecv(); err != nil {
				t.Error(err)
			}
		}, line(upload, "grpc.code=OK messages=1"+bufconn+" request_messages=3")},
		"both ways": {func(t *testing.T, ctx context.Context, client pb.TestServiceClient) {
			stream := must(client.FullDuplexCall(ctx))(t)
			for range 2 {
				if err := stream.Send(ask(1, 1)); err != nil {
					t.Error(err)
				}
				for range 2 {
					must(stream.Recv())(t)
				}
			}
			stream.CloseSend()
			if _, err := stream.Recv(); err != io.EOF {
				t.Error(err)
			}
		}, line(duplex, "grpc.code=OK messages=4"+bufconn+" request_messages=2")},
		"ended by the server while sending": {func(t *testing.T, ctx context.Context, client pb.TestServiceClient) {
			stream := must(client.FullDuplexCall(ctx))(t)
			var err error
			sent := 0
			for err == nil {
				if err = stream.Send(askStatus(codes.PermissionDenied)); err == nil {
					sent++
				}
				time.Sleep(time.Millisecond)
			}
			if err != io.EOF {
				t.Errorf("sending: %v", err)
			}
			if _, err := stream.Recv(); status.Code(err) != codes.PermissionDenied {
				t.Error(err)
			}
		}, failed(duplex, bufconn+" request_messages=N", codes.PermissionDenied, "as asked")},
		"a message that cannot be sent": {func(t *testing.T, ctx context.Context, client pb.TestServiceClient) {
			stream := must(client.FullDuplexCall(ctx, grpc.MaxCallSendMsgSize(1)))(t)
			if err := stream.Send(ask(1)); status.Code(err) != codes.ResourceExhausted {
				t.Error(err)
			}
		}, failed(duplex, " messages=0 request_messages=0", codes.ResourceExhausted, "trying to send message larger than max (4 vs. 1)")},
		"sent after the end": {func(t *testing.T, ctx context.Context, client pb.TestServiceClient) {
			stream := must(client.FullDuplexCall(ctx))(t)
			stream.CloseSend()
			if _, err := stream.Recv(); err != io.EOF {
				t.Error(err)
			}
			if err := stream.Send(ask(1)); status.Code(err) != codes.Internal {
				t.Error(err)
			}
		}, line(duplex, "grpc.code=OK messages=0"+bufconn+" request_messages=0")},
		"headers and then the end": {func(t *testing.T, ctx context.Context, client pb.TestServiceClient) {
			stream := must(client.StreamingOutputCall(ctx, askStatus(codes.Aborted)))(t)
			if _, err := stream.Header(); err != nil {
				t.Error(err)
			}
			if _, err := stream.Recv(); status.Code(err) != codes.Aborted {
				t.Error(err)
			}
		}, failed(download, " messages=0"+bufconn, codes.Aborted, "as asked")},
		"called off while nobody waits": {func(t *testing.T, ctx context.Context, client pb.TestServiceClient) {
			ctx, cancel := context.WithCancel(ctx)
			must(must(client.StreamingOutputCall(ctx, ask(1, 2)))(t).Recv())(t)
			cancel()
		}, line(download, "grpc.code=Canceled messages=1"+bufconn)},
		"called off while somebody waits": {func(t *testing.T, ctx context.Context, client pb.TestServiceClient) {
			ctx, cancel := context.WithCancel(ctx)
			stream := must(client.FullDuplexCall(ctx))(t)
			time.AfterFunc(5*time.Millisecond, cancel)
			if _, err := stream.Recv(); status.Code(err) != codes.Canceled {
				t.Error(err)
			}
		}, line(duplex, "grpc.code=Canceled messages=0 request_messages=0")},
		"called off before it began": {func(t *testing.T, ctx context.Context, client pb.TestServiceClient) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			if _, err := client.FullDuplexCall(ctx); status.Code(err) != codes.Canceled {
				t.Error(err)
			}
		}, line(duplex, "grpc.code=Canceled")},
	} {
		t.Run(name, func(t *testing.T) {
			tracer, ctx, client := wrapped(t, &service{})
			c.use(t, ctx, client)
			await(t, "the stream's end", func() bool { return len(calls(tracer)) == 1 })
			time.Sleep(time.Millisecond) // for a second end, were there one
			span := calls(tracer)[0]
			if n, ok := span.Tags["request_messages"].(int64); ok && strings.Contains(c.want, "=N") {
				c.want = strings.Replace(c.want, "=N", fmt.Sprint("=", n), 1)
				c.want = strings.Replace(c.want, " peer.address", " messages=0 peer.address", 1)
			}
			if strings.HasPrefix(name, "called off") && span.Tags["messages"] == int64(0) {
				delete(span.Tags, "peer.address") // who was to answer is known if the request had gone out
			}
			wantTree(t, tracer, opentracing.SpanFromContext(ctx), c.want)
		})
	}
}

func TestAServerThatIsGoneEndsItsStreams(t *testing.T) {
	tracer, ctx, parent := under(t)
	l := start(t, &service{})
	conn := dial(t, l, gapgrpc.DialOptions(gaptrace.WithTracer(tracer))...)
	stream := must(pb.NewTestServiceClient(conn).FullDuplexCall(ctx))(t)
	if err := stream.Send(ask(1)); err != nil {
		t.Fatal(err)
	}
	must(stream.Recv())(t)
	conn.Close()
	if _, err := stream.Recv(); status.Code(err) != codes.Canceled {
		t.Error(err)
	}
	await(t, "the stream's end", func() bool { return len(calls(tracer)) == 1 })
	// The caller's context has not ended: it is a failure, whatever its code.
	wantTree(t, tracer, parent, failed(duplex, " messages=1 peer.address=bufconn request_messages=1", codes.Canceled, "grpc: the client connection is closing"))
}

func TestAStreamThatIsForgottenIsReportedByTheCollectorAndItsContextForgetsIt(t *testing.T) {
	tracer, ctx, client := wrapped(t, &service{})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	func() {
		must(must(client.StreamingOutputCall(ctx, ask(1, 2, 3)))(t).Recv())(t)
	}()
	await(t, "the collector", func() bool {
		runtime.GC()
		return len(calls(tracer)) == 1
	})
	cancel()
	time.Sleep(time.Millisecond)
	wantTree(t, tracer, opentracing.SpanFromContext(ctx), "  "+download+" abandoned=true component=grpc messages=1 peer.address=bufconn span.kind=client\n")
}

func TestTheCollectorTakesNoStreamForForgottenWhileItsLastCallEndsIt(t *testing.T) {
	collect := func() { // a stream that nobody holds is reported by then
		for range 5 {
			runtime.GC()
			time.Sleep(time.Millisecond)
		}
	}
	tracer, ctx, _ := under(t)
	stream, _ := gapgrpc.StreamClientInterceptor(gaptrace.WithTracer(tracer), gaptrace.WithExpected(func(gaptrace.Call, error) bool {
		collect() // while the stream's end is being told
		return false
	}))(ctx, &grpc.StreamDesc{ServerStreams: true}, nil, duplex,
		func(context.Context, *grpc.StreamDesc, *grpc.ClientConn, string, ...grpc.CallOption) (grpc.ClientStream, error) {
			return strange{recv: func() error {
				collect()
				return errNotHere
			}}, nil
		})
	if err := stream.RecvMsg(nil); err != errNotHere { // from here on nobody holds it
		t.Error(err)
	}
	if tags := only(t, tracer, duplex).Tags; tags["grpc.code"] != "NotFound" || tags["error"] != true || tags["abandoned"] != nil {
		t.Errorf("%v", tags)
	}
}

// strange is a stream that does as its functions say.
type strange struct {
	grpc.ClientStream
	recv, send, close func() error
	header            func() (metadata.MD, error)
}

func (s strange) RecvMsg(any) error            { return s.recv() }
func (s strange) SendMsg(any) error            { return s.send() }
func (s strange) CloseSend() error             { return s.close() }
func (s strange) Header() (metadata.MD, error) { return s.header() }
func (s strange) Context() context.Context     { return context.Background() }

// strangeStream is s as a caller gets it.
func strangeStream(t *testing.T, s grpc.ClientStream, desc *grpc.StreamDesc) (*spantest.Tracer, opentracing.Span, grpc.ClientStream) {
	tracer, ctx, parent := under(t)
	stream, err := gapgrpc.StreamClientInterceptor(gaptrace.WithTracer(tracer))(ctx, desc, nil, duplex,
		func(context.Context, *grpc.StreamDesc, *grpc.ClientConn, string, ...grpc.CallOption) (grpc.ClientStream, error) {
			return s, nil
		})
	if err != nil {
		t.Fatal(err)
	}
	return tracer, parent, stream
}

func TestErrorsOfAnInnerStreamComeBackAsTheyAreAndEndIt(t *testing.T) {
	err := errors.New("of an inner interceptor")
	fails := func() error { return err }
	inner := strange{recv: fails, send: fails, close: fails, header: func() (metadata.MD, error) { return metadata.Pairs("k", "v"), err }}
	for name, op := range map[string]func(s grpc.ClientStream) error{
		"RecvMsg": func(s grpc.ClientStream) error { return s.RecvMsg(nil) },
		"SendMsg": func(s grpc.ClientStream) error { return s.SendMsg(nil) },
		"Header": func(s grpc.ClientStream) error {
			md, err := s.Header()
			if md.Get("k") == nil {
				t.Error("the header is gone")
			}
			return err
		},
		"CloseSend": func(s grpc.ClientStream) error {
			err := s.CloseSend() // no end: what the stream says in RecvMsg counts
			_ = s.RecvMsg(nil)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			tracer, parent, stream := strangeStream(t, inner, &grpc.StreamDesc{ServerStreams: true})
			if got := op(stream); got != err {
				t.Errorf("it came back as %v", got)
			}
			wantTree(t, tracer, parent, line(duplex, "error=true grpc.code=Unknown messages=0")+
				"    * event=error error.kind=*errors.errorString message=\"of an inner interceptor\"\n")
		})
	}
}

func TestAPanicInAStreamPassesAndTheSpanHasFailed(t *testing.T) {
	panics := func() error { panic("inner") }
	inner := strange{recv: panics, send: panics, close: panics, header: func() (metadata.MD, error) { panic("inner") }}
	for name, op := range map[string]func(s grpc.ClientStream){
		"RecvMsg":   func(s grpc.ClientStream) { _ = s.RecvMsg(nil) },
		"SendMsg":   func(s grpc.ClientStream) { _ = s.SendMsg(nil) },
		"Header":    func(s grpc.ClientStream) { _, _ = s.Header() },
		"CloseSend": func(s grpc.ClientStream) { _ = s.CloseSend() },
	} {
		t.Run(name, func(t *testing.T) {
			tracer, parent, stream := strangeStream(t, inner, &grpc.StreamDesc{ServerStreams: true})
			if with := panicOf(func() { op(stream) }); with != "inner" {
				t.Errorf("panicked with %v", with)
			}
			wantTree(t, tracer, parent, line(duplex, "error=true grpc.code=Unknown messages=0")+
				"    * event=error error.kind=*errors.errorString message=\"panic or runtime.Goexit in the wrapped call\"\n")
		})
	}
}

func TestSendersReceiversAndTheContextsEndMayMeet(t *testing.T) {
	tracer, ctx, client := wrapped(t, &service{})
	const streams = 200
	for i := range streams {
		ctx, cancel := context.WithCancel(ctx)
		stream := must(client.FullDuplexCall(ctx))(t)
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
	await(t, "all streams' ends", func() bool { return len(tracer.Named(duplex)) == streams })
	for _, span := range tracer.Named(duplex) {
		if span.Tags["grpc.code"] != "Canceled" || span.Tags["error"] != nil {
			t.Errorf("%v %v", span.Tags, span.Logs)
		}
	}
	opentracing.SpanFromContext(ctx).Finish()
	if problems := tracer.Problems(); problems != nil {
		t.Error(problems)
	}
}
