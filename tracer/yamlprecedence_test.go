package tracer_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/tracer"
)

// precedenceTests are an environment, a document and the path in WithCollector, and what a
// collector gets: the service, user:password, the token and the path. COLLECTOR is its URL.
type precedenceTests map[string]struct{ env, yaml, option, want string }

func (tests precedenceTests) run(t *testing.T) {
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := startCollector(t)
			at := func(s string) string { return strings.ReplaceAll(s, "COLLECTOR", c.URL) }
			setenv(t, append(strings.Fields(at(test.env)), "JAEGER_SERVICE_NAME=shop")...)
			var opts []tracer.Option
			if test.option != "" {
				opts = append(opts, tracer.WithCollector(c.URL+test.option))
			}
			tr, closer := fromYAML(t, at(test.yaml), opts...)
			tr.StartSpan("a").Finish()
			if err := closer.Close(); err != nil {
				t.Fatal(err)
			}
			bearer := c.authorization[0]
			if !strings.HasPrefix(bearer, "Bearer") {
				bearer = ""
			}
			got := fmt.Sprintf("%s %s %s %s", c.batches[0].Process.ServiceName, c.auth[0], bearer,
				strings.TrimPrefix(c.paths[0], "POST "))
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestYAMLEndpointPrecedence(t *testing.T) {
	precedenceTests{
		"document": {
			env:  "JAEGER_ENDPOINT=http://elsewhere.invalid",
			yaml: "reporter: {endpoint: COLLECTOR/d}",
			want: "shop :  /d",
		},
		"option": {
			env:    "JAEGER_ENDPOINT=http://elsewhere.invalid",
			yaml:   "reporter: {endpoint: 'http://elsewhere.invalid', user: me, password: pw}",
			option: "/o",
			want:   "shop :  /o",
		},
		"option and an agent": {
			yaml:   "local_agent: {reporting_host: h}\nreporter: {user: me, password: pw}",
			option: "/o",
			want:   "shop :  /o",
		},
		"environment": {
			env:  "JAEGER_ENDPOINT=COLLECTOR/e",
			yaml: "logging: false",
			want: "shop :  /e",
		},
	}.run(t)
}

func TestYAMLCredentialPrecedence(t *testing.T) {
	precedenceTests{
		"credentials": {
			yaml: "reporter: {endpoint: COLLECTOR/d, user: me, password: pw}",
			want: "shop me:pw  /d",
		},
		"keys of Java": {
			yaml: "reporterConfig: {senderConfiguration: {endpoint: COLLECTOR/d, authUsername: me, " +
				"authPassword: pw}, flushIntervalMs: 100}",
			want: "shop me:pw  /d",
		},
		"token": {
			yaml: "reporter: {sender: {endpoint: COLLECTOR/d, auth_token: abc}}",
			want: "shop : Bearer abc /d",
		},
		"token of the environment": {
			env:  "JAEGER_ENDPOINT=COLLECTOR/e JAEGER_AUTH_TOKEN=abc",
			want: "shop : Bearer abc /e",
		},
		"document's endpoint, environment's credentials": {
			env:  "JAEGER_USER=me JAEGER_PASSWORD=pw JAEGER_AUTH_TOKEN=abc",
			yaml: "reporter: {endpoint: COLLECTOR/d}",
			want: "shop :  /d",
		},
		"environment's endpoint, document's credentials": {
			env:  "JAEGER_ENDPOINT=COLLECTOR/e",
			yaml: "reporter: {user: me, password: pw}",
			want: "shop me:pw  /e",
		},
		"document's token, environment's user": {
			env:  "JAEGER_ENDPOINT=COLLECTOR/e JAEGER_USER=me JAEGER_PASSWORD=hunter2",
			yaml: "reporter: {auth_token: abc}",
			want: "shop : Bearer abc /e",
		},
		"document's user, environment's token": {
			env:  "JAEGER_ENDPOINT=COLLECTOR/e JAEGER_AUTH_TOKEN=abc",
			yaml: "reporter: {user: me, password: pw}",
			want: "shop me:pw  /e",
		},
		"document's endpoint, environment's user without password": {
			env:  "JAEGER_USER=me",
			yaml: "reporter: {endpoint: COLLECTOR/d}",
			want: "shop :  /d",
		},
		"option, environment's malformed credentials": {
			env:    "JAEGER_USER=me JAEGER_AUTH_TOKEN=a\x01b",
			option: "/o",
			want:   "shop :  /o",
		},
	}.run(t)
}

func TestYAMLSamplerPrecedence(t *testing.T) {
	const none = "JAEGER_ENDPOINT=COLLECTOR/e JAEGER_SAMPLER_TYPE=probabilistic JAEGER_SAMPLER_PARAM=0"
	precedenceTests{
		"document's sampler, environment's parameter": {none, "sampler: {type: const}", "", "shop :  /e"},
		"environment's sampler, document's parameter": {none, "sampler: {param: 1}", "", "shop :  /e"},
	}.run(t)
}

func TestYAMLCredentialsOfOneSource(t *testing.T) {
	const (
		agent = "local_agent: {reporting_host: localhost}"
		none  = " is set: want reporter.endpoint set too, since an agent takes no credentials"
	)
	for name, test := range map[string]struct{ env, yaml, want string }{
		"agent, environment's user": {
			env:  "JAEGER_USER=me",
			yaml: agent,
		},
		"agent, environment's user and token": {
			env:  "JAEGER_USER=me JAEGER_PASSWORD=hunter2 JAEGER_AUTH_TOKEN=hunter2",
			yaml: agent,
		},
		"document's user, environment's password": {
			env:  "JAEGER_PASSWORD=hunter2",
			yaml: "reporter:\n  user: me",
			want: `line 2: reporter.user: "me": want reporter.password set too, or neither`,
		},
		"document's password, environment's user": {
			env:  "JAEGER_USER=me",
			yaml: "\nreporter: {password: hunter2}",
			want: "line 2: reporter.password is set: want reporter.user set too, or neither",
		},
		"agent with credentials": {
			yaml: agent + "\nreporter: {password: hunter2, user: me}",
			want: "line 2: reporter.user" + none,
		},
		"agent with token, environment's endpoint": {
			env:  "JAEGER_ENDPOINT=http://localhost:1",
			yaml: "reporter: {auth_token: hunter2}\n" + agent,
			want: "line 1: reporter.auth_token" + none,
		},
		"agent and endpoint with credentials": {
			yaml: agent + "\nreporter: {endpoint: 'http://localhost:1', password: hunter2, user: me}",
		},
		"agent with a user only": {
			yaml: agent + "\nreporter: {user: me}",
			want: `line 2: reporter.user: "me": want reporter.password set too, or neither`,
		},
		"environment's user only": {
			env:  "JAEGER_USER=me",
			yaml: "logging: false",
			want: `JAEGER_USER="me": want JAEGER_PASSWORD set too, or neither`,
		},
		"environment's user, password and token": {
			env:  "JAEGER_USER=me JAEGER_PASSWORD=hunter2 JAEGER_AUTH_TOKEN=hunter2",
			want: "JAEGER_AUTH_TOKEN is set: want JAEGER_USER not set",
		},
		"environment's password and token": {
			env:  "JAEGER_PASSWORD=hunter2 JAEGER_AUTH_TOKEN=hunter2",
			want: "JAEGER_AUTH_TOKEN is set: want JAEGER_PASSWORD not set",
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

func TestYAMLSamplingServerWins(t *testing.T) {
	const theirs, ours = "the environment's", "the document's"
	servers := samplingServers{make(chan samplingRequest, 100)}
	environments, documents := servers.start(t, theirs), servers.start(t, ours)
	_, port, _ := strings.Cut(documents, ":")
	byPort := "local_agent: {reporting_host: 127.0.0.1, sampling_port: " + port + "}"
	for i, test := range []struct{ env, yaml, want string }{
		{"JAEGER_SAMPLING_ENDPOINT=http://" + environments, "", theirs},
		{"JAEGER_SAMPLING_ENDPOINT=http://" + environments, byPort, ours},
		{"JAEGER_SAMPLER_MANAGER_HOST_PORT=" + environments, byPort, ours},
		{
			"JAEGER_SAMPLING_ENDPOINT=http://" + environments,
			"sampler: {manager_host_port: '" + documents + "'}", ours,
		},
		{
			"JAEGER_SAMPLER_MANAGER_HOST_PORT=" + environments,
			"sampler: {sampling_endpoint: 'http://" + documents + "'}", ours,
		},
		{
			"", "local_agent: {reporting_host: 127.0.0.1, sampling_port: 1}\n" +
				"sampler: {sampling_endpoint: 'http://" + documents + "'}", ours,
		},
		{
			"", "sampler: {manager_host_port: '" + environments + "', sampling_endpoint: 'http://" +
				documents + "'}", ours,
		},
	} {
		service := fmt.Sprint("shop ", i)
		setenv(t, append(strings.Fields(test.env),
			"JAEGER_SERVICE_NAME="+service, "JAEGER_SAMPLER_REFRESH_INTERVAL=1ms")...)
		_, closer := fromYAML(t, test.yaml, tracer.WithRecorder(tracer.NewRecorder(0)))
		got := <-servers.asked
		for got.service != service { // of an earlier tracer
			got = <-servers.asked
		}
		closer.Close() // its error may be that there was no strategy
		if got.server != test.want {
			t.Errorf("%s\n%s\n%s server was asked", test.env, test.yaml, got.server)
		}
	}
}

// samplingServers are servers without a strategy. They note who asks them.
type samplingServers struct{ asked chan samplingRequest }

type samplingRequest struct{ server, service string }

// start starts a server of that name, and returns its host and port.
func (s samplingServers) start(t *testing.T, name string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case s.asked <- samplingRequest{name, r.FormValue("service")}:
		default:
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
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
