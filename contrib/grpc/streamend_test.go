package gapgrpc_test

import (
	"context"
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
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
)

// foreign is a context that does not come from package context.
type foreign struct {
	context.Context
	done chan struct{}
	err  error // after its end
}

func newForeign(ctx context.Context, err error) (foreign, context.CancelFunc) {
	f := foreign{ctx, make(chan struct{}), err}
	return f, sync.OnceFunc(func() { close(f.done) })
}

func (f foreign) Done() <-chan struct{} { return f.done }

func (f foreign) Err() error {
	select {
	case <-f.done:
		return f.err
	default:
		return nil
	}
}

const (
	fiveSeconds = `{"methodConfig": [{"name": [{}], "timeout": "5s"}]}`
	noTime      = `{"methodConfig": [{"name": [{}], "timeout": "0s"}]}`
)

// TestGRPCEndsStream checks that the spans are reported when grpc ends the stream, while the caller
// still holds it.
func TestGRPCEndsStream(t *testing.T) {
	const tags = " messages=1 peer.address=bufconn request_messages=1"
	canceled := line(duplex, "grpc.code=Canceled"+tags)
	late := failed(duplex, tags, codes.DeadlineExceeded, tooLate)
	closed := failed(duplex, tags, codes.Canceled, "grpc: the client connection is closing")
	inFiveSeconds := func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, 5*time.Second)
	}
	foreignContext := func(ctx context.Context) (context.Context, context.CancelFunc) {
		return newForeign(ctx, context.Canceled)
	}
	wait := func(*grpc.ClientConn, context.CancelFunc) { time.Sleep(5 * time.Second) }
	cancel := func(_ *grpc.ClientConn, cancel context.CancelFunc) { cancel() }
	closeConn := func(conn *grpc.ClientConn, _ context.CancelFunc) { conn.Close() }
	for _, c := range []streamEnding{
		{"service config's timeout", fiveSeconds, context.WithCancel, wait, late},
		{"context's deadline", "{}", inFiveSeconds, wait, late},
		{"context is canceled", "{}", context.WithCancel, cancel, canceled},
		{"foreign context is canceled", "{}", foreignContext, cancel, canceled},
		{"ClientConn is closed", "{}", context.WithCancel, closeConn, closed},
	} {
		for _, who := range []waiter{nobody, receiver, sender} {
			t.Run(fmt.Sprintf("%s, %s waits", c.name, who), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { c.test(t, who) })
			})
		}
	}
}

// waiter says which goroutine waits when the stream ends.
type waiter string

const (
	nobody   waiter = "nobody"
	receiver waiter = "receiver"
	sender   waiter = "sender"
)

// streamEnding is a way in which grpc ends a stream, after a message each way.
type streamEnding struct {
	name        string
	config      string
	makeContext func(ctx context.Context) (context.Context, context.CancelFunc)
	end         func(conn *grpc.ClientConn, cancel context.CancelFunc)
	want        string
}

func (e streamEnding) test(t *testing.T, who waiter) {
	tracer, ctx, parent := spantest.Under(t)
	l := start(t, &service{stream: func(stream grpc.ServerStream) error {
		if err := stream.RecvMsg(&pb.StreamingOutputCallRequest{}); err != nil {
			return err
		}
		_ = stream.SendMsg(answer(1))
		<-stream.Context().Done()
		return stream.Context().Err()
	}})
	opts := append(gapgrpc.DialOptions(gaptrace.WithTracer(tracer)), grpc.WithDefaultServiceConfig(e.config))
	conn := dial(t, l, opts...)
	ctx, cancel := e.makeContext(ctx)
	defer cancel()
	stream := spantest.Must(pb.NewTestServiceClient(conn).FullDuplexCall(ctx))(t)
	if err := stream.Send(ask(1)); err != nil {
		t.Error(err)
	}
	spantest.Must(stream.Recv())(t)

	want := "parent\n" + e.want
	switch who {
	case receiver:
		go stream.Recv()
	case sender: // of more than a window; the first message still fits into a buffer
		want = strings.ReplaceAll(want, "request_messages=1", "request_messages=2")
		go func() {
			for stream.Send(message(1<<20)) == nil {
			}
		}()
	}
	synctest.Wait()
	e.end(conn, cancel)
	synctest.Wait()
	if ended := tracer.Named(duplex); len(ended) != 1 {
		t.Fatalf("%d spans have ended", len(ended))
	}
	if _, err := stream.Recv(); err == nil { // a second end, if there is one, comes by now
		t.Error("received something")
	}
	cancel()
	synctest.Wait()
	parent.Finish()
	// The server's deadline expires at the same moment, and either side may report it first.
	spantest.WantTree(t, tracer, want, "stream terminated by RST_STREAM with error code: CANCEL", tooLate)
}

func TestContextEndsWithItsOwnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracer, ctx, parent := spantest.Under(t)
		f, cancel := newForeign(ctx, io.ErrClosedPipe)
		client := wrappedClient(t, tracer, start(t, &service{}))
		stream := spantest.Must(client.FullDuplexCall(f))(t)
		cancel()
		synctest.Wait()
		spantest.WantUnder(t, tracer, parent,
			failed(duplex, " messages=0 request_messages=0", codes.Unknown, io.ErrClosedPipe.Error()))
		runtime.KeepAlive(stream)
	})
}

// heldStream is a stream that nobody reads. The test decides when grpc reports its end. The service
// config's timeout expires as soon as the stream starts.
type heldStream struct {
	*spantest.Tracer
	grpc.ClientStream
	conn     *grpc.ClientConn
	onFinish func(error)
	cancel   context.CancelFunc
}

// hold starts s as a heldStream. It calls during while the stream starts.
func hold(t *testing.T, s fakeStream, during func(h *heldStream)) *heldStream {
	h := &heldStream{conn: connected(t, noTime)}
	tracer, ctx, _ := spantest.Under(t)
	ctx, h.cancel = context.WithCancel(ctx)
	t.Cleanup(h.cancel)
	h.Tracer = tracer
	next := func(
		_ context.Context, _ *grpc.StreamDesc, _ *grpc.ClientConn, _ string, opts ...grpc.CallOption,
	) (grpc.ClientStream, error) {
		h.onFinish = opts[0].(grpc.OnFinishCallOption).OnFinish
		during(h)
		return s, nil
	}
	intercept := gapgrpc.StreamClientInterceptor(gaptrace.WithTracer(tracer))
	desc := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
	h.ClientStream = spantest.Must(intercept(ctx, desc, h.conn, duplex, next))(t)
	return h
}

// connected returns a connection to which the service config has been applied.
func connected(t *testing.T, config string) *grpc.ClientConn {
	conn := dial(t, start(t, &service{}), grpc.WithDefaultServiceConfig(config))
	conn.Connect()
	for state := conn.GetState(); state != connectivity.Ready; state = conn.GetState() {
		conn.WaitForStateChange(t.Context(), state)
	}
	return conn
}

// code returns the status that the stream ended with, or "" if it has not ended.
func (h *heldStream) code() string {
	if spans := h.Named(duplex); len(spans) > 0 {
		return fmt.Sprint(spans[0].Tags["grpc.code"])
	}
	return ""
}

func (h *heldStream) wantCode(t *testing.T, want string) {
	t.Helper()
	if got := h.code(); got != want {
		t.Errorf("ended with %q, want %q", got, want)
	}
}

// close closes the connection, which grpc reports to each stream.
func (h *heldStream) close() {
	h.conn.Close()
	h.onFinish(errClosing)
}

func nothing(*heldStream) {}

// TestStreamIsOverWhileSomebodyIsInside checks how a call is finished if grpc ends the stream while
// a goroutine is inside: when that goroutine leaves, unless another attempt may have begun.
func TestStreamIsOverWhileSomebodyIsInside(t *testing.T) {
	for _, c := range []struct {
		name     string
		over     error // which grpc reports
		returned error // by the method
		canceled bool  // by the caller
		want     string
	}{
		{"a message, more may come", errLate, nil, false, ""},
		{"a message, the caller canceled", errLate, nil, true, "DeadlineExceeded"},
		{"a message, the connection is closed", errClosing, nil, false, "Canceled"},
		{"the server is gone", errLate, io.EOF, false, "DeadlineExceeded"},
		{"an attempt ended, then the server is gone", errNotHere, io.EOF, false, ""},
		{"an attempt ended, then the caller canceled", errNotHere, nil, true, ""}, // grpc is about to report the other
		{"the method fails", errLate, errNotHere, false, "NotFound"},
	} {
		for method, call := range streamMethods {
			if c.returned != nil && method != "SendMsg" {
				continue // finishes the call, whatever grpc reports
			}
			t.Run(c.name+", "+method, func(t *testing.T) {
				var h *heldStream
				leave := func() error {
					if c.over == errClosing {
						h.close()
					}
					h.onFinish(c.over)
					if c.canceled {
						h.cancel()
					}
					return c.returned
				}
				header := func() (metadata.MD, error) { return metadata.MD{}, leave() }
				h = hold(t, fakeStream{send: leave, recv: leave, close: leave, header: header}, nothing)
				if err := call(h); err != c.returned {
					t.Error(err)
				}
				h.wantCode(t, c.want)
			})
		}
	}
	t.Run("the last one inside ends it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			gone := make(chan struct{})
			recv := func() error {
				<-gone
				return errNotHere
			}
			h := hold(t, fakeStream{send: func() error { return io.EOF }, recv: recv}, nothing)
			go h.RecvMsg(nil)
			synctest.Wait()
			h.onFinish(errLate)
			if err := h.SendMsg(nil); err != io.EOF {
				t.Error(err)
			}
			synctest.Wait()
			h.wantCode(t, "") // somebody receives
			close(gone)
			synctest.Wait()
			h.wantCode(t, "NotFound")
		})
	})
}

// TestStreamIsOverWhileItStarts checks that an end during NewStream is that of an attempt, unless
// the context has ended or the connection is closed.
func TestStreamIsOverWhileItStarts(t *testing.T) {
	t.Run("of an attempt", func(t *testing.T) {
		s := fakeStream{send: func() error { return io.EOF }, recv: func() error { return errNotHere }}
		h := hold(t, s, func(h *heldStream) { h.onFinish(errLate) })
		_ = h.SendMsg(nil)
		h.wantCode(t, "") // that was another attempt
		_ = h.RecvMsg(nil)
		h.wantCode(t, "NotFound")
	})
	t.Run("the connection is closed", func(t *testing.T) {
		hold(t, fakeStream{}, (*heldStream).close).wantCode(t, "Canceled")
	})
	t.Run("the caller canceled", func(t *testing.T) {
		h := hold(t, fakeStream{}, func(h *heldStream) {
			h.cancel()
			h.onFinish(errLate)
		})
		h.wantCode(t, "Canceled")
	})
}

// TestHeaderWithoutHeader checks that a failure that Header does not return is reported while the
// caller still holds the stream.
func TestHeaderWithoutHeader(t *testing.T) {
	receive := func(s grpc.ClientStream) { _ = s.RecvMsg(&pb.StreamingOutputCallResponse{}) }
	send := func(s grpc.ClientStream) {
		for s.SendMsg(message(1<<20)) == nil {
		}
	}
	idle := func(grpc.ClientStream) {}
	for _, c := range []struct {
		name    string
		refused bool                    // by the server, which otherwise goes away
		inside  func(grpc.ClientStream) // runs next to Header
		want    codes.Code
	}{
		{"server refuses", true, idle, codes.NotFound},
		{"server goes away", false, idle, codes.Unavailable},
		{"server goes away, somebody receives", false, receive, codes.Unavailable},
		{"server goes away, somebody sends", false, send, codes.Unavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { headerWithoutHeader(t, c.refused, c.inside, c.want) })
		})
	}
}

func headerWithoutHeader(t *testing.T, refused bool, inside func(grpc.ClientStream), want codes.Code) {
	tracer, ctx, _ := spantest.Under(t)
	ctx, cancel := context.WithCancel(ctx)
	var server *grpc.Server
	l := startServer(t, func(s *grpc.Server) {
		server = s
		pb.RegisterTestServiceServer(s, &service{stream: func(stream grpc.ServerStream) error {
			if refused {
				return errNotHere
			}
			<-stream.Context().Done()
			return stream.Context().Err()
		}})
	})
	stream := spantest.Must(wrappedClient(t, tracer, l).FullDuplexCall(ctx))(t)
	go inside(stream)
	synctest.Wait()
	if !refused {
		go server.Stop()
	}
	if md, err := stream.Header(); md != nil || err != nil {
		t.Error(md, err)
	}
	synctest.Wait()
	if tags := tracer.Only(t, duplex).Tags; tags["grpc.code"] != want.String() || tags["error"] != true {
		t.Errorf("tags: %v", tags)
	}
	cancel()
	_, _ = stream.Recv() // a second end, if there is one, comes by now
	synctest.Wait()
	tracer.Only(t, duplex)
}
