package peer

import (
	"context"
	"database/sql/driver"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/elastic/go-elasticsearch/v8"
	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/go-redis/redis/v8"
	"github.com/uber/jaeger-client-go"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	pb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/test/bufconn"
)

// libraries are calls of each library as a peer wraps it.
var libraries = []struct {
	name   string
	covers func(Peer) bool
	call   func(testing.TB, Peer, context.Context)
}{
	{"HTTP client", func(p Peer) bool { return p.HTTPClient != nil }, callHTTP},
	{"SQL", func(p Peer) bool { return p.SQL != nil }, callSQL},
	{"redis", func(p Peer) bool { return p.Redis != nil }, callRedis},
	{"Elasticsearch", func(p Peer) bool { return p.Elasticsearch != nil }, callElasticsearch},
	{"gRPC client", func(p Peer) bool { return p.GRPCClient != nil }, callGRPC},
}

func TestCallIsChildOfRequest(t *testing.T) {
	for _, p := range All() {
		for _, library := range libraries {
			if p.Name == "raw" || !library.covers(p) {
				continue
			}
			t.Run(p.Name+"/"+library.name, func(t *testing.T) {
				recorder := p.Open(true, Exporter{})
				defer recorder.Close()
				before := time.Now()
				ctx, finish := recorder.Span(t.Context(), "request")
				library.call(t, p, ctx)
				finish()
				trace := wholeTrace(t, recorder)
				after := time.Now()
				var client bool
				for n := range trace.Nodes() {
					if n.Depth() == 0 && n.Span().Operation != "request" {
						t.Errorf("unexpected root %q", n.Span().Operation)
					}
					if n.Start().Before(before) || n.End().After(after) || n.Duration() < 0 {
						t.Errorf("%q from %v to %v", n.Span().Operation, n.Start(), n.End())
					}
					client = client || n.Kind() == gap.KindClient
				}
				// instrumentedsql sets no span.kind.
				if !client && p.Name != "instrumentedsql" {
					t.Error("no client span")
				}
				if again := recorder.Spans(); len(again) != 0 {
					t.Errorf("%d spans returned twice", len(again))
				}
			})
		}
	}
}

// wholeTrace waits for spans that a peer finishes in another goroutine, as dd-trace-go does for a
// stream. Until then their children are orphans.
func wholeTrace(t testing.TB, recorder Recorder) *gap.Trace {
	t.Helper()
	var spans []gap.Span
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		spans = append(spans, recorder.Spans()...)
		trace, warnings := gap.Build(spans)
		if len(warnings) == 0 && trace.Len() >= 2 {
			return trace
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d spans, %v", trace.Len(), warnings)
		}
	}
}

func TestServerIsChildOfClient(t *testing.T) {
	for _, p := range All() {
		if p.Name == "raw" || p.HTTPHandler == nil {
			continue
		}
		t.Run(p.Name, func(t *testing.T) {
			recorder := p.Open(true, Exporter{})
			defer recorder.Close()
			ctx, finish := recorder.Span(t.Context(), "request")
			callHTTP(t, p, ctx)
			finish()
			trace, _ := gap.Build(recorder.Spans())
			for n := range trace.Nodes() {
				if n.Kind() == gap.KindServer && n.Depth() >= 2 {
					return
				}
			}
			t.Error("no server span below a client span")
		})
	}
}

func TestUnsampledRequest(t *testing.T) {
	for _, p := range All() {
		t.Run(p.Name, func(t *testing.T) {
			recorder := p.Open(false, Exporter{})
			defer recorder.Close()
			ctx, finish := recorder.Span(t.Context(), "request")
			for _, library := range libraries {
				if library.covers(p) {
					library.call(t, p, ctx)
				}
			}
			finish()
			if spans := recorder.Spans(); len(spans) != 0 {
				t.Errorf("%d spans", len(spans))
			}
		})
	}
}

func TestExporterGetsRecordedSpans(t *testing.T) {
	sent, spans := jaeger.NewInMemoryReporter(), tracetest.NewSpanRecorder()
	for _, p := range All() {
		before := sent.SpansSubmitted() + len(spans.Ended())
		recorder := p.Open(true, Exporter{lastingReporter{sent, t}, lastingProcessor{spans, t}})
		_, finish := recorder.Span(t.Context(), "request")
		finish()
		kept := len(recorder.Spans())
		recorder.Close() // must leave the exporter open
		want := 1
		if p.API == Datadog {
			want = 0
		}
		if n := sent.SpansSubmitted() + len(spans.Ended()) - before; n != want || kept != 1 {
			t.Errorf("%s: %d spans kept, %d sent", p.Name, kept, n)
		}
	}
}

type (
	lastingReporter struct {
		jaeger.Reporter
		testing.TB
	}
	lastingProcessor struct {
		sdk.SpanProcessor
		testing.TB
	}
)

func (l lastingReporter) Close() { l.Error("closed") }

func (l lastingProcessor) Shutdown(context.Context) error {
	l.Error("shut down")
	return nil
}

func TestRecorderKeepsAllSpans(t *testing.T) {
	for _, p := range All() {
		recorder := p.Open(true, Exporter{})
		const many = 30_000
		for range many {
			_, finish := recorder.Span(t.Context(), "request")
			finish()
		}
		if n := len(recorder.Spans()); n != many {
			t.Errorf("%s: %d spans of %d", p.Name, n, many)
		}
		recorder.Close()
	}
}

func callHTTP(t testing.TB, p Peer, ctx context.Context) {
	var handler http.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "hello")
	})
	if p.HTTPHandler != nil {
		handler = p.HTTPHandler(handler)
	}
	server := httptest.NewServer(handler)
	defer server.Close() // waits for the handler, and so for its span
	client := &http.Client{Transport: p.HTTPClient(server.Client().Transport)}
	req := spantest.Must(http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil))(t)
	resp := spantest.Must(client.Do(req))(t)
	if body, err := io.ReadAll(resp.Body); string(body) != "hello" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
	resp.Body.Close()
}

func callSQL(t testing.TB, p Peer, ctx context.Context) {
	db := p.SQL(memory{})
	defer db.Close()
	var pool Querier = db
	if p.Pool != nil {
		pool = p.Pool(db)
	}
	rows := spantest.Must(pool.QueryContext(ctx, "SELECT 1"))(t)
	n := 0
	for rows.Next() {
		n++
	}
	if err := rows.Close(); n != 1 || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
	spantest.Must(pool.ExecContext(ctx, "DELETE"))(t)
	tx := spantest.Must(pool.BeginTx(ctx, nil))(t)
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
}

func callRedis(t testing.TB, p Peer, ctx context.Context) {
	server := spantest.Must(miniredis.Run())(t)
	defer server.Close()
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer client.Close()
	p.Redis(client)
	if err := client.Set(ctx, "key", "value", 0).Err(); err != nil {
		t.Error(err)
	}
	spantest.Must(client.Pipelined(ctx, func(pipe redis.Pipeliner) error { return pipe.Get(ctx, "key").Err() }))(t)
}

func callElasticsearch(t testing.TB, p Peer, ctx context.Context) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"hits":{"hits":[]}}`)
	}))
	defer server.Close()
	client := spantest.Must(p.Elasticsearch(elasticsearch.Config{Addresses: []string{server.URL}}))(t)
	resp := spantest.Must(client.Search(client.Search.WithContext(ctx), client.Search.WithBody(strings.NewReader("{}"))))(t)
	if _, err := io.ReadAll(resp.Body); err != nil || resp.IsError() {
		t.Error(err, resp.StatusCode)
	}
	resp.Body.Close()
}

func callGRPC(t testing.TB, p Peer, ctx context.Context) {
	listener := bufconn.Listen(1 << 16)
	server := grpc.NewServer(p.GRPCServer()...)
	pb.RegisterHealthServer(server, health.NewServer())
	go server.Serve(listener)
	defer server.GracefulStop() // waits for the handlers
	dial := func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }
	conn := spantest.Must(grpc.NewClient("passthrough:memory", append(p.GRPCClient(),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithContextDialer(dial))...))(t)
	defer conn.Close()
	client := pb.NewHealthClient(conn)
	spantest.Must(client.Check(ctx, &pb.HealthCheckRequest{}))(t)
	stream, cancel := context.WithCancel(ctx)
	watch := spantest.Must(client.Watch(stream, &pb.HealthCheckRequest{}))(t)
	spantest.Must(watch.Recv())(t)
	cancel()
	for {
		if _, err := watch.Recv(); err != nil {
			return
		}
	}
}

// memory is a driver of one row.
type memory struct{}

func (memory) Connect(context.Context) (driver.Conn, error) { return memory{}, nil }

func (memory) Driver() driver.Driver { return asDriver{memory{}} }

func (memory) Prepare(string) (driver.Stmt, error) { return nil, driver.ErrSkip }

func (memory) Close() error { return nil }

func (memory) Begin() (driver.Tx, error) { return memory{}, nil }

func (memory) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) { return memory{}, nil }

func (memory) Commit() error { return nil }

func (memory) Rollback() error { return nil }

func (memory) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(1), nil
}

func (memory) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return &oneRow{}, nil
}

type oneRow struct{ read bool }

func (*oneRow) Columns() []string { return []string{"n"} }
func (*oneRow) Close() error      { return nil }
func (r *oneRow) Next(dest []driver.Value) error {
	if r.read {
		return io.EOF
	}
	r.read, dest[0] = true, int64(1)
	return nil
}
