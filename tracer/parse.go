package tracer

import (
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

const (
	wantBool     = "true or false"
	wantDuration = "a duration of 1ms or more with its unit, such as 500ms or 1m30s"
	wantPort     = "a port, 1 to 65535"
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
	case "rate_limiting": // Python's client takes it too
		return jaeger.SamplerTypeRateLimiting, true
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
