package gapgrpc_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace"
	gapgrpc "github.com/gaptrace/gaptrace/contrib/grpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
)

// again is an interceptor that begins another stream where one has failed, as those do that retry: in NewStream, and
// when nothing can be received any more.
type again struct {
	grpc.ClientStream
	begin func() (grpc.ClientStream, error)
}

func (a *again) RecvMsg(m any) error {
	err := a.ClientStream.RecvMsg(m)
	if err == nil || err == io.EOF {
		return err
	}
	if a.ClientStream, err = a.begin(); err != nil {
		return err
	}
	return a.ClientStream.RecvMsg(m)
}

func TestAStreamThatAnInnerInterceptorBeginsAgainIsOneRecordToItsEnd(t *testing.T) {
	tracer, ctx, parent := under(t)
	asked := 0
	l := start(t, &service{stream: func(stream grpc.ServerStream) error {
		asked++
		if err := stream.SendMsg(answer(1)); err != nil || asked == 1 {
			return status.Error(codes.Canceled, "the server called it off")
		}
		return stream.SendMsg(answer(1))
	}})
	retry := func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := streamer(gone, desc, cc, method, opts...); status.Code(err) != codes.Canceled {
			t.Errorf("the first attempt: %v", err)
		}
		begin := func() (grpc.ClientStream, error) {
			s, err := streamer(ctx, desc, cc, method, opts...)
			if err == nil {
				err = s.SendMsg(ask())
			}
			return s, err
		}
		s, err := streamer(ctx, desc, cc, method, opts...)
		return &again{s, begin}, err
	}
	conn := dial(t, l, append(gapgrpc.DialOptions(gaptrace.WithTracer(tracer)), grpc.WithChainStreamInterceptor(retry))...)
	stream := must(pb.NewTestServiceClient(conn).StreamingOutputCall(ctx, ask()))(t)
	if n, err := drain(stream); n != 3 || err != io.EOF {
		t.Error(n, err)
	}
	wantTree(t, tracer, parent, line(download, "grpc.code=OK messages=3 peer.address=bufconn"))
}

// within is the option of a client whose streams an interceptor inside of ours makes.
func within(begin func(ctx context.Context, stream func(ctx context.Context) (grpc.ClientStream, error)) (grpc.ClientStream, error)) grpc.DialOption {
	return grpc.WithChainStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		return begin(ctx, func(ctx context.Context) (grpc.ClientStream, error) { return streamer(ctx, desc, cc, method, opts...) })
	})
}

func TestAnAttemptThatAnInnerInterceptorCallsOffIsNotTheStreamsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracer, ctx, parent := under(t)
		hedge := within(func(ctx context.Context, stream func(context.Context) (grpc.ClientStream, error)) (grpc.ClientStream, error) {
			losing, lost := context.WithCancel(ctx)
			must(stream(losing))(t)
			won, err := stream(ctx)
			time.AfterFunc(time.Second, lost)
			return won, err
		})
		conn := dial(t, start(t, &service{}), append(gapgrpc.DialOptions(gaptrace.WithTracer(tracer)), hedge)...)
		stream := must(pb.NewTestServiceClient(conn).FullDuplexCall(ctx))(t)
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
		wantTree(t, tracer, parent, line(duplex, "grpc.code=OK messages=2 peer.address=bufconn request_messages=1"))
	})
}

func TestTheEndOfAnAttemptsTimeIsNotTheStreamsEndWhateverAServiceConfigAllowsIt(t *testing.T) {
	for name, config := range map[string]string{"nothing": "{}", "more": fiveSeconds} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tracer, ctx, parent := under(t)
				l := start(t, &service{stream: func(stream grpc.ServerStream) error {
					if err := stream.SendMsg(answer(1)); err != nil {
						return err
					}
					time.Sleep(3 * time.Second)
					return stream.SendMsg(answer(1))
				}})
				begin := func(stream grpc.ClientStream, err error) (grpc.ClientStream, error) {
					if err == nil {
						err = stream.SendMsg(ask())
					}
					return stream, err
				}
				perTry := within(func(ctx context.Context, stream func(context.Context) (grpc.ClientStream, error)) (grpc.ClientStream, error) {
					try, cancel := context.WithTimeout(ctx, time.Second)
					t.Cleanup(cancel)
					first, err := stream(try)
					return &again{first, func() (grpc.ClientStream, error) { return begin(stream(ctx)) }}, err
				})
				conn := dial(t, l, append(gapgrpc.DialOptions(gaptrace.WithTracer(tracer)), perTry, grpc.WithDefaultServiceConfig(config))...)
				stream := must(pb.NewTestServiceClient(conn).StreamingOutputCall(ctx, ask()))(t)
				must(stream.Recv())(t)
				time.Sleep(2 * time.Second) // its caller works on the message
				if n, err := drain(stream); n != 2 || err != io.EOF {
					t.Error(n, err)
				}
				synctest.Wait()
				parent.Finish()
				if tags := only(t, tracer, download).Tags; tags["grpc.code"] != "OK" || tags["error"] != nil || tags["messages"] != int64(3) {
					t.Errorf("%v", tags)
				}
				if waited := only(t, tracer, download+" wait").Duration(); waited != 3*time.Second {
					t.Errorf("it waited for %v", waited)
				}
			})
		})
	}
}

func TestWhatEndsAStreamThatNobodyWaitsFor(t *testing.T) {
	for code := codes.OK; code <= codes.Unauthenticated; code++ {
		over := status.Error(code, "over")
		for name, c := range map[string]struct {
			before func(h *held)
			want   bool
		}{
			"on its own":                        {func(*held) {}, code == codes.DeadlineExceeded}, // for which the config's time is over
			"when the caller has called it off": {func(h *held) { h.cancel() }, true},
		} {
			synctest.Test(t, func(t *testing.T) {
				h := hold(t, strange{}, func(*held) {})
				c.before(h)
				h.over(over)
				synctest.Wait()
				if got := h.code(); (got == code.String()) != c.want || (got == "") == c.want {
					t.Errorf("with %v, %s, it ended with %q", code, name, got)
				}
				runtime.KeepAlive(h)
			})
		}
	}
}

func TestAStreamWhoseFailureHeaderHidesIsReportedThoughItsCallerStillHoldsIt(t *testing.T) {
	for name, c := range map[string]struct {
		refused bool
		inside  func(stream grpc.ClientStream) // beside Header
		want    codes.Code
	}{
		"the server refuses it":                   {true, func(grpc.ClientStream) {}, codes.NotFound},
		"the server goes away":                    {false, func(grpc.ClientStream) {}, codes.Unavailable},
		"the server goes away, somebody receives": {false, func(s grpc.ClientStream) { _ = s.RecvMsg(&pb.StreamingOutputCallResponse{}) }, codes.Unavailable},
		"the server goes away, somebody sends": {false, func(s grpc.ClientStream) {
			for s.SendMsg(&pb.StreamingOutputCallRequest{Payload: &pb.Payload{Body: make([]byte, 1<<20)}}) == nil {
			}
		}, codes.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tracer, ctx, _ := under(t)
				ctx, cancel := context.WithCancel(ctx)
				var server *grpc.Server
				l := startServer(t, func(s *grpc.Server) {
					server = s
					pb.RegisterTestServiceServer(s, &service{stream: func(stream grpc.ServerStream) error {
						if c.refused {
							return errNotHere
						}
						<-stream.Context().Done()
						return stream.Context().Err()
					}})
				})
				stream := must(pb.NewTestServiceClient(dial(t, l, gapgrpc.DialOptions(gaptrace.WithTracer(tracer))...)).FullDuplexCall(ctx))(t)
				go c.inside(stream)
				synctest.Wait()
				if !c.refused {
					go server.Stop()
				}
				if md, err := stream.Header(); md != nil || err != nil {
					t.Error(md, err)
				}
				synctest.Wait()
				if tags := only(t, tracer, duplex).Tags; tags["grpc.code"] != c.want.String() || tags["error"] != true {
					t.Errorf("%v", tags)
				}
				cancel()
				_, _ = stream.Recv() // for a second end, were there one
				synctest.Wait()
				only(t, tracer, duplex)
			})
		})
	}
}

// odd is a context that ends with an error of its own.
type odd struct{ foreign }

var errOdd = errors.New("odd")

func (o odd) Err() error {
	if o.foreign.Err() == nil {
		return nil
	}
	return errOdd
}

func TestAContextThatEndsWithAnErrorOfItsOwnEndsItsStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracer, ctx, parent := under(t)
		f := foreign{ctx, make(chan struct{})}
		conn := dial(t, start(t, &service{}), gapgrpc.DialOptions(gaptrace.WithTracer(tracer))...)
		stream := must(pb.NewTestServiceClient(conn).FullDuplexCall(odd{f}))(t)
		close(f.done)
		synctest.Wait()
		wantTree(t, tracer, parent, failed(duplex, " messages=0 request_messages=0", codes.Unknown, "odd"))
		runtime.KeepAlive(stream)
	})
}

func TestAnOnFinishOfTheCallersThatBlocksDelaysNoReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracer, ctx, _ := under(t)
		ctx, cancel := context.WithCancel(ctx)
		conn := dial(t, start(t, &service{}), gapgrpc.DialOptions(gaptrace.WithTracer(tracer))...)
		asked := make(chan error)
		stream := must(pb.NewTestServiceClient(conn).FullDuplexCall(ctx, grpc.OnFinish(func(err error) { asked <- err })))(t)
		cancel()
		synctest.Wait()
		if n := len(tracer.Named(duplex)); n != 1 {
			t.Errorf("%d spans have ended while it blocks", n)
		}
		if err := <-asked; status.Code(err) != codes.Canceled {
			t.Errorf("it was told of %v", err)
		}
		runtime.KeepAlive(stream)
	})
}
