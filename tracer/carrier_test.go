package tracer_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"
	"github.com/uber/jaeger-client-go"
)

// mdCarrier is like a carrier for gRPC metadata: keys in lower case, each with several values.
type mdCarrier map[string][]string

func (c mdCarrier) Set(key, value string) { c[key] = []string{value} }

func (c mdCarrier) Del(key string) { delete(c, key) }

func (c mdCarrier) ForeachKey(handle func(key, value string) error) error {
	for key, values := range c {
		for _, value := range values {
			if err := handle(key, value); err != nil {
				return err
			}
		}
	}
	return nil
}

var _ tracer.Deleter = mdCarrier(nil)

func TestInjectForeignContext(t *testing.T) {
	tr, _ := recording(t)
	baggage, err := tr.Extract(opentracing.TextMap, opentracing.TextMapCarrier{"uberctx-k": "v"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]opentracing.SpanContext{
		"nil":          nil,
		"noop":         opentracing.NoopTracer{}.StartSpan("a").Context(),
		"mocktracer":   mocktracer.New().StartSpan("a").Context(),
		"zero":         jaeger.SpanContext{},
		"pointer":      &jaeger.SpanContext{},
		"baggage only": baggage,
	} {
		for _, format := range []opentracing.BuiltinFormat{opentracing.HTTPHeaders, opentracing.TextMap} {
			carrier := opentracing.TextMapCarrier{}
			if err := tr.Inject(c, format, carrier); !errors.Is(err, opentracing.ErrInvalidSpanContext) ||
				len(carrier) != 0 {
				t.Errorf("%s: %v, %v", name, err, carrier)
			}
		}
	}
}

func TestInjectNilCarrier(t *testing.T) {
	tr, _ := recording(t)
	c := tr.StartSpan("a").Context()
	for _, carrier := range []any{
		nil, 1, opentracing.HTTPHeadersCarrier(nil), opentracing.TextMapCarrier(nil),
		http.Header(nil),
	} {
		if err := tr.Inject(c, opentracing.HTTPHeaders, carrier); err != opentracing.ErrInvalidCarrier {
			t.Errorf("%T: %v", carrier, err)
		}
	}
	for _, carrier := range []any{opentracing.HTTPHeadersCarrier(nil), opentracing.TextMapCarrier(nil)} {
		if _, err := tr.Extract(opentracing.HTTPHeaders, carrier); err != opentracing.ErrSpanContextNotFound {
			t.Errorf("%T: %v", carrier, err)
		}
	}
}

func TestUnknownCarrier(t *testing.T) {
	tr, _ := recording(t)
	c := tr.StartSpan("a").Context()
	if err := tr.Inject(c, opentracing.HTTPHeaders, 1); !errors.Is(err, opentracing.ErrInvalidCarrier) {
		t.Error(err)
	}
	if _, err := tr.Extract(opentracing.HTTPHeaders, 1); !errors.Is(err, opentracing.ErrInvalidCarrier) {
		t.Error(err)
	}
	if _, err := tr.Extract(opentracing.TextMap, brokenCarrier{}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
}

type brokenCarrier struct{}

func (brokenCarrier) ForeachKey(func(key, value string) error) error { return io.ErrUnexpectedEOF }

func TestBinaryIsNotSupported(t *testing.T) {
	tr, _ := recording(t)
	buf := new(bytes.Buffer)
	if err := tr.Inject(tr.StartSpan("a").Context(), opentracing.Binary, buf); !errors.Is(err,
		opentracing.ErrUnsupportedFormat) {
		t.Error(err)
	}
	if _, err := tr.Extract(opentracing.Binary, buf); !errors.Is(err, opentracing.ErrUnsupportedFormat) {
		t.Error(err)
	}
}
