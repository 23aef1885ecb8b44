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
	"github.com/uber/jaeger-client-go/config"
	"github.com/uber/jaeger-client-go/transport"
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
		r.sender = &sender{Transport: newCollector(cfg, s.batchSize), books: books}
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
		r.sender = &sender{Transport: agent, books: books}
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
	failing bool                      // the last attempt failed
}

// Append implements jaeger.Transport.
func (s *sender) Append(span *jaeger.Span) (n int, err error) {
	if begun := s.closing.Load(); s.failing && begun != nil && time.Since(*begun) > closeGrace {
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
	switch {
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

// collector sends spans by HTTP. Its connections are its own: Close can then end them and their goroutines, and a
// tracing http.DefaultTransport does not trace how traces are sent.
type collector struct {
	*transport.HTTPTransport
	http *http.Transport
}

func newCollector(cfg *config.ReporterConfig, batch int) *collector {
	h := newHTTP()
	opts := []transport.HTTPOption{
		transport.HTTPHeaders(cfg.HTTPHeaders),
		transport.HTTPRoundTripper(postOnly{h}),
		transport.HTTPBatchSize(batch),
	}
	if cfg.User != "" {
		opts = append(opts, transport.HTTPBasicAuth(cfg.User, cfg.Password))
	}
	return &collector{transport.NewHTTPTransport(cfg.CollectorEndpoint, opts...), h}
}

// Close implements jaeger.Transport.
func (c *collector) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// postOnly refuses the GET that net/http makes of a POST that is redirected by 301, 302 or 303, and a redirect to
// nowhere: their answers would be taken for success, with the spans gone.
type postOnly struct{ next http.RoundTripper }

func (p postOnly) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodPost {
		return nil, errors.New("the collector redirects here, and a redirect loses the spans")
	}
	resp, err := p.next.RoundTrip(req)
	if err == nil && resp.StatusCode >= 300 && resp.StatusCode < 400 && resp.Header.Get("Location") == "" {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("the collector answered %s", resp.Status) // which Jaeger takes for success
	}
	return resp, err
}

func newHTTP() *http.Transport {
	if t, ok := http.DefaultTransport.(*http.Transport); ok {
		return t.Clone()
	}
	return &http.Transport{Proxy: http.ProxyFromEnvironment}
}
