package gapgrpc_test

import (
	"context"
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
	"google.golang.org/grpc/status"
)

// TestHandlerErrorThatSaysOK checks that the recorded status is the one the client sees.
func TestHandlerErrorThatSaysOK(t *testing.T) {
	answers := 0
	tracer, client := served(t, &service{
		unary: func(context.Context, *pb.SimpleRequest) (*pb.SimpleResponse, error) {
			return &pb.SimpleResponse{}, okError{}
		},
		stream: func(stream grpc.ServerStream) error {
			for range answers {
				if err := stream.SendMsg(&pb.StreamingInputCallResponse{}); err != nil {
					return err
				}
			}
			return okError{}
		},
	})
	callUnary := func(t *testing.T) error {
		_, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{})
		return err
	}
	callUpload := func(t *testing.T) error {
		_, err := spantest.Must(client.StreamingInputCall(t.Context()))(t).CloseAndRecv()
		return err
	}
	callDownload := func(t *testing.T) error {
		_, err := drain(spantest.Must(client.StreamingOutputCall(t.Context(), ask()))(t))
		if err == io.EOF {
			return nil
		}
		return err
	}
	for _, c := range []struct {
		name      string
		operation string
		answers   int
		call      func(t *testing.T) error
		code      codes.Code
	}{
		{"unary", unary, 0, callUnary, codes.Internal},
		{"upload without its answer", upload, 0, callUpload, codes.Internal},
		{"upload", upload, 1, callUpload, codes.OK},
		{"download", download, 1, callDownload, codes.OK},
		{"download without a message", download, 0, callDownload, codes.OK},
	} {
		t.Run(c.name, func(t *testing.T) {
			tracer.Reset()
			answers = c.answers
			if err := c.call(t); status.Code(err) != c.code {
				t.Errorf("the client sees %v", err)
			}
			spantest.Await(t, "the handler", func() bool { return len(tracer.Named(c.operation)) == 1 })
			tags := tracer.Only(t, c.operation).Tags
			if tags["grpc.code"] != c.code.String() || (tags["error"] == true) != (c.code != codes.OK) {
				t.Errorf("tags: %v", tags)
			}
		})
	}
}

func TestHandlerPanics(t *testing.T) {
	t.Run("goes on, the span failed", handlerPanics)
	t.Run("with nil", handlerPanicsWithNil)
	t.Run("Goexit", func(t *testing.T) {
		tracer := spantest.NewTracer()
		var handlers sync.WaitGroup
		handlers.Go(func() {
			_ = serveUnary(t.Context(), tracer, func(context.Context, any) (any, error) {
				runtime.Goexit()
				return nil, nil
			})
		})
		handlers.Wait()
		if span := tracer.Only(t, unary); span.Tags["error"] != true || span.Tags["grpc.code"] != "Unknown" {
			t.Errorf("tags: %v", span.Tags)
		}
	})
}

func handlerPanics(t *testing.T) {
	var recovered []any
	recovers := func(err *error) {
		recovered = append(recovered, recover())
		*err = status.Error(codes.Internal, "recovered")
	}
	outerUnary := func(
		ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler,
	) (_ any, err error) {
		defer recovers(&err)
		return handle(ctx, req)
	}
	outerStream := func(
		srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler,
	) (err error) {
		defer recovers(&err)
		return handle(srv, stream)
	}
	tracer := spantest.NewTracer()
	opts := append([]grpc.ServerOption{
		grpc.ChainUnaryInterceptor(outerUnary), grpc.ChainStreamInterceptor(outerStream),
	}, gapgrpc.ServerOptions(gaptrace.WithTracer(tracer))...)
	client := pb.NewTestServiceClient(dial(t, start(t, &service{
		unary:  func(context.Context, *pb.SimpleRequest) (*pb.SimpleResponse, error) { panic("out of print") },
		stream: func(grpc.ServerStream) error { panic(errNotHere) },
	}, opts...)))
	if _, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{}); status.Code(err) != codes.Internal {
		t.Error(err)
	}
	drain(spantest.Must(client.StreamingOutputCall(t.Context(), ask()))(t))
	if len(recovered) != 2 || recovered[0] != "out of print" || recovered[1] != errNotHere {
		t.Errorf("recovered: %v", recovered)
	}
	wantServed(t, tracer, handler(unary, "error=true grpc.code=Unknown peer.address=bufconn")+
		"  * event=error error.kind=*errors.errorString message=\"panic: out of print\"\n"+
		handler(download, "error=true grpc.code=Unknown peer.address=bufconn response_messages=0")+
		"  * event=error error.kind=*fmt.wrapError message=\"panic: rpc error: code = NotFound desc = not here\"\n")
}

func handlerPanicsWithNil(t *testing.T) {
	t.Setenv("GODEBUG", "panicnil=1") // otherwise panic(nil) panics with another value
	tracer := spantest.NewTracer()
	for operation, call := range map[string]func(){
		unary: func() {
			_ = serveUnary(t.Context(), tracer, func(context.Context, any) (any, error) { panic(any(nil)) })
		},
		duplex: func() {
			_ = serveStream(tracer, gone{ctx: t.Context()}, func(any, grpc.ServerStream) error { panic(any(nil)) })
		},
	} {
		returned := false
		_ = panicOf(func() {
			call()
			returned = true
		})
		if returned {
			t.Errorf("%s has returned", operation)
		}
		if span := tracer.Only(t, operation); span.Tags["error"] != true || span.Tags["grpc.code"] != "Unknown" {
			t.Errorf("tags: %v", span.Tags)
		}
	}
}

func TestGoroutineReadsAfterHandlerReturned(t *testing.T) {
	read := make(chan error, 1)
	tracer, client := served(t, &service{stream: func(stream grpc.ServerStream) error {
		go func() { read <- stream.RecvMsg(&pb.StreamingOutputCallRequest{}) }()
		return nil
	}})
	drain(spantest.Must(client.FullDuplexCall(t.Context()))(t))
	if err := <-read; err == nil {
		t.Error("RecvMsg returned no error after the handler returned")
	}
	wantServed(t, tracer,
		handler(duplex, "grpc.code=OK peer.address=bufconn request_messages=0 response_messages=0"))
}

// slowToStart is a tracer that takes a second to start the span of a wait.
type slowToStart struct{ *spantest.Tracer }

func (t slowToStart) StartSpan(operation string, opts ...opentracing.StartSpanOption) opentracing.Span {
	if strings.HasSuffix(operation, " write") {
		time.Sleep(time.Second)
	}
	return t.Tracer.StartSpan(operation, opts...)
}

// slowClient is a server's stream to a client that takes a millisecond for each message.
type slowClient struct{ grpc.ServerStream }

func (slowClient) Context() context.Context { return context.Background() }

func (slowClient) SendMsg(any) error {
	time.Sleep(time.Millisecond)
	return nil
}

func TestReportingWaitsIsNotHandlersWork(t *testing.T) {
	tracer := spantest.NewTracer()
	synctest.Test(t, func(t *testing.T) {
		err := serveStream(slowToStart{tracer}, slowClient{},
			func(_ any, stream grpc.ServerStream) error { return stream.SendMsg(answer(1)) })
		if err != nil {
			t.Error(err)
		}
	})
	if spans := tracer.Spans(); len(spans) != 2 {
		t.Fatalf("%d spans, want the server's and a wait:\n%s", len(spans), tracer.Tree())
	}
	if span := tracer.Only(t, duplex); span.Duration() != time.Millisecond {
		t.Errorf("the request took %v, want its client's millisecond", span.Duration())
	}
}
