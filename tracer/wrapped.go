package tracer

import (
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

// wrapped is Jaeger's tracer, with contexts that travel in our way. Its spans, and their contexts, are Jaeger's own.
type wrapped struct {
	*jaeger.Tracer
	travel *propagation
}

// Inject implements opentracing.Tracer.
func (t *wrapped) Inject(sc opentracing.SpanContext, format, carrier any) error {
	encoded, text := textual(format)
	if !text {
		return t.Tracer.Inject(sc, format, carrier)
	}
	switch c := sc.(type) {
	case jaeger.SpanContext:
		return codec{t.travel, encoded}.inject(c, false, carrier)
	case *pending:
		if c != nil {
			sc, undecided := c.now()
			return codec{t.travel, encoded}.inject(sc, undecided, carrier)
		}
	}
	return opentracing.ErrInvalidSpanContext
}

// Extract implements opentracing.Tracer. Beside opentracing.ErrSpanContextCorrupted, which tells the reason, comes a
// context, against custom: who starts a span from it, error or not, as OpenTracing's own examples do, gets the root of
// a new trace that has the reason in its log.
func (t *wrapped) Extract(format, carrier any) (opentracing.SpanContext, error) {
	encoded, text := textual(format)
	if !text {
		return t.Tracer.Extract(format, carrier)
	}
	c, err := t.travel.extract(carrier, encoded)
	if p, ok := err.(*pending); ok { //nolint:errorlint // it is handed over here, and never wrapped
		return p, p.err
	}
	switch {
	case err != nil:
		return nil, err
	case c.IsValid():
		return final(c), nil
	}
	return c, nil // a debug id or baggage, for a new trace
}

// textual tells the formats that we read and write, and whether values are encoded there: where they must not break a
// request.
func textual(format any) (encoded, ok bool) {
	f, _ := format.(opentracing.BuiltinFormat)
	return f == opentracing.HTTPHeaders, f == opentracing.HTTPHeaders || f == opentracing.TextMap
}

// codec is what Jaeger's tracer is given for a format, for those who ask a span for its tracer: no StartSpan of ours will see
// what they extract.
type codec struct {
	*propagation
	encoded bool
}

func (c codec) inject(sc jaeger.SpanContext, undecided bool, carrier any) error {
	// A context that names no span, from a request with only baggage or a debug id, or jaeger.SpanContext{}: to ask
	// the last for its flags panics.
	if !sc.IsValid() {
		if _, ok := carrier.(opentracing.TextMapWriter); !ok {
			return opentracing.ErrInvalidCarrier
		}
		return opentracing.ErrInvalidSpanContext
	}
	return c.propagation.inject(sc, undecided, carrier, c.encoded)
}

// Inject implements jaeger.Injector.
func (c codec) Inject(sc jaeger.SpanContext, carrier any) error { return c.inject(sc, false, carrier) }

// Extract implements jaeger.Extractor. What is not decided is denied.
func (c codec) Extract(carrier any) (jaeger.SpanContext, error) {
	sc, err := c.extract(carrier, c.encoded)
	if p, ok := err.(*pending); ok { //nolint:errorlint // as above
		return p.SpanContext, p.err
	}
	return sc, err
}
