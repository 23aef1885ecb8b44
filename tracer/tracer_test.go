package tracer_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go/testutils"
	"github.com/uber/jaeger-client-go/thrift-gen/sampling"
)

func TestNewSendsToCollector(t *testing.T) {
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
	if len(spans) != 2 || spans[0].OperationName != "child" || spans[0].ParentSpanId != spans[1].SpanId ||
		len(spans[0].Logs) != 1 {
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

func TestNewCollectorOfEnvironment(t *testing.T) {
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

func TestNewCredentialsStayWithEndpoint(t *testing.T) {
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

func TestNewSendsToAgent(t *testing.T) {
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

func TestNewWithRecorderOnly(t *testing.T) {
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

func TestNewWithRecorderAndCollector(t *testing.T) {
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

func TestNewServiceName(t *testing.T) {
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

func TestNewDisabled(t *testing.T) {
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

func TestNewDoesNotSetGlobalTracer(t *testing.T) {
	setenv(t)
	open(t, tracer.WithRecorder(tracer.NewRecorder(0)))
	if opentracing.IsGlobalTracerRegistered() {
		t.Error("the global tracer is set")
	}
}

func TestNewSampler(t *testing.T) {
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

func TestNewSamplingServer(t *testing.T) {
	agent, err := testutils.StartMockAgent()
	if err != nil {
		t.Fatal(err)
	}
	defer agent.Close()
	agent.AddSamplingStrategy("shop", &sampling.SamplingStrategyResponse{
		StrategyType:          sampling.SamplingStrategyType_PROBABILISTIC,
		ProbabilisticSampling: &sampling.ProbabilisticSamplingStrategy{SamplingRate: 1},
	})
	for _, env := range []string{
		"JAEGER_SAMPLING_ENDPOINT=http://" + agent.SamplingServerAddr() + "/sampling",
		"JAEGER_SAMPLER_MANAGER_HOST_PORT=" + agent.SamplingServerAddr(),
	} {
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
