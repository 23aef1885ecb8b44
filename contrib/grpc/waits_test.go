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

// bubble is a wrapped client and a wrapped server with one tracer, in a bubble of synctest: only
// sleeps take time.
type bubble struct {
	ctx    context.Context
	tracer *spantest.Tracer
	client pb.TestServiceClient
	start  time.Time
}

func inBubble(t *testing.T, s *service, test func(t *testing.T, b bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		tracer, ctx, parent := spantest.Under(t)
		l := start(t, s, gapgrpc.ServerOptions(gaptrace.WithTracer(tracer))...)
		test(t, bubble{ctx, tracer, wrappedClient(t, tracer, l), time.Now()})
		parent.Finish()
		synctest.Wait()
		if problems := tracer.Problems(); problems != nil {
			t.Error(problems)
		}
	})
}

// covered returns from when to when the spans of a kind last, in seconds since the test began.
func (b bubble) covered(kind string, operations ...string) string {
	synctest.Wait()
	var spans []string
	for _, span := range b.tracer.Spans() {
		if fmt.Sprint(span.Tags["span.kind"]) == kind && slices.Contains(operations, span.Operation) {
			spans = append(spans, span.Start.Sub(b.start).String()+"-"+span.End.Sub(b.start).String())
		}
	}
	return strings.Join(spans, " ")
}

func wantCovered(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("covered %s, blocked %s", got, want)
	}
}

// TestWaits checks that spans cover the time in which a caller is blocked, and nothing else.
func TestWaits(t *testing.T) {
	t.Run("unary call", unaryWait)
	t.Run("stream, both sides", streamWaits)
	t.Run("client blocked by flow control", clientFlowControl)
	t.Run("server blocked by flow control", serverFlowControl)
	t.Run("Header", headerWait)
	t.Run("CloseSend", closeSendWait)
	t.Run("SendHeader", sendHeaderWait)
	t.Run("connection", connectionWait)
	t.Run("overlapping waits are one", overlappingWaits)
	t.Run("until the context ends", waitUntilContextEnds)
}

func unaryWait(t *testing.T) {
	inBubble(t, &service{unary: func(context.Context, *pb.SimpleRequest) (*pb.SimpleResponse, error) {
		time.Sleep(2 * time.Second)
		return &pb.SimpleResponse{}, nil
	}}, func(t *testing.T, b bubble) {
		time.Sleep(time.Second)
		spantest.Must(b.client.UnaryCall(b.ctx, &pb.SimpleRequest{}))(t)
		time.Sleep(time.Second)
		wantCovered(t, b.covered("client", unary), "1s-3s")
		wantCovered(t, b.covered("server", unary), "1s-3s")
	})
}

func streamWaits(t *testing.T) {
	inBubble(t, &service{stream: func(stream grpc.ServerStream) error {
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
	}}, func(t *testing.T, b bubble) {
		stream := spantest.Must(b.client.FullDuplexCall(b.ctx))(t)
		for range 2 {
			time.Sleep(3 * time.Second) // the client works
			if err := stream.Send(ask(1)); err != nil {
				t.Fatal(err)
			}
			spantest.Must(stream.Recv())(t)
		}
		time.Sleep(3 * time.Second)
		stream.CloseSend()
		if _, err := stream.Recv(); err != io.EOF {
			t.Error(err)
		}
		// The stream itself was begun at once: 0s-0s.
		wantCovered(t, b.covered("client", duplex, duplex+" wait"), "0s-0s 3s-5s 8s-10s 13s-15s")
		wantCovered(t, b.covered("server", duplex), "0s-15s")
		wantCovered(t, b.covered("client", duplex+" read", duplex+" read wait"), "0s-3s 5s-8s 10s-13s")
	})
}

const moreThanAWindow = 200 << 10

func clientFlowControl(t *testing.T) {
	inBubble(t, &service{stream: func(stream grpc.ServerStream) error {
		time.Sleep(4 * time.Second)
		for {
			if err := stream.RecvMsg(&pb.StreamingInputCallRequest{}); err == io.EOF {
				return stream.SendMsg(&pb.StreamingInputCallResponse{})
			}
		}
	}}, func(t *testing.T, b bubble) {
		stream := spantest.Must(b.client.StreamingInputCall(b.ctx))(t)
		time.Sleep(time.Second)
		for range 2 {
			payload := &pb.Payload{Body: make([]byte, moreThanAWindow)}
			if err := stream.Send(&pb.StreamingInputCallRequest{Payload: payload}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		spantest.Must(stream.CloseAndRecv())(t)
		if got := b.covered("client", upload, upload+" wait"); !strings.HasPrefix(got, "0s-0s 1s-4s") {
			t.Errorf("covered %s, blocked 1s-4s", got)
		}
	})
}

func serverFlowControl(t *testing.T) {
	inBubble(t, &service{}, func(t *testing.T, b bubble) {
		req := ask(moreThanAWindow, moreThanAWindow, moreThanAWindow)
		stream := spantest.Must(b.client.StreamingOutputCall(b.ctx, req))(t)
		time.Sleep(4 * time.Second)
		if n, err := drain(stream); n != 3 || err != io.EOF {
			t.Error(n, err)
		}
		if got := b.covered("client", download+" write", download+" write wait"); !strings.HasPrefix(got, "0s-4s") {
			t.Errorf("covered %s, blocked 0s-4s", got)
		}
	})
}

func headerWait(t *testing.T) {
	inBubble(t, &service{stream: func(stream grpc.ServerStream) error {
		time.Sleep(time.Second)
		err := stream.SendHeader(metadata.Pairs("k", "v"))
		time.Sleep(3 * time.Second)
		return err
	}}, func(t *testing.T, b bubble) {
		stream := spantest.Must(b.client.StreamingOutputCall(b.ctx, ask()))(t)
		if md := spantest.Must(stream.Header())(t); md.Get("k") == nil {
			t.Errorf("%v", md)
		}
		time.Sleep(time.Second) // work
		drain(stream)
		wantCovered(t, b.covered("client", download, download+" wait"), "0s-1s 2s-4s")
	})
}

func blockTwoSeconds() error {
	time.Sleep(2 * time.Second)
	return nil
}

func closeSendWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		tracer, parent, stream := fakeClientStream(t, fakeStream{
			close: blockTwoSeconds,
			recv:  func() error { return io.EOF },
		})
		time.Sleep(time.Second) // work
		if err := stream.CloseSend(); err != nil {
			t.Error(err)
		}
		_ = stream.RecvMsg(nil)
		parent.Finish()
		wantCovered(t, bubble{tracer: tracer, start: start}.covered("client", duplex, duplex+" wait"), "0s-0s 1s-3s")
	})
}

// slowHeader is a server's stream that takes two seconds to send its header.
type slowHeader struct{ gone }

func (slowHeader) SendHeader(metadata.MD) error { return blockTwoSeconds() }

func sendHeaderWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracer, start := spantest.NewTracer(), time.Now()
		err := serveStream(tracer, slowHeader{gone{ctx: t.Context()}}, func(_ any, stream grpc.ServerStream) error {
			time.Sleep(time.Second) // work
			return stream.SendHeader(nil)
		})
		if err != nil {
			t.Error(err)
		}
		wantCovered(t, bubble{tracer: tracer, start: start}.covered("client", duplex+" write"), "1s-3s")
	})
}

func connectionWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracer, ctx, parent := spantest.Under(t)
		l := start(t, &service{})
		slow := grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			time.Sleep(2 * time.Second)
			return l.DialContext(ctx)
		})
		start := time.Now()
		for _, stream := range []bool{false, true} {
			client := wrappedClient(t, tracer, l, slow)
			if stream {
				drain(spantest.Must(client.StreamingOutputCall(ctx, ask()))(t))
			} else {
				spantest.Must(client.UnaryCall(ctx, &pb.SimpleRequest{}))(t)
			}
		}
		parent.Finish()
		b := bubble{tracer: tracer, start: start}
		wantCovered(t, b.covered("client", unary, download, download+" wait"), "0s-2s 2s-4s")
	})
}

func overlappingWaits(t *testing.T) {
	inBubble(t, &service{stream: func(stream grpc.ServerStream) error {
		time.Sleep(5 * time.Second)
		return nil
	}}, func(t *testing.T, b bubble) {
		stream := spantest.Must(b.client.FullDuplexCall(b.ctx))(t)
		var done atomic.Bool
		go func() {
			time.Sleep(time.Second)
			stream.Recv()
			done.Store(true)
		}()
		time.Sleep(2 * time.Second)
		for stream.Send(message(moreThanAWindow)) == nil {
		}
		synctest.Wait()
		if !done.Load() {
			t.Error("RecvMsg has not returned")
		}
		wantCovered(t, b.covered("client", duplex, duplex+" wait"), "0s-0s 1s-5s")
	})
}

func waitUntilContextEnds(t *testing.T) {
	inBubble(t, &service{stream: func(stream grpc.ServerStream) error {
		<-stream.Context().Done()
		return stream.Context().Err()
	}}, func(t *testing.T, b bubble) {
		ctx, cancel := context.WithTimeout(b.ctx, 3*time.Second)
		defer cancel()
		stream := spantest.Must(b.client.FullDuplexCall(ctx))(t)
		time.Sleep(time.Second)
		stream.Recv()
		time.Sleep(time.Second)
		wantCovered(t, b.covered("client", duplex, duplex+" wait"), "0s-0s 1s-3s")
		span := b.tracer.Named(duplex)[0]
		if span.Tags["grpc.code"] != "DeadlineExceeded" {
			t.Errorf("%v", span.Tags)
		}
	})
}
