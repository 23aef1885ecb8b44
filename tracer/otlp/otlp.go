package otlp

import (
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/gaptrace/gaptrace/tracer"
	"github.com/gaptrace/gaptrace/tracer/internal/export"
	"github.com/gaptrace/gaptrace/tracer/internal/settings"
	"github.com/opentracing/opentracing-go"
)

// Option is an option of package tracer, or one of this package.
type Option = tracer.Option

// WithEndpoint sends spans to url instead of the endpoint that the environment names. A URL without
// a path, such as http://host:4318, gets /v1/traces. Headers and certificates come from the
// environment; a user and a password may be in the URL.
func WithEndpoint(url string) Option {
	return tracer.WithExport(func(s *export.Settings) error {
		endpoint, ok := endpointURL(url)
		if !ok && url != "" {
			return wrong("WithEndpoint("+strconv.Quote(settings.Redact(url))+")", wantURL)
		}
		s.Endpoint = endpoint
		return nil
	})
}

// WithSemanticConventions renames tags, log fields and process tags to the names of OpenTelemetry's
// semantic conventions when spans are sent: db.statement becomes db.query.text. docs/otlp-out.md
// has the table. A Recorder keeps Jaeger's names.
func WithSemanticConventions() Option {
	return tracer.WithExport(func(s *export.Settings) error { s.Rename = true; return nil })
}

// New opens a tracer as [tracer.New] does, with the same variables and options, but sends spans by
// OTLP. The variables OTEL_EXPORTER_OTLP_… say where; the default is http://localhost:4318.
// JAEGER_ENDPOINT, JAEGER_AGENT_HOST and their credentials are not used, and [tracer.WithCollector]
// is an error.
//
// If service is blank, OTEL_SERVICE_NAME names it, then service.name of OTEL_RESOURCE_ATTRIBUTES,
// then JAEGER_SERVICE_NAME. OTEL_SDK_DISABLED=true and JAEGER_DISABLED=true return a tracer that
// does nothing.
//
// An error names the variable, its value and what is allowed. All errors are returned at once.
func New(service string, opts ...Option) (opentracing.Tracer, io.Closer, error) {
	if disabled, _ := strconv.ParseBool(os.Getenv("JAEGER_DISABLED")); disabled {
		return tracer.New(service) // which reads nothing else
	}
	var env environment
	if env.disabled() {
		return opentracing.NoopTracer{}, io.NopCloser(nil), nil
	}
	if strings.TrimSpace(service) == "" {
		service = env.service()
	}
	return tracer.New(service, slices.Concat(env.tags(), opts, []Option{env.option()})...)
}

// option returns the option that sends spans where the environment says. Options of this package
// come before it.
func (e *environment) option() Option {
	return tracer.WithExport(func(s *export.Settings) error {
		s.Backend = e.backend(s)
		return errors.Join(e.errs...)
	})
}

// passes reports whether a request may succeed later, as OTLP says: if the collector is busy or did
// not answer.
func passes(status int) bool {
	switch status {
	case 0, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable,
		http.StatusGatewayTimeout:
		return true
	}
	return false
}
