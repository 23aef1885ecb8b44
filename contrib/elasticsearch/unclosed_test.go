package gapes_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/gaptrace/gaptrace/internal/spantest"
)

func TestBodyNeverClosed(t *testing.T) {
	for status, want := range map[int]string{200: "", 500: "500 Internal Server Error"} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			c, ctx, tracer := recorded(t, always(status, "{}"))
			func() {
				if _, err := c.Info(c.Info.WithContext(ctx)); err != nil {
					t.Fatal(err)
				}
			}()
			for range 100 {
				runtime.GC()
				if spans := tracer.Named("elasticsearch info"); len(spans) == 1 {
					if spans[0].Tags["abandoned"] != true || message(spans[0]) != want {
						t.Errorf("recorded:\n%s", tracer.Tree())
					}
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
			t.Errorf("recorded:\n%s", tracer.Tree())
		})
	}
}

// net/http's connection references its response while the body is open. It must not reference the
// caller's response.
func TestBodyNeverClosedOfOpenConnection(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		if r.URL.Path == "/missing" {
			w.WriteHeader(http.StatusNotFound)
		}
		io.WriteString(w, "{")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	for operation, forget := range map[string]func(context.Context, *elasticsearch.Client) error{
		"elasticsearch info":        forgetInfo,
		"elasticsearch indices.get": forgetMissingIndex,
		"elasticsearch bulk":        forgetBulk,
		"elasticsearch search":      forgetTypedSearch,
	} {
		t.Run(operation, func(t *testing.T) {
			tracer := spantest.NewTracer()
			ctx := underParent(t, tracer)
			cfg := elasticsearch.Config{Addresses: []string{server.URL}, Transport: &http.Transport{}}
			if err := forget(ctx, newWrapped(t, tracer, cfg)); err != nil {
				t.Fatal(err)
			}
			for deadline := time.Now().Add(30 * time.Second); named(tracer, operation) == nil; {
				if time.Now().After(deadline) {
					t.Fatalf("recorded:\n%s", tracer.Tree())
				}
				runtime.GC()
				time.Sleep(time.Millisecond)
			}
			if spans := named(tracer, operation); len(spans) != 1 || spans[0].Tags["abandoned"] != true {
				t.Errorf("recorded:\n%s", tracer.Tree())
			}
		})
	}
}

func forgetInfo(ctx context.Context, c *elasticsearch.Client) error {
	_, err := c.Info(c.Info.WithContext(ctx))
	return err
}

func forgetMissingIndex(ctx context.Context, c *elasticsearch.Client) error {
	_, err := c.Indices.Get([]string{"missing"}, c.Indices.Get.WithContext(ctx))
	return err
}

func forgetBulk(ctx context.Context, c *elasticsearch.Client) error {
	_, err := c.Bulk(strings.NewReader("{}"), c.Bulk.WithContext(ctx))
	return err
}

func forgetTypedSearch(ctx context.Context, c *elasticsearch.Client) error {
	typed, err := elasticsearch.NewTypedClient(elasticsearch.Config{})
	if err != nil {
		return err
	}
	typed.Transport = c.Transport
	_, err = typed.Search().Perform(ctx)
	return err
}
