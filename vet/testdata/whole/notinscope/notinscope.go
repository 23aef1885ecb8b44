// Package notinscope has calls without a context, and none in scope.
package notinscope

import (
	"context"
	"database/sql"
	"net/http"
)

func calls(db *sql.DB, c *http.Client) {
	db.Ping()
	db.Exec("delete")
	http.NewRequest("GET", "http://example.com", nil)
	db.ExecContext(context.Background(), "delete")
	c.Get("http://example.com")
}

func silent(db *sql.DB) {
	db.Ping() //gaptrace:ignore before the server starts
}
