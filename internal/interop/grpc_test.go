package interop_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	pb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// caller is a client of gRPC's standard health service, of whichever library.
type caller interface {
	check(ctx context.Context, service string) (answer pb.HealthCheckResponse_ServingStatus, header, trailer []string, err error)
	watch(ctx context.Context, service string) (watcher, error)
	code(err error) codes.Code
	hangUp() error
}

// watcher is a stream of answers.
type watcher interface {
	next() (pb.HealthCheckResponse_ServingStatus, error)
	end() error
}

// callers are the two clients. The second one calls through a *http.Client, the wrapped one.
var callers = map[string]func(s *side, to *server) caller{
	"grpc-go": func(s *side, to *server) caller {
		conn, err := grpc.NewClient("passthrough:///"+to.Listener.Addr().String(), grpc.WithTransportCredentials(credentials.NewTLS(to.trust())), grpc.WithNoProxy())
		if err != nil {
			s.Fatal(err)
		}
		return grpcCaller{conn, pb.NewHealthClient(conn)}
	},
	"connect": func(s *side, to *server) caller {
		client := s.client(to)
		return connectCaller{
			connect.NewClient[pb.HealthCheckRequest, pb.HealthCheckResponse](client, to.URL+pb.Health_Check_FullMethodName, connect.WithGRPC()),
			connect.NewClient[pb.HealthCheckRequest, pb.HealthCheckResponse](client, to.URL+pb.Health_Watch_FullMethodName, connect.WithGRPC()),
		}
	},
}

type grpcCaller struct {
	conn   *grpc.ClientConn
	health pb.HealthClient
}

func (c grpcCaller) check(ctx context.Context, service string) (pb.HealthCheckResponse_ServingStatus, []string, []string, error) {
	var header, trailer metadata.MD
	resp, err := c.health.Check(ctx, &pb.HealthCheckRequest{Service: service}, grpc.Header(&header), grpc.Trailer(&trailer))
	return resp.GetStatus(), header["x-header"], trailer["x-trailer"], err
}

func (c grpcCaller) watch(ctx context.Context, service string) (watcher, error) {
	stream, err := c.health.Watch(ctx, &pb.HealthCheckRequest{Service: service})
	return grpcWatcher{stream}, err
}

func (c grpcCaller) code(err error) codes.Code { return status.Code(err) }
func (c grpcCaller) hangUp() error             { return c.conn.Close() }

type grpcWatcher struct {
	stream grpc.ServerStreamingClient[pb.HealthCheckResponse]
}

func (w grpcWatcher) next() (pb.HealthCheckResponse_ServingStatus, error) {
	resp, err := w.stream.Recv()
	return resp.GetStatus(), err
}

func (w grpcWatcher) end() error { return nil } // its context ends it

type connectCaller struct {
	checks, watches *connect.Client[pb.HealthCheckRequest, pb.HealthCheckResponse]
}

func (c connectCaller) check(ctx context.Context, service string) (pb.HealthCheckResponse_ServingStatus, []string, []string, error) {
	resp, err := c.checks.CallUnary(ctx, connect.NewRequest(&pb.HealthCheckRequest{Service: service}))
	if err != nil {
		meta, _ := errors.AsType[*connect.Error](err)
		return 0, meta.Meta()["X-Header"], meta.Meta()["X-Trailer"], err
	}
	return resp.Msg.GetStatus(), resp.Header()["X-Header"], resp.Trailer()["X-Trailer"], nil
}

func (c connectCaller) watch(ctx context.Context, service string) (watcher, error) {
	stream, err := c.watches.CallServerStream(ctx, connect.NewRequest(&pb.HealthCheckRequest{Service: service}))
	return connectWatcher{stream}, err
}

func (c connectCaller) code(err error) codes.Code {
	if err == nil {
		return codes.OK
	}
	return codes.Code(connect.CodeOf(err))
}

func (c connectCaller) hangUp() error { return nil } // the client is the side's

type connectWatcher struct {
	stream *connect.ServerStreamForClient[pb.HealthCheckResponse]
}

func (w connectWatcher) next() (pb.HealthCheckResponse_ServingStatus, error) {
	if !w.stream.Receive() {
		return 0, w.stream.Err()
	}
	return w.stream.Msg().GetStatus(), nil
}

func (w connectWatcher) end() error { return w.stream.Close() }

// serveHealth serves gRPC's health service, on which "shop" does not serve. It sends a header and a trailer, and tells how
// its streams end.
func (s *side) serveHealth() (*server, *health.Server) {
	service := health.NewServer()
	service.SetServingStatus("shop", pb.HealthCheckResponse_NOT_SERVING)
	server := grpc.NewServer(
		grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
			if err := errors.Join(grpc.SetHeader(ctx, metadata.Pairs("x-header", "first")), grpc.SetTrailer(ctx, metadata.Pairs("x-trailer", "last"))); err != nil {
				s.Error(err)
			}
			return handle(ctx, req)
		}),
		grpc.StreamInterceptor(func(service any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
			err := handle(service, stream)
			s.tell("server", "the stream ended: %s", text(err))
			return err
		}),
	)
	pb.RegisterHealthServer(server, service)
	s.last = append(s.last, server.GracefulStop) // its ServeHTTP does not wait for what it started
	return s.serve("HTTP/2", server), service
}

// everyCaller runs a test of gRPC with both clients, with and without a proxy in between.
func everyCaller(t *testing.T, test func(t *testing.T, library string, proxied bool)) {
	for library := range callers {
		for _, proxied := range []bool{false, true} {
			name := library
			if proxied {
				name += ", through a proxy"
			}
			t.Run(name, func(t *testing.T) { test(t, library, proxied) })
		}
	}
}

// wantCall compares the outline with that of a call: the ends of the lines of the caller's span, where its library has
// one, of the servers', and of the proxy's as a client.
func wantCall(t *testing.T, got, library string, proxied bool, client, server, proxy string) {
	t.Helper()
	lines, indent := []string{"caller"}, ""
	add := func(line string) {
		lines = append(lines, indent+line)
		indent += "  "
	}
	if library == "connect" {
		indent = "  "
		add("client HTTP POST 200" + client)
	}
	if proxied {
		add("server HTTP POST 200" + server)
		add("client HTTP POST 200" + proxy)
	}
	add("server HTTP POST 200" + server)
	if want := strings.Join(lines, "\n") + "\n"; got != want {
		t.Errorf("drawn:\n%s\nwant:\n%s", got, want)
	}
}

func TestAnswersErrorsAndTrailersOfGRPCArrive(t *testing.T) {
	for service, want := range map[string]struct {
		code          codes.Code
		answer        pb.HealthCheckResponse_ServingStatus
		asked, served int // bytes
	}{
		"":        {codes.OK, pb.HealthCheckResponse_SERVING, 5, 7},
		"shop":    {codes.OK, pb.HealthCheckResponse_NOT_SERVING, 11, 7},
		"unknown": {codes.NotFound, pb.HealthCheckResponse_UNKNOWN, 14, 0},
	} {
		t.Run("of "+service, func(t *testing.T) {
			everyCaller(t, func(t *testing.T, library string, proxied bool) {
				tracer := compare(t, func(s *side) {
					to, _ := s.serveHealth()
					if proxied {
						to = s.proxy(to)
					}
					client := callers[library](s, to)
					defer client.hangUp()
					answer, header, trailer, err := client.check(s.ctx, service)
					s.tell("caller", "%v, header %v, trailer %v, %s", answer, header, trailer, text(err))
					if code := client.code(err); code != want.code || answer != want.answer || fmt.Sprint(header, trailer) != "[first] [last]" {
						s.Errorf("%v, %v, header %v, trailer %v, want %v, %v", code, answer, header, trailer, want.code, want.answer)
					}
				})
				client, server := "", fmt.Sprintf(" request_size=%d", want.asked)
				if want.served > 0 {
					client += fmt.Sprintf(" bytes=%d", want.served)
					server += fmt.Sprintf(" response_size=%d", want.served)
				}
				wantCall(t, outline(tracer), library, proxied, client, server, client)
			})
		})
	}
}

func TestAStreamOfGRPCArrivesPieceByPieceAndEndsWhereItIsCancelled(t *testing.T) {
	everyCaller(t, func(t *testing.T, library string, proxied bool) {
		tracer := compare(t, func(s *side) {
			to, service := s.serveHealth()
			if proxied {
				to = s.proxy(to)
			}
			client := callers[library](s, to)
			defer client.hangUp()
			ctx, cancel := context.WithCancel(s.ctx)
			defer cancel()
			stream, err := client.watch(ctx, "shop")
			if err != nil {
				s.Fatal(err)
			}
			for _, want := range []pb.HealthCheckResponse_ServingStatus{pb.HealthCheckResponse_NOT_SERVING, pb.HealthCheckResponse_SERVING} {
				if got, err := stream.next(); got != want || err != nil {
					s.Errorf("%v, %v, want %v", got, err, want)
				}
				service.SetServingStatus("shop", pb.HealthCheckResponse_SERVING) // the next piece, now that this one is here
			}
			cancel()
			_, err = stream.next()
			s.tell("caller", "%s, end: %s", text(err), text(stream.end()))
			if client.code(err) != codes.Canceled {
				s.Errorf("cancelled, and the error is %v", err)
			}
		})
		// The caller closes what it has given up, and no Read of it fails; the proxy was reading.
		wantCall(t, outline(tracer), library, proxied, " bytes=14", " request_size=11 response_size=14 client_gone", " bytes=14 error")
	})
}
