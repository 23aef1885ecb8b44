package nethttp_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
)

func ExampleWrapClient() {
	tracer := spantest.NewTracer() // any opentracing.Tracer; it is the global one unless an option names it
	opentracing.SetGlobalTracer(tracer)
	defer opentracing.SetGlobalTracer(opentracing.NoopTracer{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "Wuthering Heights")
	}))
	defer server.Close()

	client := nethttp.WrapClient(http.DefaultClient) // the one line

	span, ctx := opentracing.StartSpanFromContext(ctx, "handler")
	req, _ := http.NewRequestWithContext(ctx, "GET", server.URL+"/books/7?token=s3cret&full=1", nil)
	resp, err := client.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	span.Finish()

	fmt.Print(tracer.Tree(replacePort(server)...))
	// Output:
	// handler
	//   HTTP GET bytes=17 component=net/http http.method=GET http.status_code=200 http.url="http://127.0.0.1:PORT/books/7?token=hidden&full=1" peer.hostname=127.0.0.1 peer.port=PORT span.kind=client
}

func ExampleWrapHandler() {
	tracer := spantest.NewTracer()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /books/{id}", func(w http.ResponseWriter, r *http.Request) {
		opentracing.SpanFromContext(r.Context()).SetTag("book", r.PathValue("id")) // the span of the request
		http.Error(w, "out of print", http.StatusNotFound)
	})
	handler := nethttp.WrapHandler(mux, gaptrace.WithTracer(tracer))

	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/books/7", nil))

	fmt.Print(tracer.Tree())
	// Output:
	// HTTP GET /books/{id} book=7 component=net/http http.method=GET http.status_code=404 http.url=http://example.com/books/7 peer.hostname=192.0.2.1 peer.port=1234 response_size=13 span.kind=server
}
