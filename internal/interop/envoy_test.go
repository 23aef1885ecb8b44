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
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
	"github.com/opentracing/opentracing-go"
	jaegerclient "github.com/uber/jaeger-client-go"
)

// envoyConfig is an Envoy with a listener for HTTP and one for gRPC, each in front of a service, and both told to trace: by
// Zipkin's B3 in several headers, in 128 bits. docs/propagation.md explains the same lines.
func envoyConfig(web, shelf, zipkin string) func(addr []string) string {
	listener := func(name, addr, cluster, direction string) string {
		return `
  - name: ` + name + `
    address: ` + servers.EnvoyAddress(addr) + `
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: ` + name + `
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
            - {name: all, domains: ["*"], routes: [{match: {prefix: /}, decorator: {operation: ` + name + `}, route: {cluster: ` + cluster + `}}]}
    traffic_direction: ` + direction
	}
	cluster := func(name, addr, protocol string) string {
		return `
  - name: ` + name + `
    load_assignment: {cluster_name: ` + name + `, endpoints: [{lb_endpoints: [{endpoint: {address: ` + servers.EnvoyAddress(addr) + `}}]}]}
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {` + protocol + `: {}}`
	}
	return func(addr []string) string {
		return `
node: {id: edge, cluster: envoy}
static_resources:
  listeners:` +
			listener("edge", addr[0], "web", "INBOUND") +
			listener("mesh", addr[1], "shelf", "OUTBOUND") + `
  clusters:` +
			cluster("web", web, "http_protocol_options") +
			cluster("shelf", shelf, "http2_protocol_options") +
			cluster("jaeger", zipkin, "http_protocol_options")
	}
}

func TestBehindEnvoyAllIsOneTrace(t *testing.T) {
	jaeger := servers.Jaeger(t)
	dsn := servers.MariaDB(t).DSN("mysql")
	stock, flushStock := goTracer(t, "stock", jaeger)
	shelf, flushShelf := goTracer(t, "shelf", jaeger)
	web, flushWeb := goTracer(t, "web", jaeger)

	// web asks its database and then, through Envoy, shelf by gRPC; that asks its own and then stock, by HTTP.
	database := func(opts ...gaptrace.Option) *sql.DB {
		db, err := gapmysql.Open(dsn, opts...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		if err := db.Ping(); err != nil { // lest connecting shows in one trace and not in the others
			t.Fatal(err)
		}
		return db
	}
	count := func(ctx context.Context, db *sql.DB) (n int, err error) {
		return n, db.QueryRowContext(ctx, "SELECT 1").Scan(&n)
	}
	stockServer := httptest.NewServer(nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "three left")
	}), gaptrace.WithTracer(stock)))
	defer stockServer.Close()

	shelfDB, shelfClient := database(gaptrace.WithTracer(shelf)), nethttp.WrapClient(http.DefaultClient, gaptrace.WithTracer(shelf))
	shelfAddr := serveGRPC(t, "shelf.Shelf", "Look", func(ctx context.Context, _ string) (string, error) {
		if _, err := count(ctx, shelfDB); err != nil {
			return "", err
		}
		req, err := http.NewRequestWithContext(ctx, "GET", stockServer.URL+"/stock", nil)
		if err != nil {
			return "", err
		}
		res, err := shelfClient.Do(req)
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		said, err := io.ReadAll(res.Body)
		return string(said), err
	}, gapgrpc.ServerOptions(gaptrace.WithTracer(shelf))...)

	began := make(chan string, 3)
	webDB, mesh := database(gaptrace.WithTracer(web)), ""
	webServer := httptest.NewServer(nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		span := opentracing.SpanFromContext(r.Context())
		began <- span.Context().(jaegerclient.SpanContext).TraceID().String()
		if _, err := count(r.Context(), webDB); err != nil {
			t.Error(err)
		}
		said, err := callGRPC(r.Context(), mesh, "/shelf.Shelf/Look", "", gapgrpc.DialOptions(gaptrace.WithTracer(web))...)
		if err != nil {
			t.Error(err)
		}
		io.WriteString(w, said)
	}), gaptrace.WithTracer(web)))
	defer webServer.Close()

	zipkin := strings.TrimSuffix(strings.TrimPrefix(jaeger.ZipkinURL, "http://"), "/api/v2/spans")
	addr, _ := servers.Envoy(t, 2, envoyConfig(webServer.Listener.Addr().String(), shelfAddr, zipkin))
	mesh = addr[1]

	ask := func(headers map[string]string) {
		req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+addr[0]+"/books", nil)
		if err != nil {
			t.Fatal(err)
		}
		for key, value := range headers {
			req.Header.Set(key, value)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		said, err := io.ReadAll(res.Body)
		if string(said) != "three left" || err != nil {
			t.Fatalf("%s %q, %v", res.Status, said, err)
		}
	}
	// As of a client before Envoy; each a trace of its own.
	const several, one = "0af7651916cd43dd8448eb211c803190", "0af7651916cd43dd8448eb211c803191"
	ask(map[string]string{"x-b3-traceid": several, "x-b3-spanid": "b7ad6b7169203331", "x-b3-sampled": "1"})
	ask(map[string]string{"b3": one + "-b7ad6b7169203331-1"})
	ask(nil)
	ids := []string{<-began, <-began, <-began}
	flushWeb()
	flushShelf()
	flushStock()
	const want = `envoy: edge span.kind=server
  web: HTTP GET span.kind=server
    web: sql query span.kind=client
    web: /shelf.Shelf/Look span.kind=client
      envoy: mesh span.kind=client
        shelf: /shelf.Shelf/Look span.kind=server
          shelf: sql query span.kind=client
          shelf: HTTP GET span.kind=client
            stock: HTTP GET span.kind=server
`
	for name, trace := range map[string]string{"b3 in several headers": several, "b3 in one header": one, "a trace that begins in Envoy": ids[2]} {
		want := want
		if trace == several || trace == one {
			want = "(not in Jaeger)\n  " + strings.TrimSuffix(strings.ReplaceAll(want, "\n", "\n  "), "  ")
		}
		tree, spans := fromJaeger(t, jaeger.QueryURL, trace, 9, "span.kind")
		if tree != want {
			t.Errorf("%s: Jaeger has\n%s, want\n%s", name, tree, want)
		}
		// Envoy's id of the request is on its spans and on those of the services behind it.
		requests := map[any]int{}
		for _, s := range spans {
			if id := s.tag("guid:x-request-id"); id != nil {
				requests[id]++
			}
		}
		if len(requests) != 2 { // web does not pass it on, so Envoy gave the call to shelf another
			t.Errorf("%s: the ids of requests are %v", name, requests)
		}
		for id, n := range requests {
			if n != 2 {
				t.Errorf("%s: %v is on %d spans, want Envoy's and that of the service behind it", name, id, n)
			}
		}
	}
}
