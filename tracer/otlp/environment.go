package otlp

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/tracer"
	"github.com/gaptrace/gaptrace/tracer/internal/export"
	"github.com/gaptrace/gaptrace/tracer/internal/settings"
)

// What errors say after "want".
const (
	wantURL   = "the collector's http or https URL, such as http://localhost:4318"
	wantPairs = "key=value pairs separated by commas, with other characters as %2C"
)

const (
	defaultEndpoint = "http://localhost:4318/v1/traces"
	defaultTimeout  = 10 * time.Second
	maxTimeout      = time.Hour
	contentType     = "application/x-protobuf"
)

// environment reads OTEL_… variables. As OpenTelemetry says, an empty one counts as not set.
type environment struct {
	errs       []error
	attributes []pair // of OTEL_RESOURCE_ATTRIBUTES
	parsed     bool   // attributes is set
}

type pair struct{ key, value string }

func wrong(what, want string) error { return fmt.Errorf("otlp: %s: want %s", what, want) }

// malformed adds an error about a variable, which repeats its value.
func (e *environment) malformed(name, value, want string) {
	e.errs = append(e.errs, wrong(fmt.Sprintf("%s=%q", name, settings.Redact(value)), want))
}

// secret adds an error about a variable whose value may be a secret.
func (e *environment) secret(name, want string) { e.errs = append(e.errs, wrong(name, want)) }

func get(name string) string { return strings.TrimSpace(os.Getenv(name)) }

// exporter returns the variable of the exporter that is in force, for traces or for all signals.
func exporter(name string) (variable, value string) {
	for _, prefix := range []string{"OTEL_EXPORTER_OTLP_TRACES_", "OTEL_EXPORTER_OTLP_"} {
		if value := get(prefix + name); value != "" {
			return prefix + name, value
		}
	}
	return "", ""
}

func (e *environment) disabled() bool {
	const name = "OTEL_SDK_DISABLED"
	switch value := get(name); strings.ToLower(value) {
	case "true":
		return true
	case "", "false":
	default:
		e.malformed(name, value, "true or false")
	}
	return false
}

func (e *environment) service() string {
	service := get("OTEL_SERVICE_NAME")
	for _, a := range e.resource() {
		if service == "" && a.key == serviceKey {
			service = a.value
		}
	}
	return service
}

// tags returns the attributes of the resource as tags of the process.
func (e *environment) tags() (opts []Option) {
	for _, a := range e.resource() {
		if a.key != serviceKey {
			opts = append(opts, tracer.WithTag(a.key, a.value))
		}
	}
	return opts
}

func (e *environment) resource() []pair {
	const name = "OTEL_RESOURCE_ATTRIBUTES"
	if e.parsed {
		return e.attributes
	}
	e.parsed = true
	var ok bool
	if e.attributes, ok = parsePairs(get(name)); !ok {
		e.malformed(name, get(name), wantPairs)
	}
	return e.attributes
}

// parsePairs parses key=value,key=value, in which characters may be percent-encoded.
func parsePairs(s string) (pairs []pair, ok bool) {
	if s == "" {
		return nil, true
	}
	for text := range strings.SplitSeq(s, ",") {
		if strings.TrimSpace(text) == "" { // as after a trailing comma
			continue
		}
		key, value, found := strings.Cut(text, "=")
		key, keyErr := url.PathUnescape(strings.TrimSpace(key))
		value, valueErr := url.PathUnescape(strings.TrimSpace(value))
		if !found || key == "" || keyErr != nil || valueErr != nil {
			return nil, false
		}
		pairs = append(pairs, pair{key, value})
	}
	return pairs, true
}

// backend reads where spans are sent, and how.
func (e *environment) backend(s *export.Settings) *export.Backend {
	enc := &encoder{rename: s.Rename}
	b := &export.Backend{
		URL: s.Endpoint, Header: e.header(), Timeout: e.timeout(), Encode: enc.encode,
		Rejected: rejected, Passes: passes,
	}
	if b.URL == "" {
		b.URL = e.endpoint()
	}
	if name, value := exporter("PROTOCOL"); value != "" && value != "http/protobuf" {
		e.malformed(name, value, "http/protobuf, the only protocol that is supported")
	}
	switch name, value := exporter("COMPRESSION"); value {
	case "gzip":
		enc.gzip = true
		b.Header.Set("Content-Encoding", "gzip")
	case "", "none":
	default:
		e.malformed(name, value, "gzip or none")
	}
	certificates := e.certificates()
	b.Configure = func(t *http.Transport) {
		if certificates == nil {
			return
		}
		if t.TLSClientConfig == nil {
			t.TLSClientConfig = new(tls.Config)
		}
		t.TLSClientConfig.RootCAs = certificates.RootCAs
		t.TLSClientConfig.Certificates = certificates.Certificates
	}
	return b
}

// endpoint returns the endpoint. The variable for all signals has a URL to which /v1/traces is
// added.
func (e *environment) endpoint() string {
	name, value := exporter("ENDPOINT")
	if value == "" {
		return defaultEndpoint
	}
	suffix := "/v1/traces"
	if strings.Contains(name, "_TRACES_") {
		suffix = "/"
	}
	u, ok := settings.HTTPURL(value)
	if !ok {
		e.malformed(name, value, wantURL)
		return ""
	}
	if suffix != "/" || u.Path == "" {
		u = u.JoinPath(suffix)
	}
	return u.String()
}

// endpointURL parses the URL of WithEndpoint.
func endpointURL(s string) (string, bool) {
	u, ok := settings.HTTPURL(s)
	if !ok {
		return "", false
	}
	if u.Path == "" || u.Path == "/" {
		u = u.JoinPath("/v1/traces")
	}
	return u.String(), true
}

func (e *environment) timeout() time.Duration {
	name, value := exporter("TIMEOUT")
	if value == "" {
		return defaultTimeout
	}
	ms, err := strconv.Atoi(value)
	if err != nil || ms < 1 || ms > int(maxTimeout.Milliseconds()) {
		e.malformed(name, value, "a number of milliseconds, 1 to 3600000")
		return defaultTimeout
	}
	return time.Duration(ms) * time.Millisecond
}

// header returns the headers of each request.
func (e *environment) header() http.Header {
	h := http.Header{}
	h.Set("User-Agent", "gaptrace-otlp")
	name, value := exporter("HEADERS")
	pairs, ok := parsePairs(value)
	if !ok {
		e.secret(name, wantPairs)
	}
	for i, p := range pairs {
		if !validHeader(p) { // "Authorization: Bearer secret=" has the secret in its key
			e.secret(name, fmt.Sprintf("names of headers, and values without control characters, other than in pair %d", i+1))
			continue
		}
		h.Set(p.key, p.value)
	}
	h.Set("Content-Type", contentType)
	return h
}

// validHeader reports whether net/http sends a header.
func validHeader(p pair) bool {
	const tokens = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	return strings.Trim(p.key, tokens) == "" &&
		!strings.ContainsFunc(p.value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// certificates returns nil if the environment names none.
func (e *environment) certificates() *tls.Config {
	config := new(tls.Config)
	if name, file := exporter("CERTIFICATE"); file != "" {
		config.RootCAs = x509.NewCertPool()
		pem, err := os.ReadFile(file)
		if err == nil && !config.RootCAs.AppendCertsFromPEM(pem) {
			err = errors.New("no certificate in PEM")
		}
		e.unreadable(name, file, err)
	}
	certName, certFile := exporter("CLIENT_CERTIFICATE")
	keyName, keyFile := exporter("CLIENT_KEY")
	switch {
	case certFile != "" && keyFile != "":
		certificate, err := tls.LoadX509KeyPair(certFile, keyFile)
		e.unreadable(certName, certFile, err)
		config.Certificates = []tls.Certificate{certificate}
	case certFile != "":
		e.malformed(certName, certFile, strings.Replace(certName, "CERTIFICATE", "KEY", 1)+" set too, or neither")
	case keyFile != "":
		e.malformed(keyName, keyFile, strings.Replace(keyName, "KEY", "CERTIFICATE", 1)+" set too, or neither")
	}
	if config.RootCAs == nil && config.Certificates == nil {
		return nil
	}
	return config
}

// unreadable adds an error about a variable that names a file, if err is not nil.
func (e *environment) unreadable(name, file string, err error) {
	if err != nil {
		e.errs = append(e.errs, fmt.Errorf("otlp: %s=%q: want a file in PEM: %w", name, file, err))
	}
}
