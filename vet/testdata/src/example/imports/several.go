package imports

import "context"
import "net/http"

func several(ctx context.Context) {
	http.Get("http://example.com") // want `GT101`
}
