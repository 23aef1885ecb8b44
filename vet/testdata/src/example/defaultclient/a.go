package defaultclient

import (
	"context"
	"net/http"
)

func one(r *http.Request) {
	http.DefaultClient.Do(r) // want `GT101: http.DefaultClient: .*; use a variable that holds nethttp.WrapClient\(http.DefaultClient\)`
}

func get(ctx context.Context) {
	http.DefaultClient.Get("http://example.com") // want `GT101: .*; use nethttp.Get`
}

func getWithout() {
	http.DefaultClient.Get("http://example.com") // want `GT101: http.DefaultClient: .*; use a variable that holds`
}
