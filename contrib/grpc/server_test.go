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
	"testing/synctest"
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

// served returns a client, which is not wrapped, of s, whose handlers are drawn.
func served(t testing.TB, s pb.TestServiceServer, opts ...gaptrace.Option) (*spantest.Tracer, pb.TestServiceClient) {
	tracer := spantest.NewTracer()
	opts = append([]gaptrace.Option{gaptrace.WithTracer(tracer)}, opts...)
	return tracer, pb.NewTestServiceClient(dial(t, start(t, s, gapgrpc.ServerOptions(opts...)...)))
}

// wantServed waits until a handler's span has finished, and compares what was drawn.
func wantServed(t *testing.T, tracer *spantest.Tracer, want string) {
	t.Helper()
	await(t, "the handler", func() bool { return tracer.Problems() == nil && len(tracer.Spans()) > 0 })
	if got := tracer.Tree(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// handler is how a server's span is drawn, with the tags before its kind.
func handler(operation, tags string) string {
	return operation + " component=grpc " + tags + " span.kind=server\n"
}

func TestAServersSpanIsTheClientsChildAndInTheHandlersContext(t *testing.T) {
	parent := func(ctx context.Context) *spantest.Span { return opentracing.SpanFromContext(ctx).(*spantest.Span) }
	var inHandler []*spantest.Span
	s := &service{
		unary: func(ctx context.Context, _ *pb.SimpleRequest) (*pb.SimpleResponse, error) {
			inHandler = append(inHandler, parent(ctx))
			return &pb.SimpleResponse{}, nil
		},
		stream: func(stream grpc.ServerStream) error {
			inHandler = append(inHandler, parent(stream.Context()))
			return nil
		},
	}
	tracer, client := served(t, s)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "spantest-trace", "70", "spantest-trace", "80", "spantest-span", "71", "x-request-id", "abc")
	must(client.UnaryCall(ctx, &pb.SimpleRequest{}))(t)
	drain(must(client.StreamingOutputCall(ctx, ask()))(t))
	await(t, "the handlers", func() bool { return len(calls(tracer)) == 2 })
	for i, operation := range []string{unary, download} {
		span := calls(tracer)[i]
		if span != inHandler[i] || span.Operation != operation || span.TraceID != 70 || span.ParentID != 71 {
			t.Errorf("%s of trace %d under %d, in the handler's context: %v", span.Operation, span.TraceID, span.ParentID, span == inHandler[i])
		}
		if span.Tags["guid:x-request-id"] != "abc" || span.Tags["peer.address"] != "bufconn" {
			t.Errorf("%v", span.Tags)
		}
	}
}

func TestOnlyWhatIsTheServersFaultIsItsFailure(t *testing.T) {
	faults := map[codes.Code]bool{
		codes.Unknown: true, codes.DeadlineExceeded: true, codes.Unimplemented: true,
		codes.Internal: true, codes.Unavailable: true, codes.DataLoss: true,
	}
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		t.Run(code.String(), func(t *testing.T) {
			tracer, client := served(t, &service{})
			_, _ = client.UnaryCall(t.Context(), &pb.SimpleRequest{ResponseStatus: &pb.EchoStatus{Code: int32(code), Message: "as asked"}})
			want := handler(unary, fmt.Sprintf("grpc.code=%v peer.address=bufconn", code))
			if faults[code] {
				want = handler(unary, fmt.Sprintf("error=true grpc.code=%v peer.address=bufconn", code)) +
					fmt.Sprintf("  * event=error error.kind=*status.Error message=\"rpc error: code = %v desc = as asked\"\n", code)
			}
			wantServed(t, tracer, want)
		})
	}
	for err, code := range map[error]string{
		errors.New("a plain one"):    "Unknown",
		context.DeadlineExceeded:     "DeadlineExceeded",
		context.Canceled:             "Canceled",
		io.ErrUnexpectedEOF:          "Unknown",
		fmt.Errorf("%w", errNotHere): "NotFound",
	} {
		t.Run(err.Error(), func(t *testing.T) {
			tracer, client := served(t, &service{stream: func(grpc.ServerStream) error { return err }})
			_, got := drain(must(client.StreamingOutputCall(t.Context(), ask()))(t))
			await(t, "the handler", func() bool { return len(calls(tracer)) == 1 })
			span := calls(tracer)[0]
			if span.Tags["grpc.code"] != code || status.Code(got).String() != code {
				t.Errorf("drawn as %v, the client got %v, want %s", span.Tags["grpc.code"], got, code)
			}
			if failed := span.Tags["error"] == true; failed != (code == "Unknown" || code == "DeadlineExceeded") {
				t.Errorf("%v", span.Tags)
			}
		})
	}
}

var errNotHere = status.Error(codes.NotFound, "not here")

func TestAHandlersPanicPassesAndItsSpanHasFailed(t *testing.T) {
	var passed []any
	recovers := func(err *error) {
		with := recover()
		passed = append(passed, with)
		*err = status.Error(codes.Internal, "recovered")
	}
	tracer := spantest.NewTracer()
	options := append([]grpc.ServerOption{
		grpc.ChainUnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (_ any, err error) {
			defer recovers(&err)
			return handle(ctx, req)
		}),
		grpc.ChainStreamInterceptor(func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) (err error) {
			defer recovers(&err)
			return handle(srv, stream)
		}),
	}, gapgrpc.ServerOptions(gaptrace.WithTracer(tracer))...)
	client := pb.NewTestServiceClient(dial(t, start(t, &service{
		unary:  func(context.Context, *pb.SimpleRequest) (*pb.SimpleResponse, error) { panic("out of print") },
		stream: func(grpc.ServerStream) error { panic(errNotHere) },
	}, options...)))
	if _, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{}); status.Code(err) != codes.Internal {
		t.Error(err)
	}
	drain(must(client.StreamingOutputCall(t.Context(), ask()))(t))
	if len(passed) != 2 || passed[0] != "out of print" || passed[1] != errNotHere {
		t.Errorf("passed: %v", passed)
	}
	wantServed(t, tracer, handler(unary, "error=true grpc.code=Unknown peer.address=bufconn")+
		"  * event=error error.kind=*errors.errorString message=\"panic: out of print\"\n"+
		handler(download, "error=true grpc.code=Unknown peer.address=bufconn response_messages=0")+
		"  * event=error error.kind=*fmt.wrapError message=\"panic: rpc error: code = NotFound desc = not here\"\n")
}

func TestAHandlersMessagesAreCounted(t *testing.T) {
	tracer, client := served(t, &service{})
	if n, _ := drain(must(client.StreamingOutputCall(t.Context(), ask(1, 2, 3)))(t)); n != 3 {
		t.Error(n)
	}
	up := must(client.StreamingInputCall(t.Context()))(t)
	for range 4 {
		if err := up.Send(&pb.StreamingInputCallRequest{}); err != nil {
			t.Error(err)
		}
	}
	must(up.CloseAndRecv())(t)
	both := must(client.FullDuplexCall(t.Context()))(t)
	if err := both.Send(ask(1, 1)); err != nil {
		t.Error(err)
	}
	both.CloseSend()
	drain(both)
	await(t, "the handlers", func() bool { return len(tracer.Named(duplex)) == 1 })
	for operation, want := range map[string]string{download: "<nil> 3", upload: "4 <nil>", duplex: "1 2"} {
		tags := only(t, tracer, operation).Tags
		if got := fmt.Sprint(tags["request_messages"], " ", tags["response_messages"]); got != want {
			t.Errorf("%s: %s messages, want %s", operation, got, want)
		}
	}
}

func TestAMethodThatAStrangerThoughtOfNamesNoSpan(t *testing.T) {
	tracer := spantest.NewTracer()
	conn := dial(t, startServer(t, func(*grpc.Server) {}, append(gapgrpc.ServerOptions(gaptrace.WithTracer(tracer)),
		grpc.UnknownServiceHandler(func(any, grpc.ServerStream) error { return errNotHere }))...))
	if err := conn.Invoke(t.Context(), "/any/thing", &pb.Empty{}, &pb.Empty{}); status.Code(err) != codes.NotFound {
		t.Error(err)
	}
	wantServed(t, tracer, handler("grpc OTHER", "grpc.code=NotFound grpc.method=/any/thing peer.address=bufconn request_messages=0 response_messages=0"))
}

func TestAServersFilterLetsACallPass(t *testing.T) {
	tracer, client := served(t, &service{}, gaptrace.WithFilter(func(gaptrace.Call) bool { return false }))
	must(client.UnaryCall(t.Context(), &pb.SimpleRequest{}))(t)
	if n, err := drain(must(client.StreamingOutputCall(t.Context(), ask(1)))(t)); n != 1 || err != io.EOF {
		t.Error(n, err)
	}
	if spans := tracer.Spans(); len(spans) != 0 {
		t.Errorf("drawn: %v", spans)
	}
}

func TestAHandlerMayLeaveAGoroutineBehindThatGoesOnReading(t *testing.T) {
	left := make(chan error, 1)
	tracer, client := served(t, &service{stream: func(stream grpc.ServerStream) error {
		go func() { left <- stream.RecvMsg(&pb.StreamingOutputCallRequest{}) }()
		return nil
	}})
	drain(must(client.FullDuplexCall(t.Context()))(t))
	if err := <-left; err == nil {
		t.Error("it read something")
	}
	wantServed(t, tracer, handler(duplex, "grpc.code=OK peer.address=bufconn request_messages=0 response_messages=0"))
}

// gone is a stream whose client is gone, which takes a while to notice.
type gone struct {
	grpc.ServerStream
	ctx context.Context
}

func (g gone) Context() context.Context     { return g.ctx }
func (g gone) RecvMsg(any) error            { return g.SendMsg(nil) }
func (g gone) SendHeader(metadata.MD) error { return g.SendMsg(nil) }
func (g gone) SendMsg(any) error {
	time.Sleep(time.Millisecond)
	return errGone
}

var errGone = status.Error(codes.Canceled, "gone")

func TestTheWaitForAClientThatIsGoneHasTheErrorAndTheHandlerGetsIt(t *testing.T) {
	tracer := spantest.NewTracer()
	intercept := gapgrpc.StreamServerInterceptor(gaptrace.WithTracer(tracer))
	err := intercept(0, gone{ctx: t.Context()}, &grpc.StreamServerInfo{FullMethod: duplex}, func(_ any, stream grpc.ServerStream) error {
		for what, err := range map[string]error{"RecvMsg": stream.RecvMsg(nil), "SendHeader": stream.SendHeader(nil), "SendMsg": stream.SendMsg(nil)} {
			if err != errGone {
				t.Errorf("%s: %v", what, err)
			}
		}
		return errGone
	})
	if err != errGone {
		t.Error(err)
	}
	if span := only(t, tracer, duplex); span.Tags["error"] != nil || span.Tags["grpc.code"] != "Canceled" {
		t.Errorf("%v", span.Tags)
	}
	for _, wait := range []string{" read", " write"} {
		if span := only(t, tracer, duplex+wait); span.Tags["error"] != true || span.ParentID != only(t, tracer, duplex).ID {
			t.Errorf("%s: %v", wait, span.Tags)
		}
	}
	if problems := tracer.Problems(); problems != nil {
		t.Error(problems)
	}
}

func TestEachWaitForAClientThatIsGoneHasItsError(t *testing.T) {
	for name, op := range map[string]func(stream grpc.ServerStream) error{
		" read":             func(stream grpc.ServerStream) error { return stream.RecvMsg(nil) },
		" write":            func(stream grpc.ServerStream) error { return stream.SendMsg(nil) },
		" write, of header": func(stream grpc.ServerStream) error { return stream.SendHeader(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tracer := spantest.NewTracer()
				err := gapgrpc.StreamServerInterceptor(gaptrace.WithTracer(tracer))(0, gone{ctx: t.Context()}, &grpc.StreamServerInfo{FullMethod: duplex},
					func(_ any, stream grpc.ServerStream) error { return op(stream) })
				if err != errGone {
					t.Error(err)
				}
				suffix, _, _ := strings.Cut(name, ",")
				if wait := only(t, tracer, duplex+suffix); wait.Tags["error"] != true || wait.Duration() != time.Millisecond {
					t.Errorf("%v, %v", wait.Duration(), wait.Tags)
				}
			})
		})
	}
}

func TestAHandlerThatEndsItsGoroutineHasFailed(t *testing.T) {
	tracer := spantest.NewTracer()
	var handlers sync.WaitGroup
	handlers.Go(func() {
		_, _ = gapgrpc.UnaryServerInterceptor(gaptrace.WithTracer(tracer))(t.Context(), nil, &grpc.UnaryServerInfo{FullMethod: unary},
			func(context.Context, any) (any, error) {
				runtime.Goexit()
				return nil, nil
			})
	})
	handlers.Wait()
	if span := only(t, tracer, unary); span.Tags["error"] != true || span.Tags["grpc.code"] != "Unknown" {
		t.Errorf("%v", span.Tags)
	}
}

// slowToDraw takes a second to start the span of a wait.
type slowToDraw struct{ *spantest.Tracer }

func (t slowToDraw) StartSpan(operation string, opts ...opentracing.StartSpanOption) opentracing.Span {
	if strings.HasSuffix(operation, " write") {
		time.Sleep(time.Second)
	}
	return t.Tracer.StartSpan(operation, opts...)
}

// slowClient is a stream to a client that takes a millisecond for a message.
type slowClient struct{ grpc.ServerStream }

func (slowClient) Context() context.Context { return context.Background() }

func (slowClient) SendMsg(any) error {
	time.Sleep(time.Millisecond)
	return nil
}

func TestDrawingTheWaitsIsNoPartOfTheRequest(t *testing.T) {
	tracer := spantest.NewTracer()
	synctest.Test(t, func(t *testing.T) {
		intercept := gapgrpc.StreamServerInterceptor(gaptrace.WithTracer(slowToDraw{tracer}))
		err := intercept(&service{}, slowClient{}, &grpc.StreamServerInfo{FullMethod: download, IsServerStream: true},
			func(_ any, stream grpc.ServerStream) error { return stream.SendMsg(answer(1)) })
		if err != nil {
			t.Error(err)
		}
	})
	if spans := tracer.Spans(); len(spans) != 2 {
		t.Fatalf("%d spans, want the server's and a wait:\n%s", len(spans), tracer.Tree())
	}
	if span := only(t, tracer, download); span.Duration() != time.Millisecond {
		t.Errorf("the request took %v, want its client's millisecond", span.Duration())
	}
}
