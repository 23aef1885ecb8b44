package interop_test

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/gaptrace/gaptrace"
	gapes "github.com/gaptrace/gaptrace/contrib/elasticsearch"
	gapgrpc "github.com/gaptrace/gaptrace/contrib/grpc"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	gapmysql "github.com/gaptrace/gaptrace/contrib/sql/mysql"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
	"github.com/go-redis/redis/v8"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"
	jaegerclient "github.com/uber/jaeger-client-go"
	bridge "go.opentelemetry.io/otel/bridge/opentracing"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// callServers calls a server of each kind through its wrapper, once with success and once with an
// error, as children of the span in ctx.
type callServers func(t *testing.T, ctx context.Context, tracer opentracing.Tracer)

func startServers(t *testing.T) callServers {
	t.Helper()
	redisAddr, dsn := servers.Redis(t), servers.MariaDB(t).DSN("mysql")
	es := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		if r.URL.Path == "/none/_search" {
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, `{"error":{"type":"index_not_found_exception","reason":"no such index [none]"}}`)
		}
	}))
	t.Cleanup(es.Close)
	return func(t *testing.T, ctx context.Context, tracer opentracing.Tracer) {
		t.Helper()
		with := gaptrace.WithTracer(tracer)
		callHTTP(t, ctx, with)
		callRedis(ctx, redisAddr, with)
		callMySQL(t, ctx, dsn, with)
		callElasticsearch(t, ctx, es.URL, with)
		callShelf(t, ctx, with)
	}
}

// serversTree holds the spans of callServers, under a span "handler".
const serversTree = `bridged: handler span.kind=internal
  bridged: HTTP GET span.kind=client component=net/http
    bridged: HTTP GET span.kind=server component=net/http
  bridged: HTTP GET span.kind=client component=net/http error=true
    bridged: HTTP GET span.kind=server component=net/http error=true
  bridged: redis set span.kind=client component=go-redis db.statement=set k ?
  bridged: redis lpush span.kind=client component=go-redis db.statement=lpush k ? error=true
  bridged: sql connect span.kind=client component=database/sql
  bridged: sql query span.kind=client component=database/sql db.statement=SELECT 1
  bridged: sql query span.kind=client component=database/sql db.statement=SELECT nonsense error=true
  bridged: elasticsearch search span.kind=client component=go-elasticsearch
  bridged: elasticsearch search span.kind=client component=go-elasticsearch error=true
  bridged: /shelf.Shelf/Look span.kind=client component=grpc
    bridged: /shelf.Shelf/Look span.kind=server component=grpc
  bridged: /shelf.Shelf/Look span.kind=client component=grpc error=true
    bridged: /shelf.Shelf/Look span.kind=server component=grpc error=true
`

func callHTTP(t *testing.T, ctx context.Context, with gaptrace.Option) {
	t.Helper()
	server := httptest.NewServer(nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/broken" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}), with))
	defer server.Close()
	client := nethttp.WrapClient(server.Client(), with)
	for _, path := range []string{"/fine", "/broken"} {
		spantest.Must(httpGet(ctx, client, server.URL+path))(t).Body.Close()
	}
}

func callRedis(ctx context.Context, addr string, with gaptrace.Option) {
	client := gapredis.Wrap(redis.NewClient(&redis.Options{Addr: addr}), with)
	defer client.Close()
	client.Set(ctx, "k", "v", 0)
	client.LPush(ctx, "k", "v") // the wrong type
}

func callMySQL(t *testing.T, ctx context.Context, dsn string, with gaptrace.Option) {
	t.Helper()
	db := spantest.Must(gapmysql.Open(dsn, with))(t)
	defer db.Close()
	var n int
	if err := db.QueryRowContext(ctx, "SELECT 1").Scan(&n); err != nil {
		t.Error(err)
	}
	if err := db.QueryRowContext(ctx, "SELECT nonsense").Scan(&n); err == nil || errors.Is(err, sql.ErrNoRows) {
		t.Errorf("SELECT nonsense: %v, want the server's error", err)
	}
}

func callElasticsearch(t *testing.T, ctx context.Context, url string, with gaptrace.Option) {
	t.Helper()
	client := spantest.Must(elasticsearch.NewClient(elasticsearch.Config{Addresses: []string{url}}))(t)
	gapes.Wrap(client, with)
	for _, index := range []string{"some", "none"} {
		res := spantest.Must(client.Search(client.Search.WithIndex(index), client.Search.WithContext(ctx)))(t)
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
}

func callShelf(t *testing.T, ctx context.Context, with gaptrace.Option) {
	t.Helper()
	addr := serveGRPC(t, "shelf.Shelf", "Look", func(_ context.Context, in string) (string, error) {
		if in == "broken" {
			return "", status.Error(codes.Internal, "broken")
		}
		return "", nil
	}, gapgrpc.ServerOptions(with)...)
	for _, in := range []string{"fine", "broken"} {
		_, err := callGRPC(ctx, addr, "/shelf.Shelf/Look", in, gapgrpc.DialOptions(with)...)
		if (err != nil) != (in == "broken") {
			t.Errorf("Look(%q): %v", in, err)
		}
	}
}

// TestOpenTelemetryBridge checks that Jaeger gets the same spans from OpenTelemetry's bridge as
// from package tracer.
func TestOpenTelemetryBridge(t *testing.T) {
	jaeger := servers.Jaeger(t)
	call := startServers(t)
	wantInJaeger := func(t *testing.T, traceID string) {
		t.Helper()
		got, _ := jaegerTree(t, jaeger, traceID, strings.Count(serversTree, "\n"),
			"span.kind", "component", "db.statement", "error")
		if got != serversTree {
			t.Errorf("Jaeger has\n%s\nwant\n%s", got, serversTree)
		}
	}
	t.Run("bridge", func(t *testing.T) {
		exporter := spantest.Must(otlptracehttp.New(t.Context(), otlptracehttp.WithEndpointURL(jaeger.OTLPURL)))(t)
		provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter),
			sdktrace.WithResource(resource.NewSchemaless(semconv.ServiceName("bridged"))))
		defer provider.Shutdown(context.WithoutCancel(t.Context()))
		tracer, _ := bridge.NewTracerPair(provider.Tracer("gaptrace"))
		tracer.SetTextMapPropagator(propagation.TraceContext{})

		parent := tracer.StartSpan("handler")
		carrier := opentracing.TextMapCarrier{}
		if err := tracer.Inject(parent.Context(), opentracing.TextMap, carrier); err != nil {
			t.Fatal(err)
		}
		call(t, opentracing.ContextWithSpan(t.Context(), parent), tracer)
		parent.Finish()
		if err := provider.ForceFlush(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantInJaeger(t, strings.Split(carrier["traceparent"], "-")[1])
	})
	t.Run("tracer", func(t *testing.T) {
		tracer, flush := newTracer(t, "bridged", jaeger)
		// The bridge adds this tag to a span without a kind.
		parent := tracer.StartSpan("handler", opentracing.Tag{Key: "span.kind", Value: "internal"})
		call(t, opentracing.ContextWithSpan(t.Context(), parent), tracer)
		parent.Finish()
		flush()
		wantInJaeger(t, parent.Context().(jaegerclient.SpanContext).TraceID().String())
	})
}

func TestOtherTracers(t *testing.T) {
	call := startServers(t)
	t.Run("mocktracer", func(t *testing.T) {
		tracer := mocktracer.New()
		parent := tracer.StartSpan("handler")
		call(t, opentracing.ContextWithSpan(t.Context(), parent), tracer)
		var got, want []string
		for _, span := range tracer.FinishedSpans() {
			if !dependsOnSpeed(span.OperationName) {
				got = append(got, span.OperationName)
			}
			if span.ParentID == 0 {
				t.Errorf("%s has no parent", span)
			}
		}
		for line := range strings.Lines(serversTree) {
			operation, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "bridged: "), " span.kind")
			if operation != "handler" { // it has not finished
				want = append(want, operation)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("spans %q, want %q", got, want)
		}
	})
	t.Run("noop", func(t *testing.T) {
		tracer := opentracing.NoopTracer{}
		call(t, opentracing.ContextWithSpan(t.Context(), tracer.StartSpan("handler")), tracer)
	})
}
