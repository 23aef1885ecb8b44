package gapes_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"github.com/elastic/go-elasticsearch/v8"
	"github.com/elastic/go-elasticsearch/v8/esutil"
	"github.com/elastic/go-elasticsearch/v8/typedapi/types"
	"github.com/gaptrace/gaptrace"
	gapes "github.com/gaptrace/gaptrace/contrib/elasticsearch"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"
)

// node starts a server that answers every request like a node of Elasticsearch, with status and
// body.
func node(status int, body string) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
}

func ExampleWrap() {
	server := node(http.StatusOK, `{"hits":{"total":{"value":0}}}`)
	client, err := elasticsearch.NewClient(elasticsearch.Config{Addresses: []string{server.URL}})
	if err != nil {
		log.Fatal(err)
	}
	tracer := mocktracer.New() // any opentracing.Tracer; without the option it is the global one
	gapes.Wrap(client, gaptrace.WithTracer(tracer))

	ctx := opentracing.ContextWithSpan(context.Background(), tracer.StartSpan("request"))
	res, err := client.Search(client.Search.WithContext(ctx), client.Search.WithQuery("title:emma"))
	fmt.Println(res, err) // reads the body
	for _, s := range tracer.FinishedSpans() {
		fmt.Println(s.OperationName, s.Tag("elasticsearch.params"), s.Tag("http.status_code"), s.Tag("bytes"))
	}
	// Output:
	// [200 OK] {"hits":{"total":{"value":0}}} <nil>
	// elasticsearch search q=title%3Aemma 200 30
}

func ExampleWrapTyped() {
	server := node(http.StatusNotFound,
		`{"error":{"type":"index_not_found_exception","reason":"no such index [books]"},"status":404}`)
	client, err := elasticsearch.NewTypedClient(elasticsearch.Config{Addresses: []string{server.URL}})
	if err != nil {
		log.Fatal(err)
	}
	tracer := mocktracer.New()
	gapes.WrapTyped(client, gaptrace.WithTracer(tracer))

	ctx := opentracing.ContextWithSpan(context.Background(), tracer.StartSpan("request"))
	_, err = client.Count().Index("books").Query(types.NewQuery()).Do(ctx)
	fmt.Println(err)
	for _, s := range tracer.FinishedSpans() {
		fmt.Println(s.OperationName, s.Tag("db.statement"), s.Tag("error"))
		for _, field := range s.Logs()[0].Fields {
			if field.Key == "message" {
				fmt.Println(field.ValueString)
			}
		}
	}
	// Output:
	// status: 404, failed: [index_not_found_exception], reason: no such index [books]
	// elasticsearch count {"query":{}} true
	// index_not_found_exception: no such index [books]
}

// A transport that is used without a client of go-elasticsearch is wrapped by itself.
func ExampleWrapTransport() {
	server := node(http.StatusOK, `{"status":"green"}`)
	client, err := elasticsearch.NewBaseClient(elasticsearch.Config{Addresses: []string{server.URL}})
	if err != nil {
		log.Fatal(err)
	}
	tracer := mocktracer.New()
	client.Transport = gapes.WrapTransport(client.Transport, gaptrace.WithTracer(tracer), gaptrace.WithRoots())

	req, _ := http.NewRequest("GET", "/_cluster/health", nil)
	res, err := client.Perform(req)
	if err != nil {
		log.Fatal(err)
	}
	res.Body.Close()
	for _, s := range tracer.FinishedSpans() {
		fmt.Println(s.OperationName, s.Tag("es.method"), s.Tag("http.status_code"))
	}
	// Output:
	// elasticsearch GET _cluster GET 200
}

// With Interceptor in the client's configuration, a retry says how the attempt before it ended.
func ExampleInterceptor() {
	attempts := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		if attempts++; attempts == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	client, err := elasticsearch.NewClient(elasticsearch.Config{
		Addresses:    []string{server.URL},
		Interceptors: []elastictransport.InterceptorFunc{gapes.Interceptor},
	})
	if err != nil {
		log.Fatal(err)
	}
	tracer := mocktracer.New()
	gapes.Wrap(client, gaptrace.WithTracer(tracer), gaptrace.WithPhases(), gaptrace.WithRoots())

	if _, err := client.Indices.Refresh(); err != nil {
		log.Fatal(err)
	}
	span := tracer.FinishedSpans()[0]
	fmt.Println("attempts:", span.Tag("es.attempts"))
	for _, record := range span.Logs() {
		if fields := record.Fields; fields[0].ValueString == "retry" {
			fmt.Println(fields[1].Key, fields[1].ValueString, fields[2].Key, fields[2].ValueString)
		}
	}
	// Output:
	// attempts: 2
	// status 503 attempt 2
}

// The workers of a BulkIndexer do not know the caller's context. OnFlushStart gives each flush a
// span, under which its request is recorded.
func ExampleWrap_bulkIndexer() {
	server := node(http.StatusOK, `{"items":[{"index":{"status":201}}]}`)
	client, err := elasticsearch.NewClient(elasticsearch.Config{Addresses: []string{server.URL}})
	if err != nil {
		log.Fatal(err)
	}
	tracer := mocktracer.New()
	gapes.Wrap(client, gaptrace.WithTracer(tracer))

	indexer, err := esutil.NewBulkIndexer(esutil.BulkIndexerConfig{
		Client: client, Index: "books", NumWorkers: 1,
		OnFlushStart: func(ctx context.Context) context.Context {
			return opentracing.ContextWithSpan(ctx, tracer.StartSpan("flush"))
		},
		OnFlushEnd: func(ctx context.Context) { opentracing.SpanFromContext(ctx).Finish() },
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	item := esutil.BulkIndexerItem{Action: "index", Body: strings.NewReader(`{"title":"Emma"}`)}
	fmt.Println(indexer.Add(ctx, item), indexer.Close(ctx))
	for _, s := range tracer.FinishedSpans() {
		fmt.Println(s.OperationName, s.Tag("es.method"), s.Tag("http.status_code"))
	}
	// Output:
	// <nil> <nil>
	// elasticsearch bulk POST 200
	// flush <nil> <nil>
}
