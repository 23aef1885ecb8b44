package newrequest

import (
	"context"
	"net/http"
)

func raw(ctx context.Context) {
	r, err := http.NewRequest("GET", "http://example.com", nil) // want `GT303: http.NewRequest: the request has no context; use NewRequestWithContext`
	if err == nil {
		do(r)
	}
}

func do(*http.Request) {}

func inHandler(w http.ResponseWriter, in *http.Request) {
	out, err := http.NewRequest(in.Method, "http://example.com", in.Body) // want `GT303: .*; use NewRequestWithContext`
	if err == nil {
		do(out)
	}
}

func noContext() { http.NewRequest("GET", "http://example.com", nil) }

func withContext(ctx context.Context) {
	http.NewRequestWithContext(ctx, "GET", "http://example.com", nil)
}

func later(ctx context.Context) {
	r, err := http.NewRequest("GET", "http://example.com", nil)
	if err == nil {
		do(r.WithContext(ctx))
	}
}

func cloned(ctx context.Context) {
	r, err := http.NewRequest("GET", "http://example.com", nil)
	if err == nil {
		do(r.Clone(ctx))
	}
}

func build() (*http.Request, error) { return http.NewRequest("GET", "http://example.com", nil) }

func byCaller(ctx context.Context) {
	r, err := build()
	if err == nil {
		do(r.WithContext(ctx))
	}
}

func send(ctx context.Context, c *http.Client, r *http.Request) {
	c.Do(r.WithContext(ctx))
}

func sentLater(ctx context.Context, c *http.Client) {
	r, err := http.NewRequest("GET", "http://example.com", nil)
	if err == nil {
		send(ctx, c, r)
	}
}
