package tracer_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go/testutils"
)

func TestYAMLOfPython(t *testing.T) {
	agent, err := testutils.StartMockAgent()
	if err != nil {
		t.Fatal(err)
	}
	defer agent.Close()
	host, port, _ := strings.Cut(agent.SpanServerAddr(), ":")
	setenv(t, "JAEGER_ENDPOINT=http://elsewhere.invalid", "JAEGER_SAMPLER_PARAM=0", "JAEGER_SERVICE_NAME=other",
		"JAEGER_TAGS=zone=us,n=1")
	r := tracer.NewRecorder(0)
	tr, closer, err := tracer.FromYAML(strings.NewReader(`
# as jaeger-client-python reads it
service_name: shop
enabled: yes
sampler:
    type: const
    param: true
local_agent:
    enabled: true
    reporting_host: `+host+`
    reporting_port: `+port+`
    sampling_port: 5778
logging: false
metrics: true
reporter_batch_size: 10
reporter_queue_size: 100
reporter_flush_interval: 0.5
sampling_refresh_interval: 60
max_operations: 100
max_tag_value_length: 10
max_traceback_length: 4096
generate_128bit_trace_id: True
trace_id_header: uber-trace-id
baggage_header_prefix: uberctx-
debug_id_header: jaeger-debug-id
propagation: b3
tags: {zone: eu, shards: 3, ratio: 0.5, canary: true, build: "7"}
`), tracer.WithRecorder(r))
	if err != nil {
		t.Fatal(err)
	}
	span := tr.StartSpan("a")
	h := headers(t, tr, span.Context())
	if len(h.Get("x-b3-traceid")) != 32 || h.Get("uber-trace-id") != "" {
		t.Errorf("headers %v", h)
	}
	span.Finish()
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	process := r.Traces()[0][0].Process
	got := map[string]any{}
	for _, f := range process.Tags {
		switch f.Key {
		case "zone", "shards", "ratio", "canary", "build", "n":
			got[f.Key] = f.Value
		}
	}
	want := map[string]any{"zone": "eu", "shards": int64(3), "ratio": 0.5, "canary": true, "build": "7", "n": "1"}
	if process.Service != "shop" || !maps.Equal(got, want) {
		t.Errorf("%s %v, want %v", process.Service, got, want)
	}
	noneLeft(t)
}

func TestYAMLPrecedence(t *testing.T) {
	c := startCollector(t)
	for name, test := range map[string]struct {
		env, yaml string
		opts      []tracer.Option
		want      string // service, credentials and path at the collector
	}{
		"document": {"JAEGER_ENDPOINT=http://elsewhere.invalid", "reporter: {endpoint: " +
			c.URL + "/d}", nil, "shop :  /d"},
		"option": {
			"JAEGER_ENDPOINT=http://elsewhere.invalid",
			"reporter: {endpoint: 'http://elsewhere.invalid', user: me, password: pw}",
			[]tracer.Option{tracer.WithCollector(c.URL + "/o")},
			"shop :  /o",
		},
		"option and an agent": {
			"",
			"local_agent: {reporting_host: h}\nreporter: {user: me, password: pw}",
			[]tracer.Option{tracer.WithCollector(c.URL + "/o")},
			"shop :  /o",
		},
		"environment": {
			"JAEGER_ENDPOINT=" + c.URL + "/e", "logging: false", nil,
			"shop :  /e",
		},
		"credentials": {
			"", "reporter: {endpoint: " + c.URL + "/d, user: me, password: pw}",
			nil, "shop me:pw  /d",
		},
		"keys of Java": {"", "reporterConfig: {senderConfiguration: {endpoint: " + c.URL +
			"/d, authUsername: me, authPassword: pw}, flushIntervalMs: 100}", nil, "shop me:pw  /d"},
		"token": {"", "reporter: {sender: {endpoint: " + c.URL +
			"/d, auth_token: abc}}", nil, "shop : Bearer abc /d"},
		"token of the environment": {
			"JAEGER_ENDPOINT=" + c.URL + "/e JAEGER_AUTH_TOKEN=abc", "", nil,
			"shop : Bearer abc /e",
		},
		"document's endpoint, environment's credentials": {
			"JAEGER_USER=me JAEGER_PASSWORD=pw JAEGER_AUTH_TOKEN=abc",
			"reporter: {endpoint: " + c.URL + "/d}", nil, "shop :  /d",
		},
		"environment's endpoint, document's credentials": {
			"JAEGER_ENDPOINT=" + c.URL + "/e",
			"reporter: {user: me, password: pw}", nil, "shop me:pw  /e",
		},
		"document's token, environment's user": {"JAEGER_ENDPOINT=" + c.URL +
			"/e JAEGER_USER=me JAEGER_PASSWORD=hunter2", "reporter: {auth_token: abc}", nil, "shop : Bearer abc /e"},
		"document's user, environment's token": {
			"JAEGER_ENDPOINT=" + c.URL + "/e JAEGER_AUTH_TOKEN=abc",
			"reporter: {user: me, password: pw}", nil, "shop me:pw  /e",
		},
		"document's endpoint, environment's user without password": {
			"JAEGER_USER=me", "reporter: {endpoint: " + c.URL +
				"/d}", nil,
			"shop :  /d",
		},
		"option, environment's malformed credentials": {
			"JAEGER_USER=me JAEGER_AUTH_TOKEN=a\x01b", "",
			[]tracer.Option{tracer.WithCollector(c.URL + "/o")},
			"shop :  /o",
		},
		"document's sampler, environment's parameter": {"JAEGER_ENDPOINT=" + c.URL +
			"/e JAEGER_SAMPLER_TYPE=probabilistic JAEGER_SAMPLER_PARAM=0", "sampler: {type: const}", nil, "shop :  /e"},

		"environment's sampler, document's parameter": {"JAEGER_ENDPOINT=" + c.URL +
			"/e JAEGER_SAMPLER_TYPE=probabilistic JAEGER_SAMPLER_PARAM=0", "sampler: {param: 1}", nil, "shop :  /e"},
	} {
		t.Run(name, func(t *testing.T) {
			setenv(t, append(strings.Fields(test.env), "JAEGER_SERVICE_NAME=shop")...)
			tr, closer, err := tracer.FromYAML(strings.NewReader(test.yaml), test.opts...)
			if err != nil {
				t.Fatal(err)
			}
			tr.StartSpan("a").Finish()
			if err := closer.Close(); err != nil {
				t.Fatal(err)
			}
			last := len(c.paths) - 1
			bearer := c.authorization[last]
			if !strings.HasPrefix(bearer, "Bearer") {
				bearer = ""
			}
			got := fmt.Sprintf("%s %s %s %s", c.batches[last].Process.ServiceName, c.auth[last], bearer,
				strings.TrimPrefix(c.paths[last], "POST "))
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// yamlTests are documents and the errors of FromYAML, without the prefix "tracer: ".
type yamlTests []struct{ yaml, want string }

func (tests yamlTests) run(t *testing.T) {
	for _, test := range tests {
		t.Run(test.yaml, func(t *testing.T) {
			setenv(t, "JAEGER_SERVICE_NAME=shop")
			_, _, err := tracer.FromYAML(strings.NewReader(test.yaml), tracer.WithRecorder(tracer.NewRecorder(0)))
			if err == nil || !strings.HasPrefix(err.Error(), "tracer: "+test.want) ||
				strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got  %v\nwant tracer: %s", err, test.want)
			}
		})
	}
}

func TestYAMLErrors(t *testing.T) {
	yamlTests{
		{"a: 1", "line 1: a: unknown key"},
		{"samplr: {type: const}", "line 1: samplr: unknown key; did you mean sampler?"},
		{"sampler:\n  typ: const", "line 2: sampler.typ: unknown key; did you mean type?"},
		{
			"local_agent:\n  reporting_hosts: a",
			"line 2: local_agent.reporting_hosts: unknown key; did you mean reporting_host?",
		},
		{
			"reporter:\n  sender:\n    endpont: a",
			"line 3: reporter.sender.endpont: unknown key; did you mean endpoint?",
		},
		{"<<: {a: 1}", "line 1: <<: unknown key"},
		{"\n\nreporter_queue_size: many", `line 3: reporter_queue_size: "many": want ` + wantQueue},
		{
			"sampler:\n  type: always",
			`line 2: sampler.type: "always": want ` + wantType,
		},
		{
			"sampler:\n  type: probabilistic",
			`line 2: sampler.type: "probabilistic": want sampler.param set too, to ` + wantShare,
		},
		{
			"sampler: {type: probabilistic, param: 2}",
			`line 1: sampler.param: "2": want ` + wantShare,
		},
		{
			"sampler: {param: maybe}",
			`line 1: sampler.param: "maybe": want ` + wantConst,
		},
		{"sampler: const", "line 1: sampler: want keys with values"},
		{"logging: maybe", `line 1: logging: "maybe": want true or false`},
		{"enabled: 2", `line 1: enabled: "2": want true or false`},
		{"logging: [true]", "line 1: logging: want one value"},
		{
			"reporter_flush_interval: soon",
			`line 1: reporter_flush_interval: "soon": want ` + wantDuration,
		},
		{
			"reporter_flush_interval: 0",
			`line 1: reporter_flush_interval: "0": want ` + wantDuration,
		},
		{
			"propagation: zipkin",
			`line 1: propagation: "zipkin": want ` + wantFormats,
		},
		{
			"propagation: [b3, zipkin]",
			`line 1: propagation: "b3,zipkin": want ` + wantFormats,
		},
		{
			"local_agent: {reporting_port: 70000}",
			`line 1: local_agent.reporting_port: "70000": want a port, 1 to 65535`,
		},
		{"local_agent: {sampling_port: x}", `line 1: local_agent.sampling_port: "x": want a port, 1 to 65535`},
		{
			"local_agent: {enabled: false}",
			`line 1: local_agent.enabled: "false": want true, the only value that is supported`,
		},
		{
			"trace_id_header: x-trace",
			`line 1: trace_id_header: "x-trace": want uber-trace-id, the only value that is supported`,
		},
		{
			"throttler: {port: 5778}",
			"line 1: throttler: not supported: its credits came from jaeger-agent, which is gone",
		},
		{"max_tag_value_length: 0", `line 1: max_tag_value_length: "0": want a number of bytes, 1 or more`},
		{"tags: [a]", "line 1: tags: want keys with values"},
		{"tags: {a: [1]}", "line 1: tags.a: want one value"},
		{"tags: {'': 1}", `line 1: tags: "": want a key`},
		{"tags:\n  a: 1\n  a: 2", "line 3: tags.a: is set twice"},
		{"tags: {ip: 1}", `line 1: tags.ip: "1": want the host's address as a string`},
		{
			"sampler: {type: const}\nsampler: {param: 0}",
			"line 2: sampler: already set on line 1 as sampler: want one of them",
		},
		{
			"reporter:\nreporter_config: {}\nreporter:\n  {}",
			"line 3: reporter: already set on line 2 as reporter_config: want one of them",
		},
		{"tags: {a: 1}\n\ntracer_tags: {b: 1}", "line 3: tracer_tags: already set on line 1 as tags: want one of them"},
		{
			"reporter: {sender: {user: me},\n sender: {}}",
			"line 2: reporter.sender: already set on line 1 as reporter.sender: want one of them",
		},
		{"logging: true\nlogging: true", "line 2: logging: already set on line 1 as logging: want one of them"},
		{"disabled: false\nenabled: true", "line 2: enabled: already set on line 1 as disabled: want one of them"},
		{"reporter:\n  password: hush", "line 2: reporter.password is set: want reporter.user set too, or neither"},
		{"reporter: {user: me}", `line 1: reporter.user: "me": want reporter.password set too, or neither`},
		{
			"reporter: {user: 'me:hunter2', password: x}",
			"line 1: reporter.user: want a name without a colon, where Basic auth begins the password",
		},
		{
			"reporter: {user: 'me:hunter2'}",
			"line 1: reporter.user: want a name without a colon, where Basic auth begins the password",
		},
		{
			"reporter: {endpoint: 'ftp://me:hush@h'}",
			`line 1: reporter.endpoint: "ftp://xxxxx@h": want ` + wantURL,
		},
		{"reporter: {auth_token: 'hush hush'}", "line 1: reporter.auth_token: want printable ASCII without spaces"},
		{
			"reporter: {auth_token: t, user: me, password: hush}",
			"line 1: reporter.auth_token is set: want reporter.user not set",
		},
		{
			"reporter: {auth_token: t,\n password: hunter2}",
			"line 1: reporter.auth_token is set: want reporter.password not set",
		},
		{
			"reporter: {sender: {auth_token: t, auth_username: me}}",
			"line 1: reporter.sender.auth_token is set: want reporter.sender.auth_username not set",
		},
		{"reporter: {local_agent_host_port: h}", `line 1: reporter.local_agent_host_port: "h": want host:port`},
		{"- a", "line 1: the document: want keys with values"},
		{"a: &a {b: *a}\nlogging: *a", "line 1: a: unknown key"},
		{"logging: true\n---\nlogging: true", "line 3: a second document begins here: want one"},
		{"propagation: [b3,\n [w3c]]", "line 2: propagation: want one value for each item of the list"},
		{"propagation: [b3, {a: w3c}]", "line 1: propagation: want one value for each item of the list"},
		{"propagation: [b3, ~]", "line 1: propagation: want one value for each item of the list"},
		{"propagation: &a [*a]", "line 1: propagation: want one value for each item of the list"},
		{"propagation: []", "line 1: propagation: want at least one value"},
		{"reporter_flush_interval: 1e-9", `line 1: reporter_flush_interval: "1e-9": want a duration`},
		{"reporter_flush_interval: NaN", `line 1: reporter_flush_interval: "NaN": want a duration`},
		{"reporter_flush_interval: 1e300", `line 1: reporter_flush_interval: "1e300": want a duration`},
		{"reporter: {flush_interval_ms: 0.5}", `line 1: reporter.flush_interval_ms: "0.5": want a duration`},
		{"sampler: {type: ratelimiting, param: -1e0}", `line 1: sampler.param: "-1e0": want traces per second`},
		{"sampler: {type: Probabilistic}", `line 1: sampler.type: "Probabilistic": want sampler.param set too`},
	}.run(t)
}

func TestYAMLSyntaxErrors(t *testing.T) {
	yamlTests{
		{"logging: true\n---\nb: [", "yaml: line 3: did not find expected node content"},
		{"a: b: c", "yaml: line 1: mapping values are not allowed in this context"},
		{"a: 'x", "yaml: line 1: found unexpected end of stream"},
		{"a: ]", "yaml: line 1: did not find expected node content"},
		{"a: 1\n- b", "yaml: line 1: did not find expected key"},
		{"a: 1\nb: \"\x01\"", "yaml: line 2: control characters are not allowed"},
		{"a: 1\nb: \"\x7f\"", "yaml: line 2: control characters are not allowed"},
		{"a: 1\n\nb: \xff", "yaml: line 3: invalid leading UTF-8 octet"},
		{"a: 1\r\nb: *x\r\nc: 1", "yaml: line 2: unknown anchor 'x' referenced"},
		{"logging: {", "yaml: line 1: did not find expected node content"},
	}.run(t)
}

func TestYAMLWellFormed(t *testing.T) {
	for _, yaml := range []string{
		"reporter_flush_interval: 1e3",
		"reporter: {flush_interval_ms: 1.5e3}",
		"# nothing",
		"",
		"logging:\nsampler:\ntags: ~",
		"Service-Name: x\nreporter: {logSpans: false, queueSize: 5, localAgentHostPort: 'localhost:6831'}",
		"sampler: {type: rate_limiting, param: 2.5}",
	} {
		t.Run(yaml, func(t *testing.T) {
			setenv(t, "JAEGER_SERVICE_NAME=shop")
			_, closer, err := tracer.FromYAML(strings.NewReader(yaml), tracer.WithRecorder(tracer.NewRecorder(0)))
			if err != nil {
				t.Fatal(err)
			}
			closer.Close()
		})
	}
}

func TestYAMLReportsAllErrors(t *testing.T) {
	setenv(t, "JAEGER_REPORTER_FLUSH_INTERVAL=soon")
	_, _, err := tracer.FromYAML(strings.NewReader("samplr: 1\nlogging: maybe\nreporter_queue_size: 0"),
		tracer.WithTag("", 1))
	for _, want := range []string{
		"line 1: samplr", "line 2: logging", "line 3: reporter_queue_size",
		"JAEGER_REPORTER_FLUSH_INTERVAL", "WithTag",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not in: %v", want, err)
		}
	}
}

func TestYAMLUnreadable(t *testing.T) {
	setenv(t)
	if _, _, err := tracer.FromYAML(iotest.ErrReader(errors.ErrUnsupported)); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
	if _, _, err := tracer.FromYAML(strings.NewReader(strings.Repeat("# long\n", 1<<18))); err == nil {
		t.Error("a document of megabytes was read")
	}
	if _, _, err := tracer.FromYAML(strings.NewReader("logging: false")); err == nil ||
		!strings.Contains(err.Error(), "service_name") {
		t.Error(err)
	}
}

func TestYAMLDisables(t *testing.T) {
	for _, yaml := range []string{"disabled: true", "enabled: no", "enabled: false\nsampler: {type: const}"} {
		setenv(t)
		tr, _, err := tracer.FromYAML(strings.NewReader(yaml))
		if _, none := tr.(opentracing.NoopTracer); err != nil || !none {
			t.Errorf("%s: %T, %v", yaml, tr, err)
		}
	}
}

func TestYAMLCredentials(t *testing.T) {
	const (
		agent = "local_agent: {reporting_host: localhost}"
		none  = " is set: want reporter.endpoint set too, since an agent takes no credentials"
	)
	for name, test := range map[string]struct{ env, yaml, want string }{
		"agent, environment's user": {"JAEGER_USER=me", agent, ""},
		"agent, environment's user and token": {
			"JAEGER_USER=me JAEGER_PASSWORD=hunter2 JAEGER_AUTH_TOKEN=hunter2",
			agent, "",
		},
		"document's user, environment's password": {
			"JAEGER_PASSWORD=hunter2", "reporter:\n  user: me",
			`line 2: reporter.user: "me": want reporter.password set too, or neither`,
		},
		"document's password, environment's user": {
			"JAEGER_USER=me", "\nreporter: {password: hunter2}",
			"line 2: reporter.password is set: want reporter.user set too, or neither",
		},
		"agent with credentials": {
			"", agent + "\nreporter: {password: hunter2, user: me}",
			"line 2: reporter.user" + none,
		},
		"agent with token, environment's endpoint": {
			"JAEGER_ENDPOINT=http://localhost:1",
			"reporter: {auth_token: hunter2}\n" + agent, "line 1: reporter.auth_token" + none,
		},
		"agent and endpoint with credentials": {"", agent +
			"\nreporter: {endpoint: 'http://localhost:1', password: hunter2, user: me}", ""},
		"agent with a user only": {
			"", agent + "\nreporter: {user: me}",
			`line 2: reporter.user: "me": want reporter.password set too, or neither`,
		},
		"environment's user only": {
			"JAEGER_USER=me", "logging: false",
			`JAEGER_USER="me": want JAEGER_PASSWORD set too, or neither`,
		},
		"environment's user, password and token": {
			"JAEGER_USER=me JAEGER_PASSWORD=hunter2 JAEGER_AUTH_TOKEN=hunter2",
			"", "JAEGER_AUTH_TOKEN is set: want JAEGER_USER not set",
		},
		"environment's password and token": {
			"JAEGER_PASSWORD=hunter2 JAEGER_AUTH_TOKEN=hunter2", "",
			"JAEGER_AUTH_TOKEN is set: want JAEGER_PASSWORD not set",
		},
	} {
		t.Run(name, func(t *testing.T) {
			setenv(t, append(strings.Fields(test.env), "JAEGER_SERVICE_NAME=shop")...)
			_, closer, err := tracer.FromYAML(strings.NewReader(test.yaml))
			if err == nil {
				closer.Close()
			}
			if got := fmt.Sprint(err); got != "tracer: "+test.want && (err != nil || test.want != "") {
				t.Errorf("got  %s\nwant tracer: %s", got, test.want)
			}
		})
	}
}

func TestYAMLTagWithoutValue(t *testing.T) {
	setenv(t, "JAEGER_SERVICE_NAME=shop", "JAEGER_TAGS=c=env")
	r := tracer.NewRecorder(0)
	tr, closer, err := tracer.FromYAML(strings.NewReader("tags: {a: '', b: ~, c: , d: null, e: !!null x}"),
		tracer.WithRecorder(r))
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	tr.StartSpan("a").Finish()
	got := map[string]any{}
	for _, f := range r.Traces()[0][0].Process.Tags {
		if len(f.Key) == 1 {
			got[f.Key] = f.Value
		}
	}
	if want := map[string]any{"a": "", "c": "env"}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestYAMLSamplingServerWins(t *testing.T) {
	asked := make(chan [2]string, 100) // which server, by which service
	start := func(name string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case asked <- [2]string{name, r.FormValue("service")}:
			default:
			}
			w.WriteHeader(http.StatusNotFound)
		}))
		t.Cleanup(server.Close)
		return strings.TrimPrefix(server.URL, "http://")
	}
	const theirs, ours = "the environment's", "the document's"
	environments, documents := start(theirs), start(ours)
	_, port, _ := strings.Cut(documents, ":")
	byPort := "local_agent: {reporting_host: 127.0.0.1, sampling_port: " + port + "}"
	for i, test := range []struct{ env, yaml, want string }{
		{"JAEGER_SAMPLING_ENDPOINT=http://" + environments, "", theirs},
		{"JAEGER_SAMPLING_ENDPOINT=http://" + environments, byPort, ours},
		{"JAEGER_SAMPLER_MANAGER_HOST_PORT=" + environments, byPort, ours},
		{"JAEGER_SAMPLING_ENDPOINT=http://" + environments, "sampler: {manager_host_port: '" + documents + "'}", ours},
		{
			"JAEGER_SAMPLER_MANAGER_HOST_PORT=" + environments,
			"sampler: {sampling_endpoint: 'http://" + documents + "'}",
			ours,
		},
		{"JAEGER_TAGS=a=b", "local_agent: {reporting_host: 127.0.0.1, sampling_port: 1}\n" +
			"sampler: {sampling_endpoint: 'http://" + documents + "'}", ours},
		{"JAEGER_TAGS=a=b", "sampler: {manager_host_port: '" + environments + "', sampling_endpoint: 'http://" +
			documents + "'}", ours},
	} {
		service := fmt.Sprint("shop ", i)
		setenv(t, "JAEGER_SERVICE_NAME="+service, "JAEGER_SAMPLER_REFRESH_INTERVAL=1ms", test.env)
		_, closer, err := tracer.FromYAML(strings.NewReader(test.yaml), tracer.WithRecorder(tracer.NewRecorder(0)))
		if err != nil {
			t.Fatal(err)
		}
		got := <-asked
		for got[1] != service { // of an earlier tracer
			got = <-asked
		}
		closer.Close() // its error may be that there was no strategy
		if got[0] != test.want {
			t.Errorf("%s\n%s\n%s server was asked", test.env, test.yaml, got[0])
		}
	}
}

func TestYAMLSamplingPort(t *testing.T) {
	const port = "local_agent: {sampling_port: 5778}\n"
	for name, test := range map[string]struct {
		env, yaml string
		remote    bool
	}{
		"port only":                        {"", port, false},
		"port and environment's endpoint":  {"JAEGER_SAMPLING_ENDPOINT=http://localhost:1/s", port, true},
		"port and environment's host:port": {"JAEGER_SAMPLER_MANAGER_HOST_PORT=localhost:1", port, true},
		"port, endpoint, and the document's type": {"JAEGER_SAMPLING_ENDPOINT=http://localhost:1/s", port +
			"sampler: {type: const, param: 0.5}", false},
	} {
		t.Run(name, func(t *testing.T) {
			setenv(t, append(strings.Fields(test.env), "JAEGER_SERVICE_NAME=shop", "JAEGER_SAMPLER_PARAM=0.5")...)
			_, closer, err := tracer.FromYAML(strings.NewReader(test.yaml), tracer.WithRecorder(tracer.NewRecorder(0)))
			if err == nil {
				closer.Close()
			}
			// The parameter 0.5 is valid for the remote sampler only.
			if (err == nil) != test.remote {
				t.Error(err)
			}
		})
	}
}

func TestYAMLBatchSize(t *testing.T) {
	for yaml, want := range map[string][]int{
		"reporter_batch_size: 3": {3, 3, 1}, "reporter: {batch_size: 7}": {7},
		"": {7},
	} {
		c := startCollector(t)
		setenv(t, "JAEGER_SERVICE_NAME=shop", "JAEGER_REPORTER_FLUSH_INTERVAL=1h")
		tr, closer, err := tracer.FromYAML(strings.NewReader(yaml), tracer.WithCollector(c.URL))
		if err != nil {
			t.Fatal(err)
		}
		for range 7 {
			tr.StartSpan("a").Finish()
		}
		if err := closer.Close(); err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, b := range c.batches {
			got = append(got, len(b.Spans))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: batches of %v spans, want %v", yaml, got, want)
		}
	}
}

// FuzzYAML checks that FromYAML accepts a document or returns an error that says what is wrong.
func FuzzYAML(f *testing.F) {
	for _, s := range []string{
		"service_name: shop\nsampler: {type: const, param: 1}",
		"tags: {a: b}\nreporter: {sender: {endpoint: 'http://h'}}",
		"a: &a {b: *a}", "local_agent: {reporting_port: 1}", "propagation: [b3, w3c]", "? {a: b}\n: c",
		"tags: &t {<<: *t}", "---\n---\n",
		"sampler: *x", "logging: !!binary aGk=", "reporter_flush_interval: 1e309",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, yaml string) {
		setenv(t, "JAEGER_SERVICE_NAME=shop")
		_, closer, err := tracer.FromYAML(strings.NewReader(yaml), tracer.WithRecorder(tracer.NewRecorder(0)),
			tracer.WithCollector("http://localhost"))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "tracer: ") {
				t.Error(err)
			}
			return
		}
		closer.Close()
	})
}
