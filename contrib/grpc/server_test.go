package gapgrpc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
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

// served returns a client of s. The server is wrapped, and the client is not.
func served(t testing.TB, s pb.TestServiceServer, opts ...gaptrace.Option) (*spantest.Tracer, pb.TestServiceClient) {
	tracer := spantest.NewTracer()
	opts = append([]gaptrace.Option{gaptrace.WithTracer(tracer)}, opts...)
	return tracer, pb.NewTestServiceClient(dial(t, start(t, s, gapgrpc.ServerOptions(opts...)...)))
}

// wantServed waits until a handler's span has finished, and compares the spans.
func wantServed(t *testing.T, tracer *spantest.Tracer, want string) {
	t.Helper()
	spantest.Await(t, "the handler", func() bool { return tracer.Problems() == nil && len(tracer.Spans()) > 0 })
	spantest.WantTree(t, tracer, want)
}

func TestServerSpan(t *testing.T) {
	spanIn := func(ctx context.Context) *spantest.Span { return opentracing.SpanFromContext(ctx).(*spantest.Span) }
	var inHandler []*spantest.Span
	tracer, client := served(t, &service{
		unary: func(ctx context.Context, _ *pb.SimpleRequest) (*pb.SimpleResponse, error) {
			inHandler = append(inHandler, spanIn(ctx))
			return &pb.SimpleResponse{}, nil
		},
		stream: func(stream grpc.ServerStream) error {
			inHandler = append(inHandler, spanIn(stream.Context()))
			return nil
		},
	})
	ctx := metadata.AppendToOutgoingContext(t.Context(),
		"spantest-trace", "70", "spantest-trace", "80", "spantest-span", "71", "x-request-id", "abc")
	spantest.Must(client.UnaryCall(ctx, &pb.SimpleRequest{}))(t)
	drain(spantest.Must(client.StreamingOutputCall(ctx, ask()))(t))
	spantest.Await(t, "the handlers", func() bool { return len(tracer.Calls()) == 2 })
	for i, operation := range []string{unary, download} {
		span := tracer.Calls()[i]
		if span != inHandler[i] || span.Operation != operation || span.TraceID != 70 || span.ParentID != 71 {
			t.Errorf("%s of trace %d under %d, in the handler's context: %v",
				span.Operation, span.TraceID, span.ParentID, span == inHandler[i])
		}
		if span.Tags["guid:x-request-id"] != "abc" || span.Tags["peer.address"] != "bufconn" {
			t.Errorf("tags: %v", span.Tags)
		}
	}
}

// TestServerFailures checks that only statuses that are the server's fault are failures.
func TestServerFailures(t *testing.T) {
	faults := map[codes.Code]bool{
		codes.Unknown: true, codes.DeadlineExceeded: true, codes.Unimplemented: true,
		codes.Internal: true, codes.Unavailable: true, codes.DataLoss: true,
	}
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		t.Run(code.String(), func(t *testing.T) {
			tracer, client := served(t, &service{})
			asked := &pb.EchoStatus{Code: int32(code), Message: "as asked"}
			_, _ = client.UnaryCall(t.Context(), &pb.SimpleRequest{ResponseStatus: asked})
			want := handler(unary, fmt.Sprintf("grpc.code=%v peer.address=bufconn", code))
			if faults[code] {
				want = handler(unary, fmt.Sprintf("error=true grpc.code=%v peer.address=bufconn", code)) + fmt.Sprintf(
					"  * event=error error.kind=*status.Error message=\"rpc error: code = %v desc = as asked\"\n", code)
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
			_, got := drain(spantest.Must(client.StreamingOutputCall(t.Context(), ask()))(t))
			spantest.Await(t, "the handler", func() bool { return len(tracer.Calls()) == 1 })
			tags := tracer.Calls()[0].Tags
			if tags["grpc.code"] != code || status.Code(got).String() != code {
				t.Errorf("recorded as %v, the client got %v, want %s", tags["grpc.code"], got, code)
			}
			if failed := tags["error"] == true; failed != (code == "Unknown" || code == "DeadlineExceeded") {
				t.Errorf("tags: %v", tags)
			}
		})
	}
}

func TestServerMessageCounts(t *testing.T) {
	tracer, client := served(t, &service{})
	if n, _ := drain(spantest.Must(client.StreamingOutputCall(t.Context(), ask(1, 2, 3)))(t)); n != 3 {
		t.Error(n)
	}
	up := spantest.Must(client.StreamingInputCall(t.Context()))(t)
	for range 4 {
		if err := up.Send(&pb.StreamingInputCallRequest{}); err != nil {
			t.Error(err)
		}
	}
	spantest.Must(up.CloseAndRecv())(t)
	both := spantest.Must(client.FullDuplexCall(t.Context()))(t)
	if err := both.Send(ask(1, 1)); err != nil {
		t.Error(err)
	}
	both.CloseSend()
	drain(both)
	spantest.Await(t, "the handlers", func() bool { return len(tracer.Named(duplex)) == 1 })
	for operation, want := range map[string]string{download: "<nil> 3", upload: "4 <nil>", duplex: "1 2"} {
		tags := tracer.Only(t, operation).Tags
		if got := fmt.Sprint(tags["request_messages"], " ", tags["response_messages"]); got != want {
			t.Errorf("%s: %s messages, want %s", operation, got, want)
		}
	}
}

func TestUnknownServiceIsNamedOther(t *testing.T) {
	tracer := spantest.NewTracer()
	opts := append(gapgrpc.ServerOptions(gaptrace.WithTracer(tracer)),
		grpc.UnknownServiceHandler(func(any, grpc.ServerStream) error { return errNotHere }))
	conn := dial(t, startServer(t, func(*grpc.Server) {}, opts...))
	err := conn.Invoke(t.Context(), "/any/thing", &pb.Empty{}, &pb.Empty{})
	if status.Code(err) != codes.NotFound {
		t.Error(err)
	}
	wantServed(t, tracer, handler("grpc OTHER",
		"grpc.code=NotFound grpc.method=/any/thing peer.address=bufconn request_messages=0 response_messages=0"))
}

func TestServerFilter(t *testing.T) {
	tracer, client := served(t, &service{}, gaptrace.WithFilter(func(gaptrace.Call) bool { return false }))
	spantest.Must(client.UnaryCall(t.Context(), &pb.SimpleRequest{}))(t)
	if n, err := drain(spantest.Must(client.StreamingOutputCall(t.Context(), ask(1)))(t)); n != 1 || err != io.EOF {
		t.Error(n, err)
	}
	if spans := tracer.Spans(); len(spans) != 0 {
		t.Errorf("spans: %v", spans)
	}
}

// gone is a server's stream whose client is gone. It takes a millisecond to notice.
type gone struct {
	grpc.ServerStream
	ctx context.Context
}

var errGone = status.Error(codes.Canceled, "gone")

func (g gone) Context() context.Context { return g.ctx }

func (g gone) RecvMsg(any) error { return g.SendMsg(nil) }

func (g gone) SendHeader(metadata.MD) error { return g.SendMsg(nil) }

func (g gone) SendMsg(any) error {
	time.Sleep(time.Millisecond)
	return errGone
}

// TestClientIsGone checks that the handler gets the error, and that the span of its wait has it.
func TestClientIsGone(t *testing.T) {
	t.Run("all methods", func(t *testing.T) {
		tracer := spantest.NewTracer()
		err := serveStream(tracer, gone{ctx: t.Context()}, func(_ any, stream grpc.ServerStream) error {
			for method, err := range map[string]error{
				"RecvMsg": stream.RecvMsg(nil), "SendHeader": stream.SendHeader(nil), "SendMsg": stream.SendMsg(nil),
			} {
				if err != errGone {
					t.Errorf("%s: %v", method, err)
				}
			}
			return errGone
		})
		if err != errGone {
			t.Error(err)
		}
		span := tracer.Only(t, duplex)
		if span.Tags["error"] != nil || span.Tags["grpc.code"] != "Canceled" {
			t.Errorf("tags: %v", span.Tags)
		}
		for _, suffix := range []string{" read", " write"} {
			if wait := tracer.Only(t, duplex+suffix); wait.Tags["error"] != true || wait.ParentID != span.ID {
				t.Errorf("%s: %v", suffix, wait.Tags)
			}
		}
		if problems := tracer.Problems(); problems != nil {
			t.Error(problems)
		}
	})
	for _, c := range []struct {
		name, suffix string
		use          func(stream grpc.ServerStream) error
	}{
		{"RecvMsg", " read", func(stream grpc.ServerStream) error { return stream.RecvMsg(nil) }},
		{"SendMsg", " write", func(stream grpc.ServerStream) error { return stream.SendMsg(nil) }},
		{"SendHeader", " write", func(stream grpc.ServerStream) error { return stream.SendHeader(nil) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tracer := spantest.NewTracer()
				err := serveStream(tracer, gone{ctx: t.Context()},
					func(_ any, stream grpc.ServerStream) error { return c.use(stream) })
				if err != errGone {
					t.Error(err)
				}
				wait := tracer.Only(t, duplex+c.suffix)
				if wait.Tags["error"] != true || wait.Duration() != time.Millisecond {
					t.Errorf("%v, %v", wait.Duration(), wait.Tags)
				}
			})
		})
	}
}

// observedStream notes the messages of a server's stream.
type observedStream struct {
	grpc.ServerStream
	seen *[]string
}

func (s observedStream) RecvMsg(m any) error {
	err := s.ServerStream.RecvMsg(m)
	*s.seen = append(*s.seen, "in")
	return err
}

func (s observedStream) SendMsg(m any) error {
	*s.seen = append(*s.seen, "out")
	return s.ServerStream.SendMsg(m)
}

func TestOtherServerInterceptors(t *testing.T) {
	tracer, ctx, parent := spantest.Under(t)
	seen := map[string]*[]string{"outer": {}, "inner": {}}
	spans := map[string]bool{}
	observe := func(which string) grpc.ServerOption {
		return grpc.ChainStreamInterceptor(func(
			srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler,
		) error {
			spans[which] = opentracing.SpanFromContext(stream.Context()) != nil
			return handle(srv, observedStream{stream, seen[which]})
		})
	}
	opts := append([]grpc.ServerOption{observe("outer")}, gapgrpc.ServerOptions(gaptrace.WithTracer(tracer))...)
	client := wrappedClient(t, tracer, start(t, &service{}, append(opts, observe("inner"))...))
	drain(spantest.Must(client.StreamingOutputCall(ctx, ask(1, 2)))(t))
	spantest.Await(t, "the handler", func() bool { return len(tracer.Calls()) == 2 })
	for which, seen := range seen {
		if got := strings.Join(*seen, " "); got != "in out out" || spans[which] != (which == "inner") {
			t.Errorf("%s: %s, a span in the context: %v", which, got, spans[which])
		}
	}
	spantest.WantUnder(t, tracer, parent, line(download, "grpc.code=OK messages=2 peer.address=bufconn")+
		"    "+handler(download, "grpc.code=OK peer.address=bufconn response_messages=2"))
}
