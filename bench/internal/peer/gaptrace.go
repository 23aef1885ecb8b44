package peer

import (
	"database/sql"
	"database/sql/driver"
	"net/http"

	"github.com/elastic/go-elasticsearch/v8"
	gapes "github.com/gaptrace/gaptrace/contrib/elasticsearch"
	gapgrpc "github.com/gaptrace/gaptrace/contrib/grpc"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/go-redis/redis/v8"
	"google.golang.org/grpc"
)

func gaptrace() Peer {
	return Peer{
		Name:        "gaptrace",
		Modules:     []string{own},
		API:         OpenTracing,
		Open:        openTracing,
		HTTPClient:  func(rt http.RoundTripper) http.RoundTripper { return nethttp.Wrap(rt) },
		HTTPHandler: func(h http.Handler) http.Handler { return nethttp.WrapHandler(h) },
		SQL:         func(c driver.Connector) *sql.DB { return sql.OpenDB(gapsql.Wrap(c)) },
		Pool:        func(db *sql.DB) Querier { return gapsql.WrapDB(db) },
		Redis:       func(c *redis.Client) { gapredis.Wrap(c) },
		Elasticsearch: func(cfg elasticsearch.Config) (*elasticsearch.Client, error) {
			c, err := elasticsearch.NewClient(cfg)
			if err != nil {
				return nil, err
			}
			return gapes.Wrap(c), nil
		},
		GRPCClient: func() []grpc.DialOption { return gapgrpc.DialOptions() },
		GRPCServer: func() []grpc.ServerOption { return gapgrpc.ServerOptions() },
	}
}
