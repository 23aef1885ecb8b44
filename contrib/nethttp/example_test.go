package nethttp_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"
)

func Example() {
	tracer := mocktracer.New() // any opentracing.Tracer; without WithTracer it is the global one
	server := httptest.NewServer(nethttp.WrapHandler(books(), gaptrace.WithTracer(tracer)))
	client := nethttp.WrapClient(nil, gaptrace.WithTracer(tracer))
	span, ctx := opentracing.StartSpanFromContextWithTracer(context.Background(), tracer, "job")
	download(ctx, client, server.URL+"/books/7")
	span.Finish()
	server.Close() // which waits for the handler
	printTree(tracer)
	// Output:
	// job
	//   HTTP GET client 200
	//     HTTP GET /books/{id} server 200
}

func ExampleWrapClient() {
	tracer := mocktracer.New()
	server := httptest.NewServer(books())
	defer server.Close()
	client := nethttp.WrapClient(server.Client(), gaptrace.WithTracer(tracer), gaptrace.WithRoots())

	download(context.Background(), client, server.URL+"/books/7?token=s3cret&full=1")

	call := calls(tracer)[0]
	fmt.Println(call.Tag("http.method"), strings.TrimPrefix(call.Tag("http.url").(string), server.URL))
	fmt.Println(call.Tag("bytes"), "bytes from", call.Tag("peer.hostname"))
	// Output:
	// GET /books/7?token=hidden&full=1
	// 17 bytes from 127.0.0.1
}

// Get stands for http.Get in a handler, which has the context of its request.
func ExampleGet() {
	tracer := mocktracer.New()
	opentracing.SetGlobalTracer(tracer)
	defer opentracing.SetGlobalTracer(opentracing.NoopTracer{})
	stock := httptest.NewServer(books())
	defer stock.Close()
	shop := nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		resp, err := nethttp.Get(r.Context(), http.DefaultClient, stock.URL+"/books/7")
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		io.Copy(w, resp.Body)
	}))

	shop.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	printTree(tracer)
	// Output:
	// HTTP GET server 200
	//   HTTP GET client 200
}

func ExampleWrapHandler() {
	tracer := mocktracer.New()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /books/{id}", func(w http.ResponseWriter, r *http.Request) {
		opentracing.SpanFromContext(r.Context()).SetTag("book", r.PathValue("id")) // the request's span
		http.Error(w, "out of print", http.StatusNotFound)
	})
	handler := nethttp.WrapHandler(mux, gaptrace.WithTracer(tracer))

	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/books/7", nil))

	span := calls(tracer)[0]
	fmt.Println(span.OperationName, span.Tag("book"), span.Tag("http.status_code"), span.Tag("response_size"))
	// Output:
	// HTTP GET /books/{id} 7 404 13
}

// A program that expects a service to be down for maintenance does not count 503 as a failure.
func ExampleStatusError() {
	tracer := mocktracer.New()
	handler := nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
	}), gaptrace.WithTracer(tracer), gaptrace.WithExpected(func(_ gaptrace.Call, err error) bool {
		return err == nethttp.StatusError(http.StatusServiceUnavailable)
	}))

	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))

	span := calls(tracer)[0]
	fmt.Println(span.Tag("http.status_code"), span.Tag("error"))
	// Output:
	// 503 <nil>
}

func books() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /books/{id}", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "Wuthering Heights")
	})
	return mux
}

func download(ctx context.Context, client *http.Client, url string) {
	req, _ := http.NewRequestWithContext(ctx, "GET", url, nil)
	resp, err := client.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
}

// calls returns the finished spans except waits, which a busy machine may add.
func calls(tracer *mocktracer.MockTracer) []*mocktracer.MockSpan {
	return slices.DeleteFunc(tracer.FinishedSpans(), func(s *mocktracer.MockSpan) bool {
		return strings.HasSuffix(s.OperationName, " wait") || strings.HasSuffix(s.OperationName, " write")
	})
}

// printTree prints each call under its parent.
func printTree(tracer *mocktracer.MockTracer) {
	spans := calls(tracer)
	var print func(parent int, indent string)
	print = func(parent int, indent string) {
		for _, s := range spans {
			if s.ParentID == parent {
				fmt.Print(indent, s.OperationName)
				if kind := s.Tag("span.kind"); kind != nil {
					fmt.Print(" ", kind, " ", s.Tag("http.status_code"))
				}
				fmt.Println()
				print(s.SpanContext.SpanID, indent+"  ")
			}
		}
	}
	print(0, "")
}
