package driver

// gaptraceModule is the module of the wrappers.
const gaptraceModule = "github.com/gaptrace/gaptrace"

// goFloor is the Go release that gaptrace requires.
const goFloor = "1.26.0"

// floors are the versions of modules that gaptrace requires. They are those of its go.mod, which a
// test compares. A module that requires gaptrace cannot select lower ones.
var floors = map[string]string{
	"github.com/DataDog/go-sqllexer":             "v0.2.6",
	"github.com/charmbracelet/x/ansi":            "v0.2.3",
	"github.com/elastic/elastic-transport-go/v8": "v8.8.0",
	"github.com/elastic/go-elasticsearch/v8":     "v8.12.0",
	"github.com/go-redis/redis/v8":               "v8.11.5",
	"github.com/go-sql-driver/mysql":             "v1.8.1",
	"github.com/google/pprof":                    "v0.0.0-20240727154555-813a5fbdbec8",
	"github.com/opentracing/opentracing-go":      "v1.2.0",
	"github.com/uber/jaeger-client-go":           "v2.30.0+incompatible",
	"go.yaml.in/yaml/v3":                         "v3.0.2",
	"golang.org/x/term":                          "v0.38.0",
	"google.golang.org/grpc":                     "v1.79.3",
	"filippo.io/edwards25519":                    "v1.1.0",
	"github.com/HdrHistogram/hdrhistogram-go":    "v1.1.2",
	"github.com/cespare/xxhash/v2":               "v2.3.0",
	"github.com/dgryski/go-rendezvous":           "v0.0.0-20200823014737-9f7001d12a5f",
	"github.com/go-logr/logr":                    "v1.4.3",
	"github.com/go-logr/stdr":                    "v1.2.2",
	"github.com/pkg/errors":                      "v0.9.1",
	"github.com/rivo/uniseg":                     "v0.4.7",
	"github.com/uber/jaeger-lib":                 "v2.4.1+incompatible",
	"go.opentelemetry.io/auto/sdk":               "v1.2.1",
	"go.opentelemetry.io/otel":                   "v1.39.0",
	"go.opentelemetry.io/otel/metric":            "v1.39.0",
	"go.opentelemetry.io/otel/trace":             "v1.39.0",
	"go.uber.org/atomic":                         "v1.11.0",
	"golang.org/x/net":                           "v0.48.0",
	"golang.org/x/sys":                           "v0.39.0",
	"golang.org/x/text":                          "v0.32.0",
	"google.golang.org/genproto/googleapis/rpc":  "v0.0.0-20251202230838-ff82c1b0f217",
	"google.golang.org/protobuf":                 "v1.36.10",
}
