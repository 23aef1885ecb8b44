module github.com/gaptrace/gaptrace/explain

go 1.26.0

// A module of its own: golang.org/x/exp/trace needs Go 1.26, and makes no promise of compatibility.
require golang.org/x/exp v0.0.0-20261109185158-a52e3aef5920 // its package trace reads execution traces, up to Go 1.26's format

require (
	github.com/gaptrace/gaptrace v0.1.0
	github.com/opentracing/opentracing-go v1.2.0
)

require (
	github.com/pkg/errors v0.9.1 // indirect
	github.com/uber/jaeger-client-go v2.30.0+incompatible // indirect
	github.com/uber/jaeger-lib v2.4.1+incompatible // indirect
	go.uber.org/atomic v1.11.0 // indirect
	go.yaml.in/yaml/v3 v3.0.2 // indirect
)

replace github.com/gaptrace/gaptrace => ../
