module github.com/gaptrace/gaptrace/internal/interop/elasticsearch9

// A module of its own, outside of go.work: to compile two versions of go-elasticsearch takes minutes.
// .ci/full runs its tests.
go 1.26.0

require (
	github.com/elastic/go-elasticsearch/v9 v9.5.2 // the newest; its transport is that of v8
	github.com/gaptrace/gaptrace v0.1.0 // under test
	github.com/opensearch-project/opensearch-go/v4 v4.8.1 // the newest; calls through an http.RoundTripper
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/elastic/elastic-transport-go/v8 v8.9.0 // indirect
	github.com/elastic/go-elasticsearch/v8 v8.12.0 // indirect
	github.com/go-logr/logr v1.4.3 // indirect
	github.com/go-logr/stdr v1.2.2 // indirect
	github.com/opentracing/opentracing-go v1.2.0 // indirect
	github.com/uber/jaeger-client-go v2.30.0+incompatible // indirect
	github.com/uber/jaeger-lib v2.4.1+incompatible // indirect
	go.opentelemetry.io/auto/sdk v1.2.1 // indirect
	go.opentelemetry.io/otel v1.39.0 // indirect
	go.opentelemetry.io/otel/metric v1.39.0 // indirect
	go.opentelemetry.io/otel/trace v1.39.0 // indirect
	go.uber.org/atomic v1.11.0 // indirect
	golang.org/x/sync v0.23.0 // indirect
)

replace github.com/gaptrace/gaptrace => ../../..
