package gapes_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"github.com/elastic/go-elasticsearch/v8"
	"github.com/elastic/go-elasticsearch/v8/esutil"
	"github.com/elastic/go-elasticsearch/v8/typedapi/types"
	"github.com/gaptrace/gaptrace"
	gapes "github.com/gaptrace/gaptrace/contrib/elasticsearch"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
)

// answering starts a server that answers every request as Elasticsearch would, with status and body.
func answering(status int, body string) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
}

// node hides which port the server got.
func node(server *httptest.Server) []string {
	return []string{server.Listener.Addr().String(), "NODE"}
}

func ExampleWrap() {
	tracer := spantest.NewTracer() // any opentracing.Tracer; it is the global one unless an option names it
	opentracing.SetGlobalTracer(tracer)
	defer opentracing.SetGlobalTracer(opentracing.NoopTracer{})
	server := answering(http.StatusOK, `{"hits":{"total":{"value":0}}}`)
	defer server.Close()

	client, err := elasticsearch.NewClient(elasticsearch.Config{Addresses: []string{server.URL}})
	if err != nil {
		fmt.Println(err)
		return
	}
	gapes.Wrap(client) // the one line

	span, ctx := opentracing.StartSpanFromContext(context.Background(), "handler")
	res, err := client.Search(client.Search.WithContext(ctx), client.Search.WithIndex("books"), client.Search.WithSize(3),
		client.Search.WithBody(strings.NewReader(`{"query":{"match_all":{}}}`)))
	if err != nil {
		fmt.Println(err)
		return
	}
	io.Copy(io.Discard, res.Body)
	res.Body.Close()
	span.Finish()

	fmt.Print(tracer.Tree(node(server)...))
	// Output:
	// handler
	//   elasticsearch search bytes=30 component=go-elasticsearch db.statement="{\"query\":{\"match_all\":{}}}" db.type=elasticsearch elasticsearch.params="size=3" es.method=POST es.url=http://NODE/books/_search http.status_code=200 peer.address=NODE span.kind=client
}

func ExampleWrapTyped() {
	tracer := spantest.NewTracer()
	server := answering(http.StatusNotFound, `{"error":{"type":"index_not_found_exception","reason":"no such index [books]"},"status":404}`)
	defer server.Close()

	client, err := elasticsearch.NewTypedClient(elasticsearch.Config{Addresses: []string{server.URL}})
	if err != nil {
		fmt.Println(err)
		return
	}
	gapes.WrapTyped(client, gaptrace.WithTracer(tracer))

	span := tracer.StartSpan("handler")
	ctx := opentracing.ContextWithSpan(context.Background(), span)
	_, err = client.Count().Index("books").Query(types.NewQuery()).Do(ctx)
	span.Finish()

	fmt.Println(err)
	fmt.Print(tracer.Tree(node(server)...))
	// Output:
	// status: 404, failed: [index_not_found_exception], reason: no such index [books]
	// handler
	//   elasticsearch count bytes=92 component=go-elasticsearch db.statement="{\"query\":{}}" db.type=elasticsearch error=true es.method=POST es.url=http://NODE/books/_count http.status_code=404 peer.address=NODE span.kind=client
	//     * event=error error.kind=*gapes.Error message="index_not_found_exception: no such index [books]"
}

// A transport that is used without a client of go-elasticsearch is wrapped by itself.
func ExampleWrapTransport() {
	tracer := spantest.NewTracer()
	server := answering(http.StatusOK, `{"status":"green"}`)
	defer server.Close()

	client, err := elasticsearch.NewBaseClient(elasticsearch.Config{Addresses: []string{server.URL}})
	if err != nil {
		fmt.Println(err)
		return
	}
	client.Transport = gapes.WrapTransport(client.Transport, gaptrace.WithTracer(tracer), gaptrace.WithRoots())

	req, _ := http.NewRequest("GET", "/_cluster/health?wait_for_status=green", nil)
	res, err := client.Perform(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	io.Copy(io.Discard, res.Body)
	res.Body.Close()

	fmt.Print(tracer.Tree(node(server)...))
	// Output:
	// elasticsearch GET _cluster bytes=18 component=go-elasticsearch db.type=elasticsearch elasticsearch.params="wait_for_status=green" es.method=GET es.url=http://NODE/_cluster/health http.status_code=200 peer.address=NODE span.kind=client
}

// With Interceptor in the client's configuration, a retry tells how the attempt before it ended.
func ExampleInterceptor() {
	tracer := spantest.NewTracer()
	busy := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		if busy {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		busy = false
	}))
	defer server.Close()
	client, err := elasticsearch.NewClient(elasticsearch.Config{
		Addresses:    []string{server.URL},
		Interceptors: []elastictransport.InterceptorFunc{gapes.Interceptor},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	gapes.Wrap(client, gaptrace.WithTracer(tracer), gaptrace.WithPhases(), gaptrace.WithRoots())

	res, err := client.Indices.Refresh()
	if err != nil {
		fmt.Println(err)
		return
	}
	res.Body.Close()

	span := tracer.Named("elasticsearch indices.refresh")[0]
	fmt.Println("attempts:", span.Tags["es.attempts"])
	for _, record := range span.Logs {
		if fields := record.Fields; fields[0].Value() == "retry" {
			fmt.Println(fields[:3])
		}
	}
	// Output:
	// attempts: 2
	// [event:retry status:503 attempt:2]
}

// The workers of a BulkIndexer know no caller's context. OnFlushStart gives each flush a span, under
// which its request is recorded.
func ExampleWrap_bulkIndexer() {
	tracer := spantest.NewTracer()
	server := answering(http.StatusOK, `{"items":[{"index":{"status":201}}]}`)
	defer server.Close()
	client, err := elasticsearch.NewClient(elasticsearch.Config{Addresses: []string{server.URL}})
	if err != nil {
		fmt.Println(err)
		return
	}
	gapes.Wrap(client, gaptrace.WithTracer(tracer))

	indexer, err := esutil.NewBulkIndexer(esutil.BulkIndexerConfig{
		Client: client, Index: "books", NumWorkers: 1,
		OnFlushStart: func(ctx context.Context) context.Context {
			return opentracing.ContextWithSpan(ctx, tracer.StartSpan("flush"))
		},
		OnFlushEnd: func(ctx context.Context) { opentracing.SpanFromContext(ctx).Finish() },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	if err := indexer.Add(ctx, esutil.BulkIndexerItem{Action: "index", Body: strings.NewReader(`{"title":"Emma"}`)}); err != nil {
		fmt.Println(err)
	}
	if err := indexer.Close(ctx); err != nil {
		fmt.Println(err)
	}

	fmt.Print(tracer.Tree(node(server)...))
	// Output:
	// flush
	//   elasticsearch bulk bytes=36 component=go-elasticsearch db.type=elasticsearch es.method=POST es.url=http://NODE/books/_bulk http.status_code=200 peer.address=NODE span.kind=client
}
