package tracer_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/log"
	"github.com/uber/jaeger-client-go/testutils"
)

func TestCloseSendsAllThatIsQueued(t *testing.T) {
	setenv(t)
	c := startCollector(t)
	tr, closer := open(t, tracer.WithCollector(c.URL))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				tr.StartSpan("a").Finish()
			}
		})
	}
	wg.Wait()
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	if got := len(c.spans()); got != 8000 {
		t.Errorf("%d of 8000 spans arrived", got)
	}
}

func TestCloseSaysHowManySpansWereNotDelivered(t *testing.T) {
	fail := func(code int) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if code != 304 {
				w.Header().Set("Location", "/moved")
			}
			if r.URL.Path == "/api/traces" {
				w.WriteHeader(code)
			}
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	for url, want := range map[string]string{
		fail(500): "tracer: 250 spans were not delivered: error from collector: 500",
		fail(302): "a redirect loses the spans",
		fail(304): "the collector answered 304 Not Modified",
		gone.URL:  "connection refused",
	} {
		setenv(t)
		tr, closer := open(t, tracer.WithCollector(url))
		for range 250 {
			tr.StartSpan("a").Finish()
		}
		err := closer.Close()
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "tracer: 250 spans were not delivered: ") {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		if url == gone.URL && !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%v is not ECONNREFUSED", err)
		}
		if again := closer.Close(); again != err {
			t.Errorf("the second Close returned %v", again)
		}
	}
	noneLeft(t)
}

func TestCloseSaysHowManySpansTheQueueDropped(t *testing.T) {
	release := make(chan bool)
	var posts atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if posts.Add(1) == 1 {
			<-release
		}
	}))
	defer server.Close()
	setenv(t, "JAEGER_REPORTER_MAX_QUEUE_SIZE=10")
	tr, closer := open(t, tracer.WithCollector(server.URL))
	for posts.Load() == 0 { // until the reporter is busy
		tr.StartSpan("a").Finish()
		time.Sleep(time.Microsecond)
	}
	for range 15 {
		tr.StartSpan("a").Finish()
	}
	close(release)
	err := closer.Close()
	if err == nil || !strings.Contains(err.Error(), "dropped, as the queue of 10 was full") {
		t.Errorf("got %v", err)
	}
}

func TestATracerCanBeUsedWhileAndAfterItCloses(t *testing.T) {
	setenv(t, "JAEGER_REPORTER_MAX_QUEUE_SIZE=10")
	c := startCollector(t)
	tr, closer := open(t, tracer.WithCollector(c.URL))
	var stop atomic.Bool
	var users, closers sync.WaitGroup
	for range 4 {
		users.Go(func() {
			for !stop.Load() {
				span := tr.StartSpan("a")
				span.SetTag("k", "v")
				span.Finish()
			}
		})
		closers.Go(func() { closer.Close() })
	}
	closers.Wait()
	sent := len(c.spans())
	stop.Store(true)
	users.Wait()
	for range 100 {
		span := tr.StartSpan("late")
		if err := tr.Inject(span.Context(), opentracing.HTTPHeaders, opentracing.HTTPHeadersCarrier{}); err != nil {
			t.Fatal(err)
		}
		span.Finish()
	}
	tr.(io.Closer).Close()
	noneLeft(t)
	if got := len(c.spans()); got != sent {
		t.Errorf("%d spans were sent after Close", got-sent)
	}
}

func TestAValueThatPanicsCostsItsSpanOnly(t *testing.T) {
	setenv(t)
	c := startCollector(t)
	tr, closer := open(t, tracer.WithCollector(c.URL), tracer.WithRecorder(tracer.NewRecorder(0)))
	bad := tr.StartSpan("bad")
	bad.LogFields(log.Lazy(func(log.Encoder) { panic("lazy") }))
	bad.Finish()
	worse := tr.StartSpan("worse")
	worse.SetTag("bad", bomb{})
	worse.Finish()
	tr.StartSpan("good").Finish()
	err := closer.Close()
	if err == nil || err.Error() != "tracer: 2 spans were not delivered: a tag or log of the span panicked: tracer_test.bomb that panics when printed" {
		t.Errorf("got %v", err)
	}
	if s := c.spans(); len(s) != 1 || s[0].OperationName != "good" {
		t.Errorf("got %v", s)
	}
}

// bomb is a value that panics when it is printed, and panics with a value that does so too.
type bomb struct{}

func (bomb) String() string { panic(bomb{}) }

func TestStatsCountWhatWasSentAndWhatWasNot(t *testing.T) {
	setenv(t)
	c := startCollector(t)
	gone := httptest.NewServer(nil)
	gone.Close()
	var sent, lost tracer.Stats
	tr, closer := open(t, tracer.WithCollector(c.URL), tracer.WithStats(&sent))
	other, otherCloser := open(t, tracer.WithCollector(gone.URL), tracer.WithStats(&lost))
	for range 150 {
		tr.StartSpan("a").Finish()
		other.StartSpan("a").Finish()
	}
	closer.Close()
	otherCloser.Close()
	if sent.Sent.Load() != 150 || sent.Failed.Load() != 0 || lost.Sent.Load() != 0 || lost.Failed.Load() != 150 {
		t.Errorf("%d and %d sent, %d and %d failed", sent.Sent.Load(), lost.Sent.Load(), sent.Failed.Load(), lost.Failed.Load())
	}
}

func TestASpanTooLargeForAnAgentIsCounted(t *testing.T) {
	agent, err := testutils.StartMockAgent()
	if err != nil {
		t.Fatal(err)
	}
	defer agent.Close()
	host, port, _ := strings.Cut(agent.SpanServerAddr(), ":")
	setenv(t, "JAEGER_AGENT_HOST="+host, "JAEGER_AGENT_PORT="+port)
	var stats tracer.Stats
	var told bytes.Buffer
	tr, closer := open(t, tracer.WithStats(&stats), tracer.WithLogger(slog.New(slog.NewTextHandler(&told, nil))))
	for _, size := range []int{20, 64_900 / 4096} { // the second fits, but not beside the process
		span := tr.StartSpan("a")
		for i := range size {
			span.SetTag(fmt.Sprint(i), strings.Repeat("x", 4096))
		}
		if size != 20 {
			span.SetTag("rest", strings.Repeat("x", 64_700-size*4100))
		}
		span.Finish()
	}
	err = closer.Close()
	if stats.TooLarge.Load() != 2 || stats.Failed.Load() != 0 || err == nil ||
		err.Error() != "tracer: 2 spans were too large for a packet to the agent, which a collector's endpoint would not mind" {
		t.Errorf("%d too large, %d failed: %v", stats.TooLarge.Load(), stats.Failed.Load(), err)
	}
	if !strings.Contains(told.String(), "too_large=1") {
		t.Errorf("told: %s", &told)
	}
}

func TestSpansThatAreToBeLoggedGoToTheGivenLogger(t *testing.T) {
	setenv(t, "JAEGER_REPORTER_LOG_SPANS=true")
	var told bytes.Buffer
	tr, _ := open(t, tracer.WithRecorder(tracer.NewRecorder(0)), tracer.WithLogger(slog.New(slog.NewTextHandler(&told, nil))))
	tr.StartSpan("a").Finish()
	if !strings.Contains(told.String(), "Reporting span") {
		t.Errorf("told: %s", &told)
	}
}
