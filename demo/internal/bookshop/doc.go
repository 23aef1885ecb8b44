// Package bookshop is the service that the demo traces, and the supplier that it calls. Their
// handlers do what real handlers do: they wait for four other servers, and work on the data while
// it arrives. They use the clients' own types, so they do not know whether a client is wrapped.
package bookshop

import (
	"database/sql"
	"net/http"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/go-redis/redis/v8"
)

// Clients are the clients of the servers with the shop's data.
type Clients struct {
	Redis         *redis.Client
	SQL           *sql.DB // with the shop's database selected
	Elasticsearch *elasticsearch.Client
	HTTP          *http.Client
}

// Names are the names of the data on servers that others may use, too.
type Names struct {
	KeyPrefix string // of every key in Redis
	Index     string // in Elasticsearch
}
