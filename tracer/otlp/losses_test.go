package otlp

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	collectorpb "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

type script = func(request int, w http.ResponseWriter)

func take(int, http.ResponseWriter) { panic(taken{}) }

func hangUp(int, http.ResponseWriter) { panic(http.ErrAbortHandler) }

func hang(int, http.ResponseWriter) { time.Sleep(time.Hour) }

func status(code int, retryAfter string) script {
	return func(_ int, w http.ResponseWriter) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(code)
	}
}

// atFirst answers the first requests, and accepts the others.
func atFirst(requests int, answer script) script {
	return func(n int, w http.ResponseWriter) {
		if n > requests {
			take(n, w)
		}
		answer(n, w)
	}
}

// rejects accepts all spans except some of each request.
func rejects(spans int64, message, contentType string) script {
	return func(_ int, w http.ResponseWriter) {
		body, _ := proto.Marshal(&collectorpb.ExportTraceServiceResponse{
			PartialSuccess: &collectorpb.ExportTracePartialSuccess{RejectedSpans: spans, ErrorMessage: message},
		})
		w.Header().Set("Content-Type", contentType)
		w.Write(body)
		panic(taken{})
	}
}

// tooLarge accepts requests with at most so many spans.
func tooLarge(r *receiver, bytes int64) script {
	return func(n int, w http.ResponseWriter) {
		r.mu.Lock()
		size := r.sizes[n-1]
		r.mu.Unlock()
		if size <= bytes {
			take(n, w)
		}
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	}
}

const all = 300 // spans

// TestNothingIsLostUncounted sends spans to collectors that refuse some. Each span is counted once.
func TestNothingIsLostUncounted(t *testing.T) {
	small := new(receiver)
	small.answer = tooLarge(small, 4<<10)
	tiny := new(receiver)
	tiny.answer = tooLarge(tiny, 100)
	times := func(n int, err error) func() error {
		return func() error {
			if n--; n >= 0 {
				return err
			}
			return nil
		}
	}
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	for name, test := range map[string]struct {
		to               *receiver
		refuse           func() error
		failed, tooLarge int64
		err              string
		requests         int
	}{
		"takes all":           {&receiver{}, nil, 0, 0, "", 3},
		"429 twice":           {&receiver{answer: atFirst(2, status(429, "3"))}, nil, 0, 0, "", 5},
		"502 once":            {&receiver{answer: atFirst(1, status(502, ""))}, nil, 0, 0, "", 4},
		"503 without a time":  {&receiver{answer: atFirst(1, status(503, ""))}, nil, 0, 0, "", 4},
		"504 four times":      {&receiver{answer: atFirst(4, status(504, ""))}, nil, 0, 0, "", 7},
		"503 always":          {&receiver{answer: status(503, "1")}, nil, all, 0, "the collector answered 503 Service Unavailable", 15},
		"hangs up once":       {&receiver{answer: atFirst(1, hangUp)}, nil, 0, 0, "", 4},
		"hangs up always":     {&receiver{answer: hangUp}, nil, all, 0, "EOF", 15},
		"does not answer":     {&receiver{answer: hang}, nil, all, 0, "deadline exceeded", 15},
		"starts later":        {&receiver{}, times(3, refused), 0, 0, "", 3},
		"never starts":        {&receiver{}, times(1000, refused), all, 0, "connection refused", 0},
		"400 once":            {&receiver{answer: atFirst(1, status(400, ""))}, nil, 100, 0, "400 Bad Request", 3},
		"401":                 {&receiver{answer: status(401, "1")}, nil, all, 0, "401 Unauthorized", 3},
		"302":                 {&receiver{answer: redirect}, nil, all, 0, "a redirect to GET", 3},
		"413 above 4 KB":      {small, nil, 0, 0, "", 100},
		"413 for single ones": {tiny, nil, 0, all, "300 spans were too large for the collector", 320},
		"rejects some": {
			&receiver{answer: rejects(7, "no \x1b[31mroom", contentType)}, nil, 21, 0,
			"21 spans were not delivered: the collector accepted the request, but not all spans: no \ufffd[31mroom", 3,
		},
		"rejects one in a parameterized type": {
			&receiver{answer: rejects(1, "", "Application/X-Protobuf; charset=utf-8")}, nil, 3, 0,
			"3 spans were not delivered", 3,
		},
		"rejects one with a reason of 512 KiB": {
			&receiver{answer: rejects(1, strings.Repeat("x", 512<<10), contentType)}, nil, 3, 0, "xxx…", 3,
		},
		"rejects more than it got": {&receiver{answer: rejects(1000, "", contentType)}, nil, all, 0, "but not all spans", 3},
		"rejects less than none":   {&receiver{answer: rejects(-5, "odd", contentType)}, nil, 0, 0, "", 3},
		"warns":                    {&receiver{answer: rejects(0, "deprecated", contentType)}, nil, 0, 0, "", 3},
		"answers HTML":             {&receiver{answer: rejects(7, "", "text/html")}, nil, 0, 0, "", 3},
	} {
		t.Run(name, func(t *testing.T) {
			setenv(t, "JAEGER_REPORTER_FLUSH_INTERVAL=1000h")
			sendTo(t, test.to, test.refuse, func(tr opentracing.Tracer, closer io.Closer, stats *tracer.Stats) {
				for i := range all {
					tr.StartSpan(fmt.Sprint(i)).Finish()
				}
				time.Sleep(10 * time.Hour) // for all retries, since Close would not wait for them
				err := closer.Close()
				synctest.Wait()
				failed, large := stats.Failed.Load(), stats.TooLarge.Load()
				if n := stats.Sent.Load(); n+failed+large != all || failed != test.failed || large != test.tooLarge {
					t.Errorf("%d sent, %d failed, %d too large", n, failed, large)
				}
				arrived := map[string]bool{}
				for _, s := range test.to.spans() {
					if arrived[s.GetName()] {
						t.Errorf("span %s arrived twice", s.GetName())
					}
					arrived[s.GetName()] = true
				}
				if strings.HasPrefix(name, "rejects") {
					test.failed = 0 // the receiver does not say which
				}
				if len(arrived) != all-int(test.failed+test.tooLarge) {
					t.Errorf("%d spans arrived", len(arrived))
				}
				if test.to.requests() > test.requests {
					t.Errorf("%d requests, want at most %d", test.to.requests(), test.requests)
				}
				if (err == nil) != (test.err == "") || !strings.Contains(fmt.Sprint(err), test.err) {
					t.Errorf("Close says %v", err)
				}
			})
		})
	}
}

func redirect(_ int, w http.ResponseWriter) {
	w.Header().Set("Location", "/elsewhere")
	w.WriteHeader(http.StatusFound)
}

func TestRetryAfter(t *testing.T) {
	setenv(t)
	r := &receiver{answer: atFirst(1, status(429, "30"))}
	sendTo(t, r, nil, func(tr opentracing.Tracer, closer io.Closer, _ *tracer.Stats) {
		tr.StartSpan("a").Finish()
		time.Sleep(time.Minute)
		if pause := r.at[1].Sub(r.at[0]); pause != 30*time.Second || len(r.spans()) != 1 {
			t.Errorf("pause %v, %d spans", pause, len(r.spans()))
		}
	})
}

// TestFullQueue finishes more spans than the queue holds while the collector is busy. Finish does
// not wait.
func TestFullQueue(t *testing.T) {
	setenv(t, "JAEGER_REPORTER_MAX_QUEUE_SIZE=50")
	r := &receiver{answer: status(503, "60")}
	sendTo(t, r, nil, func(tr opentracing.Tracer, closer io.Closer, stats *tracer.Stats) {
		start := time.Now()
		for range all {
			tr.StartSpan("a").Finish()
			if stats.Dropped.Load() == 0 && r.requests() == 0 {
				synctest.Wait() // until the queue is sent, so that the first batch is complete
			}
		}
		if time.Since(start) != 0 {
			t.Errorf("Finish took %v", time.Since(start))
		}
		err := closer.Close()
		dropped, failed := stats.Dropped.Load(), stats.Failed.Load()
		if dropped != all-150 || failed != 150 || !strings.Contains(fmt.Sprint(err), "the queue of 50 was full") {
			t.Errorf("%d dropped, %d failed: %v", dropped, failed, err)
		}
	})
}

// TestCloseIsBounded closes tracers whose collector does not answer, with a timeout of a minute.
func TestCloseIsBounded(t *testing.T) {
	for name, before := range map[string]time.Duration{"at once": 0, "during a request": 10 * time.Second} {
		t.Run(name, func(t *testing.T) {
			setenv(t, "OTEL_EXPORTER_OTLP_TIMEOUT=60000")
			sendTo(t, &receiver{answer: hang}, nil, func(tr opentracing.Tracer, closer io.Closer, stats *tracer.Stats) {
				for range 10_000 {
					tr.StartSpan("a").Finish()
				}
				time.Sleep(before)
				start := time.Now()
				err := closer.Close()
				if d := time.Since(start); d > 15*time.Second || err == nil || stats.Failed.Load() != 10_000 {
					t.Errorf("Close took %v, %d failed: %v", d, stats.Failed.Load(), err)
				}
			})
		})
	}
}

func TestTimeout(t *testing.T) {
	setenv(t, "OTEL_EXPORTER_OTLP_TIMEOUT=20000", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=30000")
	slow := func(d time.Duration) *receiver {
		return &receiver{answer: func(n int, w http.ResponseWriter) { time.Sleep(d); take(n, w) }}
	}
	for d, requests := range map[time.Duration]int{29 * time.Second: 1, 31 * time.Second: 5} {
		r := slow(d)
		sendTo(t, r, nil, func(tr opentracing.Tracer, closer io.Closer, stats *tracer.Stats) {
			tr.StartSpan("a").Finish()
			time.Sleep(time.Hour)
			if r.requests() != requests {
				t.Errorf("%d requests to a collector that takes %v, want %d", r.requests(), d, requests)
			}
		})
	}
}
