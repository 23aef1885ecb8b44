// Package settings reads the configuration of a tracer from JAEGER_* variables and YAML documents.
package settings

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/gaptrace/gaptrace/tracer/internal/propagation"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
	"github.com/uber/jaeger-client-go/config"
)

// The defaults that differ from jaeger-client-go's: docs/tracer.md says why.
const (
	defaultMaxTagValue = 4096 // bytes; gaptrace's wrappers truncate at the same length, with a mark
	defaultQueueSize   = 10_000
	defaultBatchSize   = 100
)

// Settings are the configuration of a tracer.
type Settings struct {
	config.Configuration
	Formats     []propagation.Format
	MaxTagValue int // bytes
	BatchSize   int // spans in a request to a collector
}

// A Source looks settings up: in an option, in a YAML document, and in the JAEGER_* variables. The
// first that has a setting wins. docs/design/propagation.md says why it does not use
// jaeger-client-go's parser.
type Source struct {
	Collector string // the URL of WithCollector; "" without that option

	document map[string]entry  // by the setting's name; nil if there is no document
	tags     []opentracing.Tag // of the document
	errs     []error
}

// entry is a setting in the document.
type entry struct {
	value   string // as the variable would have it
	written string // as the document has it
	key     string // its path, such as sampler.type
	line    int
}

// The names of settings are those of the variables. Lower-case names are for settings that only a
// document can have.
const (
	endpoint         = "JAEGER_ENDPOINT"
	user             = "JAEGER_USER"
	password         = "JAEGER_PASSWORD"
	token            = "JAEGER_AUTH_TOKEN"
	agentHost        = "JAEGER_AGENT_HOST"
	agentPort        = "JAEGER_AGENT_PORT"
	samplerType      = "JAEGER_SAMPLER_TYPE"
	samplerParam     = "JAEGER_SAMPLER_PARAM"
	samplingEndpoint = "JAEGER_SAMPLING_ENDPOINT"
	samplingHostPort = "JAEGER_SAMPLER_MANAGER_HOST_PORT"
	samplingPort     = "sampling_port"
)

// credentialGroup lists the credentials and the endpoint that gets them. If the document sets one
// of them, the credentials of the environment are not used.
var credentialGroup = []string{endpoint, user, password, token}

// replacedBy lists, for a variable, other settings that replace it if the document has one of them:
// what belongs together comes from a single source.
var replacedBy = map[string][]string{
	endpoint:         {agentHost, agentPort},
	user:             append(credentialGroup, agentHost, agentPort),
	password:         append(credentialGroup, agentHost, agentPort),
	token:            append(credentialGroup, agentHost, agentPort),
	samplerParam:     {samplerType},
	samplingEndpoint: {samplingHostPort, samplingPort},
	samplingHostPort: {samplingEndpoint, samplingPort},
}

// get returns the value of a setting. It returns "" if it is not set: as in jaeger-client-go, an
// empty variable counts as not set.
func (src *Source) get(name string) string {
	if e, ok := src.document[name]; ok {
		return e.value
	}
	if !strings.HasPrefix(name, "JAEGER_") || src.inDocument(replacedBy[name]...) {
		return ""
	}
	return os.Getenv(name)
}

// inDocument reports whether the document has one of the settings.
func (src *Source) inDocument(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { _, ok := src.document[name]; return ok })
}

// errorf adds an error to those that Read returns.
func (src *Source) errorf(format string, args ...any) {
	src.errs = append(src.errs, fmt.Errorf("tracer: "+format, args...))
}

// malformed adds an error about the value of a setting.
func (src *Source) malformed(name, value, want string) {
	separator := "="
	if e, ok := src.document[name]; ok {
		separator, value = ": ", e.written
	}
	src.errorf("%s%s%q: want %s", src.describe(name), separator, Redact(value), want)
}

// describe returns the key of a setting and its line, if the document has it, or the variable's
// name.
func (src *Source) describe(name string) string {
	if e, ok := src.document[name]; ok {
		return fmt.Sprintf("line %d: %s", e.line, e.key)
	}
	return name
}

// read parses a setting into dst, if it is set and well-formed. It reports whether it did so.
func read[T any](src *Source, name string, dst *T, want string, parse func(string) (T, bool)) bool {
	s := src.get(name)
	if s == "" {
		return false
	}
	v, ok := parse(s)
	if !ok {
		src.malformed(name, s, want)
		return false
	}
	*dst = v
	return true
}

// Read returns the settings, and all errors at once. If service is blank, a setting names the
// service. If the tracer is disabled, Read reads nothing else.
func (src *Source) Read(service string) (*Settings, error) {
	s := &Settings{
		Formats:     []propagation.Format{propagation.B3, propagation.Jaeger},
		MaxTagValue: defaultMaxTagValue,
		BatchSize:   defaultBatchSize,
	}
	s.Sampler, s.Reporter = &config.SamplerConfig{}, &config.ReporterConfig{QueueSize: defaultQueueSize}
	if read(src, "JAEGER_DISABLED", &s.Disabled, wantBool, parseBool); s.Disabled {
		return s, errors.Join(src.errs...)
	}
	const wantLength = "a number of bytes, 1 or more"
	read(src, "JAEGER_RPC_METRICS", new(bool), wantBool, parseBool)
	read(src, "JAEGER_TRACEID_128BIT", &s.Gen128Bit, wantBool, parseBool)
	read(src, "JAEGER_TAGS", &s.Tags, wantTags, parseTags)
	for _, tag := range src.tags {
		s.SetTag(tag)
	}
	read(src, "JAEGER_PROPAGATION", &s.Formats, wantFormats, propagation.ParseFormats)
	read(src, "max_tag_value_length", &s.MaxTagValue, wantLength, parseInt(1, math.MaxInt32))
	read(src, "max_traceback_length", new(int), wantLength, parseInt(1, math.MaxInt32))
	src.reporter(s)
	src.sampler(s.Sampler)

	s.ServiceName = service
	if strings.TrimSpace(service) == "" {
		s.ServiceName = src.get("JAEGER_SERVICE_NAME")
	}
	if strings.TrimSpace(s.ServiceName) == "" {
		advice := "pass one to New"
		if src.document != nil {
			advice = "set service_name in the document"
		}
		src.errorf("no service name: %s, or set JAEGER_SERVICE_NAME", advice)
	}
	return s, errors.Join(src.errs...)
}

// SetTag sets a tag of the process, instead of those that have the same key.
func (s *Settings) SetTag(tag opentracing.Tag) {
	same := func(t opentracing.Tag) bool { return t.Key == tag.Key }
	s.Tags = append(slices.DeleteFunc(s.Tags, same), tag)
}

func (src *Source) reporter(s *Settings) {
	r := s.Reporter
	// The queue is a channel, so all of it is allocated at once.
	read(src, "JAEGER_REPORTER_MAX_QUEUE_SIZE", &r.QueueSize, "a number of spans, 1 to 10000000",
		parseInt(1, 10_000_000))
	read(src, "JAEGER_REPORTER_FLUSH_INTERVAL", &r.BufferFlushInterval, wantDuration, parseDuration)
	read(src, "JAEGER_REPORTER_LOG_SPANS", &r.LogSpans, wantBool, parseBool)
	read(src, "JAEGER_REPORTER_ATTEMPT_RECONNECTING_DISABLED", &r.DisableAttemptReconnecting, wantBool, parseBool)
	read(src, "JAEGER_REPORTER_ATTEMPT_RECONNECT_INTERVAL", &r.AttemptReconnectInterval, wantDuration, parseDuration)
	read(src, "reporter_batch_size", &s.BatchSize, "a number of spans, 1 to 10000", parseInt(1, 10_000))

	read(src, endpoint, &r.CollectorEndpoint, WantCollector, CollectorURL)
	src.credentials(r)
	if src.Collector != "" {
		r.CollectorEndpoint = src.Collector
		r.User, r.Password, r.HTTPHeaders = "", "", nil
	}

	host, port := jaeger.DefaultUDPSpanServerHost, jaeger.DefaultUDPSpanServerPort
	hostSet := read(src, agentHost, &host, wantHost, parseHost)
	want := wantPort
	if strings.Contains(src.get(agentPort), "://") {
		want += "; Kubernetes sets an address for a service called jaeger-agent, unless enableServiceLinks is false"
	}
	portSet := read(src, agentPort, &port, want, parseInt(1, 65535))
	if hostSet || portSet {
		r.LocalAgentHostPort = net.JoinHostPort(host, strconv.Itoa(port))
	}
}

func (src *Source) credentials(r *config.ReporterConfig) {
	ours := src.inDocument(credentialGroup...)
	if src.Collector != "" && !ours {
		return // the variables are not used, so they may be malformed
	}
	keyOf := func(name string) string {
		if !ours {
			return name
		}
		return cmp.Or(src.document[name].key, "reporter."+strings.ToLower(strings.TrimPrefix(name, "JAEGER_")))
	}
	r.User, r.Password = src.get(user), src.get(password)
	switch t := src.get(token); {
	case strings.ContainsFunc(t, func(c rune) bool { return c <= ' ' || c > '~' }):
		src.errorf("%s: want printable ASCII without spaces", src.describe(token))
	case t != "" && r.User != "":
		src.errorf("%s is set: want %s not set", src.describe(token), keyOf(user))
	case t != "" && r.Password != "":
		src.errorf("%s is set: want %s not set", src.describe(token), keyOf(password))
	case strings.Contains(r.User, ":"): // not quoted, since it may be user:password
		src.errorf("%s: want a name without a colon, where Basic auth begins the password", src.describe(user))
	case r.User == "" && r.Password != "":
		src.errorf("%s is set: want %s set too, or neither", src.describe(password), keyOf(user))
	case r.User != "" && r.Password == "":
		src.malformed(user, r.User, keyOf(password)+" set too, or neither")
	case ours && r.CollectorEndpoint == "" && src.Collector == "" && src.inDocument(agentHost, agentPort):
		first := slices.IndexFunc(credentialGroup, func(name string) bool { return src.inDocument(name) })
		src.errorf("%s is set: want reporter.endpoint set too, since an agent takes no credentials",
			src.describe(credentialGroup[first]))
	case t != "":
		r.HTTPHeaders = map[string]string{"Authorization": "Bearer " + t}
	}
}

func (src *Source) sampler(s *config.SamplerConfig) {
	const wantOperations = "a number of operations, 1 or more"
	read(src, "JAEGER_SAMPLER_MAX_OPERATIONS", &s.MaxOperations, wantOperations, parseInt(1, math.MaxInt32))
	read(src, "JAEGER_SAMPLER_REFRESH_INTERVAL", &s.SamplingRefreshInterval, wantDuration, parseDuration)
	s.Type = jaeger.SamplerTypeConst
	if src.samplingServer(s) {
		s.Type = jaeger.SamplerTypeRemote
	}
	if !read(src, samplerType, &s.Type, "const, probabilistic, ratelimiting or remote", parseSampler) &&
		src.get(samplerType) != "" {
		return // the type is malformed, so the parameter has no meaning
	}

	want, valid := samplerParamRange(s.Type)
	paramKey := samplerParam
	if src.inDocument(samplerType) {
		paramKey = "sampler.param"
	}
	read(src, samplerParam, &s.Param, want, func(s string) (float64, bool) {
		p, err := strconv.ParseFloat(s, 64)
		return p, err == nil && valid(p)
	})
	if src.get(samplerParam) != "" {
		return
	}
	switch s.Type {
	case jaeger.SamplerTypeConst:
		s.Param = 1
	case jaeger.SamplerTypeRemote:
		s.Param = 0.001
	default: // jaeger-client-go would take 0, and sample nothing
		src.malformed(samplerType, s.Type, paramKey+" set too, to "+want)
	}
}

// samplerParamRange returns which parameters a sampler accepts.
func samplerParamRange(sampler string) (want string, valid func(float64) bool) {
	switch sampler {
	case jaeger.SamplerTypeProbabilistic, jaeger.SamplerTypeRemote:
		return "the share of traces to sample, 0 to 1", func(p float64) bool { return p >= 0 && p <= 1 }
	case jaeger.SamplerTypeRateLimiting:
		return "traces per second, 0 or more", func(p float64) bool { return p >= 0 && !math.IsInf(p, 0) }
	}
	return "1 (every trace) or 0 (none), since the sampler is const", func(p float64) bool { return p == 0 || p == 1 }
}

// samplingServer reads the sampling server's URL. It reports whether a setting names a server. If
// the document, or the environment, names several, the first of these wins:
//
//	sampling_endpoint, manager_host_port, the agent's host and sampling_port
func (src *Source) samplingServer(s *config.SamplerConfig) (named bool) {
	const want = "the sampling server's http or https URL, such as http://localhost:5778/sampling"
	host, port := "", jaeger.DefaultSamplingServerPort
	s.SamplingServerURL = jaeger.DefaultSamplingServerURL
	portSet := read(src, samplingPort, &port, wantPort, parseInt(1, 65535))
	silent := &Source{document: src.document} // since reporter has already added the error
	hostSet := read(silent, agentHost, &host, wantHost, parseHost)
	if hostSet || portSet {
		s.SamplingServerURL, _ = samplingURL(net.JoinHostPort(cmp.Or(host, "localhost"), strconv.Itoa(port)))
	}
	hostPortSet := read(src, samplingHostPort, &s.SamplingServerURL, want+", or host:port", samplingURL)
	endpointSet := read(src, samplingEndpoint, &s.SamplingServerURL, want, parseURL)
	// The document's sampling_port by itself names no server. But if the environment names one, the
	// sampler stays remote, and the port replaces that server.
	return hostPortSet || endpointSet || portSet && os.Getenv(samplingHostPort)+os.Getenv(samplingEndpoint) != ""
}
