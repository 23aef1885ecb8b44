package interop_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	pb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/gaptrace/gaptrace/internal/spantest"
)

// In these tests gRPC runs over nethttp: the server is a *grpc.Server used as an http.Handler, and
// one of the clients, connect, calls through an *http.Client.

type servingStatus = pb.HealthCheckResponse_ServingStatus

// healthClient is a client of gRPC's health service, of either library.
type healthClient interface {
	check(ctx context.Context, service string) (healthResponse, error)
	watch(ctx context.Context, service string) (healthStream, error)
	code(err error) codes.Code
	close() error
}

type healthResponse struct {
	status          servingStatus
	header, trailer []string // X-Header and X-Trailer
}

type healthStream interface {
	next() (servingStatus, error)
	close() error
}

var healthClients = map[string]func(s *side, to *server) healthClient{
	"grpc-go": newGRPCClient,
	"connect": newConnectClient,
}

type grpcClient struct {
	conn   *grpc.ClientConn
	health pb.HealthClient
}

func newGRPCClient(s *side, to *server) healthClient {
	conn := spantest.Must(grpc.NewClient("passthrough:///"+to.Listener.Addr().String(),
		grpc.WithTransportCredentials(credentials.NewTLS(to.clientTLS())), grpc.WithNoProxy()))(s)
	return grpcClient{conn, pb.NewHealthClient(conn)}
}

func (c grpcClient) check(ctx context.Context, service string) (healthResponse, error) {
	var header, trailer metadata.MD
	request := &pb.HealthCheckRequest{Service: service}
	resp, err := c.health.Check(ctx, request, grpc.Header(&header), grpc.Trailer(&trailer))
	return healthResponse{resp.GetStatus(), header["x-header"], trailer["x-trailer"]}, err
}

func (c grpcClient) watch(ctx context.Context, service string) (healthStream, error) {
	stream, err := c.health.Watch(ctx, &pb.HealthCheckRequest{Service: service})
	return grpcHealthStream{stream}, err
}

func (c grpcClient) code(err error) codes.Code { return status.Code(err) }
func (c grpcClient) close() error              { return c.conn.Close() }

type grpcHealthStream struct {
	stream grpc.ServerStreamingClient[pb.HealthCheckResponse]
}

func (w grpcHealthStream) next() (servingStatus, error) {
	resp, err := w.stream.Recv()
	return resp.GetStatus(), err
}

func (w grpcHealthStream) close() error { return nil } // its context ends it

type connectClient struct {
	checks, watches *connect.Client[pb.HealthCheckRequest, pb.HealthCheckResponse]
}

func newConnectClient(s *side, to *server) healthClient {
	client := s.client(to)
	method := func(name string) *connect.Client[pb.HealthCheckRequest, pb.HealthCheckResponse] {
		return connect.NewClient[pb.HealthCheckRequest, pb.HealthCheckResponse](client, to.URL+name, connect.WithGRPC())
	}
	return connectClient{method(pb.Health_Check_FullMethodName), method(pb.Health_Watch_FullMethodName)}
}

func (c connectClient) check(ctx context.Context, service string) (healthResponse, error) {
	resp, err := c.checks.CallUnary(ctx, connect.NewRequest(&pb.HealthCheckRequest{Service: service}))
	if err != nil {
		meta, _ := errors.AsType[*connect.Error](err)
		return healthResponse{0, meta.Meta()["X-Header"], meta.Meta()["X-Trailer"]}, err
	}
	return healthResponse{resp.Msg.GetStatus(), resp.Header()["X-Header"], resp.Trailer()["X-Trailer"]}, nil
}

func (c connectClient) watch(ctx context.Context, service string) (healthStream, error) {
	stream, err := c.watches.CallServerStream(ctx, connect.NewRequest(&pb.HealthCheckRequest{Service: service}))
	return connectHealthStream{stream}, err
}

func (c connectClient) code(err error) codes.Code {
	if err == nil {
		return codes.OK
	}
	return codes.Code(connect.CodeOf(err))
}

func (c connectClient) close() error { return nil } // the side closes its HTTP client

type connectHealthStream struct {
	stream *connect.ServerStreamForClient[pb.HealthCheckResponse]
}

func (w connectHealthStream) next() (servingStatus, error) {
	if !w.stream.Receive() {
		return 0, w.stream.Err()
	}
	return w.stream.Msg().GetStatus(), nil
}

func (w connectHealthStream) close() error { return w.stream.Close() }

// serveHealth starts gRPC's health service, which reports "shop" as not serving. It sends a header
// and a trailer, and notes how its streams end.
func (s *side) serveHealth() (*server, *health.Server) {
	service := health.NewServer()
	service.SetServingStatus("shop", pb.HealthCheckResponse_NOT_SERVING)
	unary := func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		err := errors.Join(
			grpc.SetHeader(ctx, metadata.Pairs("x-header", "first")),
			grpc.SetTrailer(ctx, metadata.Pairs("x-trailer", "last")))
		if err != nil {
			s.Error(err)
		}
		return handle(ctx, req)
	}
	stream := func(service any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
		err := handle(service, stream)
		s.note("server", "the stream ended: %s", errorText(err))
		return err
	}
	server := grpc.NewServer(grpc.UnaryInterceptor(unary), grpc.StreamInterceptor(stream))
	pb.RegisterHealthServer(server, service)
	s.cleanups = append(s.cleanups, server.GracefulStop) // its ServeHTTP does not wait for its goroutines
	return s.serve("HTTP/2", server), service
}

// eachHealthClient runs test with each client, without and with a proxy in between.
func eachHealthClient(t *testing.T, test func(t *testing.T, library string, proxied bool)) {
	for library := range healthClients {
		for _, proxied := range []bool{false, true} {
			name := library
			if proxied {
				name += " through a proxy"
			}
			t.Run(name, func(t *testing.T) { test(t, library, proxied) })
		}
	}
}

// wantHealthSpans compares the spans with those of one call. The arguments end their lines: those
// of the client, the servers, and the proxy as a client.
func wantHealthSpans(
	t *testing.T, tracer *spantest.Tracer, library string, proxied bool, client, server, proxy string,
) {
	t.Helper()
	var spans []string
	clientWrapped := library == "connect"
	if clientWrapped {
		spans = append(spans, "client HTTP POST 200"+client)
	}
	if proxied {
		spans = append(spans, "server HTTP POST 200"+server, "client HTTP POST 200"+proxy)
	}
	spans = append(spans, "server HTTP POST 200"+server)
	wantChain(t, tracer, clientWrapped, spans...)
}

func TestGRPCOverHTTPHandlerUnary(t *testing.T) {
	for name, c := range map[string]struct {
		service                   string
		code                      codes.Code
		status                    servingStatus
		requestSize, responseSize int // bytes
	}{
		"no service named": {"", codes.OK, pb.HealthCheckResponse_SERVING, 5, 7},
		"not serving":      {"shop", codes.OK, pb.HealthCheckResponse_NOT_SERVING, 11, 7},
		"unknown service":  {"unknown", codes.NotFound, pb.HealthCheckResponse_UNKNOWN, 14, 0},
	} {
		t.Run(name, func(t *testing.T) {
			eachHealthClient(t, func(t *testing.T, library string, proxied bool) {
				tracer := compare(t, func(s *side) {
					to, _ := s.serveHealth()
					if proxied {
						to = s.proxy(to)
					}
					client := healthClients[library](s, to)
					defer client.close()
					got, err := client.check(s.ctx, c.service)
					s.note("client", "%+v, %s", got, errorText(err))
					want := fmt.Sprintf("%+v", healthResponse{c.status, []string{"first"}, []string{"last"}})
					if code := client.code(err); code != c.code || fmt.Sprintf("%+v", got) != want {
						s.Errorf("code %v, response %+v, want %v, %s", code, got, c.code, want)
					}
				})
				client, server := "", fmt.Sprintf(" request_size=%d", c.requestSize)
				if c.responseSize > 0 {
					client += fmt.Sprintf(" bytes=%d", c.responseSize)
					server += fmt.Sprintf(" response_size=%d", c.responseSize)
				}
				wantHealthSpans(t, tracer, library, proxied, client, server, client)
			})
		})
	}
}

func TestGRPCOverHTTPHandlerStream(t *testing.T) {
	eachHealthClient(t, func(t *testing.T, library string, proxied bool) {
		tracer := compare(t, func(s *side) {
			to, service := s.serveHealth()
			if proxied {
				to = s.proxy(to)
			}
			client := healthClients[library](s, to)
			defer client.close()
			ctx, cancel := context.WithCancel(s.ctx)
			defer cancel()
			stream, err := client.watch(ctx, "shop")
			if err != nil {
				s.Fatal(err)
			}
			for _, want := range []servingStatus{pb.HealthCheckResponse_NOT_SERVING, pb.HealthCheckResponse_SERVING} {
				if got, err := stream.next(); got != want || err != nil {
					s.Errorf("%v, %v, want %v", got, err, want)
				}
				// The server sends the second message only after the client has the first.
				service.SetServingStatus("shop", pb.HealthCheckResponse_SERVING)
			}
			cancel()
			_, err = stream.next()
			s.note("client", "%s, close: %s", errorText(err), errorText(stream.close()))
			if client.code(err) != codes.Canceled {
				s.Errorf("after cancel the error is %v", err)
			}
		})
		// The client closes the body without another Read, so only the proxy's Read fails.
		wantHealthSpans(t, tracer, library, proxied,
			" bytes=14", " request_size=11 response_size=14 client_gone", " bytes=14 error")
	})
}
