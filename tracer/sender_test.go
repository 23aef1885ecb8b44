package tracer

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/uber/jaeger-client-go"
)

// hanging is a collector that takes five seconds for each batch of 100, and then fails so many times.
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

func TestCloseWaitsForACollectorThatIsSlowButNotForOneThatFails(t *testing.T) {
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
				r := &reporter{sender: &sender{Transport: h, books: &books{stats: new(Stats), queue: queueSize}}}
				r.remote = jaeger.NewRemoteReporter(r.sender, jaeger.ReporterOptions.QueueSize(queueSize))
				tr, closer := jaeger.NewTracer("shop", jaeger.NewConstSampler(true), r)
				for range 10_000 {
					tr.StartSpan("a").Finish()
				}
				start := time.Now()
				closer.Close()
				if d := time.Since(start); d < test.atLeast || d > test.atMost {
					t.Errorf("Close took %v", d)
				}
				s := r.sender.books.stats
				if s.Failed.Load() != int64(test.lost) || h.sent != 10_000-test.lost || s.Sent.Load() != int64(h.sent) {
					t.Errorf("%d spans lost, %d sent, counted as %d", s.Failed.Load(), h.sent, s.Sent.Load())
				}
				if err := r.undelivered(); !errors.Is(err, test.err) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

func TestNothingIsQueuedAfterClose(t *testing.T) {
	stats := new(Stats)
	r := &reporter{sender: &sender{Transport: new(hanging), books: &books{stats: stats, queue: 10}}}
	metrics := jaeger.NewNullMetrics()
	metrics.ReporterDropped = counter{&stats.Dropped}
	r.remote = jaeger.NewRemoteReporter(r.sender, jaeger.ReporterOptions.QueueSize(10), jaeger.ReporterOptions.Metrics(metrics))
	tr, closer := jaeger.NewTracer("shop", jaeger.NewConstSampler(true), r)
	closer.Close()
	for range 100 {
		tr.StartSpan("late").Finish()
	}
	// Had they been queued, ten would be kept alive for ever, and the others dropped.
	if n := stats.Dropped.Load(); n != 0 {
		t.Errorf("%d spans found the queue full", n)
	}
}
