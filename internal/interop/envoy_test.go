package interop_test

import (
	"context"
	"database/sql"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace"
	gapgrpc "github.com/gaptrace/gaptrace/contrib/grpc"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	gapmysql "github.com/gaptrace/gaptrace/contrib/sql/mysql"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
	"github.com/opentracing/opentracing-go"
	jaegerclient "github.com/uber/jaeger-client-go"
)

// envoyConfig configures an Envoy with a listener "edge" for HTTP in front of web, and a listener
// "mesh" for gRPC in front of shelf. Both trace with Zipkin's B3 in several headers, with IDs of
// 128 bits. docs/propagation.md explains the same lines.
func envoyConfig(web, shelf, zipkin string) func(addr []string) string {
	return func(addr []string) string {
		return `
node: {id: edge, cluster: envoy}
static_resources:
  listeners:` +
			envoyListener("edge", addr[0], "web", "INBOUND") +
			envoyListener("mesh", addr[1], "shelf", "OUTBOUND") + `
  clusters:` +
			envoyCluster("web", web, "http_protocol_options") +
			envoyCluster("shelf", shelf, "http2_protocol_options") +
			envoyCluster("jaeger", zipkin, "http_protocol_options")
	}
}

func envoyListener(name, addr, cluster, direction string) string {
	return strings.NewReplacer(
		"$NAME", name, "$ADDRESS", servers.EnvoyAddress(addr), "$CLUSTER", cluster, "$DIRECTION", direction,
	).Replace(`
  - name: $NAME
    address: $ADDRESS
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: $NAME
          generate_request_id: true
          tracing:
            random_sampling: {value: 100}
            provider:
              name: envoy.tracers.zipkin
              typed_config:
                "@type": type.googleapis.com/envoy.config.trace.v3.ZipkinConfig
                collector_cluster: jaeger
                collector_endpoint: /api/v2/spans
                collector_endpoint_version: HTTP_JSON
                trace_id_128bit: true
                shared_span_context: false
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{match: {prefix: /}, decorator: {operation: $NAME}, route: {cluster: $CLUSTER}}]
    traffic_direction: $DIRECTION`)
}

func envoyCluster(name, addr, protocol string) string {
	return strings.NewReplacer(
		"$NAME", name, "$ADDRESS", servers.EnvoyAddress(addr), "$PROTOCOL", protocol,
	).Replace(`
  - name: $NAME
    load_assignment: {cluster_name: $NAME, endpoints: [{lb_endpoints: [{endpoint: {address: $ADDRESS}}]}]}
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {$PROTOCOL: {}}`)
}

// envoyTree is the trace of one request. web and shelf each query a database first.
const envoyTree = `envoy: edge span.kind=server
  web: HTTP GET span.kind=server
    web: sql query span.kind=client
    web: /shelf.Shelf/Look span.kind=client
      envoy: mesh span.kind=client
        shelf: /shelf.Shelf/Look span.kind=server
          shelf: sql query span.kind=client
          shelf: HTTP GET span.kind=client
            stock: HTTP GET span.kind=server
`

func TestOneTraceWithEnvoy(t *testing.T) {
	jaeger := servers.Jaeger(t)
	dsn := servers.MariaDB(t).DSN("mysql")
	stockTracer, flushStock := newTracer(t, "stock", jaeger)
	shelfTracer, flushShelf := newTracer(t, "shelf", jaeger)
	webTracer, flushWeb := newTracer(t, "web", jaeger)

	stock := serveStock(t, stockTracer)
	shelf := serveShelf(t, shelfTracer, connectedDB(t, dsn, shelfTracer), stock)
	web := &webService{t: t, tracer: webTracer, db: connectedDB(t, dsn, webTracer), traces: make(chan string, 3)}
	webServer := httptest.NewServer(nethttp.WrapHandler(web, gaptrace.WithTracer(webTracer)))
	defer webServer.Close()
	zipkin := strings.TrimSuffix(strings.TrimPrefix(jaeger.ZipkinURL, "http://"), "/api/v2/spans")
	addr, _ := servers.Envoy(t, 2, envoyConfig(webServer.Listener.Addr().String(), shelf, zipkin))
	web.mesh = addr[1]

	// The first two requests continue traces, of a client in front of Envoy.
	const (
		multi  = "0af7651916cd43dd8448eb211c803190"
		single = "0af7651916cd43dd8448eb211c803191"
		spanID = "b7ad6b7169203331"
	)
	url := "http://" + addr[0] + "/books"
	requestBooks(t, url, http.Header{"X-B3-Traceid": {multi}, "X-B3-Spanid": {spanID}, "X-B3-Sampled": {"1"}})
	requestBooks(t, url, http.Header{"B3": {single + "-" + spanID + "-1"}})
	requestBooks(t, url, nil)
	traces := []string{<-web.traces, <-web.traces, <-web.traces}
	flushWeb()
	flushShelf()
	flushStock()

	continued := "(not in Jaeger)\n  " + strings.TrimSuffix(strings.ReplaceAll(envoyTree, "\n", "\n  "), "  ")
	for name, c := range map[string]struct{ trace, want string }{
		"B3 in several headers": {multi, continued},
		"B3 in one header":      {single, continued},
		"no headers":            {traces[2], envoyTree},
	} {
		tree, spans := jaegerTree(t, jaeger, c.trace, 9, "span.kind")
		if tree != c.want {
			t.Errorf("%s: Jaeger has\n%s\nwant\n%s", name, tree, c.want)
		}
		wantRequestIDs(t, name, spans)
	}
}

// wantRequestIDs checks that each of Envoy's two request IDs is on Envoy's span and on that of the
// service that it called. There are two since web does not forward the first.
func wantRequestIDs(t *testing.T, name string, spans []*jaegerSpan) {
	t.Helper()
	count := map[any]int{}
	for _, s := range spans {
		if id := s.tag("guid:x-request-id"); id != nil {
			count[id]++
		}
	}
	if len(count) != 2 {
		t.Errorf("%s: the request IDs are %v, want 2", name, count)
	}
	for id, n := range count {
		if n != 2 {
			t.Errorf("%s: %v is on %d spans, want Envoy's and that of the service it called", name, id, n)
		}
	}
}

// connectedDB opens a database, and connects to it before there is a trace.
func connectedDB(t *testing.T, dsn string, tracer opentracing.Tracer) *sql.DB {
	t.Helper()
	db := spantest.Must(gapmysql.Open(dsn, gaptrace.WithTracer(tracer)))(t)
	t.Cleanup(func() { db.Close() })
	if err := db.Ping(); err != nil {
		t.Fatal(err)
	}
	return db
}

func selectOne(ctx context.Context, db *sql.DB) error {
	var n int
	return db.QueryRowContext(ctx, "SELECT 1").Scan(&n)
}

// serveStock starts the service that has the answer, and returns its URL.
func serveStock(t *testing.T, tracer opentracing.Tracer) (url string) {
	t.Helper()
	server := httptest.NewServer(nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "three left")
	}), gaptrace.WithTracer(tracer)))
	t.Cleanup(server.Close)
	return server.URL
}

// serveShelf starts the gRPC service that asks the database and stock, and returns its address.
func serveShelf(t *testing.T, tracer opentracing.Tracer, db *sql.DB, stock string) (addr string) {
	t.Helper()
	client := nethttp.WrapClient(http.DefaultClient, gaptrace.WithTracer(tracer))
	return serveGRPC(t, "shelf.Shelf", "Look", func(ctx context.Context, _ string) (string, error) {
		if err := selectOne(ctx, db); err != nil {
			return "", err
		}
		res, err := httpGet(ctx, client, stock+"/stock")
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		return string(body), err
	}, gapgrpc.ServerOptions(gaptrace.WithTracer(tracer))...)
}

// webService asks the database, and shelf through Envoy.
type webService struct {
	t      *testing.T
	tracer opentracing.Tracer
	db     *sql.DB
	mesh   string      // Envoy's address in front of shelf
	traces chan string // the trace ID of each request
}

func (web *webService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	span := opentracing.SpanFromContext(r.Context())
	web.traces <- span.Context().(jaegerclient.SpanContext).TraceID().String()
	if err := selectOne(r.Context(), web.db); err != nil {
		web.t.Error(err)
	}
	options := gapgrpc.DialOptions(gaptrace.WithTracer(web.tracer))
	answer, err := callGRPC(r.Context(), web.mesh, "/shelf.Shelf/Look", "", options...)
	if err != nil {
		web.t.Error(err)
	}
	io.WriteString(w, answer)
}

func requestBooks(t *testing.T, url string, header http.Header) {
	t.Helper()
	req := spantest.Must(http.NewRequestWithContext(t.Context(), "GET", url, nil))(t)
	req.Header = header.Clone()
	res := spantest.Must(http.DefaultClient.Do(req))(t)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if string(body) != "three left" || err != nil {
		t.Fatalf("%s %q, %v", res.Status, body, err)
	}
}
