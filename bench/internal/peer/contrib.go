package peer

import (
	"io"
	"net/http"

	"github.com/opentracing-contrib/go-grpc"
	"github.com/opentracing-contrib/go-stdlib/nethttp"
	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc"
)

// opentracingContrib is go-stdlib for net/http and go-grpc for gRPC.
func opentracingContrib() Peer {
	return Peer{
		Name:    "opentracing-contrib",
		Modules: []string{"github.com/opentracing-contrib/go-stdlib", "github.com/opentracing-contrib/go-grpc"},
		API:     OpenTracing,
		Open:    openTracing,
		HTTPClient: func(rt http.RoundTripper) http.RoundTripper {
			return traceRequest{&nethttp.Transport{RoundTripper: rt}}
		},
		HTTPHandler: func(h http.Handler) http.Handler {
			return nethttp.Middleware(opentracing.GlobalTracer(), h)
		},
		GRPCClient: func() []grpc.DialOption {
			t := opentracing.GlobalTracer()
			return []grpc.DialOption{
				grpc.WithUnaryInterceptor(otgrpc.OpenTracingClientInterceptor(t)),
				grpc.WithStreamInterceptor(otgrpc.OpenTracingStreamClientInterceptor(t)),
			}
		},
		GRPCServer: func() []grpc.ServerOption {
			t := opentracing.GlobalTracer()
			return []grpc.ServerOption{
				grpc.UnaryInterceptor(otgrpc.OpenTracingServerInterceptor(t)),
				grpc.StreamInterceptor(otgrpc.OpenTracingStreamServerInterceptor(t)),
			}
		},
	}
}

// traceRequest does for each request what the documentation of go-stdlib shows: TraceRequest, the
// call, Close of the body, Finish. The injected headers stay in the caller's request, as they do
// there.
type traceRequest struct{ next http.RoundTripper }

func (t traceRequest) RoundTrip(req *http.Request) (*http.Response, error) {
	req, trace := nethttp.TraceRequest(opentracing.GlobalTracer(), req)
	resp, err := t.next.RoundTrip(req)
	if err != nil {
		trace.Finish()
		return nil, err
	}
	resp.Body = finishing{resp.Body, trace}
	return resp, nil
}

type finishing struct {
	io.ReadCloser
	trace *nethttp.Tracer
}

func (b finishing) Close() error {
	defer b.trace.Finish()
	return b.ReadCloser.Close()
}
