package tracer_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/tracer"
)

const (
	wantBool     = "true or false"
	wantDuration = "a duration of 1ms or more with its unit, such as 500ms or 1m30s"
	wantHost     = "a host name or IP address, without a port"
	wantURL      = "the collector's http or https URL, such as http://localhost:14268"
	wantServer   = "the sampling server's http or https URL, such as http://localhost:5778/sampling"
	wantTags     = "key=value pairs separated by commas; a value may be ${VARIABLE:default}"
	wantType     = "const, probabilistic, ratelimiting or remote"
	wantQueue    = "a number of spans, 1 to 10000000"
	wantOps      = "a number of operations, 1 or more"
	wantConst    = "1 (every trace) or 0 (none), since the sampler is const"
	wantShare    = "the share of traces to sample, 0 to 1"
	wantRate     = "traces per second, 0 or more"
	wantFormats  = "jaeger, b3, b3-single or w3c, or several of them separated by commas"
	wantPort     = "a port, 1 to 65535"
)

// malformed lists all variables that can be malformed, with malformed values.
var malformed = map[string]struct {
	want   string
	values []string
}{
	"JAEGER_DISABLED":                               {wantBool, []string{"yes", "2", " true"}},
	"JAEGER_RPC_METRICS":                            {wantBool, []string{"on"}},
	"JAEGER_TRACEID_128BIT":                         {wantBool, []string{"128"}},
	"JAEGER_REPORTER_LOG_SPANS":                     {wantBool, []string{"y"}},
	"JAEGER_REPORTER_ATTEMPT_RECONNECTING_DISABLED": {wantBool, []string{"nope"}},
	"JAEGER_REPORTER_ATTEMPT_RECONNECT_INTERVAL":    {wantDuration, []string{"30", "-1s", "0s", "1ns"}},
	"JAEGER_REPORTER_FLUSH_INTERVAL":                {wantDuration, []string{"1000", "-1s", "0", "soon"}},
	"JAEGER_SAMPLER_REFRESH_INTERVAL":               {wantDuration, []string{"60", "-1m", "0"}},
	"JAEGER_REPORTER_MAX_QUEUE_SIZE": {
		wantQueue,
		[]string{"0", "-1", "many", "1e3", "10000001", "9223372036854775807", "99999999999999999999"},
	},
	"JAEGER_SAMPLER_MAX_OPERATIONS": {wantOps, []string{"0", "-1", "2.5"}},
	"JAEGER_SAMPLER_TYPE":           {wantType, []string{"always", "rate-limiting", "1"}},
	"JAEGER_SAMPLER_PARAM":          {wantConst, []string{"0.5", "-1", "2", "NaN", "Inf", "true"}},
	"JAEGER_SAMPLING_ENDPOINT": {
		wantServer,
		[]string{"localhost:5778", "ftp://host/", "http://", "http://:5778", "http://h:0"},
	},
	"JAEGER_SAMPLER_MANAGER_HOST_PORT": {
		wantServer + ", or host:port",
		[]string{"localhost", "host:port", "http://h:x", "a b:5778"},
	},
	"JAEGER_TAGS": {
		wantTags,
		[]string{"x", "a=b,", "a=${X}", "=b", ",", "a=b,,c=d", "a=b,c"},
	},
	"JAEGER_ENDPOINT": {
		wantURL,
		[]string{
			"localhost:14268", "/api/traces", "udp://host:6831", "http://", "http://h:99999", "http://h:",
			"http://h:x", "http://%zz", "http:host", " http://h", "h",
		},
	},
	"JAEGER_PROPAGATION": {wantFormats, []string{"zipkin", ",", "b3,,w3c", "b3 w3c", ",b3"}},
	"JAEGER_AGENT_HOST": {
		wantHost,
		[]string{"localhost:6831", "http://host", "a b", "[::1", "[host]", "ho/st"},
	},
	"JAEGER_AGENT_PORT": {wantPort, []string{"0", "-1", "65536", "udp", "6831/udp"}},
}

func TestEnvironmentMalformed(t *testing.T) {
	for name, test := range malformed {
		for _, value := range test.values {
			t.Run(name+"="+value, func(t *testing.T) {
				setenv(t, name+"="+value)
				want := "tracer: " + name + "=" + quote(value) + ": want " + test.want
				tr, closer, err := tracer.New("shop", tracer.WithRecorder(tracer.NewRecorder(0)))
				if err == nil || err.Error() != want || tr != nil || closer != nil {
					t.Errorf("got  %v\nwant %s", err, want)
				}
			})
		}
	}
	noneLeft(t)
}

func quote(s string) string { return `"` + s + `"` }

func TestEnvironmentConflicts(t *testing.T) {
	for _, test := range []struct{ env, want string }{
		{"JAEGER_USER=me", `tracer: JAEGER_USER="me": want JAEGER_PASSWORD set too, or neither`},
		{
			"JAEGER_USER=me:hunter2",
			"tracer: JAEGER_USER: want a name without a colon, where Basic auth begins the password",
		},
		{"JAEGER_PASSWORD=hush", "tracer: JAEGER_PASSWORD is set: want JAEGER_USER set too, or neither"},
		{
			"JAEGER_SAMPLER_TYPE=probabilistic",
			`tracer: JAEGER_SAMPLER_TYPE="probabilistic": want JAEGER_SAMPLER_PARAM set too, to ` + wantShare,
		},
		{
			"JAEGER_SAMPLER_TYPE=ratelimiting",
			`tracer: JAEGER_SAMPLER_TYPE="ratelimiting": want JAEGER_SAMPLER_PARAM set too, to ` + wantRate,
		},
		{"JAEGER_ENDPOINT=ftp://me:secret@host/x", `tracer: JAEGER_ENDPOINT="ftp://xxxxx@host/x": want ` + wantURL},
		{"JAEGER_ENDPOINT=me:secret@host:14268", `tracer: JAEGER_ENDPOINT="xxxxx@host:14268": want ` + wantURL},
		{"JAEGER_AGENT_PORT=tcp://10.0.0.1:6831", `tracer: JAEGER_AGENT_PORT="tcp://10.0.0.1:6831": want ` + wantPort +
			"; Kubernetes sets an address for a service called jaeger-agent, unless enableServiceLinks is false"},
		{"JAEGER_SAMPLER_TYPE=probabilistic JAEGER_SAMPLER_PARAM=1.1", `tracer: JAEGER_SAMPLER_PARAM="1.1": want ` +
			wantShare},
		{"JAEGER_SAMPLER_TYPE=remote JAEGER_SAMPLER_PARAM=-0.1", `tracer: JAEGER_SAMPLER_PARAM="-0.1": want ` +
			wantShare},
		{"JAEGER_SAMPLER_TYPE=ratelimiting JAEGER_SAMPLER_PARAM=-1", `tracer: JAEGER_SAMPLER_PARAM="-1": want ` +
			wantRate},
		{"JAEGER_SAMPLER_TYPE=ratelimiting JAEGER_SAMPLER_PARAM=NaN", `tracer: JAEGER_SAMPLER_PARAM="NaN": want ` +
			wantRate},
		{
			"JAEGER_SAMPLING_ENDPOINT=http://localhost:5778/s JAEGER_SAMPLER_PARAM=1.5",
			`tracer: JAEGER_SAMPLER_PARAM="1.5": want ` + wantShare,
		},
	} {
		setenv(t, strings.Fields(test.env)...)
		_, _, err := tracer.New("shop")
		if err == nil || err.Error() != test.want {
			t.Errorf("%s\ngot  %v\nwant %s", test.env, err, test.want)
		}
	}
}

func TestEnvironmentReportsAllErrors(t *testing.T) {
	setenv(t)
	for name, test := range malformed {
		if name != "JAEGER_SAMPLER_PARAM" { // without a type it has no meaning
			t.Setenv(name, test.values[0])
		}
	}
	_, _, err := tracer.New("shop", tracer.WithTag("", 1))
	for name := range malformed {
		if name != "JAEGER_SAMPLER_PARAM" && strings.Count(err.Error(), name+"=") != 1 {
			t.Errorf("%s is not there once:\n%v", name, err)
		}
	}
	if !strings.Contains(err.Error(), `WithTag("")`) {
		t.Errorf("the option is not there:\n%v", err)
	}
}

func TestEnvironmentWellFormed(t *testing.T) {
	for name, values := range map[string][]string{
		"JAEGER_DISABLED":                               {"false", "0", "F"},
		"JAEGER_RPC_METRICS":                            {"true"},
		"JAEGER_REPORTER_LOG_SPANS":                     {"true"},
		"JAEGER_REPORTER_ATTEMPT_RECONNECTING_DISABLED": {"true"},
		"JAEGER_REPORTER_ATTEMPT_RECONNECT_INTERVAL":    {"1ms", "1m30s"},
		"JAEGER_REPORTER_FLUSH_INTERVAL":                {"500ms"},
		"JAEGER_SAMPLER_REFRESH_INTERVAL":               {"1m"},
		"JAEGER_REPORTER_MAX_QUEUE_SIZE":                {"1", "100000"},
		"JAEGER_SAMPLER_MAX_OPERATIONS":                 {"1"},
		"JAEGER_SAMPLER_TYPE":                           {"const", "Remote"},
		"JAEGER_SAMPLING_ENDPOINT":                      {"http://localhost:5778/sampling", "https://h"},
		"JAEGER_SAMPLER_MANAGER_HOST_PORT": {
			"http://localhost:5778/sampling", "http://localhost",
			"localhost:5778", "[::1]:5778",
		},
		"JAEGER_TAGS": {"a=b", " a = b , c = d=e ", "a=", "a=${X:}", "a=${X:y:z}"},
		"JAEGER_ENDPOINT": {
			"http://localhost:14268/api/traces?format=jaeger.thrift",
			"https://me:pw@h:1", "http://[::1]:14268",
		},
		"JAEGER_AGENT_HOST": {
			"localhost", "jaeger_agent-1.svc", "10.0.0.1", "::1",
			"[::1]",
		},
		"JAEGER_AGENT_PORT":   {"1", "65535"},
		"JAEGER_PROPAGATION":  {"jaeger,b3,b3-single,w3c", "B3", " w3c , Jaeger,", "b3,b3"},
		"JAEGER_SERVICE_HOST": {"10.0.0.1"}, // as Kubernetes sets it
	} {
		for _, value := range values {
			setenv(t, name+"="+value)
			// With a collector, no agent's name is looked up.
			_, closer, err := tracer.New("shop", tracer.WithCollector("http://localhost"))
			if err != nil {
				t.Error(err)
				continue
			}
			if err := closer.Close(); err != nil {
				t.Errorf("%s=%s: %v", name, value, err)
			}
		}
	}
	noneLeft(t)
}

func TestEnvironmentTags(t *testing.T) {
	setenv(t, "JAEGER_TAGS=a=b=c, d = ${FROM_ENV:x} ,e=${UNSET_VARIABLE:http://f:1},g=", "FROM_ENV=y")
	r := tracer.NewRecorder(0)
	tr, _ := open(t, tracer.WithRecorder(r), tracer.WithTag("n", 1))
	tr.StartSpan("a").Finish()
	got := map[string]any{}
	for _, f := range r.Traces()[0][0].Process.Tags {
		if len(f.Key) == 1 {
			got[f.Key] = f.Value
		}
	}
	want := map[string]any{"a": "b=c", "d": "y", "e": "http://f:1", "g": "", "n": int64(1)}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestEnvironmentLongTraceIDs(t *testing.T) {
	var lengths []int
	for _, env := range []string{"JAEGER_TRACEID_128BIT=false", "JAEGER_TRACEID_128BIT=true"} {
		setenv(t, env)
		tr, _ := open(t, tracer.WithRecorder(tracer.NewRecorder(0)))
		lengths = append(lengths, len(headers(t, tr, tr.StartSpan("a").Context()).Get("x-b3-traceid")))
	}
	if !slices.Equal(lengths, []int{16, 32}) {
		t.Errorf("digits: %v", lengths)
	}
}

// FuzzEnvironment checks that New accepts a variable's value or returns an error that names it.
func FuzzEnvironment(f *testing.F) {
	names := slices.Sorted(maps.Keys(malformed))
	for i, name := range names {
		for _, value := range malformed[name].values {
			f.Add(uint8(i), value)
		}
	}
	f.Fuzz(func(t *testing.T, i uint8, value string) {
		if strings.ContainsRune(value, 0) || len(value) > 100 {
			t.Skip("no variable can hold it")
		}
		name := names[int(i)%len(names)]
		setenv(t, name+"="+value)
		// Nothing uses the network: no span is reported, and a sampling server is first asked after
		// a minute.
		_, closer, err := tracer.New("shop", tracer.WithRecorder(tracer.NewRecorder(0)),
			tracer.WithCollector("http://localhost"))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "tracer: "+name+"=") {
				t.Error(err)
			}
			return
		}
		closer.Close()
	})
}
