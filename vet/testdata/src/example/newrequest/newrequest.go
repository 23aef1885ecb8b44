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

func forward(in, out *http.Request) { do(out.WithContext(in.Context())) }

func sentLater(in *http.Request) {
	out, err := http.NewRequest("GET", "http://example.com", nil)
	if err == nil {
		forward(in, out)
	}
}

func sentWith(ctx context.Context) {
	r, err := http.NewRequest("GET", "http://example.com", nil)
	if err == nil {
		together(ctx, r)
	}
}

// As ctxhttp.Do does, it may send the request with the context.
func together(ctx context.Context, r *http.Request) {}
