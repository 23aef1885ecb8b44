package minielastic_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/elastic/go-elasticsearch/v8/esapi"
	"github.com/elastic/go-elasticsearch/v8/esutil"
	"github.com/elastic/go-elasticsearch/v8/typedapi/core/search"
	"github.com/elastic/go-elasticsearch/v8/typedapi/types"

	"github.com/gaptrace/gaptrace/demo/internal/minielastic"
)

func start(t *testing.T) elasticsearch.Config {
	t.Helper()
	handler := minielastic.New()
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.Close()
		if err := handler.Close(); err != nil {
			t.Error(err)
		}
	})
	return elasticsearch.Config{Addresses: []string{server.URL}, CompressRequestBody: true}
}

func client(t *testing.T) *elasticsearch.Client {
	t.Helper()
	c, err := elasticsearch.NewClient(start(t))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// answer checks the status of a response and returns the body.
func answer(t *testing.T, status int) func(*esapi.Response, error) string {
	return func(res *esapi.Response, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != status {
			t.Fatalf("status %d, want %d: %s", res.StatusCode, status, body)
		}
		return string(body)
	}
}

func TestDocuments(t *testing.T) {
	c := client(t)
	check := func(status int, want string) func(*esapi.Response, error) {
		return func(res *esapi.Response, err error) {
			t.Helper()
			if body := answer(t, status)(res, err); !strings.Contains(body, want) {
				t.Errorf("%s does not contain %s", body, want)
			}
		}
	}
	emma := func() *strings.Reader { return strings.NewReader(`{"title":"Emma"}`) }
	check(201, `"_version":1`)(c.Index("books", emma(), c.Index.WithDocumentID("1")))
	check(200, `"result":"updated"`)(c.Index("books", emma(), c.Index.WithDocumentID("1")))
	check(409, "version_conflict_engine_exception")(c.Create("books", "1", strings.NewReader(`{}`)))
	check(200, `"_source":{"title":"Emma"}`)(c.Get("books", "1"))
	check(200, "")(c.Exists("books", "1"))
	check(200, `"result":"deleted"`)(c.Delete("books", "1"))
	check(404, `"result":"not_found"`)(c.Delete("books", "1"))
	check(404, `"found":false`)(c.Get("books", "1"))
	check(201, `"_id":"`)(c.Index("books", strings.NewReader(`{}`)))
	check(400, "document_parsing_exception")(c.Index("books", strings.NewReader(`[1]`)))
	check(404, "index_not_found_exception")(c.Get("films", "1"))
}

func TestIndices(t *testing.T) {
	c := client(t)
	answer(t, 404)(c.Indices.Exists([]string{"books"}))
	answer(t, 200)(c.Indices.Create("books"))
	answer(t, 200)(c.Indices.Exists([]string{"books"}))
	if body := answer(t, 400)(c.Indices.Create("books")); !strings.Contains(body, "resource_already_exists_exception") {
		t.Error(body)
	}
	if body := answer(t, 400)(c.Indices.Create("Books")); !strings.Contains(body, "invalid_index_name_exception") {
		t.Error(body)
	}
	answer(t, 200)(c.Indices.Refresh(c.Indices.Refresh.WithIndex("books")))
	answer(t, 200)(c.Indices.Delete([]string{"books"}))
	answer(t, 404)(c.Indices.Delete([]string{"books"}))
}

func TestCluster(t *testing.T) {
	c := client(t)
	if body := answer(t, 200)(c.Cluster.Health()); !strings.Contains(body, `"status":"green"`) {
		t.Error(body)
	}
	if body := answer(t, 200)(c.Info()); !strings.Contains(body, "You Know, for Search") {
		t.Error(body)
	}
	if body := answer(t, 400)(c.Cat.Indices()); !strings.Contains(body, "no handler found for uri [/_cat/indices]") {
		t.Error(body)
	}
}

const library = `
{"index":{"_id":"emma"}}
{"title":"Emma","author":{"name":"Jane Austen"},"year":1815,"print":true,"tags":["novel","Comedy of Manners"],"shelf":"A-1"}
{"index":{"_id":"pride"}}
{"title":"Pride and Prejudice","author":{"name":"Jane Austen"},"year":1813,"print":true,"tags":["novel"],"shelf":"A-2"}
{"index":{"_id":"whale"}}
{"title":"Moby-Dick; or, The Whale","author":{"name":"Herman Melville"},"year":1851,"print":false,"tags":["novel","sea"],"shelf":"M-1"}
{"index":{"_id":"odyssey"}}
{"title":"The Odyssey","author":{"name":"Homer"},"year":-700,"print":true,"tags":["epic","sea"],"shelf":"H-1"}
`

func TestQueries(t *testing.T) {
	c := client(t)
	answer(t, 200)(c.Indices.Create("books", c.Indices.Create.WithBody(
		strings.NewReader(`{"mappings":{"properties":{"shelf":{"type":"keyword"}}}}`))))
	answer(t, 200)(c.Bulk(strings.NewReader(library), c.Bulk.WithIndex("books")))

	all := []string{"emma", "odyssey", "pride", "whale"}
	for query, want := range map[string][]string{
		``:                                 all,
		`{"match_all":{}}`:                 all,
		`{"match_none":{}}`:                {},
		`{"bool":{}}`:                      all,
		`{"match":{"title":"whale EMMA"}}`: {"emma", "whale"},

		`{"match":{"title":{"query":"the whale","operator":"and"}}}`: {"whale"},
		`{"match":{"author.name":"jane"}}`:                           {"emma", "pride"},
		`{"match":{"year":1851}}`:                                    {"whale"},
		`{"match":{"shelf":"A-1"}}`:                                  {"emma"},
		`{"match_phrase":{"title":"pride and prejudice"}}`:           {"pride"},
		`{"match_phrase":{"title":"prejudice and pride"}}`:           {},
		`{"term":{"title":"emma"}}`:                                  {"emma"},
		`{"term":{"title":"Emma"}}`:                                  {}, // text is lower-cased when indexed, but not a term
		`{"term":{"title.keyword":{"value":"Emma"}}}`:                {"emma"},
		`{"term":{"tags.keyword":"Comedy of Manners"}}`:              {"emma"},
		`{"term":{"shelf":"A-2"}}`:                                   {"pride"},
		`{"term":{"print":false}}`:                                   {"whale"},
		`{"term":{"year":1813}}`:                                     {"pride"},
		`{"terms":{"year":[1813,1815]}}`:                             {"emma", "pride"},
		`{"prefix":{"shelf":"A-"}}`:                                  {"emma", "pride"},
		`{"range":{"year":{"gte":1813,"lt":1851}}}`:                  {"emma", "pride"},
		`{"range":{"year":{"lt":0}}}`:                                {"odyssey"},
		`{"range":{"shelf":{"gt":"A-2"}}}`:                           {"odyssey", "whale"},
		`{"query_string":{"query":"+tags:sea -homer"}}`:              {"whale"},

		`{"bool":{"must":{"match":{"tags":"sea"}}}}`: {"odyssey", "whale"},

		`{"bool":{"filter":[{"term":{"print":true}}],"must_not":[{"term":{"tags":"epic"}}]}}`: {"emma", "pride"},
		`{"bool":{"should":[{"match":{"title":"emma"}},{"match":{"title":"whale"}}]}}`:        {"emma", "whale"},

		`{"bool":{"must":[{"term":{"tags":"novel"}}],"should":[{"match":{"title":"emma"}}]}}`: {
			"emma", "pride", "whale",
		},
		`{"bool":{"filter":{"term":{"tags":"novel"}},"should":{"match":{"title":"emma"}},
			"minimum_should_match":1}}`: {"emma"},
	} {
		body := `{}`
		if query != "" {
			body = `{"query":` + query + `}`
		}
		hits := answer(t, 200)(c.Search(c.Search.WithIndex("books"), c.Search.WithBody(strings.NewReader(body))))
		if got := found(t, hits); !slices.Equal(got, want) {
			t.Errorf("search %s: %q, want %q", query, got, want)
		}
		count := answer(t, 200)(c.Count(c.Count.WithIndex("books"), c.Count.WithBody(strings.NewReader(body))))
		if !strings.Contains(count, fmt.Sprintf(`"count":%d}`, len(want))) {
			t.Errorf("count %s: %s, want %d", query, count, len(want))
		}
	}
	got := found(t, answer(t, 200)(c.Search(c.Search.WithQuery("melville"))))
	if !slices.Equal(got, []string{"whale"}) {
		t.Errorf("q=melville: %q", got)
	}
}

// found returns the sorted IDs of the hits.
func found(t *testing.T, body string) []string {
	t.Helper()
	var result struct {
		Hits struct {
			Hits []struct {
				ID string `json:"_id"`
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &result); err != nil {
		t.Fatal(err)
	}
	ids := []string{}
	for _, hit := range result.Hits.Hits {
		ids = append(ids, hit.ID)
	}
	slices.Sort(ids)
	return ids
}

func TestPages(t *testing.T) {
	c := client(t)
	answer(t, 200)(c.Bulk(strings.NewReader(library), c.Bulk.WithIndex("books")))
	body := answer(t, 200)(c.Search(c.Search.WithIndex("bo*"), c.Search.WithFrom(3), c.Search.WithSize(3)))
	if got := found(t, body); len(got) != 1 || !strings.Contains(body, `"total":{"relation":"eq","value":4}`) {
		t.Errorf("the last page: %s", body)
	}
	body = answer(t, 200)(c.Search(c.Search.WithIndex("nothing*")))
	if !strings.Contains(body, `"hits":[]`) || !strings.Contains(body, `"max_score":null`) {
		t.Errorf("no index: %s", body)
	}
}

func TestUnsupportedRequests(t *testing.T) {
	c := client(t)
	answer(t, 200)(c.Indices.Create("books"))
	for body, want := range map[string]string{
		`{"aggs":{}}`:                              `unknown field \"aggs\"`,
		`{"query":{"fuzzy":{"title":"x"}}}`:        `unknown query [fuzzy]`,
		`{"query":{"bool":{"must":[{"geo":{}}]}}}`: `unknown query [geo]`,
		`{"query":{"match":{}}}`:                   `expected an object with one key`,
		`{"query":{"term":{"title":null}}}`:        `needs a string, a number or a bool`,
		`{"query":{"range":{"year":{"gt":true}}}}`: `needs two numbers or two strings`,
		`{"size":-1}`:                              `cannot be negative`,
		`{"query":`:                                `unexpected EOF`,
	} {
		got := answer(t, 400)(c.Search(c.Search.WithIndex("books"), c.Search.WithBody(strings.NewReader(body))))
		if !strings.Contains(got, want) ||
			!strings.Contains(got, `"root_cause":[{`) || !strings.Contains(got, `"status":400`) {
			t.Errorf("%s: %s does not contain %s", body, got, want)
		}
	}
	if body := answer(t, 404)(c.Search(c.Search.WithIndex("films"))); !strings.Contains(body, "no such index [films]") {
		t.Error(body)
	}
}

func TestBulk(t *testing.T) {
	c := client(t)
	body := answer(t, 200)(c.Bulk(strings.NewReader(`{"create":{"_index":"books","_id":"1"}}
{"title":"Emma"}
{"create":{"_index":"books","_id":"1"}}
{"title":"Emma"}
{"delete":{"_index":"books","_id":"2"}}
{"delete":{"_index":"films","_id":"2"}}
{"index":{"_index":"_books","_id":"1"}}
{}
`)))
	var result struct {
		Errors bool
		Items  []map[string]struct{ Status int }
	}
	if err := json.Unmarshal([]byte(body), &result); err != nil {
		t.Fatal(err)
	}
	var got []int
	for _, item := range result.Items {
		for _, outcome := range item {
			got = append(got, outcome.Status)
		}
	}
	if want := []int{201, 409, 404, 404, 400}; !result.Errors || !slices.Equal(got, want) {
		t.Errorf("statuses %v, want %v: %s", got, want, body)
	}
	for _, wrong := range []string{
		"", "x\n", "{\"index\":{}}\n", "{\"index\":{\"_index\":\"a\"}}\n{}", "{\"index\":{}}\n{}\n",
		"{\"update\":{\"_index\":\"a\"}}\n",
	} {
		answer(t, 400)(c.Bulk(strings.NewReader(wrong)))
	}
}

func TestBulkIndexer(t *testing.T) {
	c := client(t)
	indexer, err := esutil.NewBulkIndexer(esutil.BulkIndexerConfig{Client: c, Index: "numbers", FlushBytes: 4 << 10})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 500 {
		err := indexer.Add(t.Context(), esutil.BulkIndexerItem{
			Action: "index", DocumentID: fmt.Sprint(i), Body: strings.NewReader(fmt.Sprintf(`{"n":%d}`, i)),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := indexer.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if stats := indexer.Stats(); stats.NumFailed != 0 || stats.NumFlushed != 500 {
		t.Errorf("%+v", stats)
	}
	if body := answer(t, 200)(c.Count(c.Count.WithIndex("numbers"))); !strings.Contains(body, `"count":500`) {
		t.Error(body)
	}
}

func TestTypedClient(t *testing.T) {
	c, err := elasticsearch.NewTypedClient(start(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	indexed, err := c.Index("books").Id("1").Document(map[string]any{"title": "Emma"}).Do(ctx)
	if err != nil || indexed.Result.Name != "created" {
		t.Fatalf("%+v %v", indexed, err)
	}
	found, err := c.Search().Index("books").Request(&search.Request{
		Query: &types.Query{Match: map[string]types.MatchQuery{"title": {Query: "emma"}}},
	}).Do(ctx)
	if err != nil || found.Hits.Total.Value != 1 || string(found.Hits.Hits[0].Source_) != `{"title":"Emma"}` {
		t.Fatalf("%+v %v", found, err)
	}
	if got, err := c.Get("books", "1").Do(ctx); err != nil || !got.Found {
		t.Fatalf("%+v %v", got, err)
	}
	if health, err := c.Cluster.Health().Do(ctx); err != nil || health.Status.Name != "green" {
		t.Fatalf("%+v %v", health, err)
	}
	_, err = c.Search().Index("films").Do(ctx)
	e, ok := err.(*types.ElasticsearchError)
	if !ok || e.Status != 404 || e.ErrorCause.Type != "index_not_found_exception" {
		t.Fatalf("%#v", err)
	}
}

func TestInvalidGzip(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/books/_doc", bytes.NewReader([]byte("{}")))
	r.Header.Set("Content-Encoding", "gzip")
	w := httptest.NewRecorder()
	minielastic.New().ServeHTTP(w, r)
	if w.Code != http.StatusBadRequest {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
