package gapgrpc_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
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

// foreign is a context that is not of package context: its end is of its own making.
type foreign struct {
	context.Context
	done chan struct{}
}

func (f foreign) Done() <-chan struct{} { return f.done }

func (f foreign) Err() error {
	select {
	case <-f.done:
		return context.Canceled
	default:
		return nil
	}
}

const (
	fiveSeconds = `{"methodConfig": [{"name": [{}], "timeout": "5s"}]}`
	noTime      = `{"methodConfig": [{"name": [{}], "timeout": "0s"}]}`
	tooLate     = "context deadline exceeded"
)

func TestAStreamThatGRPCEndsIsReportedThoughItsCallerStillHoldsIt(t *testing.T) {
	const idle, inRecv, inSend = "nobody waits", "somebody receives", "somebody sends"
	cancelled := line(duplex, "grpc.code=Canceled messages=1 peer.address=bufconn request_messages=1")
	late := failed(duplex, " messages=1 peer.address=bufconn request_messages=1", codes.DeadlineExceeded, tooLate)
	for name, c := range map[string]struct {
		config  string
		context func(ctx context.Context) (context.Context, context.CancelFunc)
		end     func(conn *grpc.ClientConn, cancel context.CancelFunc)
		want    string
	}{
		"the service config's time is over": {config: fiveSeconds, end: func(*grpc.ClientConn, context.CancelFunc) { time.Sleep(5 * time.Second) }, want: late},
		"the caller's time is over": {
			context: func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, 5*time.Second)
			},
			end: func(*grpc.ClientConn, context.CancelFunc) { time.Sleep(5 * time.Second) }, want: late,
		},
		"called off": {end: func(_ *grpc.ClientConn, cancel context.CancelFunc) { cancel() }, want: cancelled},
		"called off by a foreign context": {
			context: func(ctx context.Context) (context.Context, context.CancelFunc) {
				f := foreign{ctx, make(chan struct{})}
				return f, sync.OnceFunc(func() { close(f.done) })
			},
			end: func(_ *grpc.ClientConn, cancel context.CancelFunc) { cancel() }, want: cancelled,
		},
		"the connection is closed": {
			end: func(conn *grpc.ClientConn, _ context.CancelFunc) { conn.Close() },
			want: failed(duplex, " messages=1 peer.address=bufconn request_messages=1", codes.Canceled,
				"grpc: the client connection is closing"),
		},
	} {
		for _, who := range []string{idle, inRecv, inSend} {
			t.Run(name+", "+who, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					tracer, ctx, parent := under(t)
					l := start(t, &service{stream: func(stream grpc.ServerStream) error {
						if err := stream.RecvMsg(&pb.StreamingOutputCallRequest{}); err != nil {
							return err
						}
						_ = stream.SendMsg(answer(1))
						<-stream.Context().Done()
						return stream.Context().Err()
					}})
					config, within, want := cmp.Or(c.config, "{}"), c.context, "parent\n"+c.want
					if within == nil {
						within = context.WithCancel
					}
					conn := dial(t, l, append(gapgrpc.DialOptions(gaptrace.WithTracer(tracer)), grpc.WithDefaultServiceConfig(config))...)
					ctx, cancel := within(ctx)
					defer cancel()
					stream := must(pb.NewTestServiceClient(conn).FullDuplexCall(ctx))(t)
					if err := stream.Send(ask(1)); err != nil {
						t.Error(err)
					}
					must(stream.Recv())(t)
					switch who {
					case inRecv:
						go stream.Recv()
					case inSend: // more than a window; the first still goes into a buffer
						want = strings.ReplaceAll(want, "request_messages=1", "request_messages=2")
						go func() {
							for stream.Send(&pb.StreamingOutputCallRequest{Payload: &pb.Payload{Body: make([]byte, 1<<20)}}) == nil {
							}
						}()
					}
					synctest.Wait()
					c.end(conn, cancel)
					synctest.Wait()
					if ended := tracer.Named(duplex); len(ended) != 1 {
						t.Fatalf("%d spans have ended", len(ended))
					}
					_, err := stream.Recv() // for a second end, were there one
					if err == nil {
						t.Error("received something")
					}
					cancel()
					synctest.Wait()
					parent.Finish()
					var drawn strings.Builder
					for line := range strings.Lines(tracer.Tree()) {
						if !strings.Contains(line, duplex+" wait") { // how often its caller waited is not the question
							drawn.WriteString(line)
						}
					}
					// The server's time is over at the same moment, and either side may be the first to say so.
					if got := strings.Replace(drawn.String(), "stream terminated by RST_STREAM with error code: CANCEL", tooLate, 1); got != want {
						t.Errorf("got:\n%s\nwant:\n%s", got, want)
					}
				})
			})
		}
	}
}

func TestTheCallersOwnOnFinishIsCalledOnceAsRawAndInOrder(t *testing.T) {
	for name, use := range map[string]func(stream grpc.ServerStreamingClient[pb.StreamingOutputCallResponse], conn *grpc.ClientConn, cancel context.CancelFunc){
		"read to its end": func(stream grpc.ServerStreamingClient[pb.StreamingOutputCallResponse], _ *grpc.ClientConn, _ context.CancelFunc) {
			drain(stream)
			drain(stream)
		},
		"called off": func(_ grpc.ServerStreamingClient[pb.StreamingOutputCallResponse], _ *grpc.ClientConn, cancel context.CancelFunc) {
			cancel()
		},
		"closed": func(_ grpc.ServerStreamingClient[pb.StreamingOutputCallResponse], conn *grpc.ClientConn, _ context.CancelFunc) {
			conn.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			observe := func(opts ...grpc.DialOption) (told string) {
				synctest.Test(t, func(t *testing.T) {
					tracer, ctx, _ := under(t)
					ctx, cancel := context.WithCancel(ctx)
					defer cancel()
					var all []string
					note := func(who string) grpc.CallOption {
						return grpc.OnFinish(func(err error) { all = append(all, fmt.Sprint(who, ": ", err)) })
					}
					if opts != nil {
						opts = gapgrpc.DialOptions(gaptrace.WithTracer(tracer))
					}
					conn := dial(t, start(t, &service{}), append(opts, grpc.WithDefaultCallOptions(note("always")))...)
					stream := must(pb.NewTestServiceClient(conn).StreamingOutputCall(ctx, ask(1), note("first"), note("second")))(t)
					must(stream.Recv())(t)
					use(stream, conn, cancel)
					synctest.Wait()
					told = strings.Join(all, ", ")
				})
				return told
			}
			raw, ours := observe(), observe(grpc.EmptyDialOption{})
			if raw != ours || strings.Count(raw, ": ") < 3 {
				t.Errorf("raw:  %s\nours: %s", raw, ours)
			}
		})
	}
}

// connected is a client of a server, which the service config that its resolver gave has reached.
func connected(t *testing.T, config string, opts ...grpc.DialOption) *grpc.ClientConn {
	conn := dial(t, start(t, &service{}), append(opts, grpc.WithDefaultServiceConfig(config))...)
	conn.Connect()
	for state := conn.GetState(); state != connectivity.Ready; state = conn.GetState() {
		conn.WaitForStateChange(t.Context(), state)
	}
	return conn
}

// held is a stream that nobody reads, of which a test decides when grpc says that it is over. The service config's time is
// over as soon as it begins.
type held struct {
	*spantest.Tracer
	grpc.ClientStream
	conn   *grpc.ClientConn
	over   func(error)
	cancel context.CancelFunc
}

// hold begins a stream as s says; begin is called while it does.
func hold(t *testing.T, s strange, begin func(h *held)) *held {
	h := &held{conn: connected(t, noTime)}
	tracer, ctx, _ := under(t)
	ctx, h.cancel = context.WithCancel(ctx)
	t.Cleanup(h.cancel)
	h.Tracer = tracer
	h.ClientStream = must(gapgrpc.StreamClientInterceptor(gaptrace.WithTracer(tracer))(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, h.conn, duplex,
		func(_ context.Context, _ *grpc.StreamDesc, _ *grpc.ClientConn, _ string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			h.over = opts[0].(grpc.OnFinishCallOption).OnFinish
			begin(h)
			return s, nil
		}))(t)
	return h
}

// code is what the stream ended with, "" while it has not.
func (h *held) code() string {
	if spans := h.Named(duplex); len(spans) > 0 {
		return fmt.Sprint(spans[0].Tags["grpc.code"])
	}
	return ""
}

// close closes the connection, of which grpc tells each stream.
func (h *held) close() {
	h.conn.Close()
	h.over(errClosing)
}

var (
	errLate    = status.Error(codes.DeadlineExceeded, tooLate)
	errClosing = status.Error(codes.Canceled, "grpc: the client connection is closing")
)

func TestWhoComesOutOfAStreamThatIsOverEndsItUnlessAnotherMayHaveBegun(t *testing.T) {
	for name, c := range map[string]struct {
		is        error // with which grpc says that it is over
		with      error // with which SendMsg comes out
		calledOff bool
		want      string
	}{
		"a message came, and there may be more":        {errLate, nil, false, ""},
		"a message came, and the caller called it off": {errLate, nil, true, "DeadlineExceeded"},
		"a message came, and the connection is closed": {errClosing, nil, false, "Canceled"},
		"the server is gone":                           {errLate, io.EOF, false, "DeadlineExceeded"},
		"an attempt was over, and then the server":     {errNotHere, io.EOF, false, ""},
		"one was over, and the caller called it off":   {errNotHere, nil, true, ""}, // grpc is about to say so of the other
		"it failed": {errLate, errNotHere, false, "NotFound"},
	} {
		for op, do := range map[string]func(s grpc.ClientStream) error{
			"SendMsg":   func(s grpc.ClientStream) error { return s.SendMsg(nil) },
			"RecvMsg":   func(s grpc.ClientStream) error { return s.RecvMsg(nil) },
			"CloseSend": func(s grpc.ClientStream) error { return s.CloseSend() },
			"Header":    func(s grpc.ClientStream) error { _, err := s.Header(); return err },
		} {
			if c.with != nil && op != "SendMsg" {
				continue // an end, whatever grpc says
			}
			t.Run(name+", "+op, func(t *testing.T) {
				var h *held
				comesOut := func() error {
					if c.is == errClosing {
						h.close()
					}
					h.over(c.is)
					if c.calledOff {
						h.cancel()
					}
					return c.with
				}
				header := func() (metadata.MD, error) { return metadata.MD{}, comesOut() }
				h = hold(t, strange{send: comesOut, recv: comesOut, close: comesOut, header: header}, func(*held) {})
				if err := do(h); err != c.with {
					t.Error(err)
				}
				if got := h.code(); got != c.want {
					t.Errorf("ended with %q, want %q", got, c.want)
				}
			})
		}
	}
}

func TestWhoIsStillInsideAStreamThatIsOverEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := make(chan struct{})
		h := hold(t, strange{send: func() error { return io.EOF }, recv: func() error {
			<-gone
			return errNotHere
		}}, func(*held) {})
		go h.RecvMsg(nil)
		synctest.Wait()
		h.over(errLate)
		if err := h.SendMsg(nil); err != io.EOF {
			t.Error(err)
		}
		synctest.Wait()
		if code := h.code(); code != "" {
			t.Errorf("ended with %s while somebody receives", code)
		}
		close(gone)
		synctest.Wait()
		if code := h.code(); code != "NotFound" {
			t.Errorf("ended with %q", code)
		}
	})
}

func TestWhatEndsWhileAStreamIsBegunIsAnAttemptUnlessTheContextHasEndedOrTheConnectionIsClosed(t *testing.T) {
	attempt := hold(t, strange{send: func() error { return io.EOF }, recv: func() error { return errNotHere }}, func(h *held) { h.over(errLate) })
	_ = attempt.SendMsg(nil)
	if code := attempt.code(); code != "" {
		t.Errorf("ended with %s, of another attempt", code)
	}
	_ = attempt.RecvMsg(nil)
	if code := attempt.code(); code != "NotFound" {
		t.Errorf("ended with %q", code)
	}
	closed := hold(t, strange{}, (*held).close)
	if code := closed.code(); code != "Canceled" {
		t.Errorf("where the connection was closed, it ended with %q", code)
	}
	calledOff := hold(t, strange{}, func(h *held) {
		h.cancel()
		h.over(errLate)
	})
	if code := calledOff.code(); code != "Canceled" {
		t.Errorf("called off, it ended with %q", code)
	}
}

func TestAHookThatEndsItsGoroutineDoesNotEndThatOfGRPC(t *testing.T) {
	tracer, ctx, _ := under(t)
	ctx, cancel := context.WithCancel(ctx)
	var over func(error)
	intercept := gapgrpc.StreamClientInterceptor(gaptrace.WithTracer(tracer), gaptrace.WithExpected(func(gaptrace.Call, error) bool {
		runtime.Goexit()
		return false
	}))
	stream := must(intercept(ctx, &grpc.StreamDesc{}, nil, duplex,
		func(_ context.Context, _ *grpc.StreamDesc, _ *grpc.ClientConn, _ string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			over = opts[0].(grpc.OnFinishCallOption).OnFinish
			return strange{}, nil
		}))(t)
	goesOn := make(chan bool, 1)
	go func() {
		defer close(goesOn)
		cancel()
		over(errLate)
		goesOn <- true
	}()
	if !<-goesOn {
		t.Error("it has ended")
	}
	await(t, "the stream's end", func() bool { return len(tracer.Named(duplex)) == 1 })
	runtime.KeepAlive(stream)
}

func TestTheCallersOptionsAreNotWrittenTo(t *testing.T) {
	tracer, ctx, _ := under(t)
	options := append(make([]grpc.CallOption, 0, 9), grpc.WaitForReady(true))
	_ = gapgrpc.UnaryClientInterceptor(gaptrace.WithTracer(tracer))(ctx, unary, nil, nil, nil,
		func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { return nil }, options...)
	_, _ = gapgrpc.StreamClientInterceptor(gaptrace.WithTracer(tracer))(ctx, &grpc.StreamDesc{}, nil, duplex,
		func(context.Context, *grpc.StreamDesc, *grpc.ClientConn, string, ...grpc.CallOption) (grpc.ClientStream, error) {
			return nil, errLate
		}, options...)
	if options[:2][1] != nil {
		t.Errorf("they have become %v", options[:2])
	}
}

// untouched is a context that counts who waits for its end.
type untouched struct {
	context.Context
	asked atomic.Int32
}

func (u *untouched) Done() <-chan struct{} {
	u.asked.Add(1)
	return u.Context.Done()
}

func (u *untouched) AfterFunc(func()) (stop func() bool) {
	u.asked.Add(1)
	return func() bool { return true }
}

func TestNothingOfOursWaitsForTheEndOfAStreamsContext(t *testing.T) {
	tracer, ctx, _ := under(t)
	u := &untouched{Context: ctx}
	inner := strange{recv: func() error { return io.EOF }}
	stream := must(gapgrpc.StreamClientInterceptor(gaptrace.WithTracer(tracer))(u, &grpc.StreamDesc{ServerStreams: true}, nil, duplex,
		func(context.Context, *grpc.StreamDesc, *grpc.ClientConn, string, ...grpc.CallOption) (grpc.ClientStream, error) {
			return inner, nil
		}))(t)
	_ = stream.RecvMsg(nil)
	if n := u.asked.Load(); n != 0 || len(tracer.Named(duplex)) != 1 {
		t.Errorf("asked for its end %d times:\n%s", n, tracer.Tree())
	}
}

func TestAStreamHasNoGoroutineOfItsOwnAndLeavesNoneBehind(t *testing.T) {
	// beside grpc's own: context starts one for each that waits for the end of a foreign context.
	goroutines := func() int {
		stacks := make([]byte, 1<<23)
		stacks = stacks[:runtime.Stack(stacks, true)]
		return bytes.Count(stacks, []byte("\ncreated by context.")) + bytes.Count(stacks, []byte("\ncreated by github.com/gaptrace/gaptrace/contrib/grpc."))
	}
	const streams = 50
	for name, c := range map[string]struct {
		of  func(ctx context.Context) context.Context
		raw int
	}{
		"a context":         {func(ctx context.Context) context.Context { return ctx }, 0},
		"a foreign context": {func(ctx context.Context) context.Context { return foreign{ctx, make(chan struct{})} }, streams}, // grpc's own
	} {
		t.Run(name, func(t *testing.T) {
			_, ctx, client := wrapped(t, &service{})
			var open []grpc.BidiStreamingClient[pb.StreamingOutputCallRequest, pb.StreamingOutputCallResponse]
			for range streams {
				stream := must(client.FullDuplexCall(c.of(ctx)))(t)
				if err := stream.Send(ask(1)); err != nil {
					t.Fatal(err)
				}
				must(stream.Recv())(t)
				open = append(open, stream)
			}
			if n := goroutines(); n != c.raw {
				t.Errorf("%d streams have %d goroutines, raw %d", streams, n, c.raw)
			}
			for _, stream := range open {
				stream.CloseSend()
				drain(stream)
			}
			await(t, "the last goroutine of a stream", func() bool { return goroutines() == 0 })
		})
	}
}
