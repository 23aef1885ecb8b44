package gapgrpc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace"
	gapgrpc "github.com/gaptrace/gaptrace/contrib/grpc"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"google.golang.org/grpc"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
)

// bubble runs test in a bubble, where time passes as the sleeps say and the rest takes none: with a server of s and a
// client, both drawn by one tracer, under a parent.
func bubble(t *testing.T, s *service, test func(t *testing.T, b bubbled)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		tracer, ctx, parent := under(t)
		l := start(t, s, gapgrpc.ServerOptions(gaptrace.WithTracer(tracer))...)
		client := pb.NewTestServiceClient(dial(t, l, gapgrpc.DialOptions(gaptrace.WithTracer(tracer))...))
		test(t, bubbled{ctx, tracer, client, time.Now()})
		parent.Finish()
		synctest.Wait()
		if problems := tracer.Problems(); problems != nil {
			t.Error(problems)
		}
	})
}

type bubbled struct {
	ctx    context.Context
	tracer *spantest.Tracer
	client pb.TestServiceClient
	began  time.Time
}

// drawn tells from when to when the spans of a side were drawn, in seconds since the test began, joined where they touch.
func (b bubbled) drawn(kind string, operations ...string) string {
	synctest.Wait()
	var told []string
	for _, span := range b.tracer.Spans() {
		if fmt.Sprint(span.Tags["span.kind"]) == kind && slices.Contains(operations, span.Operation) {
			told = append(told, span.Start.Sub(b.began).String()+"-"+span.End.Sub(b.began).String())
		}
	}
	return strings.Join(told, " ")
}

func wantDrawn(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("drawn %s, blocked %s", got, want)
	}
}

func TestAUnaryCallCoversItsWait(t *testing.T) {
	bubble(t, &service{unary: func(context.Context, *pb.SimpleRequest) (*pb.SimpleResponse, error) {
		time.Sleep(2 * time.Second)
		return &pb.SimpleResponse{}, nil
	}}, func(t *testing.T, b bubbled) {
		time.Sleep(time.Second)
		must(b.client.UnaryCall(b.ctx, &pb.SimpleRequest{}))(t)
		time.Sleep(time.Second)
		wantDrawn(t, b.drawn("client", unary), "1s-3s")
		wantDrawn(t, b.drawn("server", unary), "1s-3s")
	})
}

func TestBothSidesOfAStreamCoverTheirWaitsAndNotTheirWork(t *testing.T) {
	bubble(t, &service{stream: func(stream grpc.ServerStream) error {
		for range 2 {
			if err := stream.RecvMsg(&pb.StreamingOutputCallRequest{}); err != nil {
				return err
			}
			time.Sleep(2 * time.Second) // the server works
			if err := stream.SendMsg(answer(1)); err != nil {
				return err
			}
		}
		err := stream.RecvMsg(&pb.StreamingOutputCallRequest{})
		time.Sleep(2 * time.Second)
		if err == io.EOF {
			return nil
		}
		return errors.New("no end")
	}}, func(t *testing.T, b bubbled) {
		stream := must(b.client.FullDuplexCall(b.ctx))(t)
		for range 2 {
			time.Sleep(3 * time.Second) // the client works
			if err := stream.Send(ask(1)); err != nil {
				t.Fatal(err)
			}
			must(stream.Recv())(t)
		}
		time.Sleep(3 * time.Second)
		stream.CloseSend()
		if _, err := stream.Recv(); err != io.EOF {
			t.Error(err)
		}
		// The stream itself was begun at once: 0s-0s.
		wantDrawn(t, b.drawn("client", duplex, duplex+" wait"), "0s-0s 3s-5s 8s-10s 13s-15s")
		wantDrawn(t, b.drawn("server", duplex), "0s-15s")
		wantDrawn(t, b.drawn("client", duplex+" read", duplex+" read wait"), "0s-3s 5s-8s 10s-13s")
	})
}

func TestASendBlockedByFlowControlIsAWaitOnBothSides(t *testing.T) {
	const size = 200 << 10 // more than a window
	t.Run("client", func(t *testing.T) {
		bubble(t, &service{stream: func(stream grpc.ServerStream) error {
			time.Sleep(4 * time.Second)
			for {
				if err := stream.RecvMsg(&pb.StreamingInputCallRequest{}); err == io.EOF {
					return stream.SendMsg(&pb.StreamingInputCallResponse{})
				}
			}
		}}, func(t *testing.T, b bubbled) {
			stream := must(b.client.StreamingInputCall(b.ctx))(t)
			time.Sleep(time.Second)
			for range 2 {
				if err := stream.Send(&pb.StreamingInputCallRequest{Payload: &pb.Payload{Body: make([]byte, size)}}); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Second)
			must(stream.CloseAndRecv())(t)
			if got := b.drawn("client", upload, upload+" wait"); !strings.HasPrefix(got, "0s-0s 1s-4s") {
				t.Errorf("drawn %s, blocked 1s-4s", got)
			}
		})
	})
	t.Run("server", func(t *testing.T) {
		bubble(t, &service{}, func(t *testing.T, b bubbled) {
			stream := must(b.client.StreamingOutputCall(b.ctx, ask(size, size, size)))(t)
			time.Sleep(4 * time.Second)
			if n, err := drain(stream); n != 3 || err != io.EOF {
				t.Error(n, err)
			}
			if got := b.drawn("client", download+" write", download+" write wait"); !strings.HasPrefix(got, "0s-4s") {
				t.Errorf("drawn %s, blocked 0s-4s", got)
			}
		})
	})
}

func TestTheWaitForHeadersIsCovered(t *testing.T) {
	bubble(t, &service{stream: func(stream grpc.ServerStream) error {
		time.Sleep(time.Second)
		err := stream.SendHeader(metadata.Pairs("k", "v"))
		time.Sleep(3 * time.Second)
		return err
	}}, func(t *testing.T, b bubbled) {
		stream := must(b.client.StreamingOutputCall(b.ctx, ask()))(t)
		if md := must(stream.Header())(t); md.Get("k") == nil {
			t.Errorf("%v", md)
		}
		time.Sleep(time.Second) // work
		drain(stream)
		wantDrawn(t, b.drawn("client", download, download+" wait"), "0s-1s 2s-4s")
	})
}

func TestTheWaitsOfCloseSendAndSendHeaderAreCovered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		blocks := func() error {
			time.Sleep(2 * time.Second)
			return nil
		}
		began := time.Now()
		tracer, parent, stream := strangeStream(t, strange{close: blocks, recv: func() error { return io.EOF }}, &grpc.StreamDesc{ServerStreams: true})
		time.Sleep(time.Second) // work
		if err := stream.CloseSend(); err != nil {
			t.Error(err)
		}
		_ = stream.RecvMsg(nil)
		parent.Finish()
		wantDrawn(t, bubbled{tracer: tracer, began: began}.drawn("client", duplex, duplex+" wait"), "0s-0s 1s-3s")

		tracer, began = spantest.NewTracer(), time.Now()
		err := gapgrpc.StreamServerInterceptor(gaptrace.WithTracer(tracer))(0, slow{gone{ctx: t.Context()}, blocks}, &grpc.StreamServerInfo{FullMethod: duplex},
			func(_ any, stream grpc.ServerStream) error {
				time.Sleep(time.Second)
				return stream.SendHeader(nil)
			})
		if err != nil {
			t.Error(err)
		}
		wantDrawn(t, bubbled{tracer: tracer, began: began}.drawn("client", duplex+" write"), "1s-3s")
	})
}

// slow is a server's stream whose headers are sent as its function says.
type slow struct {
	gone
	sendHeader func() error
}

func (s slow) SendHeader(metadata.MD) error { return s.sendHeader() }

func TestTheWaitForAConnectionIsCovered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracer, ctx, parent := under(t)
		l := start(t, &service{})
		slow := grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			time.Sleep(2 * time.Second)
			return l.DialContext(ctx)
		})
		began := time.Now()
		for _, stream := range []bool{false, true} {
			client := pb.NewTestServiceClient(dial(t, l, append(gapgrpc.DialOptions(gaptrace.WithTracer(tracer)), slow)...))
			if stream {
				drain(must(client.StreamingOutputCall(ctx, ask()))(t))
			} else {
				must(client.UnaryCall(ctx, &pb.SimpleRequest{}))(t)
			}
		}
		parent.Finish()
		b := bubbled{tracer: tracer, began: began}
		wantDrawn(t, b.drawn("client", unary, download, download+" wait"), "0s-2s 2s-4s")
	})
}

func TestWaitsThatOverlapAreOne(t *testing.T) {
	bubble(t, &service{stream: func(stream grpc.ServerStream) error {
		time.Sleep(5 * time.Second)
		return nil
	}}, func(t *testing.T, b bubbled) {
		stream := must(b.client.FullDuplexCall(b.ctx))(t)
		var done atomic.Bool
		go func() {
			time.Sleep(time.Second)
			stream.Recv()
			done.Store(true)
		}()
		time.Sleep(2 * time.Second)
		for stream.Send(&pb.StreamingOutputCallRequest{Payload: &pb.Payload{Body: make([]byte, 200<<10)}}) == nil {
		}
		synctest.Wait()
		if !done.Load() {
			t.Error("still receiving")
		}
		wantDrawn(t, b.drawn("client", duplex, duplex+" wait"), "0s-0s 1s-5s")
	})
}

func TestWhoWaitsWhenTheContextEndsIsCoveredUntilThen(t *testing.T) {
	bubble(t, &service{stream: func(stream grpc.ServerStream) error {
		<-stream.Context().Done()
		return stream.Context().Err()
	}}, func(t *testing.T, b bubbled) {
		ctx, cancel := context.WithTimeout(b.ctx, 3*time.Second)
		defer cancel()
		stream := must(b.client.FullDuplexCall(ctx))(t)
		time.Sleep(time.Second)
		stream.Recv()
		time.Sleep(time.Second)
		wantDrawn(t, b.drawn("client", duplex, duplex+" wait"), "0s-0s 1s-3s")
		span := b.tracer.Named(duplex)[0]
		if span.Tags["grpc.code"] != "DeadlineExceeded" {
			t.Errorf("%v", span.Tags)
		}
	})
}
