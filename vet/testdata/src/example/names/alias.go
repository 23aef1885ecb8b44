package names

import (
	"context"
	web "net/http"
)

func alias(ctx context.Context) {
	web.Get("http://example.com") // want `GT101: web.Get: .*; use nethttp.Get`
}
