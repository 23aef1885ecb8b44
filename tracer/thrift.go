package tracer

import (
	"bytes"
	"net/http"

	"github.com/gaptrace/gaptrace/tracer/internal/jaegerthrift"
	"github.com/uber/jaeger-client-go"
	"github.com/uber/jaeger-client-go/config"
)

// thriftFormat is what a Jaeger collector receives.
type thriftFormat struct {
	cfg      *config.ReporterConfig
	fields   *spanFields
	maxValue int    // bytes of a tag
	process  []byte // encoded
}

// convert returns the encoded span.
func (f *thriftFormat) convert(span *jaeger.Span) []byte {
	if f.process == nil {
		f.process = jaegerthrift.AppendProcess(nil, jaegerthrift.Binary, jaeger.BuildJaegerProcessThrift(span))
	}
	return f.fields.append(nil, jaegerthrift.Binary, span, f.maxValue)
}

func (f *thriftFormat) request(spans [][]byte) (*http.Request, error) {
	batch := jaegerthrift.Batch{Process: f.process, Spans: bytes.Join(spans, nil), Count: len(spans)}
	body := batch.AppendTo(nil, jaegerthrift.Binary)
	req, err := http.NewRequest(http.MethodPost, f.cfg.CollectorEndpoint, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-thrift")
	for key, value := range f.cfg.HTTPHeaders {
		req.Header.Set(key, value)
	}
	if f.cfg.User != "" {
		req.SetBasicAuth(f.cfg.User, f.cfg.Password)
	}
	return req, nil
}

// rejected returns 0: a Jaeger collector accepts all spans of a request, or none.
func (f *thriftFormat) rejected(string, []byte) (int, error) { return 0, nil }

func (f *thriftFormat) passes(refused *refusal) bool {
	return refused != nil && (refused.status == http.StatusTooManyRequests ||
		refused.status == http.StatusServiceUnavailable && refused.retryAfter != "")
}
