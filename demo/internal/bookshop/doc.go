// Package bookshop is the service that the demo traces, and the supplier that it asks. Their handlers do what
// real handlers do: they wait for four other servers, and work on what those send while it arrives. They are
// written against the clients' own types and cannot tell whether a client is wrapped.
package bookshop

import (
	"database/sql"
	"net/http"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/go-redis/redis/v8"
)

// Clients are the connections to the servers that hold the shop's data.
type Clients struct {
	Redis         *redis.Client
	SQL           *sql.DB // with the shop's database selected
	Elasticsearch *elasticsearch.Client
	HTTP          *http.Client
}

// Names say where the data lies on servers that may hold other things too.
type Names struct {
	KeyPrefix string // of every key in Redis
	Index     string // in Elasticsearch
}
