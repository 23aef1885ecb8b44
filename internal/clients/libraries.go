package clients

// The wrappers.
const (
	contribHTTP          = Gaptrace + "/contrib/nethttp"
	contribRedis         = Gaptrace + "/contrib/redis"
	contribSQL           = Gaptrace + "/contrib/sql"
	contribMySQL         = Gaptrace + "/contrib/sql/mysql"
	contribElasticsearch = Gaptrace + "/contrib/elasticsearch"
	contribGRPC          = Gaptrace + "/contrib/grpc"
)

// Their component tags.
const (
	viaHTTP          = "net/http"
	viaRedis         = "go-redis"
	viaSQL           = "database/sql"
	viaElasticsearch = "go-elasticsearch"
	viaGRPC          = "grpc"
)

const ownSpan = "start a span of your own around each call"

// Libraries are the client libraries that are known, sorted by path.
var Libraries = []Library{
	{
		Path: "cloud.google.com/go/compute/metadata", Name: "Google's metadata client", Via: viaHTTP, Rule: NoWrapper,
		Advice: "use the methods of metadata.NewClient(nethttp.WrapClient(nil))", Incidental: true,
	},
	{
		Path: "cloud.google.com/go/firestore", Name: "Firestore", Via: viaGRPC, Rule: NoWrapper,
		Advice: "pass each of gapgrpc.DialOptions() to firestore.NewClient by option.WithGRPCDialOption",
	},
	{
		Path: "cloud.google.com/go/pubsub", Name: "Google Cloud Pub/Sub", Via: viaGRPC, Rule: NoWrapper,
		Advice: "pass each of gapgrpc.DialOptions() to pubsub.NewClient by option.WithGRPCDialOption",
	},
	{
		Path: "cloud.google.com/go/pubsub/v2", Name: "Google Cloud Pub/Sub v2", Via: viaGRPC, Rule: NoWrapper,
		Advice: "pass each of gapgrpc.DialOptions() to pubsub.NewClient by option.WithGRPCDialOption",
	},
	{
		Path: "cloud.google.com/go/storage", Name: "Google Cloud Storage", Via: viaHTTP, Rule: NoWrapper,
		Advice: "pass option.WithHTTPClient to storage.NewClient, " +
			"with an authenticated client whose Transport is wrapped with nethttp.Wrap",
	},
	{
		Path: "database/sql", Name: "database/sql", Component: viaSQL, Wrapper: contribSQL, Rule: "GT102",
		Functions: []string{"database/sql."},
	},
	{
		Path: "entgo.io/ent", Name: "ent", Via: viaSQL, Rule: "GT102",
		Advice: "open it with entsql.OpenDB and a *sql.DB from gapsql.Open or gapmysql.Open",
	},
	{
		Path: "firebase.google.com/go/v4", Name: "Firebase", Via: viaHTTP, Rule: NoWrapper,
		Advice: "pass option.WithHTTPClient to firebase.NewApp, " +
			"with an authenticated client whose Transport is wrapped with nethttp.Wrap",
	},
	{
		Path: "github.com/ClickHouse/clickhouse-go", Name: "clickhouse-go v1", Component: viaSQL, Wrapper: contribSQL,
		Rule: "GT102",
	},
	{
		Path: "github.com/ClickHouse/clickhouse-go/v2", Name: "clickhouse-go", Via: viaSQL, Rule: NoWrapper,
		Advice: `use it through database/sql, with gapsql.Open("clickhouse", dsn), or start a span around each call`,
	},
	{Path: "github.com/IBM/sarama", Name: "Sarama", Rule: NoWrapper, Advice: ownSpan},
	{
		Path: "github.com/Shopify/sarama", Name: "Sarama of Shopify", Rule: NoWrapper, Advice: ownSpan,
	},
	{
		Path: "github.com/apache/cassandra-gocql-driver/v2", Name: "Cassandra's gocql", Rule: NoWrapper, Advice: ownSpan,
	},
	{Path: "github.com/apache/pulsar-client-go", Name: "Pulsar", Rule: NoWrapper, Advice: ownSpan},
	{Path: "github.com/apache/rocketmq-client-go/v2", Name: "RocketMQ", Rule: NoWrapper, Advice: ownSpan},
	{
		Path: "github.com/auth0/go-jwt-middleware/v2", Name: "go-jwt-middleware", Via: viaHTTP, Rule: NoWrapper,
		Advice: "pass jwks.WithCustomClient(nethttp.WrapClient(nil)) to the provider of its keys", Incidental: true,
	},
	{
		Path: "github.com/aws/aws-sdk-go", Name: "AWS SDK v1", Via: viaHTTP, Rule: NoWrapper,
		Advice: "set HTTPClient of aws.Config to nethttp.WrapClient(nil)",
	},
	{
		Path: "github.com/aws/aws-sdk-go-v2", Name: "AWS SDK v2", Via: viaHTTP, Rule: NoWrapper,
		Advice:    "pass config.WithHTTPClient(nethttp.WrapClient(nil)) to config.LoadDefaultConfig",
		Functions: []string{"github.com/aws/aws-sdk-go-v2/", "github.com/aws/smithy-go"},
	},
	{
		Path: "github.com/bradfitz/gomemcache", Name: "gomemcache", Rule: NoWrapper, Advice: ownSpan,
	},
	{
		Path: "github.com/confluentinc/confluent-kafka-go", Name: "confluent-kafka-go v1", Rule: NoWrapper, Advice: ownSpan,
	},
	{
		Path: "github.com/confluentinc/confluent-kafka-go/v2", Name: "confluent-kafka-go", Rule: NoWrapper, Advice: ownSpan,
	},
	{
		Path: "github.com/coreos/go-oidc/v3", Name: "go-oidc", Via: viaHTTP, Rule: NoWrapper,
		Advice: "pass it the context of oidc.ClientContext(ctx, nethttp.WrapClient(nil))",
	},
	{
		Path: "github.com/denisenkom/go-mssqldb", Name: "go-mssqldb of denisenkom", Component: viaSQL, Wrapper: contribSQL,
		Rule: "GT102",
	},
	{Path: "github.com/eclipse/paho.mqtt.golang", Name: "Paho MQTT", Rule: NoWrapper, Advice: ownSpan},
	{
		Path: "github.com/elastic/go-elasticsearch/v7", Name: "go-elasticsearch v7", Via: viaHTTP, Rule: NoWrapper,
		Advice: "set Transport of elasticsearch.Config to nethttp.Wrap(nil)",
	},
	{
		Path: "github.com/elastic/go-elasticsearch/v8", Name: "go-elasticsearch v8", Component: viaElasticsearch,
		Wrapper: contribElasticsearch, Rule: "GT104",
		Functions: []string{"github.com/elastic/go-elasticsearch/v8", "github.com/elastic/elastic-transport-go/v8"},
	},
	{
		Path: "github.com/elastic/go-elasticsearch/v9", Name: "go-elasticsearch v9", Via: viaHTTP, Rule: NoWrapper,
		Advice: "set Transport of elasticsearch.Config to nethttp.Wrap(nil)",
	},
	{
		Path: "github.com/go-kratos/kratos/v2/transport/grpc", Module: "github.com/go-kratos/kratos/v2",
		Name: "Kratos' gRPC client", Via: viaGRPC, Rule: NoWrapper, Incidental: true,
		Advice:    "pass grpc.WithOptions(gapgrpc.DialOptions()...) to Kratos' grpc.Dial or grpc.DialInsecure",
		Functions: []string{"github.com/go-kratos/kratos/v2/transport/grpc.Dial"},
	},
	{
		Path: "github.com/go-kratos/kratos/v2/transport/http", Module: "github.com/go-kratos/kratos/v2",
		Name: "Kratos' HTTP client", Via: viaHTTP, Rule: NoWrapper, Incidental: true,
		Advice:    "pass http.WithTransport(nethttp.Wrap(nil)) to Kratos' http.NewClient",
		Functions: []string{"github.com/go-kratos/kratos/v2/transport/http.(*Client)"},
	},
	{Path: "github.com/go-ldap/ldap/v3", Name: "go-ldap", Rule: NoWrapper, Advice: ownSpan},
	{Path: "github.com/go-pg/pg/v10", Name: "go-pg", Rule: NoWrapper, Advice: ownSpan},
	{
		Path: "github.com/go-redis/redis", Name: "go-redis v6", Rule: NoWrapper,
		Advice: "move to go-redis v8, which gapredis.Wrap covers, or start a span around each call",
	},
	{
		Path: "github.com/go-redis/redis/v7", Name: "go-redis v7", Rule: NoWrapper,
		Advice: "move to go-redis v8, which gapredis.Wrap covers, or start a span around each call",
	},
	{
		Path: "github.com/go-redis/redis/v8", Name: "go-redis v8", Component: viaRedis, Wrapper: contribRedis, Rule: "GT103",
	},
	{
		Path: "github.com/go-resty/resty/v2", Name: "Resty", Via: viaHTTP, Rule: NoWrapper,
		Advice: "create it with resty.NewWithClient(nethttp.WrapClient(nil))",
	},
	{
		Path: "github.com/go-sql-driver/mysql", Name: "go-sql-driver/mysql", Component: viaSQL, Wrapper: contribMySQL,
		Rule: "GT102",
	},
	{Path: "github.com/go-stomp/stomp/v3", Name: "stomp", Rule: NoWrapper, Advice: ownSpan},
	{Path: "github.com/gocql/gocql", Name: "gocql", Rule: NoWrapper, Advice: ownSpan},
	{Path: "github.com/godror/godror", Name: "godror", Component: viaSQL, Wrapper: contribSQL, Rule: "GT102"},
	{Path: "github.com/gomodule/redigo", Name: "Redigo", Rule: NoWrapper, Advice: ownSpan},
	{
		Path: "github.com/hashicorp/consul/api", Name: "Consul's client", Via: viaHTTP, Rule: NoWrapper,
		Advice: "set HttpClient of api.Config to nethttp.WrapClient(nil)",
	},
	{
		Path: "github.com/hashicorp/go-retryablehttp", Name: "go-retryablehttp", Via: viaHTTP, Rule: NoWrapper,
		Advice: "wrap its HTTPClient with nethttp.WrapClient",
	},
	{
		Path: "github.com/hashicorp/vault/api", Name: "Vault's client", Via: viaHTTP, Rule: NoWrapper,
		Advice: "wrap HttpClient of api.Config with nethttp.WrapClient, after TLS is configured",
	},
	{
		Path: "github.com/hibiken/asynq", Name: "Asynq", Rule: NoWrapper, Incidental: true,
		Advice: "start a span of your own around each Enqueue",
	},
	{
		Path: "github.com/influxdata/influxdb-client-go/v2", Name: "InfluxDB's client", Via: viaHTTP, Rule: NoWrapper,
		Advice: "pass nethttp.WrapClient(nil) to SetHTTPClient of its options",
	},
	{
		Path: "github.com/jackc/pgx", Name: "pgx v3", Via: viaSQL, Rule: NoWrapper,
		Advice: `use it through database/sql, with gapsql.Open("pgx", dsn), or start a span around each call`,
	},
	{
		Path: "github.com/jackc/pgx/v4", Name: "pgx v4", Via: viaSQL, Rule: NoWrapper,
		Advice: `use it through database/sql, with gapsql.Open("pgx", dsn), or start a span around each call`,
	},
	{
		Path: "github.com/jackc/pgx/v4/stdlib", Module: "github.com/jackc/pgx/v4", Name: "pgx v4 for database/sql",
		Component: viaSQL, Wrapper: contribSQL, Rule: "GT102",
	},
	{
		Path: "github.com/jackc/pgx/v5", Name: "pgx", Via: viaSQL, Rule: NoWrapper,
		Advice: `use it through database/sql, with gapsql.Open("pgx", dsn), or start a span around each call`,
	},
	{
		Path: "github.com/jackc/pgx/v5/stdlib", Module: "github.com/jackc/pgx/v5", Name: "pgx for database/sql",
		Component: viaSQL, Wrapper: contribSQL, Rule: "GT102",
	},
	{
		Path: "github.com/jinzhu/gorm", Name: "GORM v1", Via: viaSQL, Rule: "GT102",
		Advice: "pass gorm.Open a *sql.DB from gapsql.Open or gapmysql.Open instead of a data source name",
	},
	{
		Path: "github.com/jmoiron/sqlx", Name: "sqlx", Via: viaSQL, Rule: "GT102",
		Advice: "pass sqlx.Connect and sqlx.BindDriver the name that gapsql.Register returns for the driver",
	},
	{Path: "github.com/lib/pq", Name: "lib/pq", Component: viaSQL, Wrapper: contribSQL, Rule: "GT102"},
	{
		Path: "github.com/microsoft/go-mssqldb", Name: "go-mssqldb", Component: viaSQL, Wrapper: contribSQL, Rule: "GT102",
	},
	{
		Path: "github.com/minio/minio-go/v7", Name: "MinIO's client", Via: viaHTTP, Rule: NoWrapper,
		Advice: "wrap the result of minio.DefaultTransport with nethttp.Wrap, and set Transport of minio.Options to it",
	},
	{Path: "github.com/nats-io/nats.go", Name: "NATS", Rule: NoWrapper, Advice: ownSpan},
	{Path: "github.com/neo4j/neo4j-go-driver/v5", Name: "Neo4j's driver", Rule: NoWrapper, Advice: ownSpan},
	{Path: "github.com/nsqio/go-nsq", Name: "go-nsq", Rule: NoWrapper, Advice: ownSpan},
	{
		Path: "github.com/olivere/elastic", Name: "olivere/elastic v6", Via: viaHTTP, Rule: NoWrapper,
		Advice: "pass elastic.SetHttpClient(nethttp.WrapClient(nil)) to elastic.NewClient",
	},
	{
		Path: "github.com/olivere/elastic/v7", Name: "olivere/elastic", Via: viaHTTP, Rule: NoWrapper,
		Advice: "pass elastic.SetHttpClient(nethttp.WrapClient(nil)) to elastic.NewClient",
	},
	{
		Path: "github.com/opensearch-project/opensearch-go/v2", Name: "opensearch-go v2", Via: viaHTTP, Rule: NoWrapper,
		Advice: "set Transport of opensearch.Config to nethttp.Wrap(nil)",
	},
	{
		Path: "github.com/opensearch-project/opensearch-go/v3", Name: "opensearch-go v3", Via: viaHTTP, Rule: NoWrapper,
		Advice: "set Transport of opensearch.Config to nethttp.Wrap(nil)",
	},
	{
		Path: "github.com/opensearch-project/opensearch-go/v4", Name: "opensearch-go", Via: viaHTTP, Rule: NoWrapper,
		Advice: "set Transport of opensearch.Config to nethttp.Wrap(nil)",
	},
	{Path: "github.com/rabbitmq/amqp091-go", Name: "amqp091", Rule: NoWrapper, Advice: ownSpan},
	{Path: "github.com/redis/go-redis/v9", Name: "go-redis v9", Rule: NoWrapper, Advice: ownSpan},
	{Path: "github.com/redis/rueidis", Name: "rueidis", Rule: NoWrapper, Advice: ownSpan},
	{Path: "github.com/segmentio/kafka-go", Name: "kafka-go", Rule: NoWrapper, Advice: ownSpan},
	{Path: "github.com/sijms/go-ora/v2", Name: "go-ora", Component: viaSQL, Wrapper: contribSQL, Rule: "GT102"},
	{
		Path: "github.com/snowflakedb/gosnowflake", Name: "gosnowflake", Component: viaSQL, Wrapper: contribSQL,
		Rule: "GT102",
	},
	{Path: "github.com/streadway/amqp", Name: "streadway/amqp", Rule: NoWrapper, Advice: ownSpan},
	{
		Path: "github.com/twilio/twilio-go", Name: "Twilio's client", Via: viaHTTP, Rule: NoWrapper,
		Advice: "set HTTPClient of its client.Client to nethttp.WrapClient(nil)",
	},
	{Path: "github.com/twmb/franz-go", Name: "franz-go", Rule: NoWrapper, Advice: ownSpan},
	{
		Path: "github.com/valyala/fasthttp", Name: "fasthttp", Rule: NoWrapper, Incidental: true,
		Advice: "use net/http with nethttp.WrapClient, or start a span around each call",
		Functions: []string{
			"github.com/valyala/fasthttp.(*Client)", "github.com/valyala/fasthttp.(*HostClient)",
			"github.com/valyala/fasthttp.(*LBClient)", "github.com/valyala/fasthttp.(*PipelineClient)",
			"github.com/valyala/fasthttp.Do", "github.com/valyala/fasthttp.Get", "github.com/valyala/fasthttp.Post",
		},
	},
	{
		Path: "go.etcd.io/etcd/client/v3", Name: "etcd's client", Via: viaGRPC, Rule: NoWrapper,
		Advice: "append gapgrpc.DialOptions() to DialOptions of clientv3.Config",
	},
	{
		Path: "go.etcd.io/etcd/clientv3", Module: "go.etcd.io/etcd", Name: "etcd's client of v3.4", Via: viaGRPC,
		Rule: NoWrapper, Advice: "append gapgrpc.DialOptions() to DialOptions of clientv3.Config", Incidental: true,
	},
	{Path: "go.mongodb.org/mongo-driver", Name: "MongoDB's driver v1", Rule: NoWrapper, Advice: ownSpan},
	{Path: "go.mongodb.org/mongo-driver/v2", Name: "MongoDB's driver", Rule: NoWrapper, Advice: ownSpan},
	{
		Path: "go.temporal.io/sdk", Name: "Temporal's client", Via: viaGRPC, Rule: NoWrapper,
		Advice: "append gapgrpc.DialOptions() to DialOptions of client.ConnectionOptions",
	},
	{
		Path: "golang.org/x/net/http2", Module: "golang.org/x/net", Name: "golang.org/x/net/http2", Component: viaHTTP,
		Wrapper: contribHTTP, Rule: "GT101", Incidental: true, Functions: []string{"golang.org/x/net/http2."},
	},
	{
		Path: "golang.org/x/oauth2", Name: "oauth2", Via: viaHTTP, Rule: NoWrapper, Incidental: true,
		Advice: "pass it a context with nethttp.WrapClient(nil) as the value of oauth2.HTTPClient",
	},
	{
		Path: "google.golang.org/api", Name: "Google's API client", Via: viaHTTP, Rule: NoWrapper,
		Advice: "pass option.WithHTTPClient an authenticated client whose Transport is wrapped with nethttp.Wrap",
	},
	{
		Path: "google.golang.org/grpc", Name: "gRPC", Component: viaGRPC, Wrapper: contribGRPC, Rule: "GT105",
	},
	{
		Path: "gopkg.in/olivere/elastic.v5", Name: "olivere/elastic v5", Via: viaHTTP, Rule: NoWrapper,
		Advice: "pass elastic.SetHttpClient(nethttp.WrapClient(nil)) to elastic.NewClient",
	},
	{
		Path: "gorm.io/gorm", Name: "GORM", Via: viaSQL, Rule: "GT102",
		Advice:    "set Conn of its driver's Config to a *sql.DB from gapsql.Open or gapmysql.Open",
		Functions: []string{"gorm.io/gorm.", "gorm.io/gorm/", "gorm.io/driver/"},
	},
	{
		// Only the functions of clients, and those with which a handler reads and writes: others are in
		// the stack of every handler.
		Path: "net/http", Name: "net/http", Component: viaHTTP, Wrapper: contribHTTP, Rule: "GT101", Incidental: true,
		Functions: []string{
			"net/http.(*Client)", "net/http.(*Transport)", "net/http.(*persistConn)", "net/http.(*bodyEOFSignal)",
			"net/http.(*http2Transport)", "net/http.(*http2ClientConn)", "net/http.(*http2clientStream)",
			"net/http.(*body).Read", "net/http.(*response).Write", "net/http.(*response).Flush",
		},
	},
	{
		Path: "resty.dev/v3", Name: "Resty v3", Via: viaHTTP, Rule: NoWrapper,
		Advice: "create it with resty.NewWithClient(nethttp.WrapClient(nil))",
	},
	{
		Path: "xorm.io/xorm", Name: "xorm", Via: viaSQL, Rule: "GT102",
		Advice: "create it with xorm.NewEngineWithDB, and a database whose *sql.DB comes from gapsql.Open",
	},
}
