package comments

import (
	"context"
	"net/http"
)

func client(ctx context.Context, r *http.Request) {
	http. // want `GT101: http.DefaultClient: .*; use a variable that holds nethttp.WrapClient`
		// It has no timeout.
		DefaultClient.Do(r)
	http. /* without a timeout */ Get("http://example.com") // want `GT101: http.Get: .*; use nethttp.Get`
}
