package tracer

import (
	"bytes"
	"context"
	"net/http"

	"github.com/uber/jaeger-client-go"
	"github.com/uber/jaeger-client-go/config"
	"github.com/uber/jaeger-client-go/thrift"
	j "github.com/uber/jaeger-client-go/thrift-gen/jaeger"
)

// thriftFormat is what a Jaeger collector receives.
type thriftFormat struct {
	cfg     *config.ReporterConfig
	process *j.Process
}

func (f *thriftFormat) convert(span *jaeger.Span) *j.Span {
	if f.process == nil {
		f.process = jaeger.BuildJaegerProcessThrift(span)
	}
	return jaeger.BuildJaegerThrift(span)
}

func (f *thriftFormat) request(spans []*j.Span) (*http.Request, error) {
	body := thrift.NewTMemoryBuffer()
	batch := j.Batch{Process: f.process, Spans: spans}
	if err := batch.Write(context.Background(), thrift.NewTBinaryProtocolConf(body, nil)); err != nil {
		return nil, err
	}
	req, err := http.NewRequest(http.MethodPost, f.cfg.CollectorEndpoint, bytes.NewReader(body.Bytes()))
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
