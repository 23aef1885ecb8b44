package gapes_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/elastic/go-elasticsearch/v8/esapi"
	"github.com/elastic/go-elasticsearch/v8/esutil"
	"github.com/elastic/go-elasticsearch/v8/typedapi/types"
	"github.com/gaptrace/gaptrace"
	gapes "github.com/gaptrace/gaptrace/contrib/elasticsearch"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
	"github.com/opentracing/opentracing-go"
)

func TestRealElasticsearch(t *testing.T) {
	address := servers.Elasticsearch(t)
	tracer := spantest.NewTracer()
	cfg := elasticsearch.Config{Addresses: []string{address}}
	c := newWrapped(t, tracer, cfg)
	typed := gapes.WrapTyped(newTyped(t, cfg), gaptrace.WithTracer(tracer))
	parent := tracer.StartSpan("handler")
	ctx := opentracing.ContextWithSpan(t.Context(), parent)

	check := func(res *esapi.Response, err error) { t.Helper(); consumed(t)(res, err) }
	check(c.Index("books", strings.NewReader(`{"title":"Emma"}`), c.Index.WithDocumentID("1"),
		c.Index.WithRefresh("true"), c.Index.WithContext(ctx)))
	check(c.Get("books", "1", c.Get.WithContext(ctx)))
	check(c.Get("books", "2", c.Get.WithContext(ctx)))
	check(c.Exists("books", "2", c.Exists.WithContext(ctx)))
	check(c.Search(c.Search.WithIndex("books"),
		c.Search.WithBody(strings.NewReader(`{"query":{"match":{"title":"emma"}}}`)), c.Search.WithContext(ctx)))
	check(c.Search(c.Search.WithIndex("films"), c.Search.WithContext(ctx)))

	found, err := typed.Search().Index("books").Query(&types.Query{MatchAll: types.NewMatchAllQuery()}).Do(ctx)
	if err != nil || found.Hits.Total.Value != 1 {
		t.Errorf("found %+v, %v", found, err)
	}
	if _, err := typed.Indices.Create("books").Do(ctx); err == nil {
		t.Error("created twice")
	}
	parent.Finish()

	for _, span := range tracer.Spans() {
		delete(span.Tags, "bytes") // some responses hold how long they took
	}
	const want = `handler
  elasticsearch index component=go-elasticsearch db.type=elasticsearch elasticsearch.params="refresh=true" es.method=PUT es.url=http://NODE/books/_doc/1 http.status_code=201 peer.address=NODE span.kind=client
  elasticsearch get component=go-elasticsearch db.type=elasticsearch es.method=GET es.url=http://NODE/books/_doc/1 http.status_code=200 peer.address=NODE span.kind=client
  elasticsearch get component=go-elasticsearch db.type=elasticsearch es.method=GET es.url=http://NODE/books/_doc/2 http.status_code=404 peer.address=NODE span.kind=client
  elasticsearch exists component=go-elasticsearch db.type=elasticsearch es.method=HEAD es.url=http://NODE/books/_doc/2 http.status_code=404 peer.address=NODE span.kind=client
  elasticsearch search component=go-elasticsearch db.statement="{\"query\":{\"match\":{\"title\":\"emma\"}}}" db.type=elasticsearch es.method=POST es.url=http://NODE/books/_search http.status_code=200 peer.address=NODE span.kind=client
  elasticsearch search component=go-elasticsearch db.type=elasticsearch error=true es.method=POST es.url=http://NODE/films/_search http.status_code=404 peer.address=NODE span.kind=client
    * event=error error.kind=*gapes.Error message="index_not_found_exception: no such index [films]"
  elasticsearch search component=go-elasticsearch db.statement="{\"query\":{\"match_all\":{}}}" db.type=elasticsearch elasticsearch.params="typed_keys=true" es.method=POST es.url=http://NODE/books/_search http.status_code=200 peer.address=NODE span.kind=client
  elasticsearch indices.create component=go-elasticsearch db.type=elasticsearch error=true es.method=PUT es.url=http://NODE/books http.status_code=400 peer.address=NODE span.kind=client
    * event=error error.kind=*gapes.Error message="resource_already_exists_exception: index [books/UUID] already exists"
`
	node, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	if got := tracer.Tree(node.Host, "NODE"); withoutUUID(got) != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

func TestRealElasticsearchReasons(t *testing.T) {
	tracer := spantest.NewTracer()
	c := newWrapped(t, tracer, elasticsearch.Config{Addresses: []string{servers.Elasticsearch(t)}})
	for _, tt := range []struct{ request, body, want string }{
		{"PUT /people", `{"mappings":{"properties":{"age":{"type":"long"}}}}`, ""},
		{
			"PUT /people/_doc/1", `{"age":"hunter2"}`,
			"document_parsing_exception: [1:8] failed to parse field [age] of type [long] in document with id… [cut]",
		},
		{"PUT /people/_doc/2", `{"age":hunter2}`, "document_parsing_exception: [1:2] failed to parse… [cut]"},
		{"POST /_bulk", "{\"hunter2\":{}}\n{}\n", "illegal_argument_exception: Malformed action/metadata line… [cut]"},
		{
			"PUT /hunters", `{"mappings":{"properties":{"age":{"type":"hunter2"}}}}`,
			"mapper_parsing_exception: Failed to parse mapping… [cut]",
		},
		{
			"PATCH /people/_doc?access_token=hunter2", "",
			"Incorrect HTTP method for uri [/people/_doc?access_token=hidden] and method [PATCH], allowed… [cut]",
		},
		{
			"GET /people/_settings?api_key=hunter2", "",
			"illegal_argument_exception: request [/people/_settings] contains unrecognized parameter… [cut]",
		},
	} {
		tracer.Reset()
		method, path, _ := strings.Cut(tt.request, " ")
		req, err := http.NewRequestWithContext(underParent(t, tracer), method, path, strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := c.Perform(req)
		if err != nil {
			t.Fatal(err)
		}
		response := consume(t, res.Body)
		if got := message(only(t, tracer)); got != tt.want || strings.Contains(tracer.Tree(), "hunter2") {
			t.Errorf("%s: got %q, want %q, of %s", tt.request, got, tt.want, response)
		}
	}
}

func TestRealElasticsearchAuthentication(t *testing.T) {
	const user, password = "reader", "hunter2"
	address := servers.ElasticsearchSecured(t, user, password)
	node, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	withUser := *node
	withUser.User = url.UserPassword(user, password)
	for name, tt := range map[string]struct {
		cfg    elasticsearch.Config
		status int
		want   string
	}{
		"no user":        {elasticsearch.Config{}, 401, "security_exception: missing authentication credentials for REST request [/_cluster/health]"},
		"a wrong word":   {elasticsearch.Config{Username: user, Password: "hunter3hunter2"}, 401, "security_exception: unable to authenticate user [reader] for REST request [/_cluster/health]"},
		"a false key":    {elasticsearch.Config{APIKey: "aHVudGVyMjpodW50ZXIy"}, 401, "security_exception: unable to authenticate with provided credentials and anonymous access is not allowed for this request"},
		"a false token":  {elasticsearch.Config{ServiceToken: "hunter2"}, 401, "security_exception: unable to authenticate with provided credentials and anonymous access is not allowed for this request"},
		"the right word": {elasticsearch.Config{Username: user, Password: password}, 200, ""},
		"in the URL":     {elasticsearch.Config{Addresses: []string{withUser.String()}}, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			tracer := spantest.NewTracer()
			cfg := tt.cfg
			if cfg.Addresses == nil {
				cfg.Addresses = []string{address}
			}
			c := newWrapped(t, tracer, cfg, gaptrace.WithPhases())
			res, err := perform(t, c, underParent(t, tracer), "GET", "/_cluster/health", nil)
			if err != nil {
				t.Fatal(err)
			}
			consume(t, res.Body)
			span, tree := only(t, tracer), tracer.Tree()
			if span.Tags["error"] == nil {
				span.Logs = nil
			} else {
				span.Logs = span.Logs[len(span.Logs)-1:]
			}
			if got := message(span); got != tt.want || res.StatusCode != tt.status ||
				span.Tags["http.status_code"] != tt.status {
				t.Errorf("%d, %q, want %d, %q", res.StatusCode, got, tt.status, tt.want)
			}
			if strings.Contains(tree, "hunter") || strings.Contains(tree, "aHVudGVy") ||
				!strings.Contains(tree, "es.url=http://"+node.Host+"/_cluster/health ") {
				t.Error(tree)
			}
		})
	}
}

// One of two addresses has no server. The other's server is killed while its response is being
// read.
func TestRealElasticsearchDies(t *testing.T) {
	address, server := servers.ElasticsearchProcess(t)
	tracer := spantest.NewTracer()
	const backOff = 30 * time.Millisecond
	var backOffs []time.Time
	c := newWrapped(t, tracer, elasticsearch.Config{
		Addresses:    []string{"http://127.0.0.1:1", address},
		RetryBackoff: func(int) time.Duration { backOffs = append(backOffs, time.Now()); return backOff },
		// With a large buffer, the kernel may have received the whole response when the server is
		// killed.
		Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			if err == nil {
				err = conn.(*net.TCPConn).SetReadBuffer(64 << 10)
			}
			return conn, err
		}},
	})
	ctx := underParent(t, tracer)

	indexBooks(t, c, ctx, tracer)
	conflict := strings.NewReader("{\"create\":{\"_id\":\"here\"}}\n{}\n{\"create\":{\"_id\":\"here\"}}\n{}\n")
	got := consumed(t)(c.Bulk(conflict, c.Bulk.WithIndex("films"), c.Bulk.WithContext(ctx)))
	if !strings.Contains(got, "version_conflict_engine_exception") {
		t.Error(got)
	}
	if bulks := tracer.Named("elasticsearch bulk"); bulks[len(bulks)-1].Tags["es.failed_items"] != 1 {
		t.Error(bulks[len(bulks)-1].Tags)
	}
	const shelves = `{"size":0,"aggs":{"shelves":{"terms":{"field":"shelf"}}}}`
	got = consumed(t)(c.Search(c.Search.WithIndex("books"), c.Search.WithBody(strings.NewReader(shelves)),
		c.Search.WithContext(ctx)))
	if strings.Count(got, `"key":`) != 7 {
		t.Error(got)
	}
	scrollUntilKilled(t, c, ctx, server.Kill)

	calls := slices.DeleteFunc(tracer.Spans(),
		func(s *spantest.Span) bool { return s.Operation == "parent" || s.IsWait() })
	failed := 0
	for _, call := range calls {
		if call.Tags["error"] == true {
			failed++
		}
	}
	if tree := tracer.Tree(); failed != 2 || tracer.Problems() != nil || strings.Contains(tree, "hunter2") ||
		!strings.Contains(tree, "shelves") {
		t.Errorf("%d failed:\n%s", failed, tree)
	}
	if !slices.ContainsFunc(calls, func(s *spantest.Span) bool { return s.Tags["es.attempts"] != nil }) {
		t.Errorf("no call has es.attempts:\n%s", tracer.Tree())
	}
	for _, began := range backOffs {
		if !slices.ContainsFunc(calls,
			func(s *spantest.Span) bool { return !s.Start.After(began) && !s.End.Before(began.Add(backOff)) }) {
			t.Errorf("no span covers the back-off from %v on:\n%s", began, tracer.Tree())
		}
	}
	if len(backOffs) == 0 {
		t.Error("no attempt was retried")
	}
}

const (
	books    = 1000
	bookSize = 10_000
)

// indexBooks indexes books in bulk requests, on 7 shelves.
func indexBooks(t *testing.T, c *elasticsearch.Client, ctx context.Context, tracer *spantest.Tracer) {
	indexer, err := esutil.NewBulkIndexer(esutil.BulkIndexerConfig{
		Client: c, Index: "books", Refresh: "true", NumWorkers: 1, FlushBytes: books * bookSize / 4,
		OnFlushStart: func(context.Context) context.Context { return ctx },
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range books {
		text := fmt.Sprintf(`{"shelf":%d,"text":"%s"}`, i%7, strings.Repeat("hunter2 ", bookSize/8))
		if err := indexer.Add(t.Context(),
			esutil.BulkIndexerItem{Action: "index", Body: strings.NewReader(text)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := indexer.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	requests := len(named(tracer, "elasticsearch bulk"))
	if stats := indexer.Stats(); stats.NumIndexed != books || requests != int(stats.NumRequests) {
		t.Errorf("%+v, %d spans", stats, requests)
	}
}

// scrollUntilKilled scrolls through the books, and kills the server while a response is being read.
func scrollUntilKilled(t *testing.T, c *elasticsearch.Client, ctx context.Context, kill func()) {
	first := consumed(t)(c.Search(c.Search.WithIndex("books"), c.Search.WithSize(1), c.Search.WithScroll(time.Minute),
		c.Search.WithContext(ctx)))
	var page struct {
		ID string `json:"_scroll_id"`
	}
	if err := json.Unmarshal([]byte(first), &page); err != nil {
		t.Fatal(err)
	}
	if got := consumed(t)(c.Scroll(c.Scroll.WithScrollID(page.ID), c.Scroll.WithContext(ctx))); !strings.Contains(got,
		"hunter2") {
		t.Error(got)
	}
	res, err := c.Search(c.Search.WithIndex("books"), c.Search.WithSize(books), c.Search.WithScroll(time.Minute),
		c.Search.WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(res.Body, make([]byte, bookSize)); err != nil {
		t.Error(err)
	}
	kill()
	if n, err := io.Copy(io.Discard, res.Body); err == nil || n > books*bookSize {
		t.Errorf("read %d more, %v", n, err)
	}
	res.Body.Close()
	if _, err := c.Scroll(c.Scroll.WithScrollID(page.ID), c.Scroll.WithContext(ctx)); !errors.Is(err,
		syscall.ECONNREFUSED) {
		t.Error(err)
	}
}

// consumed returns the body of a response, after it was read and closed.
func consumed(t *testing.T) func(res *esapi.Response, err error) string {
	return func(res *esapi.Response, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return consume(t, res.Body)
	}
}

// withoutUUID replaces the id of a new index.
func withoutUUID(tree string) string {
	before, rest, _ := strings.Cut(tree, "index [books/")
	_, after, _ := strings.Cut(rest, "]")
	return before + "index [books/UUID]" + after
}
