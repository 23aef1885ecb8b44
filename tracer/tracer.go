package tracer

import (
	"errors"
	"fmt"
	"io"
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

// An Option changes what [New] found in the environment.
type Option func(*options)

type options struct {
	recorder  *Recorder
	collector string
	tags      []opentracing.Tag
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
// url without a path, http://host:14268, gets Jaeger's: /api/traces. Credentials go into the url; JAEGER_USER and
// JAEGER_PASSWORD are for JAEGER_ENDPOINT, and are not sent to another place. A url that is not http or https is an
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
// Without a collector or agent named, spans go where Jaeger's clients send them, by UDP to localhost:6831; see
// [WithRecorder] for the exception. JAEGER_ENDPOINT, like WithCollector, may leave out the path /api/traces.
// JAEGER_REPORTER_LOG_SPANS=true logs every span to the standard logger; nothing else is ever logged.
// JAEGER_RPC_METRICS is checked but has no effect: there is no place to send the metrics.
//
// A variable that is malformed is an error that names it, its value and what is allowed; all of them are reported at
// once, and the tracer is nil then. JAEGER_DISABLED=true gives a tracer that does nothing, and no other variable is
// looked at.
//
// The closer ends what New has started, and sends the spans that are queued: call it when the program ends. Its error
// tells how many spans were not delivered since New, and the last reason; an agent, which is sent packets by UDP, does
// not say whether they arrived, and so only those that could not be sent at all are counted. A collector that is slow gets all the spans;
// one that fails is given up within fifteen seconds. Close may be called more than once and from
// several goroutines: all calls wait and return the same error. A tracer that was closed can be used on; only, its
// spans go nowhere but to the Recorder.
func New(service string, opts ...Option) (opentracing.Tracer, io.Closer, error) {
	var o options
	for i, opt := range opts {
		if opt == nil {
			o.errs = append(o.errs, fmt.Errorf("tracer: option %d is nil", i+1))
			continue
		}
		opt(&o)
	}
	cfg, err := fromEnvironment()
	if err := errors.Join(append(o.errs, err)...); err != nil {
		return nil, nil, err
	}
	if cfg.Disabled {
		return opentracing.NoopTracer{}, closeFunc(func() error { return nil }), nil
	}

	if strings.TrimSpace(service) != "" {
		cfg.ServiceName = service
	}
	if strings.TrimSpace(cfg.ServiceName) == "" {
		return nil, nil, errors.New("tracer: no service name: give New one, or set JAEGER_SERVICE_NAME")
	}
	for _, tag := range o.tags {
		cfg.Tags = setTag(cfg.Tags, tag)
	}
	if o.collector != "" {
		cfg.Reporter.CollectorEndpoint = o.collector
		cfg.Reporter.User, cfg.Reporter.Password = "", ""
	}
	return open(cfg, o.recorder)
}

// open starts what cfg describes. Everything that can fail comes before anything is started.
func open(cfg *config.Configuration, recorder *Recorder) (opentracing.Tracer, io.Closer, error) {
	reporter, err := newReporter(cfg.Reporter, recorder)
	if err != nil {
		return nil, nil, err
	}
	stop := func() {}
	if cfg.Sampler.Type == jaeger.SamplerTypeRemote {
		s := newStrategies(cfg.Sampler.SamplingServerURL)
		stop = s.stop
		cfg.Sampler.Options = append(cfg.Sampler.Options, jaeger.SamplerOptions.SamplingStrategyFetcher(s))
	}
	opts := []config.Option{
		config.Reporter(reporter),
		config.Logger(jaeger.NullLogger),
		config.MaxTagValueLength(maxTagValue),
		config.Injector(opentracing.Binary, unsupported{}),
		config.Extractor(opentracing.Binary, unsupported{}),
	}
	for _, p := range []propagator{{format: opentracing.TextMap}, {format: opentracing.HTTPHeaders}} {
		opts = append(opts, config.Injector(p.format, p), config.Extractor(p.format, p))
	}
	t, c, err := cfg.NewTracer(opts...)
	if err != nil {
		stop()
		reporter.Close()
		return nil, nil, fmt.Errorf("tracer: %w", err)
	}
	return t, closeFunc(sync.OnceValue(func() error {
		stop() // first, or Jaeger waits for an answer of the sampling server
		return errors.Join(c.Close(), reporter.undelivered())
	})), nil
}

// setTag is tags with tag in place of those that have its key.
func setTag(tags []opentracing.Tag, tag opentracing.Tag) []opentracing.Tag {
	return append(slices.DeleteFunc(tags, func(t opentracing.Tag) bool { return t.Key == tag.Key }), tag)
}

type closeFunc func() error

func (f closeFunc) Close() error { return f() }
