module github.com/gaptrace/gaptrace/gap/metrics

go 1.26.0

// A module of its own, so that programs that import gaptrace do not get Prometheus' libraries.
require (
	github.com/gaptrace/gaptrace v0.1.0
	github.com/prometheus/client_golang v1.20.4 // older ones lack exemplars of native histograms, or race when they are scraped
)

require (
	github.com/opentracing/opentracing-go v1.2.0
	github.com/prometheus/client_model v0.6.1
	github.com/prometheus/common v0.55.0
	github.com/uber/jaeger-client-go v2.30.0+incompatible
	go.yaml.in/yaml/v3 v3.0.2
)

require (
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/klauspost/compress v1.17.9 // indirect
	github.com/kr/text v0.2.0 // indirect
	github.com/kylelemons/godebug v1.1.0 // indirect
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/prometheus/procfs v0.15.1 // indirect
	github.com/uber/jaeger-lib v2.4.1+incompatible // indirect
	go.uber.org/atomic v1.11.0 // indirect
	golang.org/x/sys v0.39.0 // indirect
	google.golang.org/protobuf v1.36.10 // indirect
)

replace github.com/gaptrace/gaptrace => ../../
