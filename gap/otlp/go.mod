module github.com/gaptrace/gaptrace/gap/otlp

go 1.26.0

// A module of its own, so that programs that import gaptrace do not get OpenTelemetry's libraries.
require (
	github.com/gaptrace/gaptrace v0.1.0
	go.opentelemetry.io/collector/pdata v1.71.0
)

require github.com/opentracing/opentracing-go v1.2.0

require (
	github.com/hashicorp/go-version v1.9.0 // indirect
	github.com/json-iterator/go v1.1.12 // indirect
	github.com/modern-go/concurrent v0.0.0-20180306012644-bacd9c7ef1dd // indirect
	github.com/modern-go/reflect2 v1.0.3-0.20250322232337-35a7c28c31ee // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/uber/jaeger-client-go v2.30.0+incompatible // indirect
	github.com/uber/jaeger-lib v2.4.1+incompatible // indirect
	go.opentelemetry.io/collector/featuregate v1.71.0 // indirect
	go.uber.org/atomic v1.11.0 // indirect
	go.uber.org/multierr v1.11.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
)

replace github.com/gaptrace/gaptrace => ../../
