package gapes_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/elastic/go-elasticsearch/v8/esutil"
	"github.com/elastic/go-elasticsearch/v8/typedapi/types"
	"github.com/gaptrace/gaptrace"
	gapes "github.com/gaptrace/gaptrace/contrib/elasticsearch"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"
)

func Example() {
	tracer := mocktracer.New() // any opentracing.Tracer; without WithTracer it is the global one
	client := gapes.Wrap(connect(node(`{"took":1}`, 200)), gaptrace.WithTracer(tracer))

	span, ctx := opentracing.StartSpanFromContextWithTracer(context.Background(), tracer, "request")
	search(ctx, client, `{"query":{"match_all":{}}}`)
	span.Finish()
	printTree(tracer)
	// Output:
	// request
	//   elasticsearch search 200 {"query":{"match_all":{}}}
}

func ExampleWrap() {
	tracer := mocktracer.New()
	client := connect(node("", 200))
	gapes.Wrap(client, gaptrace.WithTracer(tracer), gaptrace.WithRoots())

	client.Exists("books", "7", client.Exists.WithRouting("a"))
	call := calls(tracer)[0]
	fmt.Println(call.Tag("es.method"), call.Tag("es.url"), call.Tag("elasticsearch.params"))
	// Output:
	// HEAD http://es.example.com:9200/books/_doc/7 routing=a
}

// The span of a failed call has Elasticsearch's reason.
func ExampleWrapTyped() {
	tracer := mocktracer.New()
	missing := node(`{"error":{"type":"index_not_found_exception","reason":"no such index [books]"}}`, 404)
	client := gapes.WrapTyped(connectTyped(missing), gaptrace.WithTracer(tracer), gaptrace.WithRoots())

	client.Count().Index("books").Query(types.NewQuery()).Do(context.Background())
	printTree(tracer)
	printLogs(tracer)
	// Output:
	// elasticsearch count 404 {"query":{}}
	// event=error message=index_not_found_exception: no such index [books]
}

// A transport that is used without a client of go-elasticsearch is wrapped by itself.
func ExampleWrapTransport() {
	tracer := mocktracer.New()
	transport := connect(node("", 200)).Transport
	transport = gapes.WrapTransport(transport, gaptrace.WithTracer(tracer), gaptrace.WithRoots())

	req, err := http.NewRequest("HEAD", "/books", nil)
	if err != nil {
		log.Fatal(err)
	}
	transport.Perform(req)
	printTree(tracer)
	// Output:
	// elasticsearch HEAD {index} 200
}

// A retry says how the attempt before it ended. Since go-elasticsearch v8.19.1, Config.Interceptors
// takes Interceptor itself. Older clients send through it as their Config.Transport, like this.
func ExampleInterceptor() {
	tracer := mocktracer.New()
	client := connect(roundTripper(gapes.Interceptor(node("", 503, 200).RoundTrip)))
	gapes.Wrap(client, gaptrace.WithTracer(tracer), gaptrace.WithPhases(), gaptrace.WithRoots())

	client.Ping()
	fmt.Println("attempts:", calls(tracer)[0].Tag("es.attempts"))
	printLogs(tracer)
	// Output:
	// attempts: 2
	// event=retry status=503 attempt=2 node=es.example.com:9200
}

// The workers of a BulkIndexer do not know the caller's context. OnFlushStart gives each flush a
// span, under which its request is recorded.
func ExampleWrap_bulkIndexer() {
	tracer := mocktracer.New()
	client := connect(node(`{"items":[{"index":{"status":201}}]}`, 200))
	indexDocument(esutil.BulkIndexerConfig{
		Client: gapes.Wrap(client, gaptrace.WithTracer(tracer)),
		OnFlushStart: func(ctx context.Context) context.Context {
			return opentracing.ContextWithSpan(ctx, tracer.StartSpan("flush"))
		},
		OnFlushEnd: func(ctx context.Context) { opentracing.SpanFromContext(ctx).Finish() },
	})
	bulk, flush := calls(tracer)[0], calls(tracer)[1]
	fmt.Println(bulk.Tag("es.method"), bulk.Tag("http.status_code"), "under", flush.OperationName)
	// Output:
	// POST 200 under flush
}

// node answers like a node of Elasticsearch, with the statuses in turn.
func node(body string, statuses ...int) roundTripper {
	return func(req *http.Request) (*http.Response, error) {
		res := &http.Response{StatusCode: statuses[0], Body: http.NoBody, Request: req, Header: http.Header{
			"X-Elastic-Product": {"Elasticsearch"}, "Content-Type": {"application/json"},
		}}
		if body != "" {
			res.Body = io.NopCloser(strings.NewReader(body))
		}
		statuses = statuses[1:]
		return res, nil
	}
}

// roundTripper is an http.RoundTripper made of a function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// configOf returns a configuration with that Transport instead of a network.
func configOf(transport http.RoundTripper) elasticsearch.Config {
	return elasticsearch.Config{Addresses: []string{"http://es.example.com:9200"}, Transport: transport}
}

func connect(transport http.RoundTripper) *elasticsearch.Client {
	client, err := elasticsearch.NewClient(configOf(transport))
	if err != nil {
		log.Fatal(err)
	}
	return client
}

func connectTyped(transport http.RoundTripper) *elasticsearch.TypedClient {
	client, err := elasticsearch.NewTypedClient(configOf(transport))
	if err != nil {
		log.Fatal(err)
	}
	return client
}

func search(ctx context.Context, client *elasticsearch.Client, query string) {
	res, err := client.Search(client.Search.WithContext(ctx), client.Search.WithBody(strings.NewReader(query)))
	if err != nil {
		log.Fatal(err)
	}
	res.Body.Close()
}

// indexDocument sends one document, and waits until it is sent.
func indexDocument(cfg esutil.BulkIndexerConfig) {
	cfg.Index, cfg.NumWorkers = "books", 1
	indexer, err := esutil.NewBulkIndexer(cfg)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	item := esutil.BulkIndexerItem{Action: "index", Body: strings.NewReader(`{"title":"Emma"}`)}
	if err := indexer.Add(ctx, item); err != nil {
		log.Fatal(err)
	}
	if err := indexer.Close(ctx); err != nil {
		log.Fatal(err)
	}
}

// calls returns the finished spans except waits, which a busy machine may add.
func calls(tracer *mocktracer.MockTracer) (spans []*mocktracer.MockSpan) {
	for _, s := range tracer.FinishedSpans() {
		if !strings.HasSuffix(s.OperationName, " wait") {
			spans = append(spans, s)
		}
	}
	return spans
}

// printTree prints each call under its parent, with its status and its statement.
func printTree(tracer *mocktracer.MockTracer) {
	var print func(parent int, indent string)
	print = func(parent int, indent string) {
		for _, s := range calls(tracer) {
			if s.ParentID != parent {
				continue
			}
			fmt.Print(indent, s.OperationName)
			for _, key := range []string{"http.status_code", "db.statement"} {
				if value := s.Tag(key); value != nil {
					fmt.Print(" ", value)
				}
			}
			fmt.Println()
			print(s.SpanContext.SpanID, indent+"  ")
		}
	}
	print(0, "")
}

// printLogs prints what was logged on the calls, except the types of errors.
func printLogs(tracer *mocktracer.MockTracer) {
	for _, s := range calls(tracer) {
		for _, record := range s.Logs() {
			var fields []string
			for _, f := range record.Fields {
				if !strings.HasPrefix(f.Key, "error.") {
					fields = append(fields, f.Key+"="+f.ValueString)
				}
			}
			fmt.Println(strings.Join(fields, " "))
		}
	}
}
