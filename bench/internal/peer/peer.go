// Package peer sets up each instrumentation that gaptrace is compared with, as its own
// documentation shows: one peer per file. Their tracers record in memory. The spans are converted
// to package gap's, so that the same code analyses all peers.
package peer

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"net/http"
	"os/exec"
	"runtime/debug"
	"strings"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/gaptrace/gaptrace/gap"
	"github.com/go-redis/redis/v8"
	"github.com/uber/jaeger-client-go"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"
)

// own is the module of gaptrace itself.
const own = "github.com/gaptrace/gaptrace"

// API is the interface between an instrumentation and a tracer.
type API string

// Peers of one API may share a tracer.
const (
	OpenTracing   API = "OpenTracing"
	OpenTelemetry API = "OpenTelemetry"
	Datadog       API = "Datadog"
)

// Peer is one instrumentation. A function is nil if the peer does not wrap that library. Call the
// functions between Open and the Recorder's Close: some peers take the global tracer when a wrapper
// is made, some when it is used.
type Peer struct {
	Name    string
	Modules []string // its Go modules, for the version
	API     API      // of its tracer

	// Open makes a tracer that samples all traces or none, and sets it as the global one. The
	// exporter also gets the recorded spans.
	Open func(sampled bool, by Exporter) Recorder

	HTTPClient    func(http.RoundTripper) http.RoundTripper
	HTTPHandler   func(http.Handler) http.Handler
	SQL           func(driver.Connector) *sql.DB
	Pool          func(*sql.DB) Querier // wraps what SQL returned, if the peer records waits for the pool
	Redis         func(*redis.Client)
	Elasticsearch func(elasticsearch.Config) (*elasticsearch.Client, error)
	GRPCClient    func() []grpc.DialOption
	GRPCServer    func() []grpc.ServerOption
}

// Exporter sends spans. A nil field sends nothing. An Exporter outlives the Recorders. Datadog's
// spans cannot be sent: its tracer in memory only records.
type Exporter struct {
	OpenTracing   jaeger.Reporter
	OpenTelemetry sdk.SpanProcessor
}

// Querier is a *sql.DB, or what a Peer's Pool made of it.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	BeginTx(ctx context.Context, opts *sql.TxOptions) (*sql.Tx, error)
}

// Recorder is the open tracer of a peer.
type Recorder interface {
	// Span starts the span of a request, without a parent, and puts it into a context. The function
	// returned finishes it.
	Span(ctx context.Context, operation string) (context.Context, func())

	// Spans returns the spans that have finished since the last call.
	Spans() []gap.Span

	// Close closes the tracer and resets the global one.
	Close()
}

// All returns the peers: gaptrace, then raw, then the others.
func All() []Peer {
	return []Peer{
		gaptrace(), raw(),
		opentracingContrib(), instrumentedSQL(), sqlMW(),
		otelHTTP(), otelSQL(), redisOTel(), elasticOTel(), otelGRPC(),
		datadog(),
	}
}

// Version returns the version of a module in this program, or "" if it is unknown, as in a test.
// For gaptrace it returns git's description of the working tree.
func Version(module string) string {
	if module == own {
		out, _ := exec.Command("git", "describe", "--always").Output()
		version := strings.TrimSpace(string(out))
		if version != "" && exec.Command("git", "diff", "--quiet", "HEAD", "--", ":/*.go").Run() != nil {
			version += "-dirty"
		}
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, m := range info.Deps {
		if m.Path != module {
			continue
		}
		if m.Replace != nil {
			m = m.Replace
		}
		return strings.TrimPrefix(m.Version, "(devel)")
	}
	return ""
}

// asDriver makes a connector a driver, for peers that can only wrap a driver. It ignores the data
// source name.
type asDriver struct{ connector driver.Connector }

var _ driver.DriverContext = asDriver{}

func (d asDriver) Open(string) (driver.Conn, error) { return d.connector.Connect(context.Background()) }

func (d asDriver) OpenConnector(string) (driver.Connector, error) { return d.connector, nil }

// openDB opens a database on a driver that wraps an asDriver, as sql.Open does with a registered
// driver.
func openDB(d driver.Driver) *sql.DB {
	connector, err := d.(driver.DriverContext).OpenConnector("")
	if err != nil {
		panic(err) // asDriver never fails
	}
	return sql.OpenDB(connector)
}
