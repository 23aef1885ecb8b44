package gapes_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"github.com/elastic/go-elasticsearch/v8"
	"github.com/gaptrace/gaptrace"
	gapes "github.com/gaptrace/gaptrace/contrib/elasticsearch"
	"github.com/gaptrace/gaptrace/internal/spantest"
)

func TestDiscoveryIsNotRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		tracer := spantest.NewTracer()
		c := newClient(t, elasticsearch.Config{
			Addresses: []string{"http://a:9200"}, DiscoverNodesInterval: time.Minute,
			Transport: network(func(req *http.Request) (*http.Response, error) {
				asked = append(asked, req.URL.String())
				return answer(200, strings.NewReader(`{"nodes":{"1":{"name":"b","roles":["data"],"http":{"publish_address":"b:9200"}}}}`)), nil
			}),
		})
		gapes.Wrap(c, gaptrace.WithTracer(tracer), gaptrace.WithRoots())
		if err := c.DiscoverNodes(); err != nil {
			t.Error(err)
		}
		time.Sleep(2*time.Minute + time.Second) // it discovers nodes every minute
		if err := c.Transport.(elastictransport.Closeable).Close(t.Context()); err != nil {
			t.Error(err)
		}
		if len(asked) != 3 || !strings.HasPrefix(asked[2], "http://b:9200/_nodes/http") || len(tracer.Spans()) > 0 {
			t.Errorf("asked %q, recorded:\n%s", asked, tracer.Tree())
		}
	})
}

// go-elasticsearch reads the body of a response to print it, and checks on the first success that
// the server is Elasticsearch.
func TestTransparentClientReadsResponse(t *testing.T) {
	for name, network := range map[string]network{
		"well":    always(200, `{"took":1}`),
		"badly":   always(404, `{"error":{"type":"index_not_found_exception","reason":"no such index [x]"}}`),
		"no JSON": always(500, "<html>"),
		"nothing": always(200, ""),
		"another product": func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("{}"))}, nil
		},
		"another product, badly": func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 403, Body: io.NopCloser(strings.NewReader("no"))}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := elasticsearch.Config{Transport: network, DisableRetry: true}
			observe := func(ctx context.Context, wrap func(*elasticsearch.Client)) string {
				var seen strings.Builder
				c := newClient(t, cfg)
				wrap(c)
				for range 2 {
					res, err := c.Search(c.Search.WithIndex("x"), c.Search.WithContext(ctx))
					fmt.Fprintf(&seen, "error %T %v\n", err, err)
					if err != nil {
						continue
					}
					fmt.Fprintln(&seen, res, res, res.IsError(), res.HasWarnings()) // twice
					text, err := io.ReadAll(res.Body)
					fmt.Fprintf(&seen, "%s, %v, closed %v\n", text, err, res.Body.Close())
				}
				_, err := typedOf(t, c).Search().Index("x").Do(ctx)
				fmt.Fprintf(&seen, "typed: %T %v\n", err, err)
				return seen.String()
			}
			tracer := spantest.NewTracer()
			raw := observe(t.Context(), func(*elasticsearch.Client) {})
			wrapped := observe(underParent(t, tracer), func(c *elasticsearch.Client) {
				gapes.Wrap(c, gaptrace.WithTracer(tracer))
			})
			if raw != wrapped {
				t.Errorf("raw:\n%s\nwrapped:\n%s", raw, wrapped)
			}
			if calls := tracer.Named("elasticsearch search"); len(calls) != 3 || tracer.Problems() != nil {
				t.Errorf("recorded:\n%s", tracer.Tree())
			}
		})
	}
}
