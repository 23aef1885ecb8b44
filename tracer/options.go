package tracer

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/gaptrace/gaptrace/tracer/internal/export"
	"github.com/gaptrace/gaptrace/tracer/internal/propagation"
	"github.com/gaptrace/gaptrace/tracer/internal/settings"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

// An Option configures the tracer of [New] and [FromYAML]. It wins over the environment and the
// document. If the same option is given twice, the last one wins; each [WithTag] adds a tag. A nil
// or empty argument stands for the default, and a nil Option is ignored. If an argument is wrong,
// New and FromYAML return an error.
type Option func(*options)

type options struct {
	recorder         *Recorder
	collector        string
	tags             []opentracing.Tag
	formats          []Format
	deferredAsDenied bool
	stats            *Stats
	logger           *slog.Logger
	executionTrace   bool
	export           export.Settings
	errs             []error
}

func (o *options) errorf(format string, args ...any) {
	o.errs = append(o.errs, fmt.Errorf("tracer: "+format, args...))
}

// WithRecorder keeps the last traces in r. If a collector or an agent is configured, spans are sent
// there too. Otherwise they only go to r, not to localhost:6831. Spans that are not sampled do not
// go to r.
func WithRecorder(r *Recorder) Option { return func(o *options) { o.recorder = r } }

// WithCollector sends spans to the Jaeger collector at url, instead of the one in JAEGER_ENDPOINT
// or the agent in JAEGER_AGENT_HOST. A URL without a path, such as http://host:14268, gets
// /api/traces. Put credentials into the URL: http://user:password@host:14268. JAEGER_USER,
// JAEGER_PASSWORD and JAEGER_AUTH_TOKEN belong to JAEGER_ENDPOINT, so they are neither sent nor
// checked.
func WithCollector(url string) Option {
	return func(o *options) {
		var ok bool
		if o.collector, ok = settings.CollectorURL(url); !ok && url != "" {
			o.errorf("WithCollector(%q): want %s", settings.Redact(url), settings.WantCollector)
		}
	}
}

// WithTag adds a tag to the process, and so to every span. It replaces a tag with the same key from
// JAEGER_TAGS, the document or an earlier WithTag. If value is not a string, number, boolean or
// []byte, WithTag formats it as text at once.
func WithTag(key string, value any) Option {
	return func(o *options) {
		if key == "" {
			o.errorf(`WithTag(""): want a key`)
		}
		// Jaeger uses this tag as the host's address, and panics at another type.
		if _, ok := value.(string); key == jaeger.TracerIPTagKey && !ok {
			o.errorf("WithTag(%q, %T): want the host's address as a string", key, value)
		}
		o.tags = append(o.tags, opentracing.Tag{Key: key, Value: plain(value)})
	}
}

// A Format is a way to write a span's IDs and its sampling decision into headers. Its method String
// returns its name in JAEGER_PROPAGATION: jaeger, b3, b3-single or w3c.
type Format = propagation.Format

// The formats. Extract reads all of them.
const (
	// Jaeger is the header of Jaeger's own clients: uber-trace-id.
	Jaeger = propagation.Jaeger

	// B3 is Zipkin's format in several headers, as Envoy writes it: x-b3-traceid, x-b3-spanid,
	// x-b3-parentspanid, x-b3-sampled, x-b3-flags.
	B3 = propagation.B3

	// B3Single is Zipkin's format in one header: b3.
	B3Single = propagation.B3Single

	// W3C is the W3C standard: traceparent, and tracestate, which is passed on unchanged.
	W3C = propagation.W3C
)

// A Deleter is a carrier from which Inject can remove the headers of formats that it does not
// write. Such headers, copied from an incoming request, would name the wrong span. Inject also
// removes them from http.Header, opentracing.HTTPHeadersCarrier and opentracing.TextMapCarrier. A
// carrier that only has Set keeps them.
type Deleter interface {
	// Del removes the header key, which is in lower case, with all its values.
	Del(key string)
}

// WithPropagation sets the formats that Inject writes, instead of those in JAEGER_PROPAGATION and
// in the document. The default is B3 and Jaeger. Extract still reads all formats, but prefers
// these, in this order. So list the one first that the proxies between your services rewrite.
func WithPropagation(formats ...Format) Option {
	return func(o *options) {
		for _, f := range formats {
			if !f.Known() {
				o.errorf("WithPropagation(%v): want Jaeger, B3, B3Single or W3C", f)
			}
		}
		o.formats = slices.Clone(formats)
	}
}

// WithDeferredAsDenied does not sample traces whose B3 IDs come without a decision (x-b3-sampled).
// By default the sampler decides about them, as the B3 specification says. Use it in a service that
// Jaeger's Python client calls with B3: for a trace that it does not sample, that client sends no
// decision.
func WithDeferredAsDenied() Option { return func(o *options) { o.deferredAsDenied = true } }

// WithStats counts the spans that are sent or lost in s. s also describes the sampler.
func WithStats(s *Stats) Option { return func(o *options) { o.stats = s } }

// WithLogger logs warnings to l: how many spans were lost, and why, and that the sampling server
// gave no strategy. Each of the two is logged at the first failure, then at most once a minute, and
// for the rest when the tracer is closed. JAEGER_REPORTER_LOG_SPANS also logs to l. The default is
// not to log.
//
// At the first span, a hint of level Info names the client libraries that the program links without
// having wrapped a client of theirs, if there are any. docs/tracer.md says which.
func WithLogger(l *slog.Logger) Option { return func(o *options) { o.logger = l } }

// WithExecutionTrace writes a mark of each finished span into the program's execution trace, while
// one is being recorded: by [runtime/trace.Start], by a [runtime/trace.FlightRecorder] or by
// net/http/pprof. The execution trace knows what each goroutine did, and the marks say for which
// span. They are enough to build the spans' gaps without another source. Package gap/mark describes
// and parses them.
//
// A mark is a log event ([runtime/trace.Log]) of the goroutine that calls Finish, at the time of
// that call. It does not say which goroutine started the span. A wrapper finishes all spans of a
// call when the call's result is consumed. So the marks of its later waits are written there, too.
//
// Only sampled spans of this tracer have a mark, including those that the program itself starts.
// Spans that are not sampled, spans of other tracers, and spans that finish while nothing is
// recorded have none. A span that is finished twice has two. A closed tracer still writes marks.
//
// A mark has the names of the service and of the operation, truncated at 128 bytes. It has no
// statement, and of the tags only span.kind, error and wait.joined_us.
//
// A mark takes about 300 ns. While nothing is recorded, a finished span costs less than 5 ns more,
// and no allocation.
func WithExecutionTrace() Option { return func(o *options) { o.executionTrace = true } }

// apply applies opts. It returns all errors at once.
func apply(opts []Option) (*options, error) {
	o := &options{}
	for _, opt := range opts {
		if opt != nil {
			opt(o)
		}
	}
	o.checkExport()
	o.stats = cmp.Or(o.stats, new(Stats))
	return o, errors.Join(o.errs...)
}
