module github.com/gaptrace/gaptrace

// 1.26 for new(expr), which the tracer uses; the tests need testing/synctest of 1.25.
go 1.26.0

// Each version is a floor: the lowest that the package and its tests work with, and never below the
// fix of a vulnerability that reaches a wrapper's users. A program may use any newer version;
// docs/versions.md lists the tested ones.
require (
	// contrib/sql hides literals. The fuzz test for secrets was run on the tokens of this version.
	github.com/DataDog/go-sqllexer v0.2.6

	// gap/report: the width of text on a terminal. The oldest that its tests were run with.
	github.com/charmbracelet/x/ansi v0.2.3

	// contrib/elasticsearch: the first with interceptors, which gapes.Interceptor is.
	github.com/elastic/elastic-transport-go/v8 v8.8.0

	// contrib/elasticsearch: the first that gives its transport the endpoint's name, for the span's name.
	github.com/elastic/go-elasticsearch/v8 v8.12.0

	// contrib/redis: the last release of v8.
	github.com/go-redis/redis/v8 v8.11.5

	// contrib/sql/mysql: the first without a race when a context is cancelled.
	github.com/go-sql-driver/mysql v1.8.1

	// gap/report: profiles. There are no releases; the oldest commit that its tests were run with.
	github.com/google/pprof v0.0.0-20240727154555-813a5fbdbec8

	// All wrappers: the first whose ContextWithSpan asks the tracer, as OpenTelemetry's bridge needs.
	github.com/opentracing/opentracing-go v1.2.0

	// tracer: the last release. It has no go.mod, so jaeger-lib, atomic and hdrhistogram are below.
	github.com/uber/jaeger-client-go v2.30.0+incompatible

	// tracer: FromYAML. The first release under this import path.
	go.yaml.in/yaml/v3 v3.0.2

	// internal/terminal: the width of a terminal. The version that grpc requires through x/net.
	golang.org/x/term v0.38.0

	// contrib/grpc: the first with the fix of CVE-2026-33186, which let clients bypass authorization.
	google.golang.org/grpc v1.79.3
)

require (
	filippo.io/edwards25519 v1.1.0 // indirect
	github.com/HdrHistogram/hdrhistogram-go v1.1.2 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/dgryski/go-rendezvous v0.0.0-20200823014737-9f7001d12a5f // indirect
	github.com/go-logr/logr v1.4.3 // indirect
	github.com/go-logr/stdr v1.2.2 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/rivo/uniseg v0.4.7 // indirect
	github.com/uber/jaeger-lib v2.4.1+incompatible // indirect
	go.opentelemetry.io/auto/sdk v1.2.1 // indirect
	go.opentelemetry.io/otel v1.39.0 // indirect
	go.opentelemetry.io/otel/metric v1.39.0 // indirect
	go.opentelemetry.io/otel/trace v1.39.0 // indirect
	go.uber.org/atomic v1.11.0 // indirect
	golang.org/x/net v0.48.0 // indirect
	golang.org/x/sys v0.39.0 // indirect
	golang.org/x/text v0.32.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20251202230838-ff82c1b0f217 // indirect
	google.golang.org/protobuf v1.36.10 // indirect
)
