package nethttp_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/uber/jaeger-client-go"
)

func TestCallsWithoutParentAreCounted(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	tracer, under, _ := spantest.Under(t)
	client := nethttp.WrapClient(server.Client(), gaptrace.WithTracer(tracer))
	get := func(ctx context.Context) func() {
		return func() {
			req := spantest.Must(http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil))(t)
			spantest.Must(client.Do(req))(t).Body.Close()
		}
	}
	if got := spantest.NoParent("net/http", get(t.Context())); got != 1 {
		t.Errorf("%d calls without a parent are counted, want 1", got)
	}
	if got := spantest.NoParent("net/http", get(under)); got != 0 {
		t.Errorf("%d calls under a parent are counted", got)
	}
}

// A request that a server gets without headers begins a trace. Calls of its handler have a parent,
// even if that is not sampled.
func TestServedRequestsAreNotCounted(t *testing.T) {
	for _, sampled := range []bool{true, false} {
		tracer, closer := jaeger.NewTracer("shop", jaeger.NewConstSampler(sampled), jaeger.NewNullReporter())
		defer closer.Close()
		backend := httptest.NewServer(http.NotFoundHandler())
		defer backend.Close()
		client := nethttp.WrapClient(backend.Client(), gaptrace.WithTracer(tracer))
		shop := nethttp.WrapHandler(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			out := spantest.Must(http.NewRequestWithContext(req.Context(), http.MethodGet, backend.URL, nil))(t)
			spantest.Must(client.Do(out))(t).Body.Close()
		}), gaptrace.WithTracer(tracer))
		if got := spantest.NoParent("net/http", func() {
			shop.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
		}); got != 0 {
			t.Errorf("sampled %v: %d calls are counted", sampled, got)
		}
	}
}
