package tracer

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
	"github.com/uber/jaeger-client-go/config"
)

// maxTagValue is how many bytes of a tag's value are sent. gaptrace's wrappers cut at the same length, with a visible
// mark; what they kept is not cut again.
const maxTagValue = 4096

// queueSize is how many finished spans may wait to be sent.
const queueSize = 10_000

// batchSize is how many spans are sent to a collector at once.
const batchSize = 100

// An Option changes what [New] found in the environment, or [FromYAML] in its document.
type Option func(*options)

type options struct {
	recorder  *Recorder
	collector string
	tags      []opentracing.Tag
	formats   []Format
	deferDeny bool
	stats     *Stats
	logger    *slog.Logger
	errs      []error
}

// WithRecorder keeps the last traces in r. The spans still go to the collector or agent that the environment or
// [WithCollector] names; when neither names one, they go to r only, and nothing touches the network. A nil r is an
// error of New.
func WithRecorder(r *Recorder) Option {
	return func(o *options) {
		if r == nil {
			o.errs = append(o.errs, errors.New("tracer: WithRecorder(nil): want a recorder from NewRecorder"))
		}
		o.recorder = r
	}
}

// WithCollector sends the spans to the Jaeger collector at url, whatever JAEGER_ENDPOINT and JAEGER_AGENT_HOST say. A
// url without a path, http://host:14268, gets Jaeger's: /api/traces. Credentials go into the url; JAEGER_USER,
// JAEGER_PASSWORD and JAEGER_AUTH_TOKEN are for JAEGER_ENDPOINT, and are neither sent to another place nor looked at here. A url that is not http or https is an
// error of New.
func WithCollector(url string) Option {
	return func(o *options) {
		endpoint, ok := collectorURL(url)
		if !ok {
			o.errs = append(o.errs, fmt.Errorf("tracer: WithCollector(%q): want %s", redact(url), wantCollector))
		}
		o.collector = endpoint
	}
}

// WithTag puts a tag on the process: on all that this tracer reports. It replaces a tag of the same key from
// JAEGER_TAGS or an earlier WithTag. A value that is no string, number, boolean or []byte becomes text here, once.
func WithTag(key string, value any) Option {
	return func(o *options) {
		if key == "" {
			o.errs = append(o.errs, errors.New(`tracer: WithTag(""): want a key`))
		}
		// Jaeger reads this one back as the address of the host, and panics on another type.
		if _, ok := value.(string); key == jaeger.TracerIPTagKey && !ok {
			o.errs = append(o.errs, fmt.Errorf("tracer: WithTag(%q, %T): want the host's address as a string", key, value))
		}
		o.tags = setTag(o.tags, opentracing.Tag{Key: key, Value: plain(value)})
	}
}

// WithPropagation chooses the formats that are written, whatever JAEGER_PROPAGATION says. The default is Jaeger and B3.
// All formats are read all the same, but the ones listed here before the others, the first one first: list first what
// the proxies between your services rewrite. No format, or one that is not known, is an error of New.
func WithPropagation(formats ...Format) Option {
	return func(o *options) {
		for _, f := range formats {
			if _, ok := formatNames[f]; !ok {
				o.errs = append(o.errs, fmt.Errorf("tracer: WithPropagation(%v): want Jaeger, B3, B3Single or W3C", f))
			}
		}
		if len(formats) == 0 {
			o.errs = append(o.errs, errors.New("tracer: WithPropagation(): want Jaeger, B3, B3Single or W3C, or several of them"))
		}
		o.formats = slices.Clone(formats)
	}
}

// WithDeferredAsDenied takes B3 ids that come without a decision (no x-b3-sampled) as those of a trace that is not sampled. By
// its specification they leave the decision to the receiver, so the sampler decides. But Jaeger's client for Python
// sends none for a trace that it does not sample: behind it, without this option, such traces are sampled here.
func WithDeferredAsDenied() Option { return func(o *options) { o.deferDeny = true } }

// WithStats makes the tracer count in s what becomes of the spans that are sent, and describe there
// how it samples. If s is nil, New returns an error.
func WithStats(s *Stats) Option {
	return func(o *options) {
		if s == nil {
			o.errs = append(o.errs, errors.New("tracer: WithStats(nil): want a place to count in"))
		}
		o.stats = s
	}
}

// WithLogger makes the tracer log to l. A warning says how many spans were lost, and why: at the
// first loss, then at most once a minute, and for the rest when the tracer is closed. In the same
// way, a warning says that a sampling server gave no strategy. With JAEGER_REPORTER_LOG_SPANS,
// spans are logged to l, too. If l is nil, New returns an error.
func WithLogger(l *slog.Logger) Option {
	return func(o *options) {
		if l == nil {
			o.errs = append(o.errs, errors.New("tracer: WithLogger(nil): want a logger"))
		}
		o.logger = l
	}
}

// New opens a Jaeger tracer for a service, as the environment says (JAEGER_*) and then the options: an option wins
// over a variable, and so does service, unless it is empty: then JAEGER_SERVICE_NAME names the service. The global
// tracer stays as it is; that is for opentracing.SetGlobalTracer.
//
// Three defaults are not jaeger-client-go's, because there a newcomer sees nothing, or half of it, and is not told:
//
//   - Every trace is sampled (const 1). Jaeger's default asks an agent for its sampling rate, and samples nothing until
//     one answers; agents are gone since Jaeger 1.68. An environment that names a sampling server
//     (JAEGER_SAMPLING_ENDPOINT or JAEGER_SAMPLER_MANAGER_HOST_PORT) still gets the remote sampler, at 0.1 % until
//     the server has answered.
//   - Values of tags may have 4 KiB. Jaeger's client cuts them at 256 bytes without a sign: most SQL statements.
//   - The queue holds 10,000 finished spans. Jaeger's holds 100, and one busy request drops spans from it.
//
// docs/tracer.md has the others. How contexts travel is said at the top of this package.
//
// Without a collector or agent named, spans go where Jaeger's clients send them, by UDP to localhost:6831; see
// [WithRecorder] for the exception. JAEGER_ENDPOINT, like WithCollector, may leave out the path /api/traces.
// JAEGER_REPORTER_LOG_SPANS=true logs every span, to the standard logger where there is no [WithLogger]; without that
// nothing else is ever logged.
// JAEGER_RPC_METRICS is checked but has no effect: there is no place to send the metrics.
//
// A variable that is malformed is an error that names it, its value and what is allowed; all of them are reported at
// once, and the tracer is nil then. JAEGER_DISABLED=true gives a tracer that does nothing, and no other variable is
// looked at.
//
// The closer ends what New has started, and sends the spans that are queued: call it when the
// program ends. Its error says how many spans were not delivered since New, and the last reason. An
// agent gets packets by UDP and does not confirm them, so only spans that could not be sent at all
// are counted. The error also says if the sampling server gave no strategy when it was last asked.
// A collector that is slow gets all the spans; one that fails is given up within fifteen seconds.
// Close may be called more than once and from several goroutines: all calls wait and return the
// same error. A closed tracer can still be used, but its spans go only to the Recorder.
func New(service string, opts ...Option) (opentracing.Tracer, io.Closer, error) {
	return new(source).open(service, opts)
}

// open opens a tracer as e says, then the options.
func (e *source) open(service string, opts []Option) (opentracing.Tracer, io.Closer, error) {
	var o options
	for i, opt := range opts {
		if opt == nil {
			o.errs = append(o.errs, fmt.Errorf("tracer: option %d is nil", i+1))
			continue
		}
		opt(&o)
	}
	e.collector = o.collector
	s, err := e.settings()
	if err := errors.Join(append(o.errs, err)...); err != nil {
		return nil, nil, err
	}
	if s.Disabled {
		return opentracing.NoopTracer{}, closeFunc(func() error { return nil }), nil
	}

	if strings.TrimSpace(service) != "" {
		s.ServiceName = service
	}
	if strings.TrimSpace(s.ServiceName) == "" {
		if e.document != nil {
			return nil, nil, errors.New("tracer: no service name: give the document a service_name, or set JAEGER_SERVICE_NAME")
		}
		return nil, nil, errors.New("tracer: no service name: give New one, or set JAEGER_SERVICE_NAME")
	}
	for _, tag := range o.tags {
		s.Tags = setTag(s.Tags, tag)
	}
	if o.formats != nil {
		s.formats = o.formats
	}
	s.recorder, s.stats, s.logger, s.deferDeny = o.recorder, cmp.Or(o.stats, new(Stats)), o.logger, o.deferDeny
	return s.start()
}

// start starts what s describes. Everything that can fail comes before anything is started.
func (s *settings) start() (opentracing.Tracer, io.Closer, error) {
	reporter, err := newReporter(s)
	if err != nil {
		return nil, nil, err
	}
	s.stats.setSampler(fmt.Sprintf("%s %v", s.Sampler.Type, s.Sampler.Param))
	stop, unsampled := func() {}, func() error { return nil }
	if s.Sampler.Type == jaeger.SamplerTypeRemote {
		s.stats.setSampler(fmt.Sprintf("remote: probabilistic %v, until the server answers", s.Sampler.Param))
		server := newStrategies(s)
		stop, unsampled = server.stop, server.close
		s.Sampler.Options = append(s.Sampler.Options, jaeger.SamplerOptions.SamplingStrategyFetcher(server),
			jaeger.SamplerOptions.SamplingStrategyParser(server), jaeger.SamplerOptions.Updaters(server))
	}
	travel := &propagation{written: s.formats, believed: believed(s.formats), deferDeny: s.deferDeny, long: s.Gen128Bit, stateful: slices.Contains(s.formats, W3C)}
	opts := []config.Option{
		config.Reporter(reporter),
		config.Logger(jaeger.NullLogger),
		config.MaxTagValueLength(s.maxTagValue),
		config.ContribObserver(priorities{}),
		config.Injector(opentracing.Binary, unsupported{}),
		config.Extractor(opentracing.Binary, unsupported{}),
	}
	for format, c := range map[opentracing.BuiltinFormat]codec{opentracing.TextMap: {travel, false}, opentracing.HTTPHeaders: {travel, true}} {
		opts = append(opts, config.Injector(format, c), config.Extractor(format, c))
	}
	t, c, err := s.NewTracer(opts...)
	if err != nil {
		stop()
		reporter.Close()
		return nil, nil, fmt.Errorf("tracer: %w", err)
	}
	closer := closeFunc(sync.OnceValue(func() error {
		stop() // first, or Jaeger waits for an answer of the sampling server
		return errors.Join(c.Close(), reporter.undelivered(), unsampled())
	}))
	j, ok := t.(*jaeger.Tracer)
	if !ok { // Jaeger has no other
		return t, closer, nil
	}
	return &wrapped{j, travel}, closer, nil
}

// setTag is tags with tag in place of those that have its key.
func setTag(tags []opentracing.Tag, tag opentracing.Tag) []opentracing.Tag {
	return append(slices.DeleteFunc(tags, func(t opentracing.Tag) bool { return t.Key == tag.Key }), tag)
}

type closeFunc func() error

func (f closeFunc) Close() error { return f() }
