package tracer

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/uber/jaeger-client-go"
	"github.com/uber/jaeger-client-go/config"
)

func newTestServer(l *slog.Logger) *samplingServer {
	cfg := &config.SamplerConfig{SamplingServerURL: "http://localhost/sampling", MaxOperations: 7}
	return newSamplingServer(cfg, &options{stats: new(Stats), logger: l})
}

// Over HTTP/2 the connection outlives a request that is cancelled.
func TestSamplingServerStopClosesConnection(t *testing.T) {
	asked, closed := make(chan bool), make(chan bool)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Error(r.Proto)
		}
		asked <- true
		<-r.Context().Done()
	}))
	server.EnableHTTP2 = true
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			close(closed)
		}
	}
	server.StartTLS()
	defer server.Close()
	s := newTestServer(nil)
	s.url = server.URL
	s.client.Transport.(*http.Transport).TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig
	fetched := make(chan bool)
	go func() {
		s.Fetch("shop")
		close(fetched)
	}()
	<-asked
	s.stop()
	<-fetched
	select {
	case <-closed:
	case <-time.After(30 * time.Second): // an idle connection closes after 90 seconds
		t.Error("the connection is open")
	}
}

func TestSamplingServerLogsOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged strings.Builder
		s := newTestServer(slog.New(slog.NewTextHandler(&logged, nil)))
		for range 150 {
			s.failed(errors.New("no route to host"))
			time.Sleep(time.Second)
		}
		s.stop()
		s.failed(errors.New("Close ended it"))
		err := s.close()
		lines := strings.Split(strings.TrimSpace(logged.String()), "\n")
		if len(lines) != 4 || !strings.Contains(lines[0], "failures=1 ") ||
			!strings.Contains(lines[1], "failures=60 ") || !strings.Contains(lines[3], "failures=29 ") {
			t.Errorf("logged:\n%s", &logged)
		}
		if err == nil || !strings.Contains(err.Error(), "no route to host") || s.stats.StrategiesFailed.Load() != 150 {
			t.Errorf("%v, %d failures", err, s.stats.StrategiesFailed.Load())
		}
	})
}

func TestSamplingServerPanickingLogger(t *testing.T) {
	s := newTestServer(slog.New(panicking{}))
	s.failed(errors.New("e"))
	s.stop()
	if s.close() == nil {
		t.Error("no error")
	}
}

func TestSamplingServerLimitsOperations(t *testing.T) {
	server := newTestServer(nil)
	defer server.stop()
	parsed, err := server.Parse([]byte(`{"operationSampling":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	sampler, err := server.Update(jaeger.NewConstSampler(true), parsed)
	if err != nil || !strings.Contains(fmt.Sprint(sampler), "maxOperations=7,") {
		t.Errorf("%v, %v", sampler, err)
	}
}

// FuzzStrategy applies two answers of a sampling server. Nothing may panic, and rates must be from
// 0 to 1.
func FuzzStrategy(f *testing.F) {
	for _, answer := range []string{
		`{"strategyType":0,"probabilisticSampling":{"samplingRate":0.5}}`,
		`{"strategyType":1,"rateLimitingSampling":{"maxTracesPerSecond":5}}`,
		`{"operationSampling":{"defaultLowerBoundTracesPerSecond":1e308,"perOperationStrategies":[` +
			`null,{"operation":"a"},{"operation":"b","probabilisticSampling":{"samplingRate":"1"}}]}}`,
		`{"strategyType":"2"}`, `[]`, `{"rateLimitingSampling":{"maxTracesPerSecond":1e308}}`,
	} {
		f.Add([]byte(answer), []byte(`{"operationSampling":{}}`))
		f.Add([]byte(answer), []byte(`{"rateLimitingSampling":{}}`))
	}
	f.Fuzz(func(t *testing.T, one, other []byte) {
		s := newTestServer(nil)
		defer s.stop()
		var sampler jaeger.SamplerV2 = jaeger.NewConstSampler(true)
		for _, answer := range [][]byte{one, other, one} {
			parsed, err := s.Parse(answer)
			if err != nil {
				continue
			}
			updated, err := s.Update(sampler, parsed)
			if err != nil || updated == nil {
				t.Fatalf("%s: %v, %v", answer, updated, err)
			}
			sampler = updated
			if p, ok := sampler.(*jaeger.ProbabilisticSampler); ok &&
				!(p.SamplingRate() >= 0 && p.SamplingRate() <= 1) {
				t.Errorf("%s: rate %v", answer, p.SamplingRate())
			}
			tr, closer := jaeger.NewTracer("a", sampler.(jaeger.Sampler), jaeger.NewNullReporter())
			tr.StartSpan("a").Finish()
			tr.StartSpan("b").Finish()
			closer.Close()
		}
	})
}
