package gaptrace_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/opentracing/opentracing-go/mocktracer"
)

func ExampleOption() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	tracer := mocktracer.New()
	client := nethttp.WrapClient(nil, gaptrace.WithTracer(tracer), gaptrace.WithRoots(),
		gaptrace.WithOperation(func(c gaptrace.Call) string { return "shop: " + c.Operation }),
	)
	if res, err := client.Get(server.URL); err == nil {
		res.Body.Close()
	}
	for _, span := range tracer.FinishedSpans() {
		fmt.Println(span.OperationName, span.Tag("http.status_code"))
	}
	// Output: shop: HTTP GET 204
}
