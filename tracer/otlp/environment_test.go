package otlp

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
)

func TestWrongSettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "not.pem")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for setting, want := range map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=localhost:4318":                   `="localhost:4318": want the collector's http or https URL, such as http://localhost:4318`,
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=grpc://me:secret@host":     `="grpc://xxxxx@host": want the collector's http`,
		"OTEL_EXPORTER_OTLP_ENDPOINT=htp://host?key=secret":            `="htp://host?xxxxx": want the collector's http`,
		"OTEL_EXPORTER_OTLP_PROTOCOL=grpc":                             `="grpc": want http/protobuf, the only protocol that is supported`,
		"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/json":                 `="http/json": want http/protobuf`,
		"OTEL_EXPORTER_OTLP_COMPRESSION=zstd":                          `="zstd": want gzip or none`,
		"OTEL_EXPORTER_OTLP_TIMEOUT=10s":                               `="10s": want a number of milliseconds, 1 to 3600000`,
		"OTEL_EXPORTER_OTLP_TIMEOUT=3600001":                           `="3600001": want a number of milliseconds`,
		"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=0":                          `="0": want a number of milliseconds`,
		"OTEL_EXPORTER_OTLP_HEADERS=secret":                            `: want key=value pairs separated by commas`,
		"OTEL_EXPORTER_OTLP_TRACES_HEADERS=a b=secret":                 `: want names of headers, and values without control characters, other than in pair 1`,
		"OTEL_EXPORTER_OTLP_HEADERS=a=1,Authorization: Basic secret==": `: want names of headers, and values without control characters, other than in pair 2`,
		"OTEL_EXPORTER_OTLP_HEADERS=a=secret%0a":                       `: want names of headers`,
		"OTEL_EXPORTER_OTLP_HEADERS=a=secret%":                         `: want key=value pairs`,
		"OTEL_EXPORTER_OTLP_CERTIFICATE=/nowhere":                      `="/nowhere": want a file in PEM: open /nowhere`,
		"OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE=" + file:                `="` + file + `": want a file in PEM: no certificate`,
		"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=a.pem":                  `="a.pem": want OTEL_EXPORTER_OTLP_CLIENT_KEY set too, or neither`,
		"OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY=a.pem":                   `="a.pem": want OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE set too, or neither`,
		"OTEL_RESOURCE_ATTRIBUTES=zone":                                `="zone": want key=value pairs separated by commas, with other characters as %2C`,
		"OTEL_RESOURCE_ATTRIBUTES==eu":                                 `="=eu": want key=value pairs`,
		"OTEL_SDK_DISABLED=yes":                                        `="yes": want true or false`,
		"JAEGER_SAMPLER_TYPE=none":                                     `="none": want const, probabilistic, ratelimiting or remote`,
	} {
		t.Run(setting, func(t *testing.T) {
			setenv(t, setting)
			tr, _, err := New("shop")
			name, _, _ := strings.Cut(setting, "=")
			if err == nil || !strings.Contains(err.Error(), name+want) || strings.Contains(err.Error(), "secret") || tr != nil {
				t.Errorf("got  %v\nwant %s", err, name+want)
			}
		})
	}
}

func TestAllErrorsAtOnce(t *testing.T) {
	setenv(t, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_TIMEOUT=x", "JAEGER_SAMPLER_TYPE=x")
	_, _, err := New("shop", tracer.WithCollector("http://jaeger"), WithEndpoint("ftp://me:secret@host"))
	for _, want := range []string{
		`otlp: OTEL_EXPORTER_OTLP_PROTOCOL="grpc": `, `otlp: OTEL_EXPORTER_OTLP_TIMEOUT="x": `,
		`tracer: JAEGER_SAMPLER_TYPE="x": `, `otlp: WithEndpoint("ftp://xxxxx@host"): want the collector's `,
		"tracer: WithCollector: spans are sent by OTLP: want otlp.WithEndpoint",
	} {
		if err == nil || strings.Count(err.Error(), want) != 1 {
			t.Errorf("no %s in %v", want, err)
		}
	}
}

func TestOptionsOfThisPackageNeedItsNew(t *testing.T) {
	setenv(t)
	for _, opt := range []Option{WithSemanticConventions(), WithEndpoint("http://host")} {
		_, _, err := tracer.New("shop", opt)
		if want := "tracer: an option of package otlp is given: want otlp.New"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// TestRequest checks where spans go, and how.
func TestRequest(t *testing.T) {
	const general, traces = "OTEL_EXPORTER_OTLP_", "OTEL_EXPORTER_OTLP_TRACES_"
	for name, test := range map[string]struct {
		env    []string
		path   string
		header string
	}{
		"endpoint":               {[]string{general + "ENDPOINT=URL"}, "/v1/traces", ""},
		"endpoint with a slash":  {[]string{general + "ENDPOINT=URL/"}, "/v1/traces", ""},
		"endpoint with a path":   {[]string{general + "ENDPOINT=URL/otlp?a=b"}, "/otlp/v1/traces?a=b", ""},
		"traces endpoint":        {[]string{general + "ENDPOINT=http://other", traces + "ENDPOINT=URL/in/"}, "/in/", ""},
		"traces endpoint's root": {[]string{traces + "ENDPOINT= URL "}, "/", ""},
		"Jaeger's endpoint": {[]string{
			general + "ENDPOINT=URL", "JAEGER_ENDPOINT=http://localhost:1", "JAEGER_USER=u", "JAEGER_PASSWORD=p",
		}, "/v1/traces", ""},
		"headers": {
			[]string{general + "ENDPOINT=URL", general + "HEADERS=Authorization=Bearer%20a%2Cb%3D, x-scope = 7"},
			"/v1/traces", "Bearer a,b= 7",
		},
		"traces headers": {
			[]string{general + "ENDPOINT=URL", general + "HEADERS=authorization=no", traces + "HEADERS=x-scope=7"},
			"/v1/traces", " 7",
		},
		"compressed": {[]string{general + "ENDPOINT=URL", general + "COMPRESSION=gzip"}, "/v1/traces", ""},
		"not compressed": {[]string{
			general + "ENDPOINT=URL", general + "COMPRESSION=gzip", traces + "COMPRESSION=none",
		}, "/v1/traces", ""},
		"with protocol": {[]string{
			general + "ENDPOINT=URL", traces + "PROTOCOL=http/protobuf", general + "PROTOCOL=grpc",
		}, "/v1/traces", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := new(receiver)
			server := httptest.NewServer(r)
			defer server.Close()
			for i, pair := range test.env {
				test.env[i] = strings.Replace(pair, "URL", server.URL, 1)
			}
			setenv(t, test.env...)
			tr, closer, err := New("shop")
			if err != nil {
				t.Fatal(err)
			}
			tr.StartSpan("a").Finish()
			if err := closer.Close(); err != nil || len(r.spans()) != 1 {
				t.Fatalf("%d spans: %v", len(r.spans()), err)
			}
			h := r.headers[0]
			if r.paths[0] != "POST "+test.path || h.Get("Content-Type") != contentType ||
				h.Get("User-Agent") != "gaptrace-otlp" {
				t.Errorf("%s %v", r.paths[0], h)
			}
			if got := h.Get("Authorization") + " " + h.Get("X-Scope"); strings.TrimSpace(got) != strings.TrimSpace(test.header) {
				t.Errorf("headers %q, want %q", got, test.header)
			}
			if (h.Get("Content-Encoding") == "gzip") != (name == "compressed") {
				t.Errorf("encoding %q", h.Get("Content-Encoding"))
			}
		})
	}
}

func TestServiceName(t *testing.T) {
	for _, test := range []struct{ service, env, want string }{
		{"shop", "OTEL_SERVICE_NAME=other", "shop"},
		{" ", "OTEL_SERVICE_NAME=other", "other"},
		{"", "OTEL_RESOURCE_ATTRIBUTES=service.name=attribute", "attribute"},
		{"", "JAEGER_SERVICE_NAME=jaeger", "jaeger"},
	} {
		setenv(t, test.env)
		r := new(receiver)
		server := httptest.NewServer(r)
		defer server.Close()
		tr, closer, err := New(test.service, WithEndpoint(server.URL))
		if err != nil {
			t.Fatal(err)
		}
		tr.StartSpan("a").Finish()
		closer.Close()
		if got := text(r.accepted[0].GetResource().GetAttributes()); !strings.HasPrefix(got, `service.name="`+test.want+`" `) {
			t.Errorf("%v: %s", test, got)
		}
	}
	setenv(t)
	if _, _, err := New(""); err == nil || !strings.Contains(err.Error(), "no service name") {
		t.Errorf("got %v", err)
	}
}

func TestDisabled(t *testing.T) {
	for _, name := range []string{"OTEL_SDK_DISABLED=TRUE", "JAEGER_DISABLED=true"} {
		setenv(t, name, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc")
		tr, closer, err := New("shop")
		if _, noop := tr.(opentracing.NoopTracer); !noop || err != nil || closer.Close() != nil {
			t.Errorf("%s: %T %v", name, tr, err)
		}
	}
}

// TestTLS sends to a server whose certificate only a variable makes valid, and which asks for one.
func TestTLS(t *testing.T) {
	r := new(receiver)
	server := httptest.NewUnstartedServer(r)
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	defer server.Close()
	file := func(name, kind string, bytes []byte) string {
		name = filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	private, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	certificate := file("cert.pem", "CERTIFICATE", server.Certificate().Raw)
	setenv(t, "OTEL_EXPORTER_OTLP_CERTIFICATE="+certificate, "OTEL_EXPORTER_OTLP_ENDPOINT="+server.URL,
		"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE="+certificate,
		"OTEL_EXPORTER_OTLP_CLIENT_KEY="+file("key.pem", "PRIVATE KEY", private))
	tr, closer, err := New("shop")
	if err != nil {
		t.Fatal(err)
	}
	tr.StartSpan("a").Finish()
	if err := closer.Close(); err != nil || len(r.spans()) != 1 {
		t.Errorf("%d spans: %v", len(r.spans()), err)
	}
}

// TestRedirect sends to a server that redirects to itself, and to another host.
func TestRedirect(t *testing.T) {
	for host, want := range map[string]string{"127.0.0.1": "secret", "localhost": ""} {
		r := new(receiver)
		server := httptest.NewServer(r)
		defer server.Close()
		target := strings.Replace(server.URL, "127.0.0.1", host, 1)
		first := httptest.NewServer(http.RedirectHandler(target, http.StatusPermanentRedirect))
		defer first.Close()
		setenv(t, "OTEL_EXPORTER_OTLP_HEADERS=x-api-key=secret", "OTEL_EXPORTER_OTLP_COMPRESSION=gzip")
		tr, closer, err := New("shop", WithEndpoint(first.URL))
		if err != nil {
			t.Fatal(err)
		}
		tr.StartSpan("a").Finish()
		if err := closer.Close(); err != nil || len(r.spans()) != 1 {
			t.Fatalf("%s: %d spans: %v", host, len(r.spans()), err)
		}
		if got := r.headers[0].Get("X-Api-Key"); got != want || r.headers[0].Get("Content-Type") != contentType {
			t.Errorf("%s: headers %v", host, r.headers[0])
		}
	}
}

// TestSendingIsNotTraced wraps the transport of all clients, as a program may.
func TestSendingIsNotTraced(t *testing.T) {
	setenv(t)
	original := http.DefaultTransport
	defer func() { http.DefaultTransport = original }()
	http.DefaultTransport = nethttp.Wrap(original, gaptrace.WithRoots())
	recorder := tracer.NewRecorder(0)
	send(t, func(tr opentracing.Tracer) {
		opentracing.SetGlobalTracer(tr)
		tr.StartSpan("a").Finish()
	}, tracer.WithRecorder(recorder))
	opentracing.SetGlobalTracer(opentracing.NoopTracer{})
	if traces := recorder.Traces(); len(traces) != 1 || len(traces[0]) != 1 {
		t.Errorf("traces %v", traces)
	}
}
