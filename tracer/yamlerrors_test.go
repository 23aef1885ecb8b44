package tracer_test

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gaptrace/gaptrace/tracer"
)

// yamlErrors are documents and the errors of FromYAML, without the prefix "tracer: ".
type yamlErrors []struct{ yaml, want string }

func (tests yamlErrors) run(t *testing.T) {
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

func TestYAMLUnknownKeys(t *testing.T) {
	yamlErrors{
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
		{"a: &a {b: *a}\nlogging: *a", "line 1: a: unknown key"},
	}.run(t)
}

func TestYAMLUnsupportedKeys(t *testing.T) {
	yamlErrors{
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
	}.run(t)
}

func TestYAMLKeysSetTwice(t *testing.T) {
	yamlErrors{
		{
			"sampler: {type: const}\nsampler: {param: 0}",
			"line 2: sampler: already set on line 1 as sampler: want one of them",
		},
		{
			"reporter:\nreporter_config: {}\nreporter:\n  {}",
			"line 3: reporter: already set on line 2 as reporter_config: want one of them",
		},
		{
			"tags: {a: 1}\n\ntracer_tags: {b: 1}",
			"line 3: tracer_tags: already set on line 1 as tags: want one of them",
		},
		{
			"reporter: {sender: {user: me},\n sender: {}}",
			"line 2: reporter.sender: already set on line 1 as reporter.sender: want one of them",
		},
		{"logging: true\nlogging: true", "line 2: logging: already set on line 1 as logging: want one of them"},
		{
			"disabled: false\nenabled: true",
			"line 2: enabled: already set on line 1 as disabled: want one of them",
		},
		{"tags:\n  a: 1\n  a: 2", "line 3: tags.a: is set twice"},
		{"logging: true\n---\nlogging: true", "line 3: a second document begins here: want one"},
	}.run(t)
}

func TestYAMLMalformedValues(t *testing.T) {
	yamlErrors{
		{"\n\nreporter_queue_size: many", `line 3: reporter_queue_size: "many": want ` + wantQueue},
		{"logging: maybe", `line 1: logging: "maybe": want true or false`},
		{"enabled: 2", `line 1: enabled: "2": want true or false`},
		{"logging: [true]", "line 1: logging: want one value"},
		{
			"local_agent: {reporting_port: 70000}",
			`line 1: local_agent.reporting_port: "70000": want a port, 1 to 65535`,
		},
		{"local_agent: {sampling_port: x}", `line 1: local_agent.sampling_port: "x": want a port, 1 to 65535`},
		{"max_tag_value_length: 0", `line 1: max_tag_value_length: "0": want a number of bytes, 1 or more`},
		{
			"reporter: {endpoint: 'ftp://me:hush@h'}",
			`line 1: reporter.endpoint: "ftp://xxxxx@h": want ` + wantURL,
		},
		{"reporter: {local_agent_host_port: h}", `line 1: reporter.local_agent_host_port: "h": want host:port`},
		{"- a", "line 1: the document: want keys with values"},
	}.run(t)
}

func TestYAMLMalformedDurations(t *testing.T) {
	yamlErrors{
		{"reporter_flush_interval: soon", `line 1: reporter_flush_interval: "soon": want ` + wantDuration},
		{"reporter_flush_interval: 0", `line 1: reporter_flush_interval: "0": want ` + wantDuration},
		{"reporter_flush_interval: 1e-9", `line 1: reporter_flush_interval: "1e-9": want a duration`},
		{"reporter_flush_interval: NaN", `line 1: reporter_flush_interval: "NaN": want a duration`},
		{"reporter_flush_interval: 1e300", `line 1: reporter_flush_interval: "1e300": want a duration`},
		{"reporter: {flush_interval_ms: 0.5}", `line 1: reporter.flush_interval_ms: "0.5": want a duration`},
	}.run(t)
}

func TestYAMLMalformedSampler(t *testing.T) {
	yamlErrors{
		{"sampler:\n  type: always", `line 2: sampler.type: "always": want ` + wantType},
		{
			"sampler:\n  type: probabilistic",
			`line 2: sampler.type: "probabilistic": want sampler.param set too, to ` + wantShare,
		},
		{"sampler: {type: probabilistic, param: 2}", `line 1: sampler.param: "2": want ` + wantShare},
		{"sampler: {param: maybe}", `line 1: sampler.param: "maybe": want ` + wantConst},
		{"sampler: const", "line 1: sampler: want keys with values"},
		{"sampler: {type: ratelimiting, param: -1e0}", `line 1: sampler.param: "-1e0": want traces per second`},
		{"sampler: {type: Probabilistic}", `line 1: sampler.type: "Probabilistic": want sampler.param set too`},
	}.run(t)
}

func TestYAMLMalformedPropagation(t *testing.T) {
	yamlErrors{
		{"propagation: zipkin", `line 1: propagation: "zipkin": want ` + wantFormats},
		{"propagation: [b3, zipkin]", `line 1: propagation: "b3,zipkin": want ` + wantFormats},
		{"propagation: [b3,\n [w3c]]", "line 2: propagation: want one value for each item of the list"},
		{"propagation: [b3, {a: w3c}]", "line 1: propagation: want one value for each item of the list"},
		{"propagation: [b3, ~]", "line 1: propagation: want one value for each item of the list"},
		{"propagation: &a [*a]", "line 1: propagation: want one value for each item of the list"},
		{"propagation: []", "line 1: propagation: want at least one value"},
	}.run(t)
}

func TestYAMLMalformedTags(t *testing.T) {
	yamlErrors{
		{"tags: [a]", "line 1: tags: want keys with values"},
		{"tags: {a: [1]}", "line 1: tags.a: want one value"},
		{"tags: {'': 1}", `line 1: tags: "": want a key`},
		{"tags: {ip: 1}", `line 1: tags.ip: "1": want the host's address as a string`},
	}.run(t)
}

func TestYAMLMalformedCredentials(t *testing.T) {
	yamlErrors{
		{
			"reporter:\n  password: hush",
			"line 2: reporter.password is set: want reporter.user set too, or neither",
		},
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
			"reporter: {auth_token: 'hush hush'}",
			"line 1: reporter.auth_token: want printable ASCII without spaces",
		},
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
	}.run(t)
}

func TestYAMLSyntaxErrors(t *testing.T) {
	yamlErrors{
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
