package tracer_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/log"
	"github.com/uber/jaeger-client-go"
	"github.com/uber/jaeger-client-go/testutils"
)

// nobody is the URL of a server that is not there. A port that was free a moment ago could have
// been given to another test's server.
const nobody = "http://127.0.0.1:1"

func TestCloseSendsQueue(t *testing.T) {
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

func TestCloseCountsUndelivered(t *testing.T) {
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
	for url, want := range map[string]string{
		fail(500): "tracer: 250 spans were not delivered: the collector answered 500 Internal Server Error",
		fail(302): "a redirect to GET, which loses the spans",
		fail(304): "the collector answered 304 Not Modified",
		nobody:    "connection refused",
	} {
		setenv(t)
		tr, closer := open(t, tracer.WithCollector(url))
		for range 250 {
			tr.StartSpan("a").Finish()
		}
		err := closer.Close()
		if err == nil || !strings.Contains(err.Error(), want) ||
			!strings.HasPrefix(err.Error(), "tracer: 250 spans were not delivered: ") {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		if url == nobody && !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%v is not ECONNREFUSED", err)
		}
		if again := closer.Close(); again != err {
			t.Errorf("the second Close returned %v", again)
		}
	}
	noneLeft(t)
}

func TestCloseCountsDropped(t *testing.T) {
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
	for posts.Load() == 0 { // until the reporter waits for the collector
		tr.StartSpan("a").Finish()
		time.Sleep(time.Microsecond)
	}
	for range 15 {
		tr.StartSpan("a").Finish()
	}
	close(release)
	err := closer.Close()
	if err == nil || !strings.Contains(err.Error(), "dropped, since the queue of 10 was full") {
		t.Errorf("got %v", err)
	}
}

func TestCloseDoesNotWaitForSamplingServer(t *testing.T) {
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

func TestCloseWhileInUse(t *testing.T) {
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

func TestPanickingValueLosesItsSpanOnly(t *testing.T) {
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
	const want = "tracer: 2 spans were not delivered: " +
		"a tag or log of the span panicked: tracer_test.bomb that panics when printed"
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	if s := c.spans(); len(s) != 1 || s[0].OperationName != "good" {
		t.Errorf("got %v", s)
	}
}

// bomb panics when it is printed, with a value that panics when it is printed.
type bomb struct{}

func (bomb) String() string { panic(bomb{}) }

func TestStats(t *testing.T) {
	setenv(t)
	c := startCollector(t)
	var sent, lost tracer.Stats
	tr, closer := open(t, tracer.WithCollector(c.URL), tracer.WithStats(&sent))
	other, otherCloser := open(t, tracer.WithCollector(nobody), tracer.WithStats(&lost))
	for range 150 {
		tr.StartSpan("a").Finish()
		other.StartSpan("a").Finish()
	}
	closer.Close()
	otherCloser.Close()
	if sent.Sent.Load() != 150 || sent.Failed.Load() != 0 || lost.Sent.Load() != 0 || lost.Failed.Load() != 150 {
		t.Errorf("%d and %d sent, %d and %d failed", sent.Sent.Load(), lost.Sent.Load(), sent.Failed.Load(),
			lost.Failed.Load())
	}
}

// A proxy in front of a real Jaeger refuses large requests with 413, and every third one with 429.
func TestRealJaegerBehindProxyWithLimits(t *testing.T) {
	server := servers.Jaeger(t)
	target, err := url.Parse(server.CollectorURL)
	if err != nil {
		t.Fatal(err)
	}
	var requests, early, large atomic.Int32
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL, r.Out.Host = target, "" }}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.ContentLength > 20_000:
			large.Add(1)
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		case requests.Add(1) == 3:
			early.Add(1)
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		default:
			proxy.ServeHTTP(w, r)
		}
	}))
	defer front.Close()
	setenv(t)
	var stats tracer.Stats
	tr, closer := open(t, tracer.WithCollector(front.URL), tracer.WithStats(&stats))
	root := tr.StartSpan("root")
	for i := range 299 {
		span := tr.StartSpan(fmt.Sprint(i), opentracing.ChildOf(root.Context()))
		span.SetTag("x", strings.Repeat("x", 1000))
		if i == 42 {
			for j := range 8 {
				span.SetTag(fmt.Sprint(j), strings.Repeat("x", 4096))
			}
		}
		span.Finish()
	}
	root.Finish()
	until(t, "nothing arrives", func() bool {
		return stats.Sent.Load()+stats.TooLarge.Load()+stats.Failed.Load()+stats.Dropped.Load() == 300
	})
	if err := closer.Close(); err == nil ||
		err.Error() != "tracer: 1 span was too large for the collector, which answered 413 to each alone" {
		t.Errorf("Close says %v", err)
	}
	if stats.Sent.Load() != 299 || stats.TooLarge.Load() != 1 || early.Load() == 0 || large.Load() == 0 {
		t.Errorf("%d sent, %d too large, %d failed; the proxy refused %d and %d", stats.Sent.Load(),
			stats.TooLarge.Load(), stats.Failed.Load(), early.Load(), large.Load())
	}
	query := jaegerjson.Client{URL: server.QueryURL}
	until(t, "Jaeger has fewer spans", func() bool {
		for spans := range query.Traces(t.Context(),
			[]gap.TraceID{gap.TraceID(root.Context().(jaeger.SpanContext).TraceID())}) {
			return len(spans) == 299
		}
		return false
	})
}

// If a server answers before it has read the request, and closes the connection, its answer may not
// arrive.
func TestCollectorClosesEarly(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var taken atomic.Int64
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				r := bufio.NewReader(conn)
				for {
					req, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					if req.ContentLength > 1<<20 {
						io.WriteString(conn, "HTTP/1.1 413 Request Entity Too Large\r\n"+
							"Content-Length: 0\r\nConnection: close\r\n\r\n")
						return // most of the request is unread, so the kernel resets the connection
					}
					if n, err := io.Copy(io.Discard, req.Body); err == nil && n == req.ContentLength {
						taken.Add(1)
					}
					io.WriteString(conn, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
				}
			}()
		}
	}()
	setenv(t)
	var stats tracer.Stats
	tr, closer := open(t, tracer.WithCollector("http://"+listener.Addr().String()), tracer.WithStats(&stats))
	for range 300 {
		span := tr.StartSpan("a")
		for i := range 10 {
			span.SetTag(fmt.Sprint(i), strings.Repeat("x", 4096))
		}
		span.Finish()
	}
	err = closer.Close()
	sent, failed := stats.Sent.Load(), stats.Failed.Load()
	if sent+failed != 300 || (err == nil) != (failed == 0) || (taken.Load() == 0) != (sent == 0) {
		t.Errorf("%d sent, %d failed: %v", sent, failed, err)
	}
	t.Logf("%d of 300 spans arrived: %v", sent, err)
}

func TestAgentSpanTooLarge(t *testing.T) {
	agent, err := testutils.StartMockAgent()
	if err != nil {
		t.Fatal(err)
	}
	defer agent.Close()
	host, port, _ := strings.Cut(agent.SpanServerAddr(), ":")
	setenv(t, "JAEGER_AGENT_HOST="+host, "JAEGER_AGENT_PORT="+port)
	var stats tracer.Stats
	var logged bytes.Buffer
	tr, closer := open(t, tracer.WithStats(&stats), tracer.WithLogger(slog.New(slog.NewTextHandler(&logged, nil))))
	for _, size := range []int{20, 64_900 / 4096} { // the second one fits, but not together with the process
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
		err.Error() != "tracer: 2 spans were too large for a UDP packet to the agent; "+
			"a collector (JAEGER_ENDPOINT) accepts larger ones" {
		t.Errorf("%d too large, %d failed: %v", stats.TooLarge.Load(), stats.Failed.Load(), err)
	}
	if !strings.Contains(logged.String(), "too_large=1") {
		t.Errorf("logged: %s", &logged)
	}
}

// If each span fits into a packet alone, no packet of several spans is too large, in any order.
func TestAgentPacketsFit(t *testing.T) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, port, _ := net.SplitHostPort(conn.LocalAddr().String())
	setenv(t, "JAEGER_AGENT_HOST=127.0.0.1", "JAEGER_AGENT_PORT="+port)
	var stats tracer.Stats
	tr, closer := open(t, tracer.WithStats(&stats), tracer.WithTag("process", strings.Repeat("x", 3000)))
	for i := range 3000 {
		span := tr.StartSpan("a")
		for j := range i % 15 {
			span.SetTag(fmt.Sprint(j), strings.Repeat("x", i*37%4096))
		}
		span.Finish()
	}
	if err := closer.Close(); err != nil || stats.Sent.Load() != 3000 {
		t.Errorf("%d sent, %d too large, %d failed, %d dropped: %v", stats.Sent.Load(), stats.TooLarge.Load(),
			stats.Failed.Load(), stats.Dropped.Load(), err)
	}
}

func TestLogSpans(t *testing.T) {
	setenv(t, "JAEGER_REPORTER_LOG_SPANS=true")
	var logged bytes.Buffer
	tr, _ := open(t, tracer.WithRecorder(tracer.NewRecorder(0)),
		tracer.WithLogger(slog.New(slog.NewTextHandler(&logged, nil))))
	tr.StartSpan("a").Finish()
	if !strings.Contains(logged.String(), "Reporting span") {
		t.Errorf("logged: %s", &logged)
	}
}
