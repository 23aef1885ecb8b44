package tracer

import (
	"bytes"
	"net/http"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/tracer/internal/export"
	"github.com/uber/jaeger-client-go"
)

// WithExport sends spans to another backend than Jaeger. Only package tracer/otlp can use it, since
// the type of its argument is internal; call New of that package instead.
func WithExport(set func(*export.Settings) error) Option {
	return func(o *options) {
		if err := set(&o.export); err != nil {
			o.errs = append(o.errs, err)
		}
	}
}

// checkExport adds an error if an option is for the other of tracer.New and otlp.New.
func (o *options) checkExport() {
	switch {
	case o.export.Backend != nil && o.collector != "":
		o.errorf("WithCollector: spans are sent by OTLP: want otlp.WithEndpoint")
	case o.export.Backend == nil && o.export != export.Settings{}:
		o.errorf("an option of package otlp is given: want otlp.New")
	}
}

// exportFormat is what a backend other than Jaeger receives.
type exportFormat struct {
	*export.Backend
	maxTagValue int
	process     *gap.Process
}

// convert copies all of span. As Jaeger's transports do, it truncates only the values of tags.
func (f *exportFormat) convert(span *jaeger.Span) gap.Span {
	b := unlimited()
	if f.process == nil {
		f.process = b.process(span)
	}
	s := b.convert(span)
	s.Process = f.process
	for i := range s.Tags {
		switch v := s.Tags[i].Value.(type) {
		case string:
			s.Tags[i].Value = truncate(v, f.maxTagValue)
		case []byte:
			s.Tags[i].Value = v[:min(len(v), f.maxTagValue)]
		}
	}
	return s
}

func (f *exportFormat) request(spans []gap.Span) (*http.Request, error) {
	body, err := f.Encode(spans)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequest(http.MethodPost, f.URL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = f.Header.Clone()
	return req, nil
}

func (f *exportFormat) rejected(contentType string, answer []byte) (int, error) {
	return f.Rejected(contentType, answer)
}

func (f *exportFormat) passes(refused *refusal) bool {
	if refused == nil {
		return f.Passes(0)
	}
	return f.Passes(refused.status)
}
