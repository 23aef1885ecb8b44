module github.com/gaptrace/gaptrace/internal/interop

// Not 1.26: connect and grpc require 1.26.0, which the go command considers newer than 1.26.
go 1.26.0

require (
	connectrpc.com/connect v1.21.1 // a gRPC client that calls through an *http.Client
	github.com/coder/websocket v1.8.15 // dials through an *http.Client; accepts with a status, then Hijack
	github.com/gaptrace/gaptrace v0.1.0 // the wrappers under test
	github.com/gaptrace/gaptrace/gap/metrics v0.1.0 // under test: figures of real pools
	github.com/gaptrace/gaptrace/gap/otlp v0.1.0 // reads what tracer/otlp sends
	github.com/gaptrace/gaptrace/tracer/otlp v0.1.0 // under test
	github.com/go-redis/redis/extra/redisotel/v8 v8.11.5 // the hook that programs most often use next to ours
	github.com/go-redis/redis/v8 v8.11.5 // the root's version
	github.com/go-sql-driver/mysql v1.10.1 // its test suite is run; the newest
	github.com/gorilla/websocket v1.5.3 // accepts by Hijack alone
	github.com/jackc/pgx/v5 v5.13.0 // a driver that scans columns itself, since Go 1.27
	github.com/opentracing/opentracing-go v1.2.0 // the root's version
	github.com/prometheus/client_golang v1.20.4 // gap/metrics' version
	github.com/redis/go-redis/v9 v9.23.0 // a client whose pool gap/metrics reads; the newest
	go.opentelemetry.io/otel/sdk v1.47.0 // records redisotel's spans
	google.golang.org/grpc v1.85.0 // a server that is an http.Handler, the health service, a client
	modernc.org/sqlite v1.62.0 // a driver without a server
)

require (
	github.com/chromedp/cdproto v0.159.0
	github.com/chromedp/chromedp v0.23.0
	github.com/elastic/elastic-transport-go/v8 v8.9.0 // its test suite is run; what the client below requires
	github.com/elastic/go-elasticsearch/v8 v8.19.7 // its test suite is run; the newest v8
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.3
	github.com/twmb/franz-go v1.22.2 // reads what a collector has written to Kafka; the collector's version
	github.com/twmb/franz-go/pkg/kadm v1.19.0 // asks for committed offsets
	github.com/uber/jaeger-client-go v2.30.0+incompatible
	go.opentelemetry.io/otel v1.47.0 // bench's version: the bridge needs the same, and go.work takes the higher
	go.opentelemetry.io/otel/bridge/opentracing v1.47.0
	go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp v1.45.0
)

require (
	entgo.io/ent v0.14.5 // a library over database/sql
	github.com/CAFxX/httpcompression v0.0.8 // brotli and zstd, by the Accept-Encoding of the request
	github.com/NYTimes/gziphandler v1.1.1 // a compressing writer without Unwrap
	github.com/emicklei/go-restful/v3 v3.14.0 // panics if its writer is no http.CloseNotifier
	github.com/felixge/httpsnoop v1.1.0 // copies every optional interface of a writer
	github.com/gin-gonic/gin v1.12.0 // c.Stream panics if its writer is no http.CloseNotifier
	github.com/go-chi/chi/v5 v5.5.0 // its writer's interfaces depend on the protocol
	github.com/gorilla/handlers v1.5.2 // compresses and logs through a writer of its own
	github.com/gorilla/mux v1.8.1 // copies the request
	github.com/jmoiron/sqlx v1.4.0 // a library over database/sql
	github.com/klauspost/compress v1.20.4 // gzhttp, whose writer's interfaces depend on the server's
	github.com/labstack/echo/v4 v4.16.0 // a writer of its own with Unwrap
	github.com/pressly/goose/v3 v3.30.1 // a library over database/sql
	github.com/uptrace/bun v1.3.0 // a library over database/sql
	github.com/uptrace/bun/dialect/sqlitedialect v1.3.0 // bun with SQLite
	github.com/urfave/negroni/v3 v3.1.2 // a writer of its own that is always an http.Pusher
	golang.org/x/exp v0.0.0-20261109185158-a52e3aef5920 // its package trace reads execution traces
	golang.org/x/net v0.62.0 // h2c, which hijacks a connection for HTTP/2
	gorm.io/driver/mysql v1.6.0 // gorm with MariaDB
	gorm.io/driver/postgres v1.6.3 // gorm with PostgreSQL
	gorm.io/gorm v1.31.2 // a library over database/sql that accepts any gorm.ConnPool
)

require (
	cloud.google.com/go/compute/metadata v0.9.0 // indirect
	filippo.io/edwards25519 v1.2.0 // indirect
	github.com/DataDog/go-sqllexer v0.2.6 // indirect
	github.com/andybalholm/brotli v1.3.0 // indirect
	github.com/bytedance/gopkg v0.1.3 // indirect
	github.com/bytedance/sonic v1.15.0 // indirect
	github.com/bytedance/sonic/loader v0.5.0 // indirect
	github.com/cenkalti/backoff/v5 v5.0.3 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/charmbracelet/x/ansi v0.11.9 // indirect
	github.com/clipperhouse/displaywidth v0.11.0 // indirect
	github.com/clipperhouse/uax29/v2 v2.7.0 // indirect
	github.com/cloudwego/base64x v0.1.6 // indirect
	github.com/cncf/xds/go v0.0.0-20260202195803-dba9d589def2 // indirect
	github.com/dgryski/go-rendezvous v0.0.0-20200823014737-9f7001d12a5f // indirect
	github.com/dustin/go-humanize v1.1.0 // indirect
	github.com/envoyproxy/protoc-gen-validate v1.3.3 // indirect
	github.com/gabriel-vasile/mimetype v1.4.12 // indirect
	github.com/gin-contrib/sse v1.1.0 // indirect
	github.com/go-json-experiment/json v0.0.0-20260213210345-44df1a37e875 // indirect
	github.com/go-logr/logr v1.4.4 // indirect
	github.com/go-logr/stdr v1.2.2 // indirect
	github.com/go-playground/locales v0.14.1 // indirect
	github.com/go-playground/universal-translator v0.18.1 // indirect
	github.com/go-playground/validator/v10 v10.30.1 // indirect
	github.com/go-redis/redis/extra/rediscmd/v8 v8.11.5 // indirect
	github.com/goccy/go-json v0.10.5 // indirect
	github.com/goccy/go-yaml v1.19.2 // indirect
	github.com/google/pprof v0.0.0-20261105003125-4bf881d7fb0b // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/grpc-ecosystem/grpc-gateway/v2 v2.29.0 // indirect
	github.com/hashicorp/go-version v1.9.0 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/puddle/v2 v2.2.3 // indirect
	github.com/jinzhu/inflection v1.0.0 // indirect
	github.com/jinzhu/now v1.1.5 // indirect
	github.com/json-iterator/go v1.1.12 // indirect
	github.com/klauspost/cpuid/v2 v2.4.0 // indirect
	github.com/labstack/gommon v0.5.0 // indirect
	github.com/leodido/go-urn v1.4.0 // indirect
	github.com/lucasb-eyer/go-colorful v1.4.1 // indirect
	github.com/mattn/go-colorable v0.1.15 // indirect
	github.com/mattn/go-isatty v0.0.24 // indirect
	github.com/mattn/go-runewidth v0.0.27 // indirect
	github.com/mfridman/interpolate v0.2.0 // indirect
	github.com/modern-go/concurrent v0.0.0-20180306012644-bacd9c7ef1dd // indirect
	github.com/modern-go/reflect2 v1.0.3-0.20250322232337-35a7c28c31ee // indirect
	github.com/ncruces/go-strftime v1.1.0 // indirect
	github.com/pelletier/go-toml/v2 v2.2.4 // indirect
	github.com/pierrec/lz4/v4 v4.1.33 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/puzpuzpuz/xsync/v3 v3.5.1 // indirect
	github.com/quic-go/qpack v0.6.0 // indirect
	github.com/quic-go/quic-go v0.59.0 // indirect
	github.com/remyoudompheng/bigfft v0.0.0-20230129092748-24d4a6f8daec // indirect
	github.com/sethvargo/go-retry v0.5.0 // indirect
	github.com/tmthrgd/go-hex v0.0.0-20190904060850-447a3041c3bc // indirect
	github.com/twitchyliquid64/golang-asm v0.15.1 // indirect
	github.com/twmb/franz-go/pkg/kmsg v1.15.0 // indirect
	github.com/uber/jaeger-lib v2.4.1+incompatible // indirect
	github.com/ugorji/go/codec v1.3.1 // indirect
	github.com/valyala/bytebufferpool v1.0.0 // indirect
	github.com/valyala/fasttemplate v1.2.2 // indirect
	github.com/vmihailenco/msgpack/v5 v5.4.1 // indirect
	github.com/vmihailenco/tagparser/v2 v2.0.0 // indirect
	go.mongodb.org/mongo-driver/v2 v2.5.0 // indirect
	go.opentelemetry.io/auto/sdk v1.2.1 // indirect
	go.opentelemetry.io/collector/featuregate v1.71.0 // indirect
	go.opentelemetry.io/collector/pdata v1.71.0 // indirect
	go.opentelemetry.io/otel/exporters/otlp/otlptrace v1.45.0 // indirect
	go.opentelemetry.io/otel/log v1.47.0 // indirect
	go.opentelemetry.io/otel/metric v1.47.0 // indirect
	go.opentelemetry.io/otel/trace v1.47.0 // indirect
	go.opentelemetry.io/proto/otlp v1.11.0 // indirect
	go.opentelemetry.io/proto/slim/otlp v1.11.1 // indirect
	go.uber.org/atomic v1.12.0 // indirect
	go.uber.org/multierr v1.11.0 // indirect
	go.yaml.in/yaml/v3 v3.0.6 // indirect
	golang.org/x/arch v0.22.0 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/oauth2 v0.36.0 // indirect
	golang.org/x/sync v0.25.0 // indirect
	golang.org/x/sys v0.50.0 // indirect
	golang.org/x/text v0.44.0 // indirect
	golang.org/x/time v0.16.0 // indirect
	google.golang.org/genproto/googleapis/api v0.0.0-20261110000943-09e21b237f2c // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20261110000943-09e21b237f2c // indirect
	google.golang.org/protobuf v1.36.12 // indirect
	modernc.org/libc v1.80.2 // indirect
	modernc.org/mathutil v1.7.1 // indirect
	modernc.org/memory v1.12.1 // indirect
)

require (
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/prometheus/client_model v0.6.1 // indirect
	github.com/prometheus/common v0.55.0 // indirect
	github.com/prometheus/procfs v0.23.0 // indirect
)

replace github.com/gaptrace/gaptrace => ../..

replace github.com/gaptrace/gaptrace/gap/metrics => ../../gap/metrics

replace github.com/gaptrace/gaptrace/gap/otlp => ../../gap/otlp

replace github.com/gaptrace/gaptrace/tracer/otlp => ../../tracer/otlp

// For go.work. The demo's dependencies require versions of genproto from before googleapis/rpc became
// a separate module. grpc requires that module, and the go command refuses a package that is in two
// modules. Nothing here imports genproto, and the demo imports only googleapis/rpc/status. The same
// holds for cloud.google.com/go and its compute/metadata, which grpc's test cases require.
exclude (
	cloud.google.com/go v0.26.0
	cloud.google.com/go v0.34.0
	google.golang.org/genproto v0.0.0-20180817151627-c66870c02cf8
	google.golang.org/genproto v0.0.0-20190307195333-5fe7a883aa19
	google.golang.org/genproto v0.0.0-20190425155659-357c62f0e4bb
	google.golang.org/genproto v0.0.0-20190530194941-fb225487d101
	google.golang.org/genproto v0.0.0-20190819201941-24fa4b261c55
	google.golang.org/genproto v0.0.0-20190926190326-7ee9db18f195
	google.golang.org/genproto v0.0.0-20230110181048-76db0878b65f
)
