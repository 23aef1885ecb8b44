package tracer

import (
	"fmt"
	"log/slog"
	"sync"

	"github.com/gaptrace/gaptrace/tracer/internal/settings"
	"github.com/uber/jaeger-client-go"
)

// reporter is a jaeger.Reporter. It gives finished spans to the recorder, to the logger, and to
// Jaeger's remote reporter, whose goroutine sends them:
//
//	Report → queue → sender → collector or agent
type reporter struct {
	recorder *Recorder       // nil for none
	logger   jaeger.Reporter // nil unless spans are logged
	remote   jaeger.Reporter // nil if spans only go to the recorder
	sender   *sender         // of remote; nil without it
	hint     *hint           // nil without a logger

	mu     sync.RWMutex // held for reading while a span is queued
	closed bool
	once   sync.Once // Close
}

func newReporter(s *settings.Settings, o *options) (*reporter, error) {
	cfg := s.Reporter
	r := &reporter{recorder: o.recorder, hint: newHint(o.logger)}
	if cfg.LogSpans {
		r.logger = jaeger.NewLoggingReporter(jaeger.StdLogger)
		if o.logger != nil {
			r.logger = jaeger.NewLoggingReporter(spanLogger{o.logger})
		}
	}
	d := newDelivery(o, cfg.QueueSize)
	var transport jaeger.Transport
	switch backend := o.export.Backend; {
	case backend != nil:
		c := newCollector(&exportFormat{Backend: backend, maxTagValue: s.MaxTagValue}, backend.Timeout, s.BatchSize, d)
		backend.Configure(c.transport)
		transport = c
		d.tooLargeFor = "the collector, which answered 413 to each alone"
	case cfg.CollectorEndpoint != "":
		format := &thriftFormat{cfg: cfg, fields: findSpanFields(), maxValue: s.MaxTagValue}
		transport = newCollector(format, sendTimeout, s.BatchSize, d)
		d.tooLargeFor = "the collector, which answered 413 to each alone"
	case cfg.LocalAgentHostPort != "" || o.recorder == nil:
		agent, err := newAgent(cfg, s.MaxTagValue)
		if err != nil {
			return nil, fmt.Errorf("tracer: agent %s: %w", cfg.LocalAgentHostPort, err)
		}
		transport = agent
		d.tooLargeFor = "a UDP packet to the agent; a collector (JAEGER_ENDPOINT) accepts larger ones"
	default:
		return r, nil
	}
	metrics := jaeger.NewNullMetrics()
	metrics.ReporterDropped = droppedCounter{o.stats}
	r.sender = &sender{transport, d, r.hint}
	r.remote = jaeger.NewRemoteReporter(
		r.sender,
		jaeger.ReporterOptions.QueueSize(cfg.QueueSize),
		jaeger.ReporterOptions.BufferFlushInterval(cfg.BufferFlushInterval),
		jaeger.ReporterOptions.Logger(jaeger.NullLogger),
		jaeger.ReporterOptions.Metrics(metrics),
	)
	return r, nil
}

func (r *reporter) Report(span *jaeger.Span) {
	// These run code of the program, such as a tag's String method, so they must not hold the lock.
	if r.recorder != nil {
		r.recorder.Report(span)
	}
	if r.logger != nil {
		r.logger.Report(span)
	}
	if r.remote == nil {
		r.hint.give()
		return
	}
	// Nothing would send a span that is queued after Close, or count it as lost.
	r.mu.RLock()
	defer r.mu.RUnlock()
	if !r.closed {
		r.sender.stats.Queued.Add(1) // before the sender may take it
		r.remote.Report(span)
	}
}

// Close returns when the queue is empty and the goroutine that sends has ended.
func (r *reporter) Close() {
	r.once.Do(func() {
		if r.remote == nil {
			return
		}
		r.mu.Lock()
		r.closed = true
		r.mu.Unlock()
		r.sender.closing()
		r.remote.Close()
		r.sender.log(true)
	})
}

// err returns an error if spans were lost. Call it only after Close.
func (r *reporter) err() error {
	if r.sender == nil {
		return nil
	}
	return r.sender.err()
}

// spanLogger is the jaeger.Logger of Jaeger's logging reporter.
type spanLogger struct{ *slog.Logger }

func (l spanLogger) Error(msg string) { l.Logger.Error(msg) }

func (l spanLogger) Infof(format string, args ...any) { l.Info(fmt.Sprintf(format, args...)) }
