// Package dropped has calls whose fixes are given up after they have asked for an import.
package dropped

import (
	"database/sql"
	"io"
	"net/http"
	"time"

	"github.com/elastic/go-elasticsearch/v8"
)

func query() (string, any) { return "select", nil }

func form() (string, string, io.Reader) { return "http://example.com", "", nil }

// Each call needs context.WithoutCancel, but there is no fix. So nothing imports context.
func passedOn(r *http.Request, db *sql.DB, c *http.Client, es []*elasticsearch.Client) {
	time.AfterFunc(time.Minute, func() { db.Exec(query()) }) // want `GT301: db.Exec: the call has no context$`
	time.AfterFunc(time.Minute, func() { c.Post(form()) })   // want `GT101: c.Post: the call has no context$`
	time.AfterFunc(time.Minute, func() { es[0].Search() })   // want `GT304: es\[0\].Search: the call has no context$`
	db.Ping()                                                // want `GT301: db.Ping: the call has no context; use PingContext`
}
