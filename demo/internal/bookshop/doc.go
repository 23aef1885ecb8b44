// Package bookshop is the service that the demo traces, and the supplier that it calls. The shop's
// handler does what real handlers do: it waits for four other servers, and works on the data while
// it arrives. It uses the clients' own types, so wrapping a client changes nothing in this package.
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
	Index     string // the only one, in Elasticsearch
}
