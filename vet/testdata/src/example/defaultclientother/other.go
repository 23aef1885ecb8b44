// Package defaultclientother replaces http.DefaultClient by a client that is not wrapped.
package defaultclientother

import (
	"context"
	"net/http"
	"time"
)

func init() {
	http.DefaultClient = &http.Client{Timeout: time.Second} // want `GT101: http.Client: .*; wrap it with nethttp.WrapClient`
}

// A variable of the package would hold the client that is replaced.
func do(r *http.Request) {
	http.DefaultClient.Do(r) // want `GT101: .*; wrap it where the program sets http.DefaultClient or its fields`
}

func get(ctx context.Context) {
	http.DefaultClient.Get("http://example.com") // want `GT101: http.DefaultClient: .*; use nethttp.Get`
	http.Get("http://example.com")               // want `GT101: http.Get: .*; use nethttp.Get`
}
