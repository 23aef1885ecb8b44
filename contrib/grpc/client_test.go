package gapgrpc_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

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

func TestUnaryClient(t *testing.T) {
	tracer, ctx, client := wrapped(t, &service{})
	spantest.Must(client.UnaryCall(ctx, &pb.SimpleRequest{}))(t)
	spantest.WantUnder(t, tracer, opentracing.SpanFromContext(ctx),
		"  /grpc.testing.TestService/UnaryCall component=grpc grpc.code=OK peer.address=bufconn span.kind=client\n")
}

// TestClientFailures checks which statuses are failures of a client's call.
func TestClientFailures(t *testing.T) {
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		t.Run("server answers "+code.String(), func(t *testing.T) {
			tracer, ctx, client := wrapped(t, &service{})
			asked := &pb.EchoStatus{Code: int32(code), Message: "as asked"}
			_, err := client.UnaryCall(ctx, &pb.SimpleRequest{ResponseStatus: asked})
			if status.Code(err) != code {
				t.Fatal(err)
			}
			spantest.WantUnder(t, tracer, opentracing.SpanFromContext(ctx),
				failed(unary, " peer.address=bufconn", code, "as asked"))
		})
	}
	t.Run("the context ends", clientContextEnds)
	for _, c := range []struct {
		name   string
		ended  error // of the caller's context
		code   codes.Code
		failed bool
	}{
		{"caller canceled", context.Canceled, codes.Canceled, false},
		{"NotFound after caller canceled", context.Canceled, codes.NotFound, true},
		{"DeadlineExceeded after caller canceled", context.Canceled, codes.DeadlineExceeded, true},
		{"server canceled", nil, codes.Canceled, true},
		{"Canceled after deadline", context.DeadlineExceeded, codes.Canceled, true},
		{"DeadlineExceeded after deadline", context.DeadlineExceeded, codes.DeadlineExceeded, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			tracer, ctx, _ := spantest.Under(t)
			if c.ended != nil {
				ctx = endedContext(ctx, c.ended)
			}
			if ctx.Err() != c.ended {
				t.Fatalf("the context ended with %v", ctx.Err())
			}
			_ = invoke(ctx, tracer, invoker(status.Error(c.code, "")))
			tags := tracer.Only(t, unary).Tags
			if (tags["error"] == true) != c.failed || tags["grpc.code"] != c.code.String() {
				t.Errorf("tags: %v", tags)
			}
		})
	}
}

func clientContextEnds(t *testing.T) {
	waits := func(ctx context.Context, _ *pb.SimpleRequest) (*pb.SimpleResponse, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	tracer, ctx, client := wrapped(t, &service{unary: waits})
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := client.UnaryCall(canceled, &pb.SimpleRequest{}); status.Code(err) != codes.Canceled {
		t.Error(err)
	}
	late, cancel := context.WithTimeout(ctx, 1)
	defer cancel()
	if _, err := client.UnaryCall(late, &pb.SimpleRequest{}); status.Code(err) != codes.DeadlineExceeded {
		t.Error(err)
	}
	spans := tracer.Named(unary)
	if spans[0].Tags["error"] != nil || spans[0].Tags["grpc.code"] != "Canceled" {
		t.Errorf("canceled: %v", spans[0].Tags)
	}
	if spans[1].Tags["error"] != true || spans[1].Tags["grpc.code"] != "DeadlineExceeded" {
		t.Errorf("late: %v", spans[1].Tags)
	}
}

// endedContext returns ctx, ended with err.
func endedContext(ctx context.Context, err error) context.Context {
	ended, cancel := context.WithCancel(ctx)
	if err == context.DeadlineExceeded {
		ended, cancel = context.WithTimeout(ctx, 0)
	}
	cancel()
	return ended
}

// panicking is an error whose methods panic if it is nil.
type panicking struct{ status *status.Status }

func (p *panicking) Error() string              { return p.status.String() + string(p.status.Proto().Message[0]) }
func (p *panicking) GRPCStatus() *status.Status { return p.status }

// okError is an error whose status is OK.
type okError struct{}

func (okError) Error() string              { return "all is well" }
func (okError) GRPCStatus() *status.Status { return status.New(codes.OK, "all is well") }

func TestClientCodeOfError(t *testing.T) {
	for _, c := range []struct {
		err  error
		code string
	}{
		{errors.New("a plain one"), "Unknown"},
		{context.DeadlineExceeded, "DeadlineExceeded"},
		{fmt.Errorf("wrapped: %w", context.Canceled), "Canceled"},
		{fmt.Errorf("wrapped: %w", status.Error(codes.NotFound, "none")), "NotFound"},
		{(*panicking)(nil), "Unknown"},
	} {
		tracer, ctx, _ := spantest.Under(t)
		if got := invoke(ctx, tracer, invoker(c.err)); got != c.err {
			t.Errorf("error %T was returned as %T", c.err, got)
		}
		if span := tracer.Only(t, unary); span.Tags["grpc.code"] != c.code || span.Tags["error"] != true {
			t.Errorf("%T: %v", c.err, span.Tags)
		}
	}
	t.Run("an error that says OK is Unknown", func(t *testing.T) {
		tracer, ctx, parent := spantest.Under(t)
		if err := invoke(ctx, tracer, invoker(okError{})); err != (okError{}) {
			t.Error(err)
		}
		streams, _, stream := fakeClientStream(t, fakeStream{recv: func() error { return okError{} }})
		if err := stream.RecvMsg(nil); err != (okError{}) {
			t.Error(err)
		}
		if tags := streams.Only(t, duplex).Tags; tags["grpc.code"] != "Unknown" || tags["error"] != true {
			t.Errorf("of a stream: %v", tags)
		}
		spantest.WantUnder(t, tracer, parent, line(unary, "error=true grpc.code=Unknown")+
			"    * event=error error.kind=gapgrpc_test.okError message=\"all is well\"\n")
	})
}

func TestUnrecordedCallIsSentAsItIs(t *testing.T) {
	var got []metadata.MD
	tracer := spantest.NewTracer()
	noUnary := gaptrace.WithFilter(func(c gaptrace.Call) bool { return c.Operation != unary })
	opts := gapgrpc.DialOptions(gaptrace.WithTracer(tracer), noUnary)
	client := pb.NewTestServiceClient(dial(t, start(t, received(&got)), opts...))
	filtered := opentracing.ContextWithSpan(t.Context(), tracer.StartSpan("parent"))
	for _, ctx := range []context.Context{t.Context(), filtered} { // the first has no parent
		spantest.Must(client.UnaryCall(ctx, &pb.SimpleRequest{}))(t)
		if _, err := drain(spantest.Must(client.StreamingOutputCall(t.Context(), ask()))(t)); err == nil {
			t.Error("the stream did not end")
		}
	}
	for _, md := range got {
		if md.Get("spantest-trace") != nil {
			t.Errorf("the server got %v", md)
		}
	}
	if spans := tracer.Spans(); len(spans) != 0 || len(got) != 2 {
		t.Errorf("%d calls, spans: %v", len(got), spans)
	}
}

func TestInnerInterceptorPanics(t *testing.T) {
	tracer, ctx, parent := spantest.Under(t)
	panics := func() error { panic("inner") }
	unaryCall := func() {
		_ = invoke(ctx, tracer, func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error {
			return panics()
		})
	}
	stream := func() {
		_, _ = newStream(ctx, tracer, &grpc.StreamDesc{}, func(
			context.Context, *grpc.StreamDesc, *grpc.ClientConn, string, ...grpc.CallOption,
		) (grpc.ClientStream, error) {
			return nil, panics()
		})
	}
	for _, call := range []func(){unaryCall, stream} {
		if value := panicOf(call); value != "inner" {
			t.Errorf("panicked with %v", value)
		}
	}
	const failed = " component=grpc error=true grpc.code=Unknown span.kind=client\n" +
		"    * event=error error.kind=*errors.errorString message=\"panic or runtime.Goexit in the wrapped call\"\n"
	spantest.WantUnder(t, tracer, parent, "  "+unary+failed+"  "+duplex+failed)
}

func TestClientOptions(t *testing.T) {
	tracer := spantest.NewTracer()
	client := pb.NewTestServiceClient(dial(t, start(t, &service{}), gapgrpc.DialOptions(
		nil, gaptrace.WithTracer(tracer), gaptrace.WithRoots(),
		gaptrace.WithOperation(func(c gaptrace.Call) string {
			return strings.TrimPrefix(c.Operation, "/grpc.testing.TestService/")
		}),
		gaptrace.WithTags(func(c gaptrace.Call) opentracing.Tags {
			return opentracing.Tags{"request": fmt.Sprintf("%T", c.Request), "peer.address": "x"}
		}),
		gaptrace.WithExpected(func(_ gaptrace.Call, err error) bool { return status.Code(err) == codes.NotFound }),
	)...))
	notFound := &pb.SimpleRequest{ResponseStatus: &pb.EchoStatus{Code: int32(codes.NotFound)}}
	if _, err := client.UnaryCall(t.Context(), notFound); status.Code(err) != codes.NotFound {
		t.Error(err)
	}
	if n, _ := drain(spantest.Must(client.StreamingOutputCall(t.Context(), ask(1)))(t)); n != 1 {
		t.Errorf("%d messages received", n)
	}
	spantest.WantTree(t, tracer, `
UnaryCall component=grpc grpc.code=NotFound peer.address=x request=*grpc_testing.SimpleRequest span.kind=client
StreamingOutputCall component=grpc grpc.code=OK messages=1 peer.address=x request=*grpc.StreamDesc span.kind=client
`)
}

func TestHostileTracerBreaksNoCall(t *testing.T) {
	for name, tracer := range spantest.Hostile(spantest.NewTracer()) {
		t.Run(name, func(t *testing.T) {
			opts := []gaptrace.Option{gaptrace.WithTracer(tracer), gaptrace.WithRoots()}
			l := start(t, &service{}, gapgrpc.ServerOptions(opts...)...)
			client := pb.NewTestServiceClient(dial(t, l, gapgrpc.DialOptions(opts...)...))
			spantest.Must(client.UnaryCall(t.Context(), &pb.SimpleRequest{}))(t)
			stream := spantest.Must(client.StreamingOutputCall(t.Context(), ask(1, 2, 3)))(t)
			if n, _ := drain(stream); n != 3 {
				t.Errorf("%d messages received", n)
			}
		})
	}
}

func TestCallersOptionsAreNotChanged(t *testing.T) {
	tracer, ctx, _ := spantest.Under(t)
	options := append(make([]grpc.CallOption, 0, 9), grpc.WaitForReady(true))
	_ = invoke(ctx, tracer, invoker(nil), options...)
	_, _ = newStream(ctx, tracer, &grpc.StreamDesc{}, func(
		context.Context, *grpc.StreamDesc, *grpc.ClientConn, string, ...grpc.CallOption,
	) (grpc.ClientStream, error) {
		return nil, errLate
	}, options...)
	if options[:2][1] != nil {
		t.Errorf("the options are now %v", options[:2])
	}
}

func TestFailureByStatus(t *testing.T) {
	tracer := spantest.NewTracer()
	opts := []gaptrace.Option{
		gaptrace.WithTracer(tracer), gaptrace.WithRoots(),
		gaptrace.WithFailure(func(_ gaptrace.Call, status int) bool { return codes.Code(status) == codes.NotFound }),
	}
	client := pb.NewTestServiceClient(dial(t, start(t, &service{}, gapgrpc.ServerOptions(opts...)...),
		gapgrpc.DialOptions(opts...)...))
	for code, failure := range map[codes.Code]any{codes.OK: nil, codes.NotFound: true, codes.Internal: nil} {
		tracer.Reset()
		client.UnaryCall(t.Context(), &pb.SimpleRequest{ResponseStatus: &pb.EchoStatus{Code: int32(code)}})
		spantest.Await(t, "both spans", func() bool { return len(tracer.Spans()) == 2 })
		for _, span := range tracer.Spans() {
			if span.Tags["error"] != failure {
				t.Errorf("%v: error=%v of the %v, want %v", code, span.Tags["error"], span.Tags["span.kind"], failure)
			}
		}
	}
}

// A panic of an interceptor is no answer, so no hook decides whether it is a failure.
func TestFailureByStatusOfAPanic(t *testing.T) {
	tracer, ctx, _ := spantest.Under(t)
	intercept := gapgrpc.UnaryClientInterceptor(gaptrace.WithTracer(tracer),
		gaptrace.WithFailure(func(gaptrace.Call, int) bool { return false }))
	panicOf(func() {
		_ = intercept(ctx, unary, nil, nil, nil,
			func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { panic("inner") })
	})
	if tags := tracer.Only(t, unary).Tags; tags["error"] != true {
		t.Errorf("got %v", tags)
	}
}
