package tracer_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gaptrace/gaptrace/internal/spantest/servers"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

// logbuffer is a log that may be read while it is written.
type logbuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logbuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// remote opens a tracer that asks a sampling server every millisecond.
func remote(t *testing.T, endpoint, param string) (opentracing.Tracer, io.Closer, *tracer.Stats, *logbuffer) {
	t.Helper()
	setenv(t, "JAEGER_SAMPLING_ENDPOINT="+endpoint, "JAEGER_SAMPLER_PARAM="+param,
		"JAEGER_SAMPLER_REFRESH_INTERVAL=1ms")
	stats, log := new(tracer.Stats), new(logbuffer)
	tr, closer := open(t, tracer.WithRecorder(tracer.NewRecorder(1)), tracer.WithStats(stats),
		tracer.WithLogger(slog.New(slog.NewTextHandler(log, nil))))
	return tr, closer, stats, log
}

// answering starts a sampling server that answers every request with text.
func answering(t *testing.T, status int, text string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, text)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/sampling"
}

func TestStrategyAnswers(t *testing.T) {
	files, err := filepath.Glob("testdata/strategies/*.txt")
	if err != nil || len(files) != 5 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, pair := range strings.Split(string(text), "\n\n")[1:] { // after the paragraph on their origin
			want, answer, _ := strings.Cut(strings.TrimSpace(pair), "\n")
			t.Run(filepath.Base(file)+"/"+want, func(t *testing.T) {
				_, closer, stats, log := remote(t, answering(t, 200, answer), "0.125")
				until(t, "no strategy", func() bool { return stats.Strategies.Load() > 1 })
				if got := stats.Sampler(); got != "remote: "+want {
					t.Errorf("%s is %q, want %q", answer, got, want)
				}
				if err := closer.Close(); err != nil || log.String() != "" || stats.StrategiesFailed.Load() != 0 {
					t.Errorf("%v, logged: %s", err, log)
				}
			})
		}
	}
	noneLeft(t)
}

func TestStrategyDecides(t *testing.T) {
	sampled := func(tr opentracing.Tracer, operation string) bool {
		return tr.StartSpan(operation).Context().(jaeger.SpanContext).IsSampled()
	}
	// The values say whether the second spans "a" and "b" are sampled. A limiter accepts the first.
	for answer, want := range map[string][2]bool{
		`{"strategyType":0,"probabilisticSampling":{"samplingRate":1}}`:           {true, true},
		`{"probabilisticSampling":{}}`:                                            {false, false},
		`{"strategyType":1,"rateLimitingSampling":{"maxTracesPerSecond":100000}}`: {true, true},
		`{"strategyType":1,"rateLimitingSampling":{}}`:                            {false, false},
		`{"operationSampling":{"perOperationStrategies":[null,{"operation":"b"},` +
			`{"operation":"a","probabilisticSampling":{"samplingRate":1}}]}}`: {true, false},
	} {
		param := "0"
		if !want[0] {
			param = "1"
		}
		tr, _, stats, _ := remote(t, answering(t, 200, answer), param)
		until(t, "no strategy", func() bool { return stats.Strategies.Load() > 0 })
		sampled(tr, "a")
		sampled(tr, "b")
		if got := [2]bool{sampled(tr, "a"), sampled(tr, "b")}; got != want {
			t.Errorf("%s: %v, want %v", answer, got, want)
		}
	}
}

// strategyFailures are servers that give no strategy, and what the tracer says about them.
type strategyFailures map[string]struct{ endpoint, want string }

func TestStrategyServerFails(t *testing.T) {
	const noJSON = "its answer is not a strategy in JSON: "
	strategyFailures{
		"unreachable": {nobody + "/sampling", "connection refused"},
		"404": {
			answering(t, 404, `{"probabilisticSampling":{"samplingRate":1}}`),
			"it answered 404 Not Found",
		},
		"503":            {answering(t, 503, ""), "it answered 503 Service Unavailable"},
		"a web page":     {answering(t, 200, "<!doctype html><title>Log in</title>"), noJSON + "invalid character '<'"},
		"empty":          {answering(t, 200, ""), noJSON + "unexpected end"},
		"half an answer": {answering(t, 200, `{"probabilisticSampling":`), noJSON + "unexpected end"},
		"a megabyte": {
			answering(t, 200, strings.Repeat(" ", 1<<20)+"{}"),
			"its answer has more than 1048576 bytes",
		},
	}.run(t)
}

func TestStrategyIsInvalid(t *testing.T) {
	const badType = "want PROBABILISTIC (0) or RATE_LIMITING (1)"
	strategyFailures{
		"another JSON": {
			answering(t, 200, `{"data":[]}`),
			"its answer has no probabilisticSampling, rateLimitingSampling or operationSampling",
		},
		"null":        {answering(t, 200, `null`), "its answer has no probabilisticSampling"},
		"only a type": {answering(t, 200, `{"strategyType":0}`), "its answer has no probabilisticSampling"},
		"an unknown type": {
			answering(t, 200, `{"strategyType":2,"probabilisticSampling":{"samplingRate":1}}`), badType,
		},
		"an unknown name": {
			answering(t, 200, `{"strategyType":"ADAPTIVE","probabilisticSampling":{"samplingRate":1}}`), badType,
		},
		"a long wrong type": {
			answering(t, 200, `{"strategyType":"`+strings.Repeat("x", 1<<19)+`"}`), badType,
		},
		"a rate above 1": {
			answering(t, 200, `{"probabilisticSampling":{"samplingRate":50}}`),
			"its answer has samplingRate 50: want 0 to 1",
		},
		"a negative rate": {
			answering(t, 200, `{"operationSampling":{"defaultSamplingProbability":-1}}`),
			"its answer has defaultSamplingProbability -1: want 0 to 1",
		},
		"a negative limit": {
			answering(t, 200, `{"rateLimitingSampling":{"maxTracesPerSecond":-5}}`),
			"its answer has maxTracesPerSecond -5: want 0 or more",
		},
		"not a number": {answering(t, 200, `{"probabilisticSampling":{"samplingRate":"NaN"}}`), "want a number"},
	}.run(t)
}

func (failures strategyFailures) run(t *testing.T) {
	for name, test := range failures {
		t.Run(name, func(t *testing.T) {
			withSecrets := strings.Replace(test.endpoint, "http://", "http://me:secret@", 1) + "?token=secret"
			tr, closer, stats, log := remote(t, withSecrets, "1")
			until(t, "nothing failed", func() bool { return stats.StrategiesFailed.Load() > 1 })
			if !tr.StartSpan("a").Context().(jaeger.SpanContext).IsSampled() {
				t.Error("the sampler from before is not in force")
			}
			err := closer.Close()
			where := "tracer: the sampling server " + test.endpoint + " gave no strategy: "
			const inForce = "; in force: remote: probabilistic 1, until the server answers"
			if err == nil || !strings.HasPrefix(err.Error(), where) || !strings.Contains(err.Error(), test.want) ||
				!strings.HasSuffix(err.Error(), inForce) {
				t.Errorf("Close says %v, want %s", err, test.want)
			}
			if !strings.Contains(log.String(), "gave no strategy") || !strings.Contains(log.String(), test.want) {
				t.Errorf("logged: %s", log)
			}
			if stats.Strategies.Load() != 0 || strings.Contains(fmt.Sprint(err, log), "secret") ||
				len(err.Error()) > 1000 {
				t.Errorf("%d strategies, %v, %s", stats.Strategies.Load(), err, log)
			}
		})
	}
	noneLeft(t)
}

func TestStrategyAfterFailures(t *testing.T) {
	var well atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !well.Load() {
			w.WriteHeader(http.StatusBadGateway)
		}
		io.WriteString(w, `{"strategyType":0,"probabilisticSampling":{"samplingRate":0.5}}`)
	}))
	defer server.Close()
	_, closer, stats, log := remote(t, server.URL, "1")
	until(t, "nothing failed", func() bool { return stats.StrategiesFailed.Load() > 0 })
	well.Store(true)
	until(t, "no strategy", func() bool { return stats.Strategies.Load() > 0 })
	failed := stats.StrategiesFailed.Load()
	until(t, "no strategies", func() bool { return stats.Strategies.Load() > 3 })
	if err := closer.Close(); err != nil || stats.Sampler() != "remote: probabilistic 0.5" ||
		stats.StrategiesFailed.Load() != failed {
		t.Errorf("%v, %s, %d and then %d failures", err, stats.Sampler(), failed, stats.StrategiesFailed.Load())
	}
	if !strings.Contains(log.String(), "502 Bad Gateway") {
		t.Errorf("logged: %s", log)
	}
}

func TestStatsSampler(t *testing.T) {
	for env, want := range map[string]string{
		"":                       "const 1",
		"JAEGER_SAMPLER_PARAM=0": "const 0",
		"JAEGER_SAMPLER_TYPE=probabilistic JAEGER_SAMPLER_PARAM=0.5": "probabilistic 0.5",
		"JAEGER_SAMPLER_TYPE=ratelimiting JAEGER_SAMPLER_PARAM=5":    "ratelimiting 5",

		"JAEGER_SAMPLER_TYPE=remote": "remote: probabilistic 0.001, until the server answers",
	} {
		setenv(t, strings.Fields(env)...)
		var stats tracer.Stats
		if got := stats.Sampler(); got != "" {
			t.Errorf("before: %q", got)
		}
		open(t, tracer.WithRecorder(tracer.NewRecorder(1)), tracer.WithStats(&stats))
		if got := stats.Sampler(); got != want {
			t.Errorf("%s: %q, want %q", env, got, want)
		}
	}
}

func TestStrategyOfRealJaeger(t *testing.T) {
	server := servers.Jaeger(t)
	for _, endpoint := range []string{
		server.SamplingURL,
		strings.TrimSuffix(server.SamplingURL, "sampling"),
	} { // enums as names, as numbers
		_, closer, stats, log := remote(t, endpoint, "1")
		until(t, "no strategy", func() bool { return stats.Strategies.Load()+stats.StrategiesFailed.Load() > 0 })
		if got := stats.Sampler(); got != "remote: probabilistic 0.001" { // Jaeger's default
			t.Errorf("%s: %s, logged: %s", endpoint, got, log)
		}
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	}
}
