package interop_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"github.com/elastic/go-elasticsearch/v8"
	"github.com/elastic/go-elasticsearch/v8/esutil"
	"github.com/gaptrace/gaptrace"
	gapes "github.com/gaptrace/gaptrace/contrib/elasticsearch"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
)

// These tests use what go-elasticsearch has had only since v8.19: Config.Interceptors and
// AutoDrainBody, Client.Close, NewTypedFrom and NewBaseClient, and the endpoint's name for every
// request. The tests of contrib/elasticsearch also run with the oldest supported client, which
// lacks them.

// esNode is a network that answers like a node of Elasticsearch.
type esNode func(*http.Request) (*http.Response, error)

func (f esNode) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func esAnswer(status int, body string) esNode {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: status, Body: io.NopCloser(strings.NewReader(body)),
			Header: http.Header{"X-Elastic-Product": {"Elasticsearch"}, "Content-Type": {"application/json"}},
		}, nil
	}
}

// wrapFunc wraps a transport, or returns it as it is.
type wrapFunc func(elastictransport.Interface) elastictransport.Interface

// compareElasticsearch compares what observe returns for a raw client with what it returns for a
// wrapped one. It does so with a tracer that fails the test if it is misused, with each tracer that
// misbehaves, without a parent, and with a tracer that samples nothing.
func compareElasticsearch(t *testing.T, cfg elasticsearch.Config,
	observe func(ctx context.Context, c *elasticsearch.Client, wrap wrapFunc) string,
) {
	t.Helper()
	raw := observe(t.Context(), spantest.Must(elasticsearch.NewClient(cfg))(t),
		func(t elastictransport.Interface) elastictransport.Interface { return t })
	strict := spantest.NewTracer()
	tracers := spantest.Hostile(strict)
	tracers["a tracer"] = strict
	tracers["no parent"] = strict
	tracers["a tracer that samples none"] = spantest.Jaeger(t, false, nil)
	for name, tracer := range tracers {
		t.Run(name, func(t *testing.T) {
			strict.Reset()
			ctx := t.Context()
			if name != "no parent" {
				parent := strict.StartSpan("parent")
				parent.Finish()
				ctx = opentracing.ContextWithSpan(ctx, parent)
			}
			spantest.Want(t, observe(ctx, spantest.Must(elasticsearch.NewClient(cfg))(t),
				func(t elastictransport.Interface) elastictransport.Interface {
					return gapes.WrapTransport(t, gaptrace.WithTracer(tracer))
				}), raw)
			for _, problem := range strict.Problems() {
				if !strings.Contains(problem, "foreign context") { // the tracer's own
					t.Error(problem)
				}
			}
			records := name != "no parent" && name != "a tracer that samples none" &&
				!strings.HasPrefix(name, "StartSpan ")
			if recorded := len(strict.Spans()) > 1; recorded != records {
				t.Errorf("recorded:\n%s", strict.Tree())
			}
		})
	}
}

func TestTransparentElasticsearchDrainsBody(t *testing.T) {
	for name, node := range map[string]esNode{
		"well":                   esAnswer(200, `{"took":1}`),
		"badly":                  esAnswer(404, `{"error":{"type":"index_not_found_exception","reason":"no such index [x]"}}`),
		"no JSON":                esAnswer(500, "<html>"),
		"nothing":                esAnswer(200, ""),
		"another product":        otherProduct(200, "{}"),
		"another product, badly": otherProduct(403, "no"),
	} {
		t.Run(name, func(t *testing.T) {
			cfg := elasticsearch.Config{Transport: node, DisableRetry: true, AutoDrainBody: true, EnableMetrics: true}
			compareElasticsearch(t, cfg, func(ctx context.Context, c *elasticsearch.Client, wrap wrapFunc) string {
				c.Transport = wrap(c.Transport)
				var seen strings.Builder
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
				_, err := elasticsearch.NewTypedFrom(c).Search().Index("x").Do(ctx)
				fmt.Fprintf(&seen, "typed: %T %v\n", err, err)
				req := spantest.Must(http.NewRequestWithContext(ctx, "GET", "/", nil))(t)
				res, err := c.Perform(req)
				if err == nil {
					text, err := io.ReadAll(res.Body)
					fmt.Fprintf(&seen, "%s, %v, closed %v, %t\n", text, err, res.Body.Close(), res.Request == req)
				}
				metrics, err2 := c.Metrics()
				metrics.Connections = nil // which hold times
				fmt.Fprintln(&seen, err, req.Header, metrics, err2)
				return seen.String()
			})
		})
	}
}

// otherProduct answers without the header X-Elastic-Product.
func otherProduct(status int, text string) esNode {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(text))}, nil
	}
}

func TestElasticsearchDrainedBodyIsRecorded(t *testing.T) {
	tracer, ctx, parent := spantest.Under(t)
	c := spantest.Must(elasticsearch.NewClient(elasticsearch.Config{
		Transport: esAnswer(200, `{"took":1}`), AutoDrainBody: true,
	}))(t)
	gapes.Wrap(c, gaptrace.WithTracer(tracer))
	for range 2 {
		res := spantest.Must(c.Search(c.Search.WithContext(ctx)))(t)
		if err := res.Body.Close(); err != nil { // which reads the body
			t.Error(err)
		}
	}
	spantest.Must(elasticsearch.NewTypedFrom(c).Search().Do(ctx))(t)
	parent.Finish()
	if calls := tracer.Named("elasticsearch search"); len(calls) != 3 || tracer.Problems() != nil {
		t.Errorf("recorded:\n%s", tracer.Tree())
	}
}

// performer is a transport without optional interfaces.
type performer struct{ esNode }

func (p performer) Perform(req *http.Request) (*http.Response, error) { return p.RoundTrip(req) }

// closer is a transport that can be closed.
type closer struct{ performer }

func (closer) Close(context.Context) error { return errors.New("mine") }

func TestTransparentElasticsearchClose(t *testing.T) {
	for name, transport := range map[string]func() elastictransport.Interface{
		"cannot be closed": func() elastictransport.Interface { return performer{esAnswer(200, "{}")} },
		"can be closed":    func() elastictransport.Interface { return closer{performer{esAnswer(200, "{}")}} },
		"the library's": func() elastictransport.Interface {
			return spantest.Must(elastictransport.NewClient(elastictransport.WithTransport(esAnswer(200, "{}"))))(t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			compareElasticsearch(
				t,
				elasticsearch.Config{},
				func(ctx context.Context, c *elasticsearch.Client, wrap wrapFunc) string {
					c.Transport = wrap(transport())
					res, err := c.Info(c.Info.WithContext(ctx))
					seen := []any{res, err}
					_, closeable := c.Transport.(elastictransport.Closeable)
					over, cancel := context.WithCancel(ctx)
					if !closeable { // then a context that has ended does not matter
						cancel()
					}
					defer cancel()
					seen = append(seen, closeable, c.Close(over), c.Close(ctx), c.DiscoverNodes())
					_, err = c.Info(c.Info.WithContext(ctx))
					return fmt.Sprintln(append(seen, err)...)
				},
			)
		})
	}
}

func TestElasticsearchInterceptorsCountAttempts(t *testing.T) {
	for _, tt := range []struct{ failures, want int }{
		{0, 0}, // a single attempt is not counted
		{1, 2},
		{9, 4}, // go-elasticsearch retries three times
	} {
		t.Run(fmt.Sprint(tt.failures, " failures"), func(t *testing.T) {
			failures := tt.failures
			tracer, ctx, _ := spantest.Under(t)
			c := spantest.Must(elasticsearch.NewClient(elasticsearch.Config{
				Interceptors: []elastictransport.InterceptorFunc{gapes.Interceptor},
				Transport: esNode(func(req *http.Request) (*http.Response, error) {
					if failures--; failures >= 0 {
						return nil, errors.New("broken")
					}
					return esAnswer(200, "{}")(req)
				}),
			}))(t)
			gapes.Wrap(c, gaptrace.WithTracer(tracer))
			if res, err := c.Info(c.Info.WithContext(ctx)); err == nil {
				res.Body.Close()
			}
			if got, _ := tracer.Only(t, "elasticsearch info").Tags["es.attempts"].(int); got != tt.want {
				t.Errorf("%d attempts, want %d", got, tt.want)
			}
		})
	}
}

// An interceptor that fetches a token uses the request's context for a request of its own.
func TestElasticsearchInterceptorIgnoresOtherRequests(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
	}))
	defer server.Close()
	fetching := func(next elastictransport.RoundTripFunc) elastictransport.RoundTripFunc {
		return func(req *http.Request) (*http.Response, error) {
			res, err := httpGet(req.Context(), http.DefaultClient, server.URL)
			if err != nil {
				return nil, err
			}
			res.Body.Close()
			return next(req)
		}
	}
	for name, interceptors := range map[string][]elastictransport.InterceptorFunc{
		"before it": {gapes.Interceptor, fetching},
		"after it":  {fetching, gapes.Interceptor},
	} {
		t.Run(name, func(t *testing.T) {
			tracer, ctx, _ := spantest.Under(t)
			c := spantest.Must(elasticsearch.NewClient(elasticsearch.Config{
				Addresses: []string{server.URL}, Interceptors: interceptors,
			}))(t)
			gapes.Wrap(c, gaptrace.WithTracer(tracer), gaptrace.WithPhases())
			spantest.Must(c.Info(c.Info.WithContext(ctx)))(t).Body.Close()
			if span := tracer.Only(t, "elasticsearch info"); span.Tags["es.attempts"] != nil ||
				strings.Contains(tracer.Tree(), "retry") {
				t.Errorf("recorded:\n%s", tracer.Tree())
			}
		})
	}
}

func TestElasticsearchNewTypedFrom(t *testing.T) {
	for name, wrap := range map[string]func(*elasticsearch.Client, gaptrace.Option) *elasticsearch.TypedClient{
		"of a wrapped client": typedOfWrapped,
		"wrapped twice":       typedWrappedTwice,
	} {
		t.Run(name, func(t *testing.T) {
			tracer, ctx, _ := spantest.Under(t)
			c := spantest.Must(elasticsearch.NewClient(elasticsearch.Config{Transport: esAnswer(200, "{}")}))(t)
			spantest.Must(wrap(c, gaptrace.WithTracer(tracer)).Info().Do(ctx))(t)
			tracer.Only(t, "elasticsearch info")
		})
	}
}

func typedOfWrapped(c *elasticsearch.Client, with gaptrace.Option) *elasticsearch.TypedClient {
	return elasticsearch.NewTypedFrom(gapes.Wrap(c, with))
}

func typedWrappedTwice(c *elasticsearch.Client, with gaptrace.Option) *elasticsearch.TypedClient {
	return gapes.WrapTyped(elasticsearch.NewTypedFrom(gapes.Wrap(c)), with)
}

func TestElasticsearchTypedPerformNamesEndpoint(t *testing.T) {
	tracer, ctx, _ := spantest.Under(t)
	c := spantest.Must(elasticsearch.NewTypedClient(elasticsearch.Config{Transport: esAnswer(200, "{}")}))(t)
	gapes.WrapTyped(c, gaptrace.WithTracer(tracer))
	spantest.Must(c.Search().Perform(ctx))(t).Body.Close()
	tracer.Only(t, "elasticsearch search")
}

func TestElasticsearchBulkIndexerNamesEndpoint(t *testing.T) {
	tracer, ctx, _ := spantest.Under(t)
	c := spantest.Must(elasticsearch.NewClient(elasticsearch.Config{
		Transport: esAnswer(200, `{"items":[{"index":{"status":201}}]}`),
	}))(t)
	indexer := spantest.Must(esutil.NewBulkIndexer(esutil.BulkIndexerConfig{
		Client: gapes.Wrap(c, gaptrace.WithTracer(tracer)), Index: "a", NumWorkers: 1,
		OnFlushStart: func(context.Context) context.Context { return ctx },
	}))(t)
	item := esutil.BulkIndexerItem{Action: "index", Body: strings.NewReader("{}")}
	if err := errors.Join(indexer.Add(ctx, item), indexer.Close(ctx)); err != nil {
		t.Error(err)
	}
	tracer.Only(t, "elasticsearch bulk")
}

func TestElasticsearchBaseClient(t *testing.T) {
	tracer, ctx, _ := spantest.Under(t)
	c := spantest.Must(elasticsearch.NewBaseClient(elasticsearch.Config{Transport: esAnswer(200, "")}))(t)
	c.Transport = gapes.WrapTransport(c.Transport, gaptrace.WithTracer(tracer))
	spantest.Must(c.Perform(spantest.Must(http.NewRequestWithContext(ctx, "HEAD", "/books", nil))(t)))(t).Body.Close()
	tracer.Only(t, "elasticsearch HEAD {index}")
}
