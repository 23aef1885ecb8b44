package vet

// All names of libraries are here.

// kind is a set of the things that a wrapper covers.
type kind uint16

const (
	httpClient kind = 1 << iota
	httpServer
	database
	redisClient
	searchClient
	grpcClient
	grpcServer
	tracing    // opens a tracer, instead of covering something
	driverName // the name of a wrapped driver, which covers a database

	anyClient = httpClient | database | redisClient | searchClient | grpcClient
	anyKind   = ^kind(0)
)

const (
	ours    = "github.com/gaptrace/gaptrace"
	contrib = ours + "/contrib/"
	redis   = "github.com/go-redis/redis/v8"
	elastic = "github.com/elastic/go-elasticsearch/v8"
	grpc    = "google.golang.org/grpc"
	sqlx    = "github.com/jmoiron/sqlx"
	kratos  = "github.com/go-kratos/kratos/v2/transport"
	gin     = "github.com/gin-gonic/gin"
	echo    = "github.com/labstack/echo/v4"
	gorm    = "gorm.io/gorm"
)

// wrapperPackage is a package of wrappers, and the name that it has in fixes.
type wrapperPackage struct{ path, name string }

var (
	nethttp  = wrapperPackage{contrib + "nethttp", "nethttp"}
	gapsql   = wrapperPackage{contrib + "sql", "gapsql"}
	gapmysql = wrapperPackage{contrib + "sql/mysql", "gapmysql"}
	gapredis = wrapperPackage{contrib + "redis", "gapredis"}
	gapes    = wrapperPackage{contrib + "elasticsearch", "gapes"}
	gapgrpc  = wrapperPackage{contrib + "grpc", "gapgrpc"}
)

// wrappers are the functions that cover what is passed to them, and whose results are covered.
var wrappers = map[string]kind{
	nethttp.path + ".Wrap":        httpClient,
	nethttp.path + ".WrapClient":  httpClient,
	nethttp.path + ".Get":         httpClient,
	nethttp.path + ".Head":        httpClient,
	nethttp.path + ".Post":        httpClient,
	nethttp.path + ".PostForm":    httpClient,
	nethttp.path + ".WrapHandler": httpServer,

	gapsql.path + ".Open":           database,
	gapsql.path + ".Register":       database,
	gapsql.path + ".Wrap":           database,
	gapsql.path + ".WrapDB":         database,
	gapsql.path + ".WrapDriver":     database,
	gapsql.path + ".WrapTarget":     database,
	gapmysql.path + ".Open":         database,
	gapmysql.path + ".NewConnector": database,

	gapredis.path + ".Wrap":    redisClient,
	gapredis.path + ".NewHook": redisClient,

	gapes.path + ".Wrap":          searchClient,
	gapes.path + ".WrapTyped":     searchClient,
	gapes.path + ".WrapTransport": searchClient,
	gapes.path + ".Interceptor":   searchClient,

	gapgrpc.path + ".DialOptions":             grpcClient,
	gapgrpc.path + ".UnaryClientInterceptor":  grpcClient,
	gapgrpc.path + ".StreamClientInterceptor": grpcClient,
	gapgrpc.path + ".ServerOptions":           grpcServer,
	gapgrpc.path + ".UnaryServerInterceptor":  grpcServer,
	gapgrpc.path + ".StreamServerInterceptor": grpcServer,

	ours + "/tracer.New":                                                       tracing,
	ours + "/tracer.FromYAML":                                                  tracing,
	"github.com/opentracing/opentracing-go.SetGlobalTracer":                    tracing,
	"github.com/uber/jaeger-client-go.NewTracer":                               tracing,
	"(github.com/uber/jaeger-client-go/config.Configuration).NewTracer":        tracing,
	"(github.com/uber/jaeger-client-go/config.Configuration).InitGlobalTracer": tracing,
	"go.opentelemetry.io/otel/bridge/opentracing.NewTracerPair":                tracing,
	"go.opentelemetry.io/otel/bridge/opentracing.NewTracerPairWithContext":     tracing,
}

// constructor is a function that makes a client, or begins to serve.
type constructor struct {
	rule   string
	makes  kind
	covers kind         // kinds of its arguments that cover what it makes
	fix    func(*fixer) // nil if there is none
	advice string       // of a finding without a fix
}

// What is made by a literal, by new, or as a variable.
var (
	newClient      = constructor{rule: "GT101", makes: httpClient, fix: (*fixer).httpClient}
	clientVariable = constructor{rule: "GT101", makes: httpClient, advice: setTransport}
	newProxy       = constructor{rule: "GT101", makes: httpClient, fix: (*fixer).proxyTransport}
	newServer      = constructor{
		rule: "GT201", makes: httpServer, fix: (*fixer).serverHandler, advice: "set its Handler to nethttp.WrapHandler(nil)",
	}
	useDefaultClient = constructor{rule: "GT101", makes: httpClient, fix: (*fixer).defaultClient}
	newUnwrapped     = constructor{rule: "GT401", covers: anyClient}
)

// constructors by the full names of functions.
var constructors = map[string]constructor{
	"net/http.Get":      {"GT101", httpClient, 0, (*fixer).httpCall, ""},
	"net/http.Head":     {"GT101", httpClient, 0, (*fixer).httpCall, ""},
	"net/http.Post":     {"GT101", httpClient, 0, (*fixer).httpCall, ""},
	"net/http.PostForm": {"GT101", httpClient, 0, (*fixer).httpCall, ""},

	"net/http/httputil.NewSingleHostReverseProxy": {"GT101", httpClient, 0, nil, setTransport},

	"database/sql.Open":   {"GT102", database, database, (*fixer).sqlOpen, ""},
	"database/sql.OpenDB": {"GT102", database, database, (*fixer).sqlOpenDB, ""},

	sqlx + ".Open":           {"GT102", database, database, (*fixer).driverName, registerAdvice},
	sqlx + ".MustOpen":       {"GT102", database, database, (*fixer).driverName, registerAdvice},
	sqlx + ".Connect":        {"GT102", database, database, (*fixer).driverName, registerAdvice},
	sqlx + ".MustConnect":    {"GT102", database, database, (*fixer).driverName, registerAdvice},
	sqlx + ".ConnectContext": {"GT102", database, database, (*fixer).driverName, registerAdvice},
	"github.com/XSAM/otelsql.Open": {
		"GT102", database, database, (*fixer).driverName, "wrap its driver name with gapsql.Register",
	},
	"github.com/XSAM/otelsql.OpenDB": {"GT102", database, database, (*fixer).sqlOpenDB, ""},
	gorm + ".Open":                   {"GT102", database, database, nil, "set Conn in the Config of its dialect to a *sql.DB from gapsql.Open"},
	"entgo.io/ent/dialect/sql.Open": {
		"GT102", database, database, nil, "pass ent.NewClient a driver from entsql.OpenDB, with a *sql.DB from gapsql.Open",
	},

	redis + ".NewClient":                {"GT103", redisClient, redisClient, (*fixer).redisWrap, ""},
	redis + ".NewClusterClient":         {"GT103", redisClient, redisClient, (*fixer).redisWrap, ""},
	redis + ".NewFailoverClient":        {"GT103", redisClient, redisClient, (*fixer).redisWrap, ""},
	redis + ".NewFailoverClusterClient": {"GT103", redisClient, redisClient, (*fixer).redisWrap, ""},
	redis + ".NewRing":                  {"GT103", redisClient, redisClient, (*fixer).redisWrap, ""},
	redis + ".NewUniversalClient":       {"GT103", redisClient, redisClient, (*fixer).redisWrap, ""},
	redis + ".NewSentinelClient":        {"GT103", redisClient, redisClient, (*fixer).redisWrap, ""},

	elastic + ".NewClient":        {"GT104", searchClient, searchClient | httpClient, (*fixer).searchWrap, ""},
	elastic + ".NewDefaultClient": {"GT104", searchClient, searchClient | httpClient, (*fixer).searchWrap, ""},
	elastic + ".NewTypedClient":   {"GT104", searchClient, searchClient | httpClient, (*fixer).searchWrap, ""},

	grpc + ".NewClient":   {"GT105", grpcClient, grpcClient, (*fixer).grpcOptions, ""},
	grpc + ".Dial":        {"GT105", grpcClient, grpcClient, (*fixer).grpcOptions, ""},
	grpc + ".DialContext": {"GT105", grpcClient, grpcClient, (*fixer).grpcOptions, ""},
	grpc + ".NewServer":   {"GT105", grpcServer, grpcServer, (*fixer).grpcOptions, ""},

	kratos + "/grpc.Dial":         {"GT105", grpcClient, grpcClient, (*fixer).kratosOptions, ""},
	kratos + "/grpc.DialInsecure": {"GT105", grpcClient, grpcClient, (*fixer).kratosOptions, ""},
	kratos + "/grpc.NewServer":    {"GT105", grpcServer, grpcServer, (*fixer).kratosOptions, ""},
	kratos + "/http.NewServer":    {"GT201", httpServer, httpServer, (*fixer).kratosOptions, ""},
	kratos + "/http.NewClient":    {"GT101", httpClient, httpClient, nil, "pass it http.WithTransport(nethttp.Wrap(nil))"},

	"net/http.ListenAndServe":    {"GT201", httpServer, httpServer, (*fixer).handlerArgument, ""},
	"net/http.ListenAndServeTLS": {"GT201", httpServer, httpServer, (*fixer).handlerArgument, ""},
	"net/http.Serve":             {"GT201", httpServer, httpServer, (*fixer).handlerArgument, ""},
	"net/http.ServeTLS":          {"GT201", httpServer, httpServer, (*fixer).handlerArgument, ""},

	"(*" + gin + ".Engine).Run":         {"GT201", httpServer, httpServer, (*fixer).ginRun, ginAdvice},
	"(*" + gin + ".Engine).RunTLS":      {"GT201", httpServer, httpServer, nil, ginAdvice},
	"(*" + gin + ".Engine).RunListener": {"GT201", httpServer, httpServer, nil, ginAdvice},
	"(*" + gin + ".Engine).RunUnix":     {"GT201", httpServer, httpServer, nil, ginAdvice},
	"(*" + gin + ".Engine).RunFd":       {"GT201", httpServer, httpServer, nil, ginAdvice},

	"(*github.com/gofiber/fiber/v2.App).Listen": {"GT401", httpServer, httpServer, nil, fiberAdvice},
	"(*github.com/gofiber/fiber/v3.App).Listen": {"GT401", httpServer, httpServer, nil, fiberAdvice},

	"(*" + echo + ".Echo).Start":          {"GT201", httpServer, httpServer, (*fixer).echoUse, echoAdvice},
	"(*" + echo + ".Echo).StartTLS":       {"GT201", httpServer, httpServer, (*fixer).echoUse, echoAdvice},
	"(*" + echo + ".Echo).StartAutoTLS":   {"GT201", httpServer, httpServer, (*fixer).echoUse, echoAdvice},
	"(*" + echo + ".Echo).StartH2CServer": {"GT201", httpServer, httpServer, (*fixer).echoUse, echoAdvice},
}

const (
	registerAdvice = "pass it the driver name that gapsql.Register returns, and pass that name to sqlx.BindDriver, too"
	setTransport   = "set its Transport to nethttp.Wrap(nil)"
	fiberAdvice    = "serve with net/http instead of fasthttp"
	ginAdvice      = "serve nethttp.WrapHandler(engine) with net/http instead"
	echoAdvice     = "use echo.WrapMiddleware with nethttp.WrapHandler"
)

// unwrapped are the functions that make clients of libraries without a wrapper, by import path.
var unwrapped = map[string][]string{
	"github.com/jackc/pgx/v4":         {"Connect", "ConnectConfig"},
	"github.com/jackc/pgx/v5":         {"Connect", "ConnectConfig", "ConnectWithOptions"},
	"github.com/jackc/pgx/v4/pgxpool": {"Connect", "ConnectConfig"},
	"github.com/jackc/pgx/v5/pgxpool": {"New", "NewWithConfig"},
	"github.com/redis/go-redis/v9": {
		"NewClient", "NewClusterClient", "NewFailoverClient", "NewFailoverClusterClient", "NewRing",
		"NewUniversalClient", "NewSentinelClient",
	},
	"github.com/go-redis/redis/v7": {
		"NewClient", "NewClusterClient", "NewFailoverClient", "NewRing", "NewUniversalClient",
		"NewSentinelClient",
	},
	"github.com/go-redis/redis": {
		"NewClient", "NewClusterClient", "NewFailoverClient", "NewRing", "NewUniversalClient",
		"NewSentinelClient",
	},
	"github.com/gomodule/redigo/redis":       {"Dial", "DialURL", "DialContext", "DialURLContext"},
	"github.com/elastic/go-elasticsearch/v7": {"NewClient", "NewDefaultClient"},
	"github.com/elastic/go-elasticsearch/v9": {
		"NewClient", "NewDefaultClient", "NewTypedClient", "New", "NewTyped",
	},
	"github.com/olivere/elastic/v7":        {"NewClient", "NewSimpleClient", "Dial", "DialContext"},
	"go.mongodb.org/mongo-driver/mongo":    {"Connect", "NewClient"},
	"go.mongodb.org/mongo-driver/v2/mongo": {"Connect"},
	"github.com/IBM/sarama": {
		"NewClient", "NewSyncProducer", "NewAsyncProducer", "NewConsumer", "NewConsumerGroup",
		"NewClusterAdmin",
	},
	"github.com/Shopify/sarama": {
		"NewClient", "NewSyncProducer", "NewAsyncProducer", "NewConsumer", "NewConsumerGroup",
		"NewClusterAdmin",
	},
	"github.com/segmentio/kafka-go": {
		"NewWriter", "NewReader", "Dial", "DialContext", "DialLeader", "DialPartition",
	},
	"github.com/twmb/franz-go/pkg/kgo":                    {"NewClient"},
	"github.com/confluentinc/confluent-kafka-go/kafka":    {"NewProducer", "NewConsumer", "NewAdminClient"},
	"github.com/confluentinc/confluent-kafka-go/v2/kafka": {"NewProducer", "NewConsumer", "NewAdminClient"},
	"github.com/rabbitmq/amqp091-go":                      {"Dial", "DialConfig", "DialTLS", "Open"},
	"github.com/streadway/amqp":                           {"Dial", "DialConfig", "DialTLS", "Open"},
	"github.com/nats-io/nats.go":                          {"Connect"},
	"github.com/nsqio/go-nsq":                             {"NewProducer", "NewConsumer"},
	"github.com/bradfitz/gomemcache/memcache":             {"New", "NewFromSelector"},
	"github.com/hibiken/asynq":                            {"NewClient", "NewServer", "NewInspector", "NewScheduler"},
	"github.com/aws/aws-sdk-go/aws/session":               {"New", "NewSession", "NewSessionWithOptions"},
	"github.com/aws/aws-sdk-go-v2/config":                 {"LoadDefaultConfig"},
	"github.com/go-resty/resty/v2":                        {"New", "NewWithClient"},
	"resty.dev/v3":                                        {"New", "NewWithClient"},
	"go.etcd.io/etcd/client/v3":                           {"New", "NewFromURL", "NewFromURLs"},
	"github.com/hashicorp/consul/api":                     {"NewClient"},
	"github.com/hashicorp/vault/api":                      {"NewClient"},
	"github.com/gocql/gocql":                              {"NewCluster", "NewSession"},
	"github.com/ClickHouse/clickhouse-go/v2":              {"Open", "OpenDB"},
	"github.com/minio/minio-go/v7":                        {"New"},
	"github.com/neo4j/neo4j-go-driver/v5/neo4j":           {"NewDriver", "NewDriverWithContext"},
	"github.com/go-ldap/ldap/v3":                          {"Dial", "DialURL"},
	"cloud.google.com/go/storage":                         {"NewClient"},
	"cloud.google.com/go/pubsub":                          {"NewClient"},
	"cloud.google.com/go/firestore":                       {"NewClient"},
	"firebase.google.com/go/v4":                           {"NewApp"},
	"github.com/valyala/fasthttp":                         {"Get", "Post", "Do", "DoTimeout"},
	"github.com/go-stomp/stomp/v3":                        {"Dial", "Connect"},
	"cloud.google.com/go/pubsub/v2":                       {"NewClient", "NewClientWithConfig"},
	"github.com/apache/cassandra-gocql-driver/v2":         {"NewCluster", "NewSession"},
	"github.com/apache/pulsar-client-go/pulsar":           {"NewClient"},
	"github.com/apache/rocketmq-client-go/v2":             {"NewProducer", "NewPushConsumer", "NewPullConsumer"},
	"github.com/coreos/go-oidc/v3/oidc":                   {"NewProvider"},
	"github.com/eclipse/paho.mqtt.golang":                 {"NewClient"},
	"github.com/go-pg/pg/v10":                             {"Connect"},
	"github.com/hashicorp/go-retryablehttp":               {"NewClient"},
	"github.com/influxdata/influxdb-client-go/v2":         {"NewClient", "NewClientWithOptions"},
	"github.com/opensearch-project/opensearch-go/v2":      {"NewClient", "NewDefaultClient"},
	"github.com/opensearch-project/opensearch-go/v3":      {"NewClient", "NewDefaultClient"},
	"github.com/opensearch-project/opensearch-go/v4":      {"NewClient", "NewDefaultClient"},
	"github.com/redis/rueidis":                            {"NewClient"},
	"github.com/twilio/twilio-go":                         {"NewRestClient", "NewRestClientWithParams"},
	"go.temporal.io/sdk/client":                           {"Dial", "DialContext", "NewClient", "NewLazyClient"},
	"gopkg.in/olivere/elastic.v5":                         {"NewClient", "NewSimpleClient"},
	"cloud.google.com/go/compute/metadata":                {"Get", "NewClient"},
}
