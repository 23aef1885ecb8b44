package bookshop_test

import (
	"database/sql"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/go-redis/redis/v8"
	_ "github.com/go-sql-driver/mysql"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"

	"github.com/gaptrace/gaptrace/demo/internal/bookshop"
	"github.com/gaptrace/gaptrace/demo/internal/embedded"
)

// open returns a shop with data, on servers of its own.
func open(t *testing.T) *bookshop.Shop {
	t.Helper()
	start := func(server func() (*embedded.Server, error)) string {
		s, err := server()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s.Addr
	}
	address := "http://" + start(embedded.Elasticsearch)
	search, err := elasticsearch.NewClient(elasticsearch.Config{Addresses: []string{address}})
	if err != nil {
		t.Fatal(err)
	}
	dsn := "root@tcp(" + start(embedded.MySQL) + ")/"
	admin, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if _, err := admin.ExecContext(t.Context(), "CREATE DATABASE shop"); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("mysql", dsn+"shop?interpolateParams=true")
	if err != nil {
		t.Fatal(err)
	}
	clients := bookshop.Clients{
		Redis:         redis.NewClient(&redis.Options{Addr: start(embedded.Redis)}),
		SQL:           db,
		Elasticsearch: search,
		HTTP:          &http.Client{},
	}
	t.Cleanup(func() { clients.Redis.Close(); db.Close() })
	names := bookshop.Names{KeyPrefix: "test:", Index: "test-books"}
	if err := bookshop.Seed(t.Context(), clients, names); err != nil {
		t.Fatal(err)
	}
	supplier := httptest.NewServer((&bookshop.Supplier{SQL: db}).Handler())
	t.Cleanup(supplier.Close)
	return &bookshop.Shop{Clients: clients, Names: names, Supplier: supplier.URL}
}

// get requests a path of the shop in a span, which it returns.
func get(t *testing.T, shop *bookshop.Shop, path string) (*httptest.ResponseRecorder, *mocktracer.MockSpan) {
	t.Helper()
	span := mocktracer.New().StartSpan("request").(*mocktracer.MockSpan)
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(opentracing.ContextWithSpan(t.Context(), span), http.MethodGet, path, nil)
	shop.Handler().ServeHTTP(w, r)
	return w, span
}

func TestPageHasDataOfAllServers(t *testing.T) {
	w, span := get(t, open(t), "/books/3")
	page := w.Body.String()
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, page)
	}
	for what, pieces := range map[string]int{
		"<h1>Moby-Dick</h1>":        1,   // redis
		"<article data-stars=":      200, // mysql: the best of 384 reviews
		`<li><a href="/books/other`: 14,  // elasticsearch: 20, six of which may have a page
		" in stock<td>€ ":           6,   // the supplier's warehouses
		"?ticket=":                  1,
		`data-stars="5"`:            1,
	} {
		if n := strings.Count(page, what); n < pieces {
			t.Errorf("%d × %s, want %d", n, what, pieces)
		}
	}
	if _, measured := span.Tag(bookshop.WorkTag).(int64); measured != (runtime.GOOS == "linux") {
		t.Errorf("work: %v", span.Tag(bookshop.WorkTag))
	}
}

func TestUnknownBook(t *testing.T) {
	if w, _ := get(t, open(t), "/books/7"); w.Code != http.StatusNotFound || w.Body.String() != "no such book\n" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestErrorNamesServer(t *testing.T) {
	shop := open(t)
	check := func(want string) {
		t.Helper()
		w, _ := get(t, shop, "/books/1")
		if w.Code != http.StatusInternalServerError || !strings.HasPrefix(w.Body.String(), want) {
			t.Errorf("%d %s, want %s", w.Code, w.Body, want)
		}
	}
	supplier := shop.Supplier
	forger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"warehouse":"Antwerp","copies":1000,"cents":1,"seal":"mine"}`)
	}))
	defer forger.Close()
	shop.Supplier = forger.URL
	check("offers: Antwerp: the seal is broken")
	shop.Supplier = supplier + "/closed"
	check("offers: 404 Not Found")
	unreachable := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	clients := bookshop.Clients{Redis: unreachable, Elasticsearch: shop.Elasticsearch}
	if err := bookshop.Remove(t.Context(), clients, shop.Names); err == nil {
		t.Error("no error without Redis")
	}
	check("similar books: 404 Not Found") // the index was removed all the same
	shop.SQL.Close()
	check("reviews: sql: database is closed")
}

func TestPartialAnswerOfSupplier(t *testing.T) {
	shop := open(t)
	if _, err := shop.SQL.ExecContext(t.Context(), "DELETE FROM stock WHERE warehouse = 'Esbjerg'"); err != nil {
		t.Fatal(err)
	}
	w, _ := get(t, shop, "/books/1")
	if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), "unexpected EOF") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestRemove(t *testing.T) {
	shop := open(t)
	if err := shop.Redis.Set(t.Context(), "another", "key", 0).Err(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is nothing to remove
		if err := bookshop.Remove(t.Context(), shop.Clients, shop.Names); err != nil {
			t.Error(err)
		}
	}
	if keys, err := shop.Redis.Keys(t.Context(), "*").Result(); err != nil || len(keys) != 1 || keys[0] != "another" {
		t.Errorf("%q %v", keys, err)
	}
}
