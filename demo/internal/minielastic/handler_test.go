package minielastic_test

import (
	"encoding/json"
	"io"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/gaptrace/gaptrace/demo/internal/minielastic"
)

func client(t *testing.T) *elasticsearch.Client {
	t.Helper()
	handler := minielastic.New()
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.Close()
		if err := handler.Close(); err != nil {
			t.Error(err)
		}
	})
	c, err := elasticsearch.NewClient(elasticsearch.Config{Addresses: []string{server.URL}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// check checks the status of a response, and that its body contains a text. It returns the body.
func check(t *testing.T, status int, want string) func(*esapi.Response, error) string {
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
		if res.StatusCode != status || !strings.Contains(string(body), want) {
			t.Errorf("status %d, want %d, with %s: %s", res.StatusCode, status, want, body)
		}
		return string(body)
	}
}

func TestIndices(t *testing.T) {
	c := client(t)
	check(t, 404, "no such index [books]")(c.Indices.Delete([]string{"books"}))
	check(t, 200, `"acknowledged":true`)(c.Indices.Create("books"))
	check(t, 400, "resource_already_exists_exception")(c.Indices.Create("books"))
	check(t, 200, `"acknowledged":true`)(c.Indices.Delete([]string{"books"}))
	check(t, 404, "index_not_found_exception")(c.Indices.Delete([]string{"books"}))
}

const library = `
{"index":{"_id":"emma"}}
{"title":"Emma","author":{"name":"Jane Austen"},"year":1815}
{"index":{"_id":"pride"}}
{"title":"Pride and Prejudice","author":{"name":"Jane Austen"},"year":1813}
{"index":{"_id":"whale"}}
{"title":"Moby-Dick; or, The Whale","author":{"name":"Herman Melville"},"year":1851}
`

func TestSearch(t *testing.T) {
	c := client(t)
	check(t, 200, "")(c.Indices.Create("books"))
	stored := c.Bulk.WithIndex("books")
	check(t, 200, `"errors":false`)(c.Bulk(strings.NewReader(library[1:]), stored, c.Bulk.WithRefresh("true")))
	again := strings.NewReader("{\"index\":{\"_id\":\"emma\"}}\n{\"title\":\"Emma, a novel\"}\n")
	check(t, 200, `"errors":false`)(c.Bulk(again, stored))
	for query, want := range map[string][]string{
		`{"match":{"title":"whale EMMA the"}}`: {"whale", "emma"}, // the whale has two of the words
		`{"match":{"title":"novel"}}`:          {"emma"},
		`{"match":{"author.name":"melville"}}`: {"whale"},
		`{"match":{"author.name":"jane"}}`:     {"pride"},
		`{"match":{"title":"captain"}}`:        {},
		`{"match":{"blurb":"whale"}}`:          {},
	} {
		body := strings.NewReader(`{"query":` + query + `}`)
		found := check(t, 200, `"timed_out":false`)(c.Search(c.Search.WithIndex("books"), c.Search.WithBody(body)))
		if got := ids(t, found); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	body := strings.NewReader(`{"size":1,"query":{"match":{"title":"whale EMMA the"}}}`)
	found := check(t, 200, `"total":{"relation":"eq","value":2}`)(
		c.Search(c.Search.WithIndex("books"), c.Search.WithBody(body)))
	if got := ids(t, found); !slices.Equal(got, []string{"whale"}) ||
		!strings.Contains(found, `"_source":{"title":"Moby-Dick; or, The Whale",`) {
		t.Errorf("%s", found)
	}
}

// ids returns the IDs of the hits.
func ids(t *testing.T, body string) []string {
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
	var ids []string
	for _, hit := range result.Hits.Hits {
		ids = append(ids, hit.ID)
	}
	return ids
}

func TestUnsupportedRequests(t *testing.T) {
	c := client(t)
	check(t, 400, "an index has no settings here")(
		c.Indices.Create("books", c.Indices.Create.WithBody(strings.NewReader("{}"))))
	check(t, 200, "")(c.Indices.Create("books"))
	for body, want := range map[string]string{
		`{"aggs":{}}`:                                 `unknown field \"aggs\"`,
		`{"query":{"fuzzy":{"title":"x"}}}`:           `unknown field \"fuzzy\"`,
		`{"query":{"match":{"title":1}}}`:             "cannot unmarshal number",
		`{"query":{"match":{}}}`:                      "want a query [match] of one field",
		`{"query":{"match":{"a":"x","b":"x"}}}`:       "want a query [match] of one field",
		`{"size":-1,"query":{"match":{"title":"x"}}}`: "a [size] of 0 or more",
		`{"query":`: "unexpected EOF",
		``:          "EOF",
		`{"from":10,"query":{"match":{"title":"whale"}}}`: `unknown field \"from\"`,
	} {
		got := check(t, 400, want)(c.Search(c.Search.WithIndex("books"), c.Search.WithBody(strings.NewReader(body))))
		if !strings.Contains(got, `"root_cause":[{`) || !strings.Contains(got, `"status":400`) {
			t.Errorf("%s: %s", body, got)
		}
	}
	for _, body := range []string{
		"", "x\n", "{\"index\":{\"_id\":\"1\"}}\n", "{\"index\":{}}\n{}\n", "{\"index\":{\"_id\":\"1\"}}\n{}",
		"{\"delete\":{\"_id\":\"1\"}}\n{}\n", "{\"index\":{\"_id\":\"1\"}}\n[1]\n",
	} {
		check(t, 400, "_exception")(c.Bulk(strings.NewReader(body), c.Bulk.WithIndex("books")))
	}
	body := strings.NewReader(`{"query":{"match":{"title":"x"}}}`)
	check(t, 404, "no such index [films]")(c.Search(c.Search.WithIndex("films"), c.Search.WithBody(body)))
	check(t, 404, "no such index [films]")(c.Bulk(strings.NewReader(library[1:]), c.Bulk.WithIndex("films")))
	check(t, 400, "no handler found for uri [/_cat/indices] and method [GET]")(c.Cat.Indices())
	check(t, 400, "no handler found for uri [/books/_doc/1]")(c.Get("books", "1"))
}
