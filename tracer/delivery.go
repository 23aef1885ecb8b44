package tracer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
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

// delivery counts and logs what becomes of the spans that are sent, and decides when Close gives
// up. Only stats, closing and closed are shared; the rest belongs to the goroutine that sends, and
// after its end to Close.
type delivery struct {
	stats    *Stats
	warnings warnings
	queue    int // its size

	tooLargeFor string
	failing     bool     // the last attempt failed
	lastErr     error    // of those that failed
	logged      [3]int64 // dropped, too large and failed, at the last warning

	closing atomic.Pointer[time.Time] // when Close was called
	closed  chan struct{}             // closed then
}

func newDelivery(o *options, queue int) *delivery {
	return &delivery{stats: o.stats, warnings: warnings{logger: o.logger}, queue: queue, closed: make(chan struct{})}
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
	d.lost(n, err)
	d.failing = true
}

// lost counts failed spans without an attempt to send them.
func (d *delivery) lost(n int, err error) {
	d.stats.Failed.Add(int64(n))
	d.lastErr = err
}

// log logs the losses since the last warning, if one is due.
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

// err returns an error if spans were lost. It may be called after the end of the goroutine that
// sends.
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
			"set a larger JAEGER_REPORTER_MAX_QUEUE_SIZE", spansWere(n), d.queue)
	}
	return errors.Join(failed, large, dropped)
}

func spansWere(n int64) string {
	if n == 1 {
		return "1 span was"
	}
	return fmt.Sprintf("%d spans were", n)
}

// close notes that Close was called.
func (d *delivery) close() {
	d.closing.Store(new(time.Now()))
	close(d.closed)
}

// givenUp reports whether Close has waited long enough for a collector that fails.
func (d *delivery) givenUp() bool {
	begun := d.closing.Load()
	return begun != nil && time.Since(*begun) > closeGrace
}

// wait waits for pause and returns true. It returns false at once if Close cannot wait that long.
// Meanwhile it logs what the queue drops.
func (d *delivery) wait(pause time.Duration) bool {
	for until := time.Now().Add(pause); time.Now().Before(until); d.log(false) {
		closed := d.closed
		if begun := d.closing.Load(); begun != nil {
			if until.Sub(*begun) > closeGrace {
				return false
			}
			closed = nil
		}
		select {
		case <-time.After(min(time.Until(until), time.Second)):
		case <-closed:
		}
	}
	return true
}

// sender is the transport of Jaeger's remote reporter. It counts what the inner transport could not
// send, which Jaeger's reporter only logs. As it has only the methods of jaeger.Transport, the UDP
// transport does not send the number of dropped spans, which only jaeger-agent ever read.
type sender struct {
	jaeger.Transport
	*delivery
}

func (s *sender) Append(span *jaeger.Span) (n int, err error) {
	if s.failing && s.givenUp() {
		s.lost(1, s.lastErr)
		return 1, s.lastErr
	}
	// Append formats tags and logs. If a value panics, this goroutine has no caller that could
	// recover, so the program would end.
	defer func() {
		if p := recover(); p != nil {
			n, err = 1, errors.New("a tag or log of the span panicked: "+text(p))
			s.lost(n, err)
		}
		s.log(false)
	}()
	n, err = s.Transport.Append(span)
	s.count(n, err)
	return n, err
}

// Flush is called by Jaeger's reporter in each flush interval, even if there is nothing to send.
func (s *sender) Flush() (int, error) {
	n, err := s.Transport.Flush()
	s.count(n, err)
	s.log(false)
	return n, err
}

// count counts the result of a UDP transport. A collector counts its own and returns 0.
func (s *sender) count(n int, err error) {
	switch {
	case err != nil && exceedsPacket(err):
		s.tooLarge(n)
	case err != nil:
		s.failed(n, err)
	case n > 0:
		s.sent(n)
	}
}

// exceedsPacket recognizes the two errors for a span that is too large for a packet, alone or
// together with the process. Jaeger does not export them.
func exceedsPacket(err error) bool {
	s := err.Error()
	return s == "span is too large" || strings.HasPrefix(s, "data does not fit within one UDP packet")
}

// warnings logs at most one warning every minute.
type warnings struct {
	logger *slog.Logger // nil for none
	last   time.Time
}

// due reports whether a warning may be logged: the first one, one a minute after the last, and the
// final one.
func (w *warnings) due(final bool) bool {
	return final || w.last.IsZero() || time.Since(w.last) >= warnEvery
}

// log contains a panic of the logger's handler: nobody else could.
func (w *warnings) log(msg string, attrs ...slog.Attr) {
	w.last = time.Now()
	if w.logger == nil {
		return
	}
	defer func() { _ = recover() }()
	w.logger.LogAttrs(context.Background(), slog.LevelWarn, msg, attrs...)
}
