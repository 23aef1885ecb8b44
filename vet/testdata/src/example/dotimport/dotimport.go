// Package dotimport imports the packages of clients with a dot.
package dotimport

import (
	"context"
	. "net/http"

	"github.com/gin-gonic/gin"
)

func calls(ctx context.Context, r *Request, h Handler) {
	Get("http://example.com")                // want `GT101: Get: .*; use nethttp.Get`
	DefaultClient.Head("http://example.com") // want `GT101: http.DefaultClient: .*; use nethttp.Head`
	DefaultClient.Do(r)                      // want `GT101: http.DefaultClient: .*; use a variable that holds nethttp.WrapClient`
	(&Client{}).Do(r)                        // want `GT101: http.Client: .*; wrap it with nethttp.WrapClient`
	ListenAndServe(":80", h)                 // want `GT201: .*; wrap it with nethttp.WrapHandler`
	NewRequest("GET", "", nil)               // want `GT303: .*; use NewRequestWithContext`
}

func run(e *gin.Engine) {
	e.Run(":80") // want `GT201: .*; serve it with nethttp.WrapHandler`
}
