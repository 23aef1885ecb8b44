package peer

import (
	"net/http"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
)

func otelHTTP() Peer {
	return Peer{
		Name:        "otelhttp",
		Modules:     []string{"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"},
		API:         OpenTelemetry,
		Open:        openTelemetry,
		HTTPClient:  func(rt http.RoundTripper) http.RoundTripper { return otelhttp.NewTransport(rt) },
		HTTPHandler: func(h http.Handler) http.Handler { return otelhttp.NewHandler(h, "server") },
	}
}
