package tracer

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/uber/jaeger-client-go"
)

// closeGrace is how long Close goes on sending to a collector that fails. Each attempt may hang for the five seconds
// of the HTTP transport: without an end, 10,000 queued spans would hold up a shutdown for more than eight minutes.
const closeGrace = 5 * time.Second

// reporter hands finished spans to the recorder and to Jaeger's own reporter, and keeps the books of the latter.
type reporter struct {
	recorder *Recorder       // nil: none
	logger   jaeger.Reporter // nil: spans are not to be logged
	remote   jaeger.Reporter // nil: the recorder only
	sender   *sender         // remote's; nil with it

	mu     sync.RWMutex // held for reading while a span is queued
	closed bool
	close  sync.Once
}

func newReporter(s *settings) (*reporter, error) {
	cfg := s.Reporter
	r := &reporter{recorder: s.recorder}
	if cfg.LogSpans {
		r.logger = jaeger.NewLoggingReporter(jaeger.StdLogger)
		if s.logger != nil {
			r.logger = jaeger.NewLoggingReporter(logger{s.logger})
		}
	}
	books := &books{stats: s.stats, queue: cfg.QueueSize, logger: s.logger}
	switch {
	case cfg.CollectorEndpoint != "":
		c := newCollector(cfg, s.batchSize)
		r.sender = newSender(c, books)
		c.wait, c.givenUp = r.sender.wait, r.sender.givenUp
		books.tooLargeFor = "the collector, which answered 413 to each alone"
	case cfg.LocalAgentHostPort != "" || s.recorder == nil:
		var params jaeger.UDPTransportParams // without a HostPort Jaeger takes localhost:6831
		params.HostPort = cfg.LocalAgentHostPort
		params.Logger = jaeger.NullLogger
		params.DisableAttemptReconnecting = cfg.DisableAttemptReconnecting
		params.AttemptReconnectInterval = cfg.AttemptReconnectInterval
		agent, err := jaeger.NewUDPTransportWithParams(params)
		if err != nil {
			return nil, fmt.Errorf("tracer: agent %s: %w", cfg.LocalAgentHostPort, err)
		}
		r.sender = newSender(agent, books)
		books.tooLargeFor = "a packet to the agent, which a collector's endpoint would not mind"
	default:
		return r, nil
	}
	metrics := jaeger.NewNullMetrics()
	metrics.ReporterDropped = counter{&books.stats.Dropped}
	r.remote = jaeger.NewRemoteReporter(
		r.sender,
		jaeger.ReporterOptions.QueueSize(cfg.QueueSize),
		jaeger.ReporterOptions.BufferFlushInterval(cfg.BufferFlushInterval),
		jaeger.ReporterOptions.Logger(jaeger.NullLogger),
		jaeger.ReporterOptions.Metrics(metrics),
	)
	return r, nil
}

// Report implements jaeger.Reporter.
func (r *reporter) Report(span *jaeger.Span) {
	// These two run code of the program, the String methods of its tags, and so must not hold the lock.
	if r.recorder != nil {
		r.recorder.Report(span)
	}
	if r.logger != nil {
		r.logger.Report(span)
	}
	if r.remote == nil {
		return
	}
	// A span queued behind Jaeger's mark for the end would be lost without being counted, and held for ever.
	r.mu.RLock()
	defer r.mu.RUnlock()
	if !r.closed {
		r.remote.Report(span)
	}
}

// Close implements jaeger.Reporter: it returns when the queue is empty and the goroutine that sends has ended.
func (r *reporter) Close() {
	r.close.Do(func() {
		if r.remote == nil {
			return
		}
		r.mu.Lock()
		r.closed = true
		r.mu.Unlock()
		r.sender.closing.Store(new(time.Now()))
		close(r.sender.closed)
		r.remote.Close()
		r.sender.books.tell(true)
	})
}

// undelivered is an error when spans were lost. It may be called once Close has returned.
func (r *reporter) undelivered() error {
	if r.remote == nil {
		return nil
	}
	return r.sender.books.undelivered()
}

// sender keeps the books of what its Transport could not send: Jaeger's reporter only logs that. Its fields, but for
// closing, belong to the goroutine of that reporter, and to whoever has seen it end.
//
// It hides from the UDP transport how many spans the queue dropped, a number that only jaeger-agent ever read.
type sender struct {
	jaeger.Transport
	books   *books
	closing atomic.Pointer[time.Time] // when Close was called
	closed  chan struct{}             // closed then
	failing bool                      // the last attempt failed
}

func newSender(t jaeger.Transport, b *books) *sender {
	return &sender{Transport: t, books: b, closed: make(chan struct{})}
}

// givenUp reports whether Close has waited long enough for a transport that fails.
func (s *sender) givenUp() bool {
	begun := s.closing.Load()
	return begun != nil && time.Since(*begun) > closeGrace
}

// wait waits for d and returns true. It returns false, without waiting longer, if Close cannot wait
// that long. Meanwhile it logs what the queue drops.
func (s *sender) wait(d time.Duration) bool {
	for until := time.Now().Add(d); time.Now().Before(until); s.books.tell(false) {
		closed := s.closed
		if begun := s.closing.Load(); begun != nil {
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

// Append implements jaeger.Transport.
func (s *sender) Append(span *jaeger.Span) (n int, err error) {
	if s.failing && s.givenUp() {
		s.books.failed(1, s.books.err)
		return 1, s.books.err
	}
	// Here tags and logs become text. A value of the program's may panic at that, and this goroutine has no caller
	// who could recover: the whole program would end.
	defer func() {
		if p := recover(); p != nil {
			n, err = 1, errors.New("a tag or log of the span panicked: "+text(p))
			s.books.failed(n, err)
		}
		s.books.tell(false)
	}()
	n, err = s.Transport.Append(span)
	s.note(n, err)
	return n, err
}

// Flush implements jaeger.Transport. Jaeger's reporter calls it at least once in each flush interval, whether there is
// something to send or not.
func (s *sender) Flush() (int, error) {
	n, err := s.Transport.Flush()
	s.note(n, err)
	s.books.tell(false)
	return n, err
}

func (s *sender) note(n int, err error) {
	o, partly := errors.AsType[*outcome](err)
	switch {
	case partly:
		s.books.stats.Sent.Add(int64(o.sent))
		s.books.tooLarge(o.tooLarge)
		if s.failing = o.failed > 0; s.failing {
			s.books.failed(o.failed, o.err)
		}
	case err != nil && tooLarge(err):
		s.books.tooLarge(n)
	case err != nil:
		s.books.failed(n, err)
		s.failing = true
	case n > 0:
		s.books.stats.Sent.Add(int64(n))
		s.failing = false
	}
}

// tooLarge knows the two errors of a span that is too large for a packet, alone or beside the process. Jaeger
// exports neither.
func tooLarge(err error) bool {
	s := err.Error()
	return s == "span is too large" || strings.HasPrefix(s, "data does not fit within one UDP packet")
}

func newHTTP() *http.Transport {
	if t, ok := http.DefaultTransport.(*http.Transport); ok {
		return t.Clone()
	}
	return &http.Transport{Proxy: http.ProxyFromEnvironment}
}
