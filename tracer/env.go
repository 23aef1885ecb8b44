package tracer

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
	"github.com/uber/jaeger-client-go/config"
)

const wantCollector = "the collector's http or https URL, such as http://localhost:14268"

// settings are what a tracer is opened with.
type settings struct {
	config.Configuration
	formats     []Format
	deferDeny   bool
	maxTagValue int
	batchSize   int // of spans to a collector
	recorder    *Recorder
	stats       *Stats
	logger      *slog.Logger // nil: none
}

// source is where settings are read from: a YAML document, whose keys are told by the variables they stand for, and
// the JAEGER_* variables where it says nothing.
//
// It reads them itself: the reader of jaeger-client-go stops at the first error, panics on a malformed JAEGER_TAGS, and
// lets through numbers on which a channel or a ticker panics later. Its rules are kept: an empty variable is one not set.
type source struct {
	document map[string]said
	tags     []opentracing.Tag // of the document
	errs     []error

	collector string // what WithCollector says: it wins
}

// said is a value of the document.
type said struct {
	value   string // as the variable would have it
	written string // as the document has it
	key     string // sampler.type
	line    int
}

// get is the value of the variable called name, "" where it is not set.
func (e *source) get(name string) string {
	if v, ok := e.document[name]; ok {
		return v.value
	}
	if !strings.HasPrefix(name, "JAEGER_") {
		return "" // only documents have it
	}
	return os.Getenv(name)
}

// here reports whether it is the document that sets one of the variables.
func (e *source) here(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { _, ok := e.document[name]; return ok })
}

func (e *source) bad(name, value, want string) {
	if v, ok := e.document[name]; ok {
		e.errs = append(e.errs, fmt.Errorf("tracer: line %d: %s: %q: want %s", v.line, v.key, redact(v.written), want))
		return
	}
	e.errs = append(e.errs, fmt.Errorf("tracer: %s=%q: want %s", name, value, want))
}

// set parses the variable called name into dst, unless it is empty. It reports whether dst was set.
func set[T any](e *source, name string, dst *T, want string, parse func(string) (T, bool)) bool {
	s := e.get(name)
	if s == "" {
		return false
	}
	v, ok := parse(s)
	if !ok {
		e.bad(name, redact(s), want)
		return false
	}
	*dst = v
	return true
}

// settings are what e says, over the defaults of New.
func (e *source) settings() (*settings, error) {
	s := &settings{formats: []Format{B3, Jaeger}, maxTagValue: maxTagValue, batchSize: batchSize}
	s.Sampler, s.Reporter = &config.SamplerConfig{}, &config.ReporterConfig{QueueSize: queueSize}
	if set(e, "JAEGER_DISABLED", &s.Disabled, wantBool, parseBool); s.Disabled {
		return s, errors.Join(e.errs...)
	}
	s.ServiceName = e.get("JAEGER_SERVICE_NAME")
	set(e, "JAEGER_RPC_METRICS", new(bool), wantBool, parseBool)
	set(e, "JAEGER_TRACEID_128BIT", &s.Gen128Bit, wantBool, parseBool)
	set(e, "JAEGER_TAGS", &s.Tags,
		"key=value pairs with commas between them; a value may be ${VARIABLE:default}", parseTags)
	for _, tag := range e.tags {
		s.Tags = setTag(s.Tags, tag)
	}
	set(e, "JAEGER_PROPAGATION", &s.formats, wantFormats, parseFormats)
	set(e, "max_tag_value_length", &s.maxTagValue, "a number of bytes, 1 or more", parseInt(1, math.MaxInt32))
	set(e, "max_traceback_length", new(int), "a number of bytes, 1 or more", parseInt(1, math.MaxInt32))
	e.reporter(s)
	e.sampler(s.Sampler)
	return s, errors.Join(e.errs...)
}

func (e *source) reporter(s *settings) {
	r := s.Reporter
	// The queue is a channel: all of it is allocated at once.
	set(e, "JAEGER_REPORTER_MAX_QUEUE_SIZE", &r.QueueSize, "a number of spans, 1 to 10000000", parseInt(1, 10_000_000))
	set(e, "JAEGER_REPORTER_FLUSH_INTERVAL", &r.BufferFlushInterval, wantDuration, parseDuration)
	set(e, "JAEGER_REPORTER_LOG_SPANS", &r.LogSpans, wantBool, parseBool)
	set(e, "JAEGER_REPORTER_ATTEMPT_RECONNECTING_DISABLED", &r.DisableAttemptReconnecting, wantBool, parseBool)
	set(e, "JAEGER_REPORTER_ATTEMPT_RECONNECT_INTERVAL", &r.AttemptReconnectInterval, wantDuration, parseDuration)
	set(e, "reporter_batch_size", &s.batchSize, "a number of spans, 1 to 10000", parseInt(1, 10_000))

	set(e, "JAEGER_ENDPOINT", &r.CollectorEndpoint, wantCollector, collectorURL)
	if e.here("JAEGER_AGENT_HOST", "JAEGER_AGENT_PORT") && !e.here("JAEGER_ENDPOINT") {
		r.CollectorEndpoint = "" // the document's agent wins over the environment's collector
	}
	e.credentials(r)
	if e.collector != "" {
		r.CollectorEndpoint = e.collector
		r.User, r.Password, r.HTTPHeaders = "", "", nil
	}

	host, port := jaeger.DefaultUDPSpanServerHost, jaeger.DefaultUDPSpanServerPort
	hostSet := set(e, "JAEGER_AGENT_HOST", &host, wantHost, parseHost)
	wantPort := wantPort
	if strings.Contains(e.get("JAEGER_AGENT_PORT"), "://") {
		wantPort += "; Kubernetes sets an address for a service called jaeger-agent, unless enableServiceLinks is false"
	}
	portSet := set(e, "JAEGER_AGENT_PORT", &port, wantPort, parseInt(1, 65535))
	if hostSet || portSet {
		r.LocalAgentHostPort = net.JoinHostPort(host, strconv.Itoa(port))
	}
}

// credentials are all of one place: of the document, where it names one of them or the collector that they are for, else of
// the environment, whose collector they then are for. Those of a place that is not asked are not looked at: a variable may be
// set for all programs of a machine.
func (e *source) credentials(r *config.ReporterConfig) {
	const user, password, token = "JAEGER_USER", "JAEGER_PASSWORD", "JAEGER_AUTH_TOKEN"
	of, want := os.Getenv, func(name string) string { return name }
	switch {
	case e.here("JAEGER_ENDPOINT", user, password, token):
		of = func(name string) string { return e.document[name].value }
		want = func(name string) string {
			return cmp.Or(e.document[name].key, "reporter."+strings.ToLower(strings.TrimPrefix(name, "JAEGER_")))
		}
	case e.collector != "", e.here("JAEGER_AGENT_HOST", "JAEGER_AGENT_PORT"):
		return
	}
	r.User, r.Password = of(user), of(password)
	// These are the variables whose values are not shown.
	t := of(token)
	before := len(e.errs)
	switch {
	case t != "" && strings.ContainsFunc(t, func(c rune) bool { return c <= ' ' || c > '~' }):
		e.errs = append(e.errs, fmt.Errorf("tracer: %s: want what can be printed, without spaces", e.name(token)))
	case t != "" && r.User != "":
		e.errs = append(e.errs, fmt.Errorf("tracer: %s is set: want no %s beside it", e.name(token), want(user)))
	case t != "" && r.Password != "":
		e.errs = append(e.errs, fmt.Errorf("tracer: %s is set: want no %s beside it", e.name(token), want(password)))
	case t != "":
		r.HTTPHeaders = map[string]string{"Authorization": "Bearer " + t}
	case strings.Contains(r.User, ":"): // which is not shown either: it may be both, user:password
		e.errs = append(e.errs, fmt.Errorf("tracer: %s: want a name without a colon, at which Basic auth begins the password", e.name(user)))
	case r.User == "" && r.Password != "":
		e.errs = append(e.errs, fmt.Errorf("tracer: %s is set: want %s set too, or neither", e.name(password), want(user)))
	case r.User != "" && r.Password == "":
		e.bad(user, r.User, want(password)+" set too, or neither")
	}
	if len(e.errs) > before || e.collector != "" || e.here("JAEGER_ENDPOINT") || !e.here("JAEGER_AGENT_HOST", "JAEGER_AGENT_PORT") {
		return
	}
	for _, name := range []string{user, password, token} {
		if e.here(name) { // or it would go nowhere, without a word
			e.errs = append(e.errs, fmt.Errorf("tracer: %s is set: want reporter.endpoint beside it, as the document's agent takes none", e.name(name)))
			return
		}
	}
}

// name is what a user calls the variable, and where it is.
func (e *source) name(variable string) string {
	if v, ok := e.document[variable]; ok {
		return fmt.Sprintf("line %d: %s", v.line, v.key)
	}
	return variable
}

func (e *source) sampler(s *config.SamplerConfig) {
	set(e, "JAEGER_SAMPLER_MAX_OPERATIONS", &s.MaxOperations, "a number of operations, 1 or more", parseInt(1, math.MaxInt32))
	set(e, "JAEGER_SAMPLER_REFRESH_INTERVAL", &s.SamplingRefreshInterval, wantDuration, parseDuration)

	// The places of a sampling server, the one that wins last.
	host, port := "", jaeger.DefaultSamplingServerPort
	s.SamplingServerURL = jaeger.DefaultSamplingServerURL
	portSet := set(e, "sampling_port", &port, wantPort, parseInt(1, 65535))
	hostSet := set(&source{document: e.document}, "JAEGER_AGENT_HOST", &host, wantHost, parseHost) // its error is the reporter's
	if hostSet || portSet {
		s.SamplingServerURL, _ = samplingURL(net.JoinHostPort(cmp.Or(host, "localhost"), strconv.Itoa(port)))
	}
	const wantServer = "the sampling server's http or https URL, such as http://localhost:5778/sampling"
	const endpoint, hostPort = "JAEGER_SAMPLING_ENDPOINT", "JAEGER_SAMPLER_MANAGER_HOST_PORT"
	named := e.get(endpoint) != "" || e.get(hostPort) != "" // elsewhere, perhaps
	if !e.here("sampling_port") || e.here(endpoint, hostPort) {
		named = set(e, hostPort, &s.SamplingServerURL, wantServer+", or host:port", samplingURL)
		if !e.here(hostPort) || e.here(endpoint) { // the document's wins over the environment's, whatever they are called
			named = set(e, endpoint, &s.SamplingServerURL, wantServer, parseURL) || named
		}
	}

	s.Type = jaeger.SamplerTypeConst
	if named {
		s.Type = jaeger.SamplerTypeRemote
	}
	typeSet := set(e, "JAEGER_SAMPLER_TYPE", &s.Type, "const, probabilistic, ratelimiting or remote", parseSampler)
	if !typeSet && e.get("JAEGER_SAMPLER_TYPE") != "" {
		return // what the parameter means is not known
	}

	want, ok := "1 (every trace) or 0 (none), as the sampler is const", func(p float64) bool { return p == 0 || p == 1 }
	switch s.Type {
	case jaeger.SamplerTypeProbabilistic, jaeger.SamplerTypeRemote:
		want, ok = "the share of traces to sample, 0 to 1", func(p float64) bool { return p >= 0 && p <= 1 }
	case jaeger.SamplerTypeRateLimiting:
		want, ok = "traces per second, 0 or more", func(p float64) bool { return p >= 0 && !math.IsInf(p, 0) }
	}
	const param = "JAEGER_SAMPLER_PARAM"
	// A parameter of the environment is for a sampler of the environment.
	if !e.here("JAEGER_SAMPLER_TYPE") || e.here(param) {
		paramSet := set(e, param, &s.Param, want, func(s string) (float64, bool) {
			p, err := strconv.ParseFloat(s, 64)
			return p, err == nil && ok(p)
		})
		if paramSet || e.get(param) != "" {
			return
		}
	}
	switch s.Type {
	case jaeger.SamplerTypeConst:
		s.Param = 1
	case jaeger.SamplerTypeRemote:
		s.Param = 0.001 // Jaeger's own, in all but its reader of the environment
	default:
		// jaeger-client-go takes 0, and nothing is ever sampled.
		other := param
		if e.here("JAEGER_SAMPLER_TYPE") {
			other = "sampler.param"
		}
		e.bad("JAEGER_SAMPLER_TYPE", s.Type, other+" set too, to "+want)
	}
}
