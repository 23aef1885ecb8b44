package tracer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/uber/jaeger-client-go"
)

const (
	// closeGrace is how long Close keeps sending if sending fails. Each attempt may take
	// sendTimeout: without a limit, 10,000 queued spans would take more than eight minutes.
	closeGrace = 5 * time.Second

	warnEvery = time.Minute
)

// delivery counts and logs the spans that are sent or lost, and decides when Close gives up.
// Several goroutines use stats and the fields about Close. The others belong to the goroutine that
// sends, and after its end to Close.
type delivery struct {
	stats     *Stats
	warnings  warnings
	queueSize int

	tooLargeFor string   // for errors: what did not accept single spans
	failing     bool     // the last attempt to send failed
	lastErr     error    // the last error of an attempt
	logged      [3]int64 // dropped, too large and failed spans, at the last warning

	closeTime   atomic.Pointer[time.Time] // when Close was called; nil before
	closeCalled context.Context           // cancelled by Close
	cancel      context.CancelFunc        // cancels closeCalled
}

func newDelivery(o *options, queueSize int) *delivery {
	d := &delivery{stats: o.stats, warnings: warnings{logger: o.logger}, queueSize: queueSize}
	d.closeCalled, d.cancel = context.WithCancel(context.Background())
	return d
}

func (d *delivery) sent(n int) {
	d.stats.Sent.Add(int64(n))
	d.failing = false
}

func (d *delivery) tooLarge(n int) {
	d.stats.TooLarge.Add(int64(n))
	d.failing = false
}

func (d *delivery) failed(n int, err error) {
	d.discarded(n, err)
	d.failing = true
}

// discarded counts spans as failed, without an attempt to send them.
func (d *delivery) discarded(n int, err error) {
	d.stats.Failed.Add(int64(n))
	d.lastErr = err
}

// log logs the losses since the last warning, if a new one is due.
func (d *delivery) log(final bool) {
	now := [3]int64{d.stats.Dropped.Load(), d.stats.TooLarge.Load(), d.stats.Failed.Load()}
	if now == d.logged || !d.warnings.due(final) {
		return
	}
	attrs := []slog.Attr{
		slog.Int64("dropped", now[0]-d.logged[0]),
		slog.Int64("too_large", now[1]-d.logged[1]),
		slog.Int64("failed", now[2]-d.logged[2]),
	}
	if d.lastErr != nil && now[2] > d.logged[2] {
		attrs = append(attrs, slog.String("error", d.lastErr.Error()))
	}
	d.logged = now
	d.warnings.log("tracer: spans were lost", attrs...)
}

// err returns an error if spans were lost. Call it only after the goroutine that sends has ended.
func (d *delivery) err() error {
	var failed, large, dropped error
	if n := d.stats.Failed.Load(); n > 0 {
		failed = fmt.Errorf("tracer: %s not delivered: %w", spansWere(n), d.lastErr)
	}
	if n := d.stats.TooLarge.Load(); n > 0 {
		large = fmt.Errorf("tracer: %s too large for %s", spansWere(n), d.tooLargeFor)
	}
	if n := d.stats.Dropped.Load(); n > 0 {
		dropped = fmt.Errorf("tracer: %s dropped, since the queue of %d was full; "+
			"set a larger JAEGER_REPORTER_MAX_QUEUE_SIZE", spansWere(n), d.queueSize)
	}
	return errors.Join(failed, large, dropped)
}

func spansWere(n int64) string {
	if n == 1 {
		return "1 span was"
	}
	return fmt.Sprintf("%d spans were", n)
}

// closing records that Close was called.
func (d *delivery) closing() {
	d.closeTime.Store(new(time.Now()))
	d.cancel()
}

// graceOver reports whether Close has waited long enough for a collector or agent that fails.
func (d *delivery) graceOver() bool {
	begun := d.closeTime.Load()
	return begun != nil && time.Since(*begun) > closeGrace
}

// wait waits for pause and returns true. It returns false as soon as Close is called and cannot
// wait that long. Meanwhile it logs what the queue drops.
func (d *delivery) wait(pause time.Duration) bool {
	for until := time.Now().Add(pause); time.Now().Before(until); d.log(false) {
		closeCalled := d.closeCalled.Done()
		if begun := d.closeTime.Load(); begun != nil {
			if until.Sub(*begun) > closeGrace {
				return false
			}
			closeCalled = nil // or select would not wait
		}
		select {
		case <-time.After(min(time.Until(until), time.Second)):
		case <-closeCalled:
		}
	}
	return true
}

// sender is the transport of Jaeger's remote reporter. It counts the spans that the inner transport
// could not send, which Jaeger's reporter only logs.
//
// Jaeger's reporter would tell a transport with a further method how many spans the queue dropped.
// sender has none, so packets to an agent do not say it. Only jaeger-agent read that number.
type sender struct {
	jaeger.Transport
	*delivery
	hint *hint
}

func (s *sender) Append(span *jaeger.Span) (n int, err error) {
	s.stats.Queued.Add(-1)
	s.hint.give()
	if s.failing && s.graceOver() {
		s.discarded(1, s.lastErr)
		return 1, s.lastErr
	}
	// Append formats tags and logs. If one of the program's values panics, nothing else on this
	// goroutine recovers, so the program would end.
	defer func() {
		if p := recover(); p != nil {
			n, err = 1, errors.New("a tag or log of the span panicked: "+formatted(p))
			s.discarded(n, err)
		}
		s.log(false)
	}()
	n, err = s.Transport.Append(span)
	s.count(n, err)
	return n, err
}

// Flush sends the batch. Jaeger's reporter calls it at each flush interval, even if the batch is
// empty.
func (s *sender) Flush() (int, error) {
	n, err := s.Transport.Flush()
	s.count(n, err)
	s.log(false)
	return n, err
}

// count counts what the UDP transport returns. A collector counts by itself, and returns 0 and nil.
func (s *sender) count(n int, err error) {
	switch {
	case errors.Is(err, errSpanTooLarge):
		s.tooLarge(n)
	case err != nil:
		s.failed(n, err)
	case n > 0:
		s.sent(n)
	}
}

// warnings logs at most one warning every minute.
type warnings struct {
	logger *slog.Logger // nil for none
	last   time.Time
}

// due reports whether a warning may be logged: the first one, one each minute, and the final one.
func (w *warnings) due(final bool) bool {
	return final || w.last.IsZero() || time.Since(w.last) >= warnEvery
}

// log also recovers from a panic of the logger's handler, which would end the program.
func (w *warnings) log(msg string, attrs ...slog.Attr) {
	w.last = time.Now()
	if w.logger == nil {
		return
	}
	defer func() { _ = recover() }()
	w.logger.LogAttrs(context.Background(), slog.LevelWarn, msg, attrs...)
}
