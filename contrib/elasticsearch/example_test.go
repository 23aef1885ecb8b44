package gapes_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

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
	server := node(http.StatusOK, "")
	client, err := elasticsearch.NewClient(elasticsearch.Config{Addresses: []string{server.URL}})
	if err != nil {
		log.Fatal(err)
	}
	tracer := mocktracer.New() // any opentracing.Tracer; without the option it is the global one
	gapes.Wrap(client, gaptrace.WithTracer(tracer))

	ctx := opentracing.ContextWithSpan(context.Background(), tracer.StartSpan("request"))
	res, err := client.Exists("books", "7", client.Exists.WithContext(ctx), client.Exists.WithRouting("a"))
	fmt.Println(res.StatusCode, err)
	for _, s := range tracer.FinishedSpans() {
		fmt.Println(s.OperationName, s.Tag("es.method"), s.Tag("elasticsearch.params"), s.Tag("http.status_code"))
	}
	// Output:
	// 200 <nil>
	// elasticsearch exists HEAD routing=a 200
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
		if s.Tag("error") == nil { // a later wait
			continue
		}
		fmt.Println(s.OperationName, s.Tag("db.statement"))
		for _, field := range s.Logs()[0].Fields {
			if field.Key == "message" {
				fmt.Println(field.ValueString)
			}
		}
	}
	// Output:
	// status: 404, failed: [index_not_found_exception], reason: no such index [books]
	// elasticsearch count {"query":{}}
	// index_not_found_exception: no such index [books]
}

// A transport that is used without a client of go-elasticsearch is wrapped by itself.
func ExampleWrapTransport() {
	server := node(http.StatusOK, "")
	client, err := elasticsearch.NewClient(elasticsearch.Config{Addresses: []string{server.URL}})
	if err != nil {
		log.Fatal(err)
	}
	tracer := mocktracer.New()
	transport := gapes.WrapTransport(client.Transport, gaptrace.WithTracer(tracer), gaptrace.WithRoots())

	req, _ := http.NewRequest("HEAD", "/books", nil)
	if _, err := transport.Perform(req); err != nil {
		log.Fatal(err)
	}
	for _, s := range tracer.FinishedSpans() {
		fmt.Println(s.OperationName, s.Tag("es.method"), s.Tag("http.status_code"))
	}
	// Output:
	// elasticsearch HEAD {index} HEAD 200
}

// roundTripper is an http.RoundTripper made of a function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// A retry says how the attempt before it ended. Since go-elasticsearch v8.19.1, Config.Interceptors
// takes Interceptor itself. Older clients send through it like this.
func ExampleInterceptor() {
	attempts := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		if attempts++; attempts == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	client, err := elasticsearch.NewClient(elasticsearch.Config{
		Addresses: []string{server.URL},
		Transport: roundTripper(gapes.Interceptor(http.DefaultTransport.RoundTrip)),
	})
	if err != nil {
		log.Fatal(err)
	}
	tracer := mocktracer.New()
	gapes.Wrap(client, gaptrace.WithTracer(tracer), gaptrace.WithPhases(), gaptrace.WithRoots())

	if _, err := client.Ping(); err != nil {
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
		if s.Tag("es.method") != nil { // neither the flush nor a later wait
			fmt.Println(s.Tag("component"), s.Tag("es.method"), s.Tag("http.status_code"))
		}
	}
	// Output:
	// <nil> <nil>
	// go-elasticsearch POST 200
}
