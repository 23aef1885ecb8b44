// Package peer sets up each instrumentation that gaptrace is held against, in the way its own documentation shows, one
// in a file. What their tracers record stays in memory, and is given out in package gap's model: all are analysed by
// the same code.
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

// Peer is one instrumentation. A function is nil where it covers no such library. Everything is to be made between Open
// and the Recorder's Close, as some of it takes the global tracer when it is made, and some when it is used.
type Peer struct {
	Name    string
	Modules []string // where it comes from: what tells its version
	API     API      // what its tracer speaks

	// Open sets the peer's tracer as the global one, which samples all traces or none. The spans that it keeps it sends, too.
	Open func(sampled bool, by Exporter) Recorder

	HTTPClient    func(http.RoundTripper) http.RoundTripper
	HTTPHandler   func(http.Handler) http.Handler
	SQL           func(driver.Connector) *sql.DB
	Pool          func(*sql.DB) Querier // of what SQL returned: where a peer has something for the waits for its pool
	Redis         func(*redis.Client)
	Elasticsearch func(elasticsearch.Config) (*elasticsearch.Client, error)
	GRPCClient    func() []grpc.DialOption
	GRPCServer    func() []grpc.ServerOption
}

// Exporter is what spans are sent by. It outlives the Recorders, and what is nil sends nothing. Datadog's spans cannot be
// sent: the tracer of its own that keeps them does nothing else.
type Exporter struct {
	OpenTracing   jaeger.Reporter
	OpenTelemetry sdk.SpanProcessor
}

// Querier is what can be asked of a database by way of its pool: a *sql.DB or what a Peer's Pool made of it.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	BeginTx(ctx context.Context, opts *sql.TxOptions) (*sql.Tx, error)
}

// Recorder is a peer's tracer, at work.
type Recorder interface {
	// Span starts the span of a request, which has no parent, as this tracer makes it, and puts it into a context. The
	// function returned finishes it.
	Span(ctx context.Context, operation string) (context.Context, func())

	// Spans returns the spans that have finished, and forgets them.
	Spans() []gap.Span

	// Close takes the tracer out of the global one's place.
	Close()
}

// All returns the peers: gaptrace first, then what records nothing but the request, then the others.
func All() []Peer {
	return []Peer{
		gaptrace(), raw(),
		opentracingContrib(), instrumentedSQL(), sqlMW(),
		otelHTTP(), otelSQL(), redisOTel(), elasticOTel(), otelGRPC(),
		datadog(),
	}
}

// Version tells the version of a module in this program, "" where it is not known, as in a test. Ours is that of the working
// tree, as git calls it.
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

// asDriver is a driver for those that wrap nothing else: its one connector is connector, whatever the name.
type asDriver struct{ connector driver.Connector }

var _ driver.DriverContext = asDriver{}

func (d asDriver) Open(string) (driver.Conn, error) { return d.connector.Connect(context.Background()) }

func (d asDriver) OpenConnector(string) (driver.Connector, error) { return d.connector, nil }

// openDB opens what a driver that wraps an asDriver makes of its connector: what sql.Open does, but for the registry.
func openDB(d driver.Driver) *sql.DB {
	connector, err := d.(driver.DriverContext).OpenConnector("")
	if err != nil {
		panic(err) // asDriver's never fails
	}
	return sql.OpenDB(connector)
}
