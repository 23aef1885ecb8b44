package nethttp_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
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
	b.Run("plain", func(b *testing.B) { benchmarkServer(b, discard{}) })
	b.Run("flusher", func(b *testing.B) { benchmarkServer(b, flushing{}) })
}

func benchmarkServer(b *testing.B, w http.ResponseWriter) {
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	req := httptest.NewRequest("GET", "/books/7", nil)
	serve := func(h http.Handler) func(context.Context) {
		return func(ctx context.Context) { h.ServeHTTP(w, req.WithContext(ctx)) }
	}
	wrapped := nethttp.WrapHandler(next)
	filtered := nethttp.WrapHandler(next, gaptrace.WithFilter(func(gaptrace.Call) bool { return false }))
	cost.Run(b, serve(next), func(ctx context.Context) {
		if opentracing.SpanFromContext(ctx) == nil { // a server's span needs no parent, so a filter drops it
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

type flushing struct{ discard }

func (flushing) Flush() {}

// BenchmarkBody reads 100 MB over the loopback interface in pieces of 32 KiB.
func BenchmarkBody(b *testing.B) {
	piece := make([]byte, 1<<20)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 100 {
			w.Write(piece)
		}
	}))
	defer server.Close()
	buf := make([]byte, 32<<10)
	read := func(client *http.Client) func(context.Context) {
		return func(ctx context.Context) {
			resp, err := client.Do(get(ctx, server.URL))
			if err != nil {
				b.Fatal(err)
			}
			defer resp.Body.Close()
			for err == nil {
				_, err = resp.Body.Read(buf)
			}
			if err != io.EOF {
				b.Fatal(err)
			}
		}
	}
	cost.InTurn(b, read(server.Client()), read(nethttp.WrapClient(server.Client())))
}

// BenchmarkFile sends a file of 1 MB by io.Copy from a handler to a client that is not wrapped.
func BenchmarkFile(b *testing.B) {
	path := filepath.Join(b.TempDir(), "file")
	if err := os.WriteFile(path, make([]byte, 1<<20), 0o600); err != nil {
		b.Fatal(err)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		f, err := os.Open(path)
		if err != nil {
			b.Error(err)
			return
		}
		defer f.Close()
		w.Header().Set("Content-Length", strconv.Itoa(1<<20)) // the kernel cannot send a chunked response
		io.Copy(w, f)
	})
	buf := make([]byte, 1<<20)
	fetch := func(h http.Handler) func(context.Context) {
		server := httptest.NewServer(h)
		b.Cleanup(server.Close)
		return func(context.Context) {
			resp, err := server.Client().Get(server.URL)
			if err != nil {
				b.Fatal(err)
			}
			defer resp.Body.Close()
			if _, err := io.ReadFull(resp.Body, buf); err != nil {
				b.Fatal(err)
			}
		}
	}
	cost.InTurn(b, fetch(handler), fetch(nethttp.WrapHandler(handler)))
}
