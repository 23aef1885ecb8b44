package lines

import (
	"context"
	"database/sql"
	"net/http"

	"github.com/go-redis/redis/v8"
)

func pair(a *redis.Client, b *redis.Ring) {}

func twoCalls() {
	pair(redis.NewClient(nil), redis.NewRing(nil)) // want `GT103` `GT103`
}

func nested(h http.Handler) {
	serve(&http.Server{Handler: h}, &http.Client{Transport: http.DefaultTransport}) // want `GT201` `GT101`
}

func serve(s *http.Server, c *http.Client) {}

func query(ctx context.Context, db *sql.DB) {
	db.QueryRow("select ?", db.QueryRow("select 1")) // want `GT301` `GT301`
}

func within(ctx context.Context, c *http.Client, db *sql.DB) {
	c.Post("http://example.com", "", get(http.Get("http://example.com"))) // want `GT101` `GT101`
}

func get(*http.Response, error) *reader { return nil }

type reader struct{}

func (*reader) Read([]byte) (int, error) { return 0, nil }
