module github.com/gaptrace/gaptrace

// 1.26 for new(expr), which the tracer uses; the tests need testing/synctest of 1.25.
go 1.26.0

// Each version is a floor for every program that imports the package which needs it, and no program is
// held below a newer one. A floor is the version whose source the wrapper was written against and whose
// real server its tests run on.
require (
	// contrib/sql hides literals: the version on whose tokens its fuzz test was run.
	github.com/DataDog/go-sqllexer v0.2.6

	// gap/report: how wide a text is on a terminal. The version that its drawings were looked at with.
	github.com/charmbracelet/x/ansi v0.11.9

	// contrib/elasticsearch: the versions that were run against Elasticsearch 8.17. The client asks for this
	// transport, all of whose optional interfaces live on (Instrumented, Measurable, Discoverable, Closeable).
	github.com/elastic/elastic-transport-go/v8 v8.9.0
	github.com/elastic/go-elasticsearch/v8 v8.19.7

	// contrib/redis: the last v8; its hooks are what is wrapped.
	github.com/go-redis/redis/v8 v8.11.5

	// contrib/sql/mysql: the version that was run against MariaDB 10.11.
	github.com/go-sql-driver/mysql v1.10.1

	// gap/report writes profiles: it has no releases, so the newest commit when that was written.
	github.com/google/pprof v0.0.0-20261105003125-4bf881d7fb0b

	// The last release, and the first whose ContextWithSpan asks the tracer, as OpenTelemetry's bridge needs.
	github.com/opentracing/opentracing-go v1.2.0

	// tracer: the last release. It has no go.mod, so what it imports is named below, in versions it was tested with.
	github.com/uber/jaeger-client-go v2.30.0+incompatible

	// tracer: FromYAML, whose errors name lines. The version is the one that go.uber.org/atomic below asks for anyway.
	go.yaml.in/yaml/v3 v3.0.5

	// internal/terminal, for the command and the demo: whether a stream is a terminal, and how wide. It asks for the golang.org/x/sys that
	// is needed below anyway.
	golang.org/x/term v0.38.0

	// contrib/grpc: the first version without CVE-2026-33186, which let a client past the rules of a server. The
	// tests run on it and, as go.work has it, on internal/interop's newer one.
	google.golang.org/grpc v1.79.3
)

require (
	filippo.io/edwards25519 v1.2.0 // indirect
	github.com/HdrHistogram/hdrhistogram-go v1.4.0 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/clipperhouse/displaywidth v0.11.0 // indirect
	github.com/clipperhouse/uax29/v2 v2.7.0 // indirect
	github.com/dgryski/go-rendezvous v0.0.0-20200823014737-9f7001d12a5f // indirect
	github.com/go-logr/logr v1.4.3 // indirect
	github.com/go-logr/stdr v1.2.2 // indirect
	github.com/lucasb-eyer/go-colorful v1.4.1 // indirect
	github.com/mattn/go-runewidth v0.0.27 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/uber/jaeger-lib v2.4.1+incompatible // indirect
	go.opentelemetry.io/auto/sdk v1.2.1 // indirect
	go.opentelemetry.io/otel v1.39.0 // indirect
	go.opentelemetry.io/otel/metric v1.39.0 // indirect
	go.opentelemetry.io/otel/trace v1.39.0 // indirect
	go.uber.org/atomic v1.12.0 // indirect
	golang.org/x/net v0.48.0 // indirect
	golang.org/x/sys v0.39.0 // indirect
	golang.org/x/text v0.32.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20251202230838-ff82c1b0f217 // indirect
	google.golang.org/protobuf v1.36.10 // indirect
)
