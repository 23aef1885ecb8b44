package gapgrpc_test

import (
	"context"
	"io"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace/internal/spantest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
)

// These tests are about interceptors after ours that make several attempts of a stream.

// attempt begins an attempt of a stream.
type attempt func(context.Context) (grpc.ClientStream, error)

// inner returns an option that adds an interceptor. Its streams come from make, which begins the
// attempts.
func inner(make func(context.Context, attempt) (grpc.ClientStream, error)) grpc.DialOption {
	return grpc.WithChainStreamInterceptor(func(
		ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string,
		streamer grpc.Streamer, opts ...grpc.CallOption,
	) (grpc.ClientStream, error) {
		return make(ctx, func(ctx context.Context) (grpc.ClientStream, error) {
			return streamer(ctx, desc, cc, method, opts...)
		})
	})
}

// retrying is a stream that begins another attempt when RecvMsg fails.
type retrying struct {
	grpc.ClientStream
	again func() (grpc.ClientStream, error)
}

func (r *retrying) RecvMsg(m any) error {
	err := r.ClientStream.RecvMsg(m)
	if err == nil || err == io.EOF {
		return err
	}
	if r.ClientStream, err = r.again(); err != nil {
		return err
	}
	return r.ClientStream.RecvMsg(m)
}

// attemptAndAsk begins an attempt and sends its request.
func attemptAndAsk(ctx context.Context, try attempt) (grpc.ClientStream, error) {
	stream, err := try(ctx)
	if err == nil {
		err = stream.SendMsg(ask())
	}
	return stream, err
}

func TestStreamAttempts(t *testing.T) {
	t.Run("ends during NewStream and in RecvMsg", attemptsEnd)
	t.Run("canceled while another goes on", attemptIsCanceled)
	t.Run("times out, without a service config", func(t *testing.T) { attemptTimesOut(t, "{}") })
	t.Run("times out before the service config", func(t *testing.T) { attemptTimesOut(t, fiveSeconds) })
	t.Run("ends while nobody waits", attemptEndsIdle)
}

func attemptsEnd(t *testing.T) {
	tracer, ctx, parent := spantest.Under(t)
	calls := 0
	l := start(t, &service{stream: func(stream grpc.ServerStream) error {
		calls++
		if err := stream.SendMsg(answer(1)); err != nil || calls == 1 {
			return status.Error(codes.Canceled, "the server canceled")
		}
		return stream.SendMsg(answer(1))
	}})
	retry := func(ctx context.Context, try attempt) (grpc.ClientStream, error) {
		canceled, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := try(canceled); status.Code(err) != codes.Canceled {
			t.Errorf("the first attempt: %v", err)
		}
		second, err := try(ctx)
		third := func() (grpc.ClientStream, error) { return attemptAndAsk(ctx, try) }
		return &retrying{second, third}, err
	}
	client := wrappedClient(t, tracer, l, inner(retry))
	stream := spantest.Must(client.StreamingOutputCall(ctx, ask()))(t)
	if n, err := drain(stream); n != 3 || err != io.EOF {
		t.Error(n, err)
	}
	spantest.WantUnder(t, tracer, parent, line(download, "grpc.code=OK messages=3 peer.address=bufconn"))
}

func attemptIsCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracer, ctx, parent := spantest.Under(t)
		hedge := func(ctx context.Context, try attempt) (grpc.ClientStream, error) {
			canceled, cancel := context.WithCancel(ctx)
			spantest.Must(try(canceled))(t)
			other, err := try(ctx)
			time.AfterFunc(time.Second, cancel)
			return other, err
		}
		client := wrappedClient(t, tracer, start(t, &service{}), inner(hedge))
		stream := spantest.Must(client.FullDuplexCall(ctx))(t)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if err := stream.Send(ask(1, 1)); err != nil {
			t.Error(err)
		}
		stream.CloseSend()
		if n, err := drain[pb.StreamingOutputCallResponse](stream); n != 2 || err != io.EOF {
			t.Error(n, err)
		}
		synctest.Wait()
		spantest.WantUnder(t, tracer, parent,
			line(duplex, "grpc.code=OK messages=2 peer.address=bufconn request_messages=1"))
	})
}

// attemptTimesOut lets the interceptor's timeout of an attempt expire.
func attemptTimesOut(t *testing.T, config string) {
	synctest.Test(t, func(t *testing.T) {
		tracer, ctx, parent := spantest.Under(t)
		l := start(t, &service{stream: func(stream grpc.ServerStream) error {
			if err := stream.SendMsg(answer(1)); err != nil {
				return err
			}
			time.Sleep(3 * time.Second)
			return stream.SendMsg(answer(1))
		}})
		perAttempt := func(ctx context.Context, try attempt) (grpc.ClientStream, error) {
			limited, cancel := context.WithTimeout(ctx, time.Second)
			t.Cleanup(cancel)
			first, err := try(limited)
			second := func() (grpc.ClientStream, error) { return attemptAndAsk(ctx, try) }
			return &retrying{first, second}, err
		}
		client := wrappedClient(t, tracer, l, inner(perAttempt), grpc.WithDefaultServiceConfig(config))
		stream := spantest.Must(client.StreamingOutputCall(ctx, ask()))(t)
		spantest.Must(stream.Recv())(t)
		time.Sleep(2 * time.Second) // the caller works on the message
		if n, err := drain(stream); n != 2 || err != io.EOF {
			t.Error(n, err)
		}
		synctest.Wait()
		parent.Finish()
		tags := tracer.Only(t, download).Tags
		if tags["grpc.code"] != "OK" || tags["error"] != nil || tags["messages"] != int64(3) {
			t.Errorf("tags: %v", tags)
		}
		if waited := tracer.Only(t, download+" wait").Duration(); waited != 3*time.Second {
			t.Errorf("it waited for %v", waited)
		}
	})
}

// attemptEndsIdle lets an attempt end while nobody waits. That ends the stream only if the service
// config's timeout has expired, or if the caller canceled.
func attemptEndsIdle(t *testing.T) {
	for code := codes.OK; code <= codes.Unauthenticated; code++ {
		for _, canceled := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				h := hold(t, fakeStream{}, nothing)
				if canceled {
					h.cancel()
				}
				h.onFinish(status.Error(code, "over"))
				synctest.Wait()
				want := ""
				if canceled || code == codes.DeadlineExceeded {
					want = code.String()
				}
				if got := h.code(); got != want {
					t.Errorf("with %v, canceled: %v, it ended with %q", code, canceled, got)
				}
				runtime.KeepAlive(h)
			})
		}
	}
}
