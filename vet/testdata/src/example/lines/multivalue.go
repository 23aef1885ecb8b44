package lines

import (
	"context"
	"database/sql"
	"io"
	"net/http"

	"google.golang.org/grpc"
)

func statement() (string, any) { return "select ?", 1 }

func request() (method, url string, body io.Reader) { return "GET", "http://example.com", nil }

func target() (string, grpc.DialOption) { return "a", nil }

func server() (string, http.Handler) { return ":80", nil }

func source() (driver, dsn string) { return "postgres", "dsn" }

func multiValue(ctx context.Context, db *sql.DB) {
	db.Query(statement())         // want `GT301: db.Query: the call has no context$`
	http.NewRequest(request())    // want `GT303: http.NewRequest: the request has no context$`
	http.Post(request())          // want `GT101: http.Post: its calls are not wrapped$`
	http.ListenAndServe(server()) // want `GT201: http.ListenAndServe: the handler is not wrapped$`
	grpc.NewClient(target())      // want `GT105: grpc.NewClient: gaptrace's interceptors are missing$`
	sql.Open(source())            // want `GT102: sql.Open: the database is not opened through a wrapper$`
}
