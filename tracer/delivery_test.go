package tracer

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace/tracer/internal/settings"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

const queueSize = 10_000

// newTestReporter returns a reporter that sends to a transport of a test.
func newTestReporter(to jaeger.Transport, o *options, queue int) *reporter {
	r := &reporter{sender: &sender{to, newDelivery(o, queue), nil}}
	metrics := jaeger.NewNullMetrics()
	metrics.ReporterDropped = droppedCounter{o.stats}
	r.remote = jaeger.NewRemoteReporter(r.sender, jaeger.ReporterOptions.QueueSize(queue),
		jaeger.ReporterOptions.Metrics(metrics))
	return r
}

// hanging is a collector that takes five seconds for each batch of 100. It fails for the first
// failures batches.
type hanging struct {
	err      error
	failures int
	n        int
	sent     int
}

func (h *hanging) Append(*jaeger.Span) (int, error) {
	if h.n++; h.n < 100 {
		return 0, nil
	}
	return h.Flush()
}

func (h *hanging) Flush() (int, error) {
	n := h.n
	if h.n = 0; n > 0 {
		time.Sleep(5 * time.Second)
	}
	if h.failures > 0 && n > 0 {
		h.failures--
		return n, h.err
	}
	h.sent += n
	return n, nil
}

func (h *hanging) Close() error { return nil }

func TestCloseWaitsForSlowCollectorOnly(t *testing.T) {
	for name, test := range map[string]struct {
		err      error
		failures int
		atLeast  time.Duration
		atMost   time.Duration
		lost     int
	}{
		"slow":     {nil, 0, 8 * time.Minute, time.Hour, 0},
		"fails":    {errors.New("timeout"), 10_000, 5 * time.Second, 16 * time.Second, 10_000},
		"recovers": {errors.New("timeout"), 1, 8 * time.Minute, time.Hour, 100},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &hanging{err: test.err, failures: test.failures}
				r := newTestReporter(h, &options{stats: new(Stats)}, queueSize)
				tr, closer := jaeger.NewTracer("shop", jaeger.NewConstSampler(true), r)
				for range 10_000 {
					tr.StartSpan("a").Finish()
				}
				start := time.Now()
				closer.Close()
				if d := time.Since(start); d < test.atLeast || d > test.atMost {
					t.Errorf("Close took %v", d)
				}
				s := r.sender.stats
				if s.Failed.Load() != int64(test.lost) || h.sent != 10_000-test.lost || s.Sent.Load() != int64(h.sent) {
					t.Errorf("%d spans lost, %d sent, counted as %d", s.Failed.Load(), h.sent, s.Sent.Load())
				}
				if err := r.err(); !errors.Is(err, test.err) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

func TestQueuedIsWhatTheQueueHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stats := new(Stats)
		tr, closer := jaeger.NewTracer("shop", jaeger.NewConstSampler(true),
			newTestReporter(new(hanging), &options{stats: stats}, 10))
		for range 100 {
			tr.StartSpan("in the batch").Finish()
			synctest.Wait()
		}
		for range 30 { // ten fit in
			tr.StartSpan("queued or dropped").Finish()
		}
		if queued, dropped := stats.Queued.Load(), stats.Dropped.Load(); queued != 10 || dropped != 20 {
			t.Errorf("%d spans queued and %d dropped, want 10 and 20", queued, dropped)
		}
		closer.Close()
		if n := stats.Queued.Load(); n != 0 {
			t.Errorf("%d spans are queued after Close", n)
		}
	})
}

func TestNothingIsQueuedAfterClose(t *testing.T) {
	stats := new(Stats)
	r := newTestReporter(new(hanging), &options{stats: stats}, 10)
	tr, closer := jaeger.NewTracer("shop", jaeger.NewConstSampler(true), r)
	closer.Close()
	for range 100 {
		tr.StartSpan("late").Finish()
	}
	// If they had been queued, ten would be kept for ever and the others dropped.
	if n := stats.Dropped.Load(); n != 0 {
		t.Errorf("%d spans found the queue full", n)
	}
}

// noting is a collector that records when spans were sent.
type noting struct {
	n  int
	at []time.Time
}

func (c *noting) Append(*jaeger.Span) (int, error) { c.n++; return 0, nil }

func (c *noting) Flush() (int, error) {
	n := c.n
	if c.n = 0; n > 0 {
		c.at = append(c.at, time.Now())
	}
	return n, nil
}

func (c *noting) Close() error { return nil }

func TestFlushInterval(t *testing.T) {
	for interval, want := range map[string]time.Duration{
		"": time.Second, "250ms": 250 * time.Millisecond,
		"1m": time.Minute,
	} {
		t.Run(interval, func(t *testing.T) {
			t.Setenv("JAEGER_REPORTER_FLUSH_INTERVAL", interval)
			synctest.Test(t, func(t *testing.T) {
				s, err := (&settings.Source{Collector: "http://localhost"}).Read("shop")
				if err != nil {
					t.Fatal(err)
				}
				r, err := newReporter(s, &options{stats: new(Stats)})
				if err != nil {
					t.Fatal(err)
				}
				c := new(noting)
				r.sender.Transport = c // before there is anything to send
				tr, closer := jaeger.NewTracer("shop", jaeger.NewConstSampler(true), r)
				start := time.Now()
				tr.StartSpan("a").Finish()
				time.Sleep(want + time.Millisecond)
				tr.StartSpan("a").Finish()
				time.Sleep(want)
				closer.Close()
				if len(c.at) != 2 || c.at[0].Sub(start) != want || c.at[1].Sub(start) != 2*want {
					t.Errorf("sent at %v, begun at %v", c.at, start)
				}
			})
		})
	}
}

// refusing is a collector that accepts no spans.
type refusing struct{ n int }

func (r *refusing) Append(*jaeger.Span) (int, error) { r.n++; return 0, nil }

func (r *refusing) Flush() (int, error) {
	n := r.n
	if r.n = 0; n == 0 {
		return 0, nil
	}
	return n, errors.New("no such host")
}

func (r *refusing) Close() error { return nil }

// logging returns a tracer that logs its losses to a buffer.
func logging(to jaeger.Transport, queue int) (tr opentracing.Tracer, closeAll func(), logged *bytes.Buffer,
	stats *Stats,
) {
	logged, stats = new(bytes.Buffer), new(Stats)
	quiet := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	handler := slog.NewTextHandler(logged, &slog.HandlerOptions{ReplaceAttr: quiet})
	r := newTestReporter(to, &options{stats: stats, logger: slog.New(handler)}, queue)
	tr, closer := jaeger.NewTracer("shop", jaeger.NewConstSampler(true), r)
	return tr, func() { closer.Close() }, logged, stats
}

func TestLossesAreLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, closeAll, logged, stats := logging(new(refusing), 1000)
		time.Sleep(time.Second / 2) // no span is finished while others are sent
		for second := range 150 {
			tr.StartSpan("a").Finish()
			time.Sleep(time.Second)
			synctest.Wait()
			if second == 2 && strings.Count(logged.String(), "\n") != 1 {
				t.Errorf("after %d seconds: %s", second, logged)
			}
		}
		closeAll()
		const lost = `level=WARN msg="tracer: spans were lost" dropped=0 too_large=0 failed=`
		lines := strings.Split(strings.TrimSpace(logged.String()), "\n")
		if len(lines) != 4 || lines[0] != lost+`1 error="no such host"` {
			t.Fatalf("logged:\n%s", logged)
		}
		if lines[1] != lost+`60 error="no such host"` || stats.Failed.Load() != 150 {
			t.Errorf("of %d logged:\n%s", stats.Failed.Load(), logged)
		}
	})
}

func TestNothingIsLoggedWithoutLosses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, closeAll, logged, stats := logging(new(hanging), 1000)
		for range 10 {
			tr.StartSpan("a").Finish()
			time.Sleep(time.Second)
		}
		closeAll()
		if logged.Len() > 0 || stats.Sent.Load() != 10 {
			t.Errorf("%d sent, logged: %s", stats.Sent.Load(), logged)
		}
	})
}

func TestDroppedSpansAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, closeAll, logged, stats := logging(new(hanging), 10)
		for range 200 { // the first hundred are sent, which takes five seconds
			tr.StartSpan("a").Finish()
			if stats.Dropped.Load() == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		closeAll()
		if n := stats.Dropped.Load(); n == 0 || n+stats.Sent.Load() != 200 ||
			!strings.Contains(logged.String(), "dropped=") {
			t.Errorf("%d dropped, %d sent, logged: %s", n, stats.Sent.Load(), logged)
		}
	})
}

type panicking struct{ slog.Handler }

func TestPanickingLogger(t *testing.T) {
	d := newDelivery(&options{stats: new(Stats), logger: slog.New(panicking{})}, 1)
	d.failed(1, errors.New("e"))
	d.log(false)
	d.log(true)
}
