package gapgrpc_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace"
	gapgrpc "github.com/gaptrace/gaptrace/contrib/grpc"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

func TestRetriedCallIsOneSpan(t *testing.T) {
	t.Run("unary", func(t *testing.T) {
		retriedCall(t, unary, func(ctx context.Context, client pb.TestServiceClient) error {
			_, err := client.UnaryCall(ctx, &pb.SimpleRequest{})
			return err
		})
	})
	t.Run("stream", func(t *testing.T) {
		retriedCall(t, download, func(ctx context.Context, client pb.TestServiceClient) error {
			stream, err := client.StreamingOutputCall(ctx, ask())
			if err == nil {
				_, err = drain(stream)
			}
			if err == io.EOF {
				return nil
			}
			return err
		})
	})
}

// unavailable returns a service whose first two answers are Unavailable. It counts its calls, and
// sends the id of each call's parent.
func unavailable(calls *atomic.Int32, parents chan<- string) *service {
	fails := func(ctx context.Context) error {
		md, _ := metadata.FromIncomingContext(ctx)
		parents <- fmt.Sprint(md.Get("spantest-span"))
		if calls.Add(1) <= 2 {
			return status.Error(codes.Unavailable, "not yet")
		}
		return nil
	}
	return &service{
		unary: func(ctx context.Context, _ *pb.SimpleRequest) (*pb.SimpleResponse, error) {
			return &pb.SimpleResponse{}, fails(ctx)
		},
		stream: func(stream grpc.ServerStream) error {
			if err := fails(stream.Context()); err != nil {
				return err
			}
			return stream.SendMsg(answer(1))
		},
	}
}

// retriedCall checks that a call of three attempts is one span that covers the back-off.
func retriedCall(t *testing.T, operation string, call func(context.Context, pb.TestServiceClient) error) {
	const retries = `{"methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 4, "initialBackoff": "1s",
		"maxBackoff": "1s", "backoffMultiplier": 1, "retryableStatusCodes": ["UNAVAILABLE"]}}]}`
	synctest.Test(t, func(t *testing.T) {
		tracer, ctx, parent := spantest.Under(t)
		var attempts atomic.Int32
		parents := make(chan string, 9)
		l := start(t, unavailable(&attempts, parents))
		client := wrappedClient(t, tracer, l, grpc.WithDefaultServiceConfig(retries))
		began := time.Now()
		err := call(ctx, client)
		took := time.Since(began)
		if err != nil || attempts.Load() != 3 {
			t.Fatal(err, attempts.Load())
		}
		parent.Finish()
		span := tracer.Only(t, operation)
		if span.Tags["grpc.code"] != "OK" || span.Tags["error"] != nil || span.Tags["peer.address"] != "bufconn" {
			t.Errorf("tags: %v", span.Tags)
		}
		var covered time.Duration
		for _, s := range append(tracer.Named(operation), tracer.Named(operation+" wait")...) {
			covered += s.Duration()
		}
		if took < time.Second || covered != took {
			t.Errorf("%v of %v are covered", covered, took)
		}
		for range 3 {
			if got := <-parents; got != fmt.Sprintf("[%d]", span.ID) {
				t.Errorf("an attempt sent the span id %s, want %d", got, span.ID)
			}
		}
		if problems := tracer.Problems(); problems != nil {
			t.Error(problems)
		}
	})
}

// grpc-go parses a hedging policy and does not follow it yet.
func TestHedgedCallIsOneSpan(t *testing.T) {
	const hedging = `{"methodConfig": [{"name": [{}], "hedgingPolicy":
		{"maxAttempts": 3, "hedgingDelay": "0.001s", "nonFatalStatusCodes": ["UNAVAILABLE"]}}]}`
	tracer, ctx, parent := spantest.Under(t)
	l := start(t, &service{unary: func(context.Context, *pb.SimpleRequest) (*pb.SimpleResponse, error) {
		time.Sleep(10 * time.Millisecond)
		return &pb.SimpleResponse{}, nil
	}})
	client := wrappedClient(t, tracer, l, grpc.WithDefaultServiceConfig(hedging))
	spantest.Must(client.UnaryCall(ctx, &pb.SimpleRequest{}))(t)
	spantest.WantUnder(t, tracer, parent, line(unary, "grpc.code=OK peer.address=bufconn"))
}

func TestWaitForReadyIsCovered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracer, ctx, _ := spantest.Under(t)
		l := start(t, &service{})
		var up atomic.Bool
		dialer := grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			if !up.Load() {
				return nil, io.ErrUnexpectedEOF
			}
			return l.DialContext(ctx)
		})
		conn := dial(t, l, append(gapgrpc.DialOptions(gaptrace.WithTracer(tracer)), dialer)...)
		conn.Connect()
		for conn.GetState() != connectivity.TransientFailure {
			conn.WaitForStateChange(ctx, conn.GetState())
		}
		client := pb.NewTestServiceClient(conn)
		_, err := client.UnaryCall(ctx, &pb.SimpleRequest{})
		if status.Code(err) != codes.Unavailable {
			t.Error(err)
		}
		go func() {
			time.Sleep(5 * time.Second)
			up.Store(true)
			conn.ResetConnectBackoff()
		}()
		began := time.Now()
		_, err = client.UnaryCall(ctx, &pb.SimpleRequest{}, grpc.WaitForReady(true))
		took := time.Since(began)
		spans := tracer.Named(unary)
		if err != nil || took < time.Second || spans[1].Duration() != took {
			t.Errorf("%v, the call took %v, its span %v", err, took, spans[1].Duration())
		}
		refused, ready := spans[0].Tags, spans[1].Tags
		if refused["grpc.code"] != "Unavailable" || refused["peer.address"] != nil || ready["grpc.code"] != "OK" {
			t.Errorf("tags: %v, then %v", refused, ready)
		}
	})
}
