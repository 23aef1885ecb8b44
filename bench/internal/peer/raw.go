package peer

import (
	"database/sql"
	"database/sql/driver"
	"net/http"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/go-redis/redis/v8"
	"google.golang.org/grpc"
)

// raw records the request and none of its calls. The other peers are compared with it.
func raw() Peer {
	return Peer{
		Name:          "raw",
		Modules:       []string{"github.com/uber/jaeger-client-go"},
		API:           OpenTracing,
		Open:          openTracing,
		HTTPClient:    func(rt http.RoundTripper) http.RoundTripper { return rt },
		HTTPHandler:   func(h http.Handler) http.Handler { return h },
		SQL:           func(c driver.Connector) *sql.DB { return sql.OpenDB(c) },
		Redis:         func(*redis.Client) {},
		Elasticsearch: elasticsearch.NewClient,
		GRPCClient:    func() []grpc.DialOption { return nil },
		GRPCServer:    func() []grpc.ServerOption { return nil },
	}
}
