package tracer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

// Stats counts what becomes of the spans of a tracer that are to be sent, for metrics: give it to
// [WithStats], and load its fields at any time. It belongs to one tracer. Spans that go to a
// Recorder only are not counted, nor are those that finish after Close, which go nowhere. Its
// method Sampler says how the tracer samples.
type Stats struct {
	Sent     atomic.Int64 // the collector took them; or the network did, on their way to an agent, which does not answer
	Dropped  atomic.Int64 // the queue was full
	TooLarge atomic.Int64 // the span alone exceeds the 65,000 bytes of a packet to an agent, or the collector answers 413
	Failed   atomic.Int64 // the collector did not take them, they could not be sent, or a value in them panicked

	Strategies       atomic.Int64 // answers of the sampling server that took effect
	StrategiesFailed atomic.Int64 // times when it could not be reached, or its answer was no strategy

	sampler atomic.Pointer[string]
}

// Sampler describes the sampler in force and its parameter: "const 1", "remote: probabilistic 0.5",
// "remote: ratelimiting 5", "remote: per operation (2 rates, default 0.8)", or "remote:
// probabilistic 0.001, until the server answers". It returns "" before a tracer is opened.
func (s *Stats) Sampler() string {
	if text := s.sampler.Load(); text != nil {
		return *text
	}
	return ""
}

func (s *Stats) setSampler(text string) { s.sampler.Store(&text) }

// counter is one for jaeger.Metrics.
type counter struct{ *atomic.Int64 }

func (c counter) Inc(n int64) { c.Add(n) }

// tellEvery is how often a logger is told of losses, at most.
const tellEvery = time.Minute

// books are kept of spans that were lost. But for stats they belong to the goroutine that sends, and to whoever has seen
// it end.
type books struct {
	stats  *Stats
	queue  int
	logger *slog.Logger // nil: none
	err    error        // the last one, of those that failed

	tooLargeFor string

	told   time.Time
	before [3]int64 // dropped, too large and failed, when that was
}

func (b *books) failed(n int, err error) {
	b.stats.Failed.Add(int64(n))
	b.err = err
}

func (b *books) tooLarge(n int) { b.stats.TooLarge.Add(int64(n)) }

// tell logs the losses since it last did: the first one at once, then at most every tellEvery, and
// the rest if last.
func (b *books) tell(last bool) {
	now := [3]int64{b.stats.Dropped.Load(), b.stats.TooLarge.Load(), b.stats.Failed.Load()}
	if now == b.before || !last && !b.told.IsZero() && time.Since(b.told) < tellEvery {
		return
	}
	attrs := []slog.Attr{
		slog.Int64("dropped", now[0]-b.before[0]), slog.Int64("too_large", now[1]-b.before[1]), slog.Int64("failed", now[2]-b.before[2]),
	}
	if b.err != nil && now[2] > b.before[2] {
		attrs = append(attrs, slog.String("error", b.err.Error()))
	}
	b.told, b.before = time.Now(), now
	warn(b.logger, "tracer: spans were lost", attrs...)
}

// warn logs to l, unless l is nil. It contains a panic of l's handler.
func warn(l *slog.Logger, msg string, attrs ...slog.Attr) {
	if l == nil {
		return
	}
	defer func() { _ = recover() }() // nobody else could
	l.LogAttrs(context.Background(), slog.LevelWarn, msg, attrs...)
}

// undelivered is an error when spans were lost.
func (b *books) undelivered() error {
	var failed, large, dropped error
	if n := b.stats.Failed.Load(); n > 0 {
		failed = fmt.Errorf("tracer: %s not delivered: %w", spans(n), b.err)
	}
	if n := b.stats.TooLarge.Load(); n > 0 {
		large = fmt.Errorf("tracer: %s too large for %s", spans(n), b.tooLargeFor)
	}
	if n := b.stats.Dropped.Load(); n > 0 {
		dropped = fmt.Errorf("tracer: %s dropped, as the queue of %d was full; "+
			"JAEGER_REPORTER_MAX_QUEUE_SIZE sets its size", spans(n), b.queue)
	}
	return errors.Join(failed, large, dropped)
}

func spans(n int64) string {
	if n == 1 {
		return "1 span was"
	}
	return fmt.Sprintf("%d spans were", n)
}

// logger is a slog.Logger for Jaeger's reporter that logs spans.
type logger struct{ *slog.Logger }

func (l logger) Error(msg string) { l.Logger.Error(msg) }

func (l logger) Infof(format string, args ...any) { l.Info(fmt.Sprintf(format, args...)) }
