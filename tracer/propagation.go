package tracer

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

// formats are all that are read and written, in the order in which they are believed.
var formats = []format{uberTraceID{}, b3Multi{}}

// format is one way to write the ids of a span into headers.
type format interface {
	// read returns opentracing.ErrSpanContextNotFound when none of the format's headers is there, and
	// opentracing.ErrSpanContextCorrupted when they are malformed.
	read(h map[string]string) (ids, error)

	write(c jaeger.SpanContext, set func(key, value string))
}

// headerKeys are the headers that read may ask for.
var headerKeys = map[string]bool{
	jaeger.TraceContextHeaderName: true,
	b3TraceID:                     true,
	b3SpanID:                      true,
	b3ParentSpanID:                true,
	b3Sampled:                     true,
	b3Flags:                       true,
}

// ids are what a format tells about a span.
type ids struct {
	trace        jaeger.TraceID
	span, parent jaeger.SpanID
	flags        byte // Jaeger's
}

const (
	flagSampled  = 1
	flagDebug    = 2
	flagFirehose = 8
)

// What is taken from a peer's baggage. It is copied into every span, and sent on with every call.
const (
	maxBaggageItems = 64
	maxBaggageBytes = 8192
)

// propagator writes a context into a carrier in all formats, and reads it from the first that is well-formed. Baggage
// is written once, in Jaeger's way.
type propagator struct {
	format opentracing.BuiltinFormat // HTTPHeaders: baggage must not break a request
}

// Inject implements jaeger.Injector.
func (p propagator) Inject(c jaeger.SpanContext, carrier any) error {
	w, ok := carrier.(opentracing.TextMapWriter)
	if !ok {
		return opentracing.ErrInvalidCarrier
	}
	// A context that names no span, from a request with only baggage or a debug id, or jaeger.SpanContext{}: to ask
	// the last for its flags panics.
	if !c.IsValid() {
		return opentracing.ErrInvalidSpanContext
	}
	for _, f := range formats {
		f.write(c, w.Set)
	}
	c.ForeachBaggageItem(func(key, value string) bool {
		if p.format == opentracing.HTTPHeaders {
			if !headerSafe(key) {
				return true
			}
			key, value = strings.ToLower(key), url.QueryEscape(value)
		}
		if key != "" {
			w.Set(jaeger.TraceBaggageHeaderPrefix+key, value)
		}
		return true
	})
	return nil
}

// headerSafe reports whether a baggage key may be part of a header's name, both of HTTP and of gRPC, which allows
// fewer characters and fails the whole call at another.
func headerSafe(key string) bool {
	for _, c := range []byte(key) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}

// Extract implements jaeger.Extractor. Only Jaeger's own codec can make a context with a debug id or the debug flag;
// so whatever the format, the ids are handed to that codec in the form it reads.
func (p propagator) Extract(carrier any) (jaeger.SpanContext, error) {
	r, ok := carrier.(opentracing.TextMapReader)
	if !ok {
		return jaeger.SpanContext{}, opentracing.ErrInvalidCarrier
	}
	in := incoming{headers: map[string]string{}, baggage: map[string]string{}}
	err := r.ForeachKey(func(key, value string) error {
		in.add(strings.ToLower(key), value, p.format == opentracing.HTTPHeaders)
		return nil
	})
	if err != nil {
		return jaeger.SpanContext{}, err
	}
	found, err := in.ids()
	if err != nil && in.debugID == "" && len(in.baggage) == 0 {
		return jaeger.SpanContext{}, err
	}
	// With ids of zero this is a context that only carries a debug id or baggage into a new trace. To write the zeros
	// matters: they give it the sampling state without which its IsSampled panics.
	header := fmt.Sprintf("%s:%s:%s:%d", found.trace, found.span, found.parent, found.flags)
	return jaegerCodec.Extract(sanitized{header, in})
}

var jaegerCodec = jaeger.NewTextMapPropagator(new(jaeger.HeadersConfig).ApplyDefaults(), *jaeger.NewNullMetrics())

// sanitized is a carrier with what Jaeger's codec may see, the ids first: to read them resets the rest.
type sanitized struct {
	traceContext string
	incoming
}

// ForeachKey implements opentracing.TextMapReader.
func (s sanitized) ForeachKey(handle func(key, value string) error) error {
	if err := handle(jaeger.TraceContextHeaderName, s.traceContext); err != nil {
		return err
	}
	if s.debugID != "" {
		if err := handle(jaeger.JaegerDebugHeader, s.debugID); err != nil {
			return err
		}
	}
	for key, value := range s.baggage {
		if err := handle(jaeger.TraceBaggageHeaderPrefix+key, value); err != nil {
			return err
		}
	}
	return nil
}

// incoming is what a carrier held that concerns us, the first value of each.
type incoming struct {
	headers      map[string]string // of headerKeys
	debugID      string
	baggage      map[string]string
	baggageBytes int
}

func (in *incoming) add(key, value string, encoded bool) {
	if headerKeys[key] {
		if _, ok := in.headers[key]; !ok {
			in.headers[key] = value
		}
		return
	}
	if key == jaeger.JaegerBaggageHeader {
		in.addBaggageList(value)
		return
	}
	name, isBaggage := strings.CutPrefix(key, jaeger.TraceBaggageHeaderPrefix)
	if !isBaggage && key != jaeger.JaegerDebugHeader {
		return
	}
	if encoded {
		// A value that is no encoding was sent as it is.
		if v, err := url.QueryUnescape(value); err == nil {
			value = v
		}
	}
	switch {
	case isBaggage:
		in.addBaggage(name, value)
	case in.debugID == "":
		in.debugID = value[:min(len(value), maxTagValue)] // it becomes a tag
	}
}

func (in *incoming) addBaggage(key, value string) {
	size := in.baggageBytes + len(key) + len(value)
	if _, ok := in.baggage[key]; ok || key == "" || len(in.baggage) == maxBaggageItems || size > maxBaggageBytes {
		return
	}
	in.baggage[key], in.baggageBytes = value, size
}

// addBaggageList reads the header jaeger-baggage, k1=v1, k2=v2, which people type. Jaeger's reader logs what is
// malformed: whoever sends requests could fill the log.
func (in *incoming) addBaggageList(list string) {
	list, err := url.QueryUnescape(list)
	if err != nil {
		return
	}
	for pair := range strings.SplitSeq(list, ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if ok && !strings.Contains(value, "=") {
			in.addBaggage(strings.ToLower(strings.TrimSpace(key)), value)
		}
	}
}

// ids reads the first format that is there and well-formed. When none is, it tells malformed from absent.
func (in *incoming) ids() (ids, error) {
	result := opentracing.ErrSpanContextNotFound
	for _, f := range formats {
		found, err := f.read(in.headers)
		if err == nil {
			return found, nil
		}
		if err == opentracing.ErrSpanContextCorrupted {
			result = err
		}
	}
	return ids{}, result
}

// parseTraceID reads 1 to 32 hex digits that are not all zero. Several clients leave out leading zeros.
func parseTraceID(s string) (jaeger.TraceID, bool) {
	id, err := jaeger.TraceIDFromString(s)
	return id, err == nil && id.IsValid()
}

// parseSpanID reads 1 to 16 hex digits that are not all zero.
func parseSpanID(s string) (jaeger.SpanID, bool) {
	id, err := jaeger.SpanIDFromString(s)
	return id, err == nil && id != 0
}

// uberTraceID is Jaeger's header: uber-trace-id: trace:span:parent:flags.
type uberTraceID struct{}

func (uberTraceID) write(c jaeger.SpanContext, set func(key, value string)) {
	set(jaeger.TraceContextHeaderName, c.String())
}

func (uberTraceID) read(h map[string]string) (ids, error) {
	s, ok := h[jaeger.TraceContextHeaderName]
	if !ok {
		return ids{}, opentracing.ErrSpanContextNotFound
	}
	if v, err := url.QueryUnescape(s); err == nil {
		s = v // some clients encode the colons
	}
	// Not more parts than are needed to see that there are too many.
	parts := strings.SplitN(s, ":", 5)
	if len(parts) != 4 {
		return ids{}, opentracing.ErrSpanContextCorrupted
	}
	var found ids
	var traceOK, spanOK bool
	found.trace, traceOK = parseTraceID(parts[0])
	found.span, spanOK = parseSpanID(parts[1])
	found.parent, _ = parseSpanID(parts[2]) // nothing here needs it, and 0 means none
	// Jaeger's client writes hex, as its specification says, but reads decimal.
	flags, err := strconv.ParseUint(parts[3], 16, 8)
	if !traceOK || !spanOK || err != nil {
		return ids{}, opentracing.ErrSpanContextCorrupted
	}
	found.flags = byte(flags) & (flagSampled | flagDebug | flagFirehose)
	return found, nil
}

// unsupported stands in for the codec of opentracing.Binary, which must not meet the network: a negative length makes
// it panic, and a large one is allocated before it is checked.
type unsupported struct{}

func (unsupported) Inject(jaeger.SpanContext, any) error { return opentracing.ErrUnsupportedFormat }

func (unsupported) Extract(any) (jaeger.SpanContext, error) {
	return jaeger.SpanContext{}, opentracing.ErrUnsupportedFormat
}
