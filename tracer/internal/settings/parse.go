package settings

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

// What errors say after "want".
const (
	WantCollector = "the collector's http or https URL, such as http://localhost:14268"

	wantBool     = "true or false"
	wantDuration = "a duration of 1ms or more with its unit, such as 500ms or 1m30s"
	wantPort     = "a port, 1 to 65535"
	wantHost     = "a host name or IP address, without a port"
	wantTags     = "key=value pairs separated by commas; a value may be ${VARIABLE:default}"
	wantFormats  = "jaeger, b3, b3-single or w3c, or several of them separated by commas"
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

// parseDuration accepts a millisecond or more: at 0 a ticker panics, and at 1ns it never sleeps.
func parseDuration(s string) (time.Duration, bool) {
	d, err := time.ParseDuration(s)
	return d, err == nil && d >= time.Millisecond
}

func parseSampler(s string) (string, bool) {
	switch s = strings.ToLower(s); s {
	case "rate_limiting": // Jaeger's Python client accepts it too
		return jaeger.SamplerTypeRateLimiting, true
	case jaeger.SamplerTypeConst, jaeger.SamplerTypeProbabilistic,
		jaeger.SamplerTypeRateLimiting, jaeger.SamplerTypeRemote:
		return s, true
	}
	return "", false
}

// parseHost parses a host name or an IP address. It removes the brackets of an IPv6 address, which
// jaeger-client-go requires: net.JoinHostPort adds them again.
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
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"
	return s, s != "" && strings.Trim(s, allowed) == ""
}

// HTTPURL parses an absolute http or https URL.
func HTTPURL(s string) (u *url.URL, ok bool) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, false
	}
	if u.Port() == "" {
		return u, !strings.HasSuffix(u.Host, ":")
	}
	_, ok = parseInt(1, 65535)(u.Port())
	return u, ok
}

// parseURL accepts an absolute http or https URL, and returns it unchanged.
func parseURL(s string) (string, bool) {
	_, ok := HTTPURL(s)
	return s, ok
}

// CollectorURL parses a collector's URL. If it has no path, it gets the path of Jaeger's collector,
// which answers 404 at its root.
func CollectorURL(s string) (string, bool) {
	u, ok := HTTPURL(s)
	if !ok {
		return "", false
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/api/traces"
	}
	return u.String(), true
}

// samplingURL parses the value of JAEGER_SAMPLER_MANAGER_HOST_PORT: host:port, as its name says, or
// a URL, which jaeger-client-go expects.
func samplingURL(s string) (string, bool) {
	if host, port, err := net.SplitHostPort(s); err == nil && !strings.Contains(s, "://") {
		_, hostOK := parseHost(host)
		_, portOK := parseInt(1, 65535)(port)
		return "http://" + s + "/sampling", hostOK && portOK
	}
	return parseURL(s)
}

// parseTags parses key=value,key=${VARIABLE:default}.
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

// Redact replaces the user and password of a URL by xxxxx, and its query, which may contain a
// token, even if the URL is malformed.
func Redact(s string) string {
	if url, _, ok := strings.Cut(s, "?"); ok && strings.Contains(url, "//") {
		s = url + "?xxxxx"
	}
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return s
	}
	start := 0
	if i := strings.Index(s[:at], "//"); i >= 0 {
		start = i + len("//")
	}
	return s[:start] + "xxxxx" + s[at:]
}
