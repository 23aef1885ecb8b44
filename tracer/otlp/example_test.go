package otlp_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/gaptrace/gaptrace/tracer"
	"github.com/gaptrace/gaptrace/tracer/otlp"
)

// A collector in place of a real one.
func collector() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Method, r.URL.Path, r.Header.Get("Content-Type"))
	}))
}

func ExampleNew() {
	backend := collector()
	defer backend.Close()

	var stats tracer.Stats
	t, closer, err := otlp.New("shop", otlp.WithEndpoint(backend.URL), tracer.WithStats(&stats))
	if err != nil {
		log.Fatal(err)
	}
	t.StartSpan("GET /books").Finish()
	if err := closer.Close(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(stats.Sent.Load(), "sent")
	// Output:
	// POST /v1/traces application/x-protobuf
	// 1 sent
}

func ExampleWithSemanticConventions() {
	backend := collector()
	defer backend.Close()

	t, closer, err := otlp.New("shop", otlp.WithEndpoint(backend.URL), otlp.WithSemanticConventions())
	if err != nil {
		log.Fatal(err)
	}
	// Sent as db.query.text.
	t.StartSpan("sql query").SetTag("db.statement", "SELECT 1").Finish()
	if err := closer.Close(); err != nil {
		log.Fatal(err)
	}
	// Output: POST /v1/traces application/x-protobuf
}
