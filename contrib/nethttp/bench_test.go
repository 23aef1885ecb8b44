package nethttp_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/spantest/cost"
	"github.com/opentracing/opentracing-go"
)

// emptyBody is a response's body that costs nothing.
type emptyBody struct{}

func (emptyBody) Read([]byte) (int, error) { return 0, nil }
func (emptyBody) Close() error             { return nil }

func BenchmarkClient(b *testing.B) {
	next := roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: emptyBody{}}, nil
	})
	call := func(rt http.RoundTripper) func(context.Context) {
		req := get(b.Context(), "http://example.com:8080/books/7?full=1")
		req.Header.Set("Accept", "application/json")
		return func(ctx context.Context) {
			resp, err := rt.RoundTrip(req.WithContext(ctx))
			if err != nil {
				b.Fatal(err)
			}
			resp.Body.Close()
		}
	}
	cost.Run(b, call(next), call(nethttp.Wrap(next)), func(span opentracing.Span) {
		_ = span.Tracer().Inject(span.Context(), opentracing.HTTPHeaders, opentracing.HTTPHeadersCarrier(http.Header{}))
	})
}

func BenchmarkServer(b *testing.B) {
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	req := httptest.NewRequest("GET", "/books/7", nil)
	serve := func(h http.Handler) func(context.Context) {
		return func(ctx context.Context) { h.ServeHTTP(discard{}, req.WithContext(ctx)) }
	}
	wrapped, filtered := nethttp.WrapHandler(next), nethttp.WrapHandler(next, gaptrace.WithFilter(func(gaptrace.Call) bool { return false }))
	cost.Run(b, serve(next), func(ctx context.Context) {
		if opentracing.SpanFromContext(ctx) == nil { // a server's span needs no parent: this is the call not recorded
			serve(filtered)(ctx)
			return
		}
		serve(wrapped)(ctx)
	}, nil)
}

type discard struct{}

func (discard) Header() http.Header         { return nil }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}
