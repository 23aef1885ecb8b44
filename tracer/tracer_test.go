package tracer_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go/testutils"
	"github.com/uber/jaeger-client-go/thrift-gen/sampling"
)

func TestSpansReachTheCollector(t *testing.T) {
	setenv(t, "JAEGER_TAGS=team=blue,zone=${NO_SUCH_VARIABLE:eu}")
	c := startCollector(t)
	tr, closer := open(t, tracer.WithCollector(c.URL), tracer.WithTag("team", "red"))

	parent := tr.StartSpan("parent")
	child := tr.StartSpan("child", opentracing.ChildOf(parent.Context()))
	child.SetTag("db.statement", strings.Repeat("x", 4096))
	child.LogKV("event", "error")
	child.Finish()
	parent.Finish()
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}

	spans := c.spans()
	if len(spans) != 2 || spans[0].OperationName != "child" || spans[0].ParentSpanId != spans[1].SpanId || len(spans[0].Logs) != 1 {
		t.Fatalf("got %v", spans)
	}
	if got := tag(spans[0].Tags, "db.statement"); len(got) != 4096 {
		t.Errorf("of a statement of 4 KiB %d bytes arrived", len(got))
	}
	p := c.batches[0].Process
	if got := p.ServiceName + " " + tag(p.Tags, "team") + " " + tag(p.Tags, "zone"); got != "shop red eu" {
		t.Errorf("process is %q", got)
	}
	if got := c.paths[0]; got != "POST /api/traces" {
		t.Errorf("sent to %q", got)
	}
	noneLeft(t)
}

func TestTheEnvironmentNamesTheCollector(t *testing.T) {
	c := startCollector(t)
	setenv(t, "JAEGER_ENDPOINT="+c.URL+"/custom?format=jaeger.thrift", "JAEGER_USER=me", "JAEGER_PASSWORD=pw")
	tr, closer := open(t)
	tr.StartSpan("a").Finish()
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	if len(c.paths) != 1 || c.paths[0] != "POST /custom" || c.auth[0] != "me:pw" {
		t.Errorf("sent to %q as %q", c.paths, c.auth)
	}
}

func TestCredentialsOfTheEnvironmentStayWithItsEndpoint(t *testing.T) {
	c := startCollector(t)
	setenv(t, "JAEGER_ENDPOINT=http://elsewhere.invalid", "JAEGER_USER=me", "JAEGER_PASSWORD=pw")
	tr, closer := open(t, tracer.WithCollector(c.URL))
	tr.StartSpan("a").Finish()
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	if len(c.auth) != 1 || c.auth[0] != ":" {
		t.Errorf("sent as %q", c.auth)
	}
}

func TestSpansReachAnAgent(t *testing.T) {
	agent, err := testutils.StartMockAgent()
	if err != nil {
		t.Fatal(err)
	}
	defer agent.Close()
	host, port, _ := strings.Cut(agent.SpanServerAddr(), ":")
	setenv(t, "JAEGER_AGENT_HOST="+host, "JAEGER_AGENT_PORT="+port)
	tr, closer := open(t)
	tr.StartSpan("a").Finish()
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		if b := agent.GetJaegerBatches(); len(b) == 1 && b[0].Spans[0].OperationName == "a" {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the span did not arrive")
}

func TestWithOnlyARecorderNothingIsStarted(t *testing.T) {
	setenv(t)
	r := tracer.NewRecorder(0)
	tr, closer := open(t, tracer.WithRecorder(r))
	noneLeft(t)
	tr.StartSpan("a").Finish()
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	if got := len(r.Traces()); got != 1 {
		t.Errorf("%d traces recorded", got)
	}
}

func TestARecorderDoesNotKeepSpansFromTheCollector(t *testing.T) {
	c := startCollector(t)
	setenv(t, "JAEGER_ENDPOINT="+c.URL)
	r := tracer.NewRecorder(0)
	tr, closer := open(t, tracer.WithRecorder(r))
	tr.StartSpan("a").Finish()
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	if len(r.Traces()) != 1 || len(c.spans()) != 1 {
		t.Errorf("%d traces recorded, %d spans sent", len(r.Traces()), len(c.spans()))
	}
}

func TestTheServiceIsNamedByTheArgumentElseTheEnvironment(t *testing.T) {
	for name, test := range map[string]struct{ arg, env, want string }{
		"argument": {"a", "", "a"},
		"env":      {"", "e", "e"},
		"both":     {"a", "e", "a"},
		"neither":  {"", "", "tracer: no service name: pass one to New, or set JAEGER_SERVICE_NAME"},
		"blank":    {" ", "\t", "tracer: no service name: pass one to New, or set JAEGER_SERVICE_NAME"},
	} {
		t.Run(name, func(t *testing.T) {
			setenv(t, "JAEGER_SERVICE_NAME="+test.env)
			r := tracer.NewRecorder(0)
			tr, closer, err := tracer.New(test.arg, tracer.WithRecorder(r))
			if err != nil {
				if err.Error() != test.want || tr != nil || closer != nil {
					t.Errorf("got %v, %v, %v", tr, closer, err)
				}
				return
			}
			defer closer.Close()
			tr.StartSpan("a").Finish()
			if got := r.Traces()[0][0].Process.Service; got != test.want {
				t.Errorf("service is %q, want %q", got, test.want)
			}
		})
	}
}

func TestDisabledTracerDoesNothing(t *testing.T) {
	setenv(t, "JAEGER_DISABLED=true", "JAEGER_TAGS=x")
	tr, closer, err := tracer.New("")
	if err != nil {
		t.Fatal(err)
	}
	tr.StartSpan("a").Finish()
	for range 2 {
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	}
	noneLeft(t)
}

func TestNewLeavesTheGlobalTracerAlone(t *testing.T) {
	setenv(t)
	open(t, tracer.WithRecorder(tracer.NewRecorder(0)))
	if opentracing.IsGlobalTracerRegistered() {
		t.Error("the global tracer is set")
	}
}

func TestMisuseOfAnOptionIsAnErrorThatNamesIt(t *testing.T) {
	for want, opt := range map[string]tracer.Option{
		"tracer: WithRecorder(nil): want a recorder from NewRecorder":                                                       tracer.WithRecorder(nil),
		`tracer: WithCollector("localhost:14268"): want the collector's http or https URL, such as http://localhost:14268`:  tracer.WithCollector("localhost:14268"),
		`tracer: WithCollector(""): want the collector's http or https URL, such as http://localhost:14268`:                 tracer.WithCollector(""),
		`tracer: WithCollector("ftp://xxxxx@host"): want the collector's http or https URL, such as http://localhost:14268`: tracer.WithCollector("ftp://me:secret@host"),
		`tracer: WithTag(""): want a key`:                                                 tracer.WithTag("", 1),
		`tracer: WithTag("ip", int): want the host's address as a string`:                 tracer.WithTag("ip", 1),
		`tracer: WithStats(nil): want a *Stats`:                                           tracer.WithStats(nil),
		`tracer: WithLogger(nil): want a logger`:                                          tracer.WithLogger(nil),
		`tracer: WithPropagation(): want Jaeger, B3, B3Single or W3C, or several of them`: tracer.WithPropagation(),
		`tracer: WithPropagation(Format(9)): want Jaeger, B3, B3Single or W3C`:            tracer.WithPropagation(tracer.B3, 9),
		`tracer: option 1 is nil`:                                                         nil,
	} {
		setenv(t)
		tr, _, err := tracer.New("shop", opt)
		if err == nil || err.Error() != want || tr != nil {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestSamplingIsAllUnlessTheEnvironmentSaysOtherwise(t *testing.T) {
	for env, want := range map[string]int{
		"":                          100,
		"JAEGER_SAMPLER_TYPE=const": 100,
		"JAEGER_SAMPLER_TYPE=CONST JAEGER_SAMPLER_PARAM=0":         0,
		"JAEGER_SAMPLER_PARAM=0":                                   0,
		"JAEGER_SAMPLER_TYPE=probabilistic JAEGER_SAMPLER_PARAM=1": 100,
		"JAEGER_SAMPLER_TYPE=ratelimiting JAEGER_SAMPLER_PARAM=5":  5,
		"JAEGER_SAMPLER_TYPE=remote JAEGER_SAMPLER_PARAM=0":        0,
		"JAEGER_SAMPLER_TYPE=remote JAEGER_SAMPLER_PARAM=1":        100,
	} {
		t.Run(env, func(t *testing.T) {
			setenv(t, strings.Fields(env)...)
			r := tracer.NewRecorder(1000)
			tr, closer := open(t, tracer.WithRecorder(r))
			for range 100 {
				tr.StartSpan("a").Finish()
			}
			if err := closer.Close(); err != nil {
				t.Fatal(err)
			}
			if got := len(r.Traces()); got != want && (want != 5 || got > 10) { // 5 a second
				t.Errorf("%d of 100 traces sampled, want %d", got, want)
			}
			noneLeft(t)
		})
	}
}

func TestASamplingServerIsAsked(t *testing.T) {
	agent, err := testutils.StartMockAgent()
	if err != nil {
		t.Fatal(err)
	}
	defer agent.Close()
	agent.AddSamplingStrategy("shop", &sampling.SamplingStrategyResponse{
		StrategyType:          sampling.SamplingStrategyType_PROBABILISTIC,
		ProbabilisticSampling: &sampling.ProbabilisticSamplingStrategy{SamplingRate: 1},
	})
	for _, env := range []string{"JAEGER_SAMPLING_ENDPOINT=http://" + agent.SamplingServerAddr() + "/sampling", "JAEGER_SAMPLER_MANAGER_HOST_PORT=" + agent.SamplingServerAddr()} {
		setenv(t, env, "JAEGER_SAMPLER_PARAM=0", "JAEGER_SAMPLER_REFRESH_INTERVAL=5ms")
		r := tracer.NewRecorder(0)
		tr, closer := open(t, tracer.WithRecorder(r))
		for n := 0; len(r.Traces()) == 0; n++ {
			if n == 400 {
				t.Fatalf("%s: nothing sampled", env)
			}
			tr.StartSpan("a").Finish()
			time.Sleep(5 * time.Millisecond)
		}
		if err := closer.Close(); err != nil {
			t.Fatal(err)
		}
	}
	noneLeft(t)
}

func TestTheDocumentsSamplingServerIsAskedAndNotTheEnvironments(t *testing.T) {
	asked := make(chan [2]string, 100) // who, by which service
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
		{"JAEGER_SAMPLER_MANAGER_HOST_PORT=" + environments, "sampler: {sampling_endpoint: 'http://" + documents + "'}", ours},
		{"JAEGER_TAGS=a=b", "local_agent: {reporting_host: 127.0.0.1, sampling_port: 1}\nsampler: {sampling_endpoint: 'http://" + documents + "'}", ours},
		{"JAEGER_TAGS=a=b", "sampler: {manager_host_port: '" + environments + "', sampling_endpoint: 'http://" + documents + "'}", ours},
	} {
		service := fmt.Sprint("shop ", i)
		setenv(t, "JAEGER_SERVICE_NAME="+service, "JAEGER_SAMPLER_REFRESH_INTERVAL=1ms", test.env)
		_, closer, err := tracer.FromYAML(strings.NewReader(test.yaml), tracer.WithRecorder(tracer.NewRecorder(0)))
		if err != nil {
			t.Fatal(err)
		}
		got := <-asked
		for got[1] != service { // a tracer that is closed now
			got = <-asked
		}
		closer.Close() // its error may say that there was no strategy
		if got[0] != test.want {
			t.Errorf("%s\n%s\n%s server was asked", test.env, test.yaml, got[0])
		}
	}
}

func TestCloseDoesNotWaitForTheSamplingServer(t *testing.T) {
	asked, release := make(chan bool, 1), make(chan bool)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		select {
		case asked <- true:
		default:
		}
		<-release
	}))
	defer server.Close()
	defer close(release)
	setenv(t, "JAEGER_SAMPLING_ENDPOINT="+server.URL, "JAEGER_SAMPLER_REFRESH_INTERVAL=1ms")
	_, closer := open(t, tracer.WithRecorder(tracer.NewRecorder(0)))
	<-asked
	start := time.Now()
	closer.Close()
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("Close took %v", d)
	}
}

func BenchmarkStartAndFinish(b *testing.B) {
	tr, closer, err := tracer.New("shop", tracer.WithRecorder(tracer.NewRecorder(0)))
	if err != nil {
		b.Fatal(err)
	}
	defer closer.Close()
	for b.Loop() {
		tr.StartSpan("a").SetTag("k", "v").Finish()
	}
}

func TestAProcessTagThatPanicsCostsNothing(t *testing.T) {
	setenv(t)
	recorder := tracer.NewRecorder(1)
	tr, _ := open(t, tracer.WithRecorder(recorder), tracer.WithTag("bomb", bomb{}))
	tr.StartSpan("a").Finish()
	tags := recorder.Traces()[0][0].Process.Tags
	if !slices.ContainsFunc(tags, func(f gap.Field) bool {
		return f.Key == "bomb" && f.Value == "tracer_test.bomb that panics when printed"
	}) {
		t.Errorf("tags %v", tags)
	}
}

func TestATagOfAnOptionReplacesThoseOfItsKey(t *testing.T) {
	setenv(t, "JAEGER_TAGS=team=blue,zone=eu,team=green")
	c := startCollector(t)
	r := tracer.NewRecorder(0)
	tr, closer := open(t, tracer.WithCollector(c.URL), tracer.WithRecorder(r), tracer.WithTag("team", "old"), tracer.WithTag("team", "red"))
	tr.StartSpan("a").Finish()
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	var sent, recorded []string
	for _, tag := range c.batches[0].Process.Tags {
		if tag.Key == "team" || tag.Key == "zone" {
			sent = append(sent, tag.Key+"="+tag.GetVStr())
		}
	}
	for _, f := range r.Traces()[0][0].Process.Tags {
		if f.Key == "team" || f.Key == "zone" {
			recorded = append(recorded, f.Key+"="+f.Value.(string))
		}
	}
	if want := []string{"zone=eu", "team=red"}; !slices.Equal(sent, want) || !slices.Equal(recorded, want) {
		t.Errorf("sent %q, recorded %q, want %q", sent, recorded, want)
	}
}
