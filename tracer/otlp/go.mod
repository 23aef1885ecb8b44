module github.com/gaptrace/gaptrace/tracer/otlp

go 1.26.0

// A module of its own, so that programs that import gaptrace do not get OpenTelemetry's and Protobuf's libraries.
require (
	github.com/gaptrace/gaptrace v0.1.0
	go.opentelemetry.io/proto/slim/otlp v1.7.1 // the first version; it needs no gRPC, other than go.opentelemetry.io/proto/otlp
	google.golang.org/protobuf v1.36.10 // what the root requires
)

require (
	github.com/opentracing/opentracing-go v1.2.0
	github.com/uber/jaeger-client-go v2.30.0+incompatible
)

require (
	github.com/pkg/errors v0.9.1 // indirect
	github.com/uber/jaeger-lib v2.4.1+incompatible // indirect
	go.uber.org/atomic v1.11.0 // indirect
	go.yaml.in/yaml/v3 v3.0.2 // indirect
)

replace github.com/gaptrace/gaptrace => ../../
