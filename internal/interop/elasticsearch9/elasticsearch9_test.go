// Package elasticsearch9 tests clients that have no wrapper of their own: go-elasticsearch v9,
// whose transport is that of v8, and OpenSearch's, which calls through an http.RoundTripper.
package elasticsearch9

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/elastic/go-elasticsearch/v9"
	"github.com/elastic/go-elasticsearch/v9/esapi"
	"github.com/gaptrace/gaptrace"
	gapes "github.com/gaptrace/gaptrace/contrib/elasticsearch"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
	"github.com/gaptrace/gaptrace/wrap/wraptest"
	"github.com/opensearch-project/opensearch-go/v4"
	"github.com/opensearch-project/opensearch-go/v4/opensearchapi"
)

const (
	dune  = `{"title":"Dune"}`
	query = `{"query":{"match":{"title":"dune"}}}`
)

// different is what two answers to the same request differ in.
var different = regexp.MustCompile(`"(took|_version|_seq_no|_id|index_uuid)":("[^"]*"|\d+)`)

// use calls the client and returns what the program saw.
func use(ctx context.Context, c *elasticsearch.Client, index string) string {
	var seen strings.Builder
	note := func(what string, res *esapi.Response, err error) {
		if err != nil {
			fmt.Fprintf(&seen, "%s: %T %v\n", what, err, err)
			return
		}
		body, readErr := io.ReadAll(res.Body)
		fmt.Fprintf(&seen, "%s: %d %s %v %v\n", what,
			res.StatusCode, different.ReplaceAll(body, []byte("$1")), readErr, res.Body.Close())
	}
	res, err := c.Index(index, strings.NewReader(dune), c.Index.WithContext(ctx),
		c.Index.WithDocumentID("1"), c.Index.WithRefresh("true"))
	note("index", res, err)
	res, err = c.Search(c.Search.WithContext(ctx), c.Search.WithIndex(index),
		c.Search.WithBody(strings.NewReader(query)))
	note("search", res, err)
	create := `{"create":{"_index":"` + index + `","_id":"1"}}` + "\n" + dune + "\n"
	res, err = c.Bulk(strings.NewReader(create), c.Bulk.WithContext(ctx))
	note("bulk", res, err)
	res, err = c.Get(index+"none", "1", c.Get.WithContext(ctx))
	note("get", res, err)
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	res, err = c.Info(c.Info.WithContext(cancelled))
	note("info", res, err)
	return strings.ReplaceAll(seen.String(), index, "INDEX")
}

func TestElasticsearch9(t *testing.T) {
	cfg := elasticsearch.Config{Addresses: []string{servers.Elasticsearch(t)}}
	uses := 0
	wraptest.Compare(t, func(t *testing.T, ctx context.Context, opts ...gaptrace.Option) string {
		client := spantest.Must(elasticsearch.NewClient(cfg))(t)
		if opts != nil {
			client.Transport = gapes.WrapTransport(client.Transport, opts...)
		}
		uses++
		return use(ctx, client, fmt.Sprintf("books%d", uses))
	})

	tracer, ctx, parent := spantest.Under(t)
	client := spantest.Must(elasticsearch.NewClient(cfg))(t)
	client.Transport = gapes.WrapTransport(client.Transport, gaptrace.WithTracer(tracer))
	use(ctx, client, "books")
	parent.Finish()
	for operation, status := range map[string]int{
		"elasticsearch index": 201, "elasticsearch search": 200, "elasticsearch bulk": 200,
		"elasticsearch get": 404,
	} {
		if tags := tracer.Only(t, operation).Tags; tags["http.status_code"] != status {
			t.Errorf("%s: %v, want status %d", operation, tags, status)
		}
	}
	if tags := tracer.Only(t, "elasticsearch bulk").Tags; tags["es.failed_items"] != 1 {
		t.Errorf("bulk: %v, want a failed item", tags)
	}
	if tags := tracer.Only(t, "elasticsearch search").Tags; tags["db.statement"] != query {
		t.Errorf("search: %v", tags)
	}
}

// The typed client of v9 asks for answers that are compatible with version 9, which the real server
// here refuses.
func TestTypedElasticsearch9(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"hits":{"hits":[{"_index":"books","_id":"1"}]}}`)
	}))
	defer server.Close()
	tracer, ctx, parent := spantest.Under(t)
	client := spantest.Must(elasticsearch.NewTypedClient(elasticsearch.Config{Addresses: []string{server.URL}}))(t)
	client.Transport = gapes.WrapTransport(client.Transport, gaptrace.WithTracer(tracer))
	found := spantest.Must(client.Search().Index("books").Do(ctx))(t)
	parent.Finish()
	if len(found.Hits.Hits) != 1 {
		t.Errorf("found %v", found)
	}
	tracer.Only(t, "elasticsearch search")
}

func TestOpenSearch(t *testing.T) {
	url := servers.Elasticsearch(t) // OpenSearch's client accepts any server
	wraptest.Compare(t, func(t *testing.T, ctx context.Context, opts ...gaptrace.Option) string {
		cfg := opensearch.Config{Addresses: []string{url}}
		if opts != nil {
			cfg.Transport = nethttp.Wrap(nil, opts...)
		}
		client := spantest.Must(opensearchapi.NewClient(opensearchapi.Config{Client: cfg}))(t)
		created, err := client.Index(ctx, opensearchapi.IndexReq{
			Index: "songs", DocumentID: "1", Body: strings.NewReader(dune),
			Params: opensearchapi.IndexParams{Refresh: "true"},
		})
		seen := fmt.Sprintf("%s %T %v\n", created.ID, err, err)
		found, err := client.Search(ctx, &opensearchapi.SearchReq{Indices: []string{"songs"}})
		seen += fmt.Sprintf("%d %T %v\n", found.Hits.Total.Value, err, err)
		_, err = client.Search(ctx, &opensearchapi.SearchReq{Indices: []string{"none"}})
		return seen + fmt.Sprintf("%T %v\n", err, err)
	})
	tracer, ctx, parent := spantest.Under(t)
	client := spantest.Must(opensearchapi.NewClient(opensearchapi.Config{Client: opensearch.Config{
		Addresses: []string{url}, Transport: nethttp.Wrap(nil, gaptrace.WithTracer(tracer)),
	}}))(t)
	spantest.Must(client.Search(ctx, &opensearchapi.SearchReq{Indices: []string{"songs"}}))(t)
	parent.Finish()
	if tags := tracer.Only(t, "HTTP POST").Tags; tags["http.url"] != url+"/songs/_search" {
		t.Errorf("got %v", tags)
	}
}
