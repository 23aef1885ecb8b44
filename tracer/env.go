package tracer

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
	"github.com/uber/jaeger-client-go/config"
)

const wantCollector = "the collector's http or https URL, such as http://localhost:14268"

// fromEnvironment is what the JAEGER_* variables say, over the defaults of New. It reads them itself: the reader of
// jaeger-client-go stops at the first error, panics on a malformed JAEGER_TAGS, and lets through numbers on which a
// channel or a ticker panics later. Its rules are kept: an empty variable is one not set.
func fromEnvironment() (*config.Configuration, error) {
	cfg := &config.Configuration{
		Sampler:  &config.SamplerConfig{},
		Reporter: &config.ReporterConfig{QueueSize: queueSize},
	}
	var e environment
	if set(&e, "JAEGER_DISABLED", &cfg.Disabled, wantBool, parseBool); cfg.Disabled {
		return cfg, nil
	}
	cfg.ServiceName = os.Getenv("JAEGER_SERVICE_NAME")
	set(&e, "JAEGER_RPC_METRICS", new(bool), wantBool, parseBool)
	set(&e, "JAEGER_TRACEID_128BIT", &cfg.Gen128Bit, wantBool, parseBool)
	set(&e, "JAEGER_TAGS", &cfg.Tags,
		"key=value pairs with commas between them; a value may be ${VARIABLE:default}", parseTags)
	e.reporter(cfg.Reporter)
	e.sampler(cfg.Sampler)
	return cfg, errors.Join(e.errs...)
}

type environment struct{ errs []error }

func (e *environment) bad(name, value, want string) {
	e.errs = append(e.errs, fmt.Errorf("tracer: %s=%q: want %s", name, value, want))
}

// set parses the variable called name into dst, unless it is empty. It reports whether dst was set.
func set[T any](e *environment, name string, dst *T, want string, parse func(string) (T, bool)) bool {
	s := os.Getenv(name)
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

func (e *environment) reporter(r *config.ReporterConfig) {
	// The queue is a channel: all of it is allocated at once.
	set(e, "JAEGER_REPORTER_MAX_QUEUE_SIZE", &r.QueueSize, "a number of spans, 1 to 10000000", parseInt(1, 10_000_000))
	set(e, "JAEGER_REPORTER_FLUSH_INTERVAL", &r.BufferFlushInterval, wantDuration, parseDuration)
	set(e, "JAEGER_REPORTER_LOG_SPANS", &r.LogSpans, wantBool, parseBool)
	set(e, "JAEGER_REPORTER_ATTEMPT_RECONNECTING_DISABLED", &r.DisableAttemptReconnecting, wantBool, parseBool)
	set(e, "JAEGER_REPORTER_ATTEMPT_RECONNECT_INTERVAL", &r.AttemptReconnectInterval, wantDuration, parseDuration)

	set(e, "JAEGER_ENDPOINT", &r.CollectorEndpoint, wantCollector, collectorURL)
	r.User, r.Password = os.Getenv("JAEGER_USER"), os.Getenv("JAEGER_PASSWORD")
	switch {
	case r.User == "" && r.Password != "":
		// The one variable whose value is not shown.
		e.errs = append(e.errs, errors.New("tracer: JAEGER_PASSWORD is set: want JAEGER_USER set too, or neither"))
	case r.User != "" && r.Password == "":
		e.bad("JAEGER_USER", r.User, "JAEGER_PASSWORD set too, or neither")
	}

	host, port := jaeger.DefaultUDPSpanServerHost, jaeger.DefaultUDPSpanServerPort
	hostSet := set(e, "JAEGER_AGENT_HOST", &host, wantHost, parseHost)
	wantPort := "a port, 1 to 65535"
	if strings.Contains(os.Getenv("JAEGER_AGENT_PORT"), "://") {
		wantPort += "; Kubernetes sets an address for a service called jaeger-agent, unless enableServiceLinks is false"
	}
	portSet := set(e, "JAEGER_AGENT_PORT", &port, wantPort, parseInt(1, 65535))
	if hostSet || portSet {
		r.LocalAgentHostPort = net.JoinHostPort(host, strconv.Itoa(port))
	}
}

func (e *environment) sampler(s *config.SamplerConfig) {
	set(e, "JAEGER_SAMPLER_MAX_OPERATIONS", &s.MaxOperations, "a number of operations, 1 or more", parseInt(1, math.MaxInt32))
	set(e, "JAEGER_SAMPLER_REFRESH_INTERVAL", &s.SamplingRefreshInterval, wantDuration, parseDuration)

	// The places of a sampling server, the one that wins last.
	var host string
	if set(&environment{}, "JAEGER_AGENT_HOST", &host, wantHost, parseHost) { // its error is the reporter's
		s.SamplingServerURL, _ = samplingURL(net.JoinHostPort(host, strconv.Itoa(jaeger.DefaultSamplingServerPort)))
	} else {
		s.SamplingServerURL = jaeger.DefaultSamplingServerURL
	}
	const wantServer = "the sampling server's http or https URL, such as http://localhost:5778/sampling"
	old := set(e, "JAEGER_SAMPLER_MANAGER_HOST_PORT", &s.SamplingServerURL, wantServer+", or host:port", samplingURL)
	named := set(e, "JAEGER_SAMPLING_ENDPOINT", &s.SamplingServerURL, wantServer, parseURL)

	s.Type = jaeger.SamplerTypeConst
	if old || named {
		s.Type = jaeger.SamplerTypeRemote
	}
	typeSet := set(e, "JAEGER_SAMPLER_TYPE", &s.Type, "const, probabilistic, ratelimiting or remote", parseSampler)
	if !typeSet && os.Getenv("JAEGER_SAMPLER_TYPE") != "" {
		return // what the parameter means is not known
	}

	want, ok := "1 (every trace) or 0 (none), as the sampler is const", func(p float64) bool { return p == 0 || p == 1 }
	switch s.Type {
	case jaeger.SamplerTypeProbabilistic, jaeger.SamplerTypeRemote:
		want, ok = "the share of traces to sample, 0 to 1", func(p float64) bool { return p >= 0 && p <= 1 }
	case jaeger.SamplerTypeRateLimiting:
		want, ok = "traces per second, 0 or more", func(p float64) bool { return p >= 0 && !math.IsInf(p, 0) }
	}
	paramSet := set(e, "JAEGER_SAMPLER_PARAM", &s.Param, want, func(s string) (float64, bool) {
		p, err := strconv.ParseFloat(s, 64)
		return p, err == nil && ok(p)
	})
	if paramSet || os.Getenv("JAEGER_SAMPLER_PARAM") != "" {
		return
	}
	switch s.Type {
	case jaeger.SamplerTypeConst:
		s.Param = 1
	case jaeger.SamplerTypeRemote:
		s.Param = 0.001 // Jaeger's own, in all but its reader of the environment
	default:
		// jaeger-client-go takes 0, and nothing is ever sampled.
		e.bad("JAEGER_SAMPLER_TYPE", s.Type, "JAEGER_SAMPLER_PARAM set too, to "+want)
	}
}

const (
	wantBool     = "true or false"
	wantDuration = "a duration of 1ms or more with its unit, such as 500ms or 1m30s"
	wantHost     = "a host name or IP address, without a port"
)

func parseBool(s string) (bool, bool) {
	b, err := strconv.ParseBool(s)
	return b, err == nil
}

func parseInt(least, most int) func(string) (int, bool) {
	return func(s string) (int, bool) {
		n, err := strconv.Atoi(s)
		return n, err == nil && least <= n && n <= most
	}
}

// parseDuration wants a millisecond at least: these are intervals of tickers, which panic at 0 and spin at 1ns.
func parseDuration(s string) (time.Duration, bool) {
	d, err := time.ParseDuration(s)
	return d, err == nil && d >= time.Millisecond
}

func parseSampler(s string) (string, bool) {
	switch s = strings.ToLower(s); s {
	case jaeger.SamplerTypeConst, jaeger.SamplerTypeProbabilistic, jaeger.SamplerTypeRateLimiting, jaeger.SamplerTypeRemote:
		return s, true
	}
	return "", false
}

// parseHost takes an IPv6 address with or without brackets: for jaeger-client-go they had to be there.
func parseHost(s string) (string, bool) {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		s, ok = strings.CutSuffix(inner, "]")
		if a, err := netip.ParseAddr(s); !ok || err != nil || !a.Is6() {
			return "", false
		}
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return s, true
	}
	ok := s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == ""
	return s, ok
}

// parseURL takes an absolute URL of http or https, and returns it as it came.
func parseURL(s string) (string, bool) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return "", false
	}
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		if _, ok := parseInt(1, 65535)(port); !ok {
			return "", false
		}
	}
	return s, true
}

// collectorURL gives a URL without a path the path of Jaeger's collector, which answers 404 at its root.
func collectorURL(s string) (string, bool) {
	if _, ok := parseURL(s); !ok {
		return "", false
	}
	u, err := url.Parse(s)
	if err != nil {
		return "", false
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/api/traces"
	}
	return u.String(), true
}

// samplingURL also takes a bare host:port. The variable is called that; but jaeger-client-go wants a URL in it.
func samplingURL(s string) (string, bool) {
	if host, port, err := net.SplitHostPort(s); err == nil && !strings.Contains(s, "://") {
		_, hostOK := parseHost(host)
		_, portOK := parseInt(1, 65535)(port)
		return "http://" + s + "/sampling", hostOK && portOK
	}
	return parseURL(s)
}

// parseTags reads key=value,key=${VARIABLE:default}.
func parseTags(s string) ([]opentracing.Tag, bool) {
	var tags []opentracing.Tag
	for pair := range strings.SplitSeq(s, ",") {
		key, value, ok := strings.Cut(pair, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !ok || key == "" {
			return nil, false
		}
		if inner, found := strings.CutPrefix(value, "${"); found && strings.HasSuffix(inner, "}") {
			name, fallback, ok := strings.Cut(strings.TrimSuffix(inner, "}"), ":")
			if !ok {
				return nil, false
			}
			if value = os.Getenv(name); value == "" {
				value = fallback
			}
		}
		tags = append(tags, opentracing.Tag{Key: key, Value: value})
	}
	return tags, true
}

// redact hides the user and password of something that was meant to be a URL.
func redact(s string) string {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return s
	}
	scheme := strings.Index(s[:at], "//") + len("//")
	if scheme < len("//") {
		scheme = 0 // it was forgotten
	}
	return s[:scheme] + "xxxxx" + s[at:]
}
