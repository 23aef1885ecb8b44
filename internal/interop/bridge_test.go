package interop_test

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/gaptrace/gaptrace"
	gapes "github.com/gaptrace/gaptrace/contrib/elasticsearch"
	gapgrpc "github.com/gaptrace/gaptrace/contrib/grpc"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	gapmysql "github.com/gaptrace/gaptrace/contrib/sql/mysql"
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

// visit calls every kind of server through its wrapper, once well and once not, under the span in ctx.
type visit func(t *testing.T, ctx context.Context, tracer opentracing.Tracer)

func visitAll(t *testing.T) visit {
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
		with := gaptrace.WithTracer(tracer)

		web := httptest.NewServer(nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/broken" {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}), with))
		defer web.Close()
		client := nethttp.WrapClient(web.Client(), with)
		for _, path := range []string{"/well", "/broken"} {
			req, err := http.NewRequestWithContext(ctx, "GET", web.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
		}

		cache := gapredis.Wrap(redis.NewClient(&redis.Options{Addr: redisAddr}), with)
		defer cache.Close()
		cache.Set(ctx, "k", "v", 0)
		cache.LPush(ctx, "k", "v")

		db, err := gapmysql.Open(dsn, with)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		var n int
		if err := db.QueryRowContext(ctx, "SELECT 1").Scan(&n); err != nil {
			t.Error(err)
		}
		if err := db.QueryRowContext(ctx, "SELECT nonsense").Scan(&n); err == nil || errors.Is(err, sql.ErrNoRows) {
			t.Error(err)
		}

		search, err := elasticsearch.NewClient(elasticsearch.Config{Addresses: []string{es.URL}})
		if err != nil {
			t.Fatal(err)
		}
		gapes.Wrap(search, with)
		for _, index := range []string{"some", "none"} {
			res, err := search.Search(search.Search.WithIndex(index), search.Search.WithContext(ctx))
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}

		addr := serveGRPC(t, "shelf.Shelf", "Look", func(_ context.Context, in string) (string, error) {
			if in == "broken" {
				return "", status.Error(codes.Internal, "broken")
			}
			return "", nil
		}, gapgrpc.ServerOptions(with)...)
		for _, message := range []string{"well", "broken"} {
			_, err := callGRPC(ctx, addr, "/shelf.Shelf/Look", message, gapgrpc.DialOptions(with)...)
			if (err != nil) != (message == "broken") {
				t.Error(message, err)
			}
		}
	}
}

const visited = `bridged: handler span.kind=internal
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

func TestOpenTelemetrysBridgeDrawsTheSameUnderEveryWrapper(t *testing.T) {
	jaeger := servers.Jaeger(t)
	visit := visitAll(t)

	exporter, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpointURL(jaeger.OTLPURL))
	if err != nil {
		t.Fatal(err)
	}
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
	visit(t, opentracing.ContextWithSpan(t.Context(), parent), tracer)
	parent.Finish()
	if err := provider.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	trace := strings.Split(carrier["traceparent"], "-")[1]
	got, _ := fromJaeger(t, jaeger.QueryURL, trace, strings.Count(visited, "\n"), "span.kind", "component", "db.statement", "error")
	if got != visited {
		t.Errorf("of the bridge Jaeger has\n%s, want\n%s", got, visited)
	}

	ours, flush := goTracer(t, "bridged", jaeger)
	parent = ours.StartSpan("handler", opentracing.Tag{Key: "span.kind", Value: "internal"}) // which the bridge makes of none
	visit(t, opentracing.ContextWithSpan(t.Context(), parent), ours)
	parent.Finish()
	flush()
	trace = parent.Context().(jaegerclient.SpanContext).TraceID().String()
	got, _ = fromJaeger(t, jaeger.QueryURL, trace, strings.Count(visited, "\n"), "span.kind", "component", "db.statement", "error")
	if got != visited {
		t.Errorf("of package tracer Jaeger has\n%s, want\n%s", got, visited)
	}
}

func TestMocktracerAndNoopTracerWorkUnderEveryWrapper(t *testing.T) {
	visit := visitAll(t)
	mock := mocktracer.New()
	parent := mock.StartSpan("handler")
	visit(t, opentracing.ContextWithSpan(t.Context(), parent), mock)
	operations := map[string]int{}
	for _, span := range mock.FinishedSpans() {
		if !drawnIfSlow(span.OperationName) {
			operations[span.OperationName]++
		}
		if span.ParentID == 0 {
			t.Errorf("%s has no parent", span)
		}
	}
	for line := range strings.Lines(visited) {
		name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "bridged: "), " span.kind")
		if name != "handler" {
			operations[name]--
		}
	}
	for name, n := range operations {
		if n != 0 {
			t.Errorf("%s: %+d times", name, n)
		}
	}

	noop := opentracing.NoopTracer{}
	visit(t, opentracing.ContextWithSpan(t.Context(), noop.StartSpan("handler")), noop)
}
