package wraptest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/log"
)

// Tracer is an opentracing.Tracer that keeps all spans in memory. Unlike mocktracer it keeps both
// kinds of reference, and it reports misuse as problems: a second Finish, a tag or log after
// Finish, a finish before the start. It injects into HTTP headers and text maps, and extracts from
// them.
type Tracer struct {
	mu       sync.Mutex
	spans    []*Span // in the order they started
	problems []string
}

// NewTracer returns an empty Tracer.
func NewTracer() *Tracer { return &Tracer{} }

// Span is one span of a Tracer. Its exported fields may be read once it has finished.
type Span struct {
	Operation string
	TraceID   int
	ID        int // counts from 1 in the order the spans of the Tracer started
	ParentID  int // of the first ChildOf reference, or 0
	FollowsID int // of the first FollowsFrom reference, or 0
	Start     time.Time
	End       time.Time
	Tags      map[string]any
	Logs      []opentracing.LogRecord

	tracer   *Tracer
	finished bool
	baggage  map[string]string
}

type spanContext struct {
	trace, span int
	baggage     map[string]string
}

func (c spanContext) ForeachBaggageItem(handler func(k, v string) bool) {
	for k, v := range c.baggage {
		if !handler(k, v) {
			return
		}
	}
}

func (t *Tracer) problem(format string, args ...any) {
	t.problems = append(t.problems, fmt.Sprintf(format, args...))
}

// StartSpan implements opentracing.Tracer.
func (t *Tracer) StartSpan(operation string, opts ...opentracing.StartSpanOption) opentracing.Span {
	var o opentracing.StartSpanOptions
	for _, opt := range opts {
		opt.Apply(&o)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &Span{
		Operation: operation, ID: len(t.spans) + 1,
		Start: o.StartTime, Tags: map[string]any{}, tracer: t, baggage: map[string]string{},
	}
	s.TraceID = s.ID
	if s.Start.IsZero() {
		s.Start = time.Now()
	}
	maps.Copy(s.Tags, o.Tags)
	joined := false
	for _, ref := range o.References {
		c, ok := ref.ReferencedContext.(spanContext)
		if !ok {
			t.problem("%s: reference to a foreign context %T", operation, ref.ReferencedContext)
			continue
		}
		if !joined {
			s.TraceID, joined = c.trace, true
		}
		if ref.Type == opentracing.ChildOfRef && s.ParentID == 0 {
			s.ParentID = c.span
			maps.Copy(s.baggage, c.baggage)
		}
		if ref.Type == opentracing.FollowsFromRef && s.FollowsID == 0 {
			s.FollowsID = c.span
		}
	}
	t.spans = append(t.spans, s)
	return s
}

// Inject implements opentracing.Tracer for carriers that are an opentracing.TextMapWriter.
func (t *Tracer) Inject(sc opentracing.SpanContext, _, carrier any) error {
	c, ok := sc.(spanContext)
	if !ok {
		return opentracing.ErrInvalidSpanContext
	}
	w, ok := carrier.(opentracing.TextMapWriter)
	if !ok {
		return opentracing.ErrInvalidCarrier
	}
	w.Set("spantest-trace", strconv.Itoa(c.trace))
	w.Set("spantest-span", strconv.Itoa(c.span))
	return nil
}

// Extract implements opentracing.Tracer for carriers that are an opentracing.TextMapReader.
func (t *Tracer) Extract(_, carrier any) (opentracing.SpanContext, error) {
	r, ok := carrier.(opentracing.TextMapReader)
	if !ok {
		return nil, opentracing.ErrInvalidCarrier
	}
	var c spanContext
	err := r.ForeachKey(func(key, value string) (err error) {
		switch key {
		case "spantest-trace", "Spantest-Trace":
			c.trace, err = strconv.Atoi(value)
		case "spantest-span", "Spantest-Span":
			c.span, err = strconv.Atoi(value)
		}
		return err
	})
	if err != nil {
		return nil, opentracing.ErrSpanContextCorrupted
	}
	if c.trace == 0 || c.span == 0 {
		return nil, opentracing.ErrSpanContextNotFound
	}
	return c, nil
}

// Spans returns the spans that have finished, in the order they started.
func (t *Tracer) Spans() []*Span {
	t.mu.Lock()
	defer t.mu.Unlock()
	var done []*Span
	for _, s := range t.spans {
		if s.finished {
			done = append(done, s)
		}
	}
	return done
}

// Calls returns the finished spans except waits: how many there are of those depends on time.
func (t *Tracer) Calls() []*Span { return slices.DeleteFunc(t.Spans(), (*Span).IsWait) }

// Named returns the finished spans of an operation, in the order they started.
func (t *Tracer) Named(operation string) []*Span {
	var named []*Span
	for _, s := range t.Spans() {
		if s.Operation == operation {
			named = append(named, s)
		}
	}
	return named
}

// Problems returns every misuse so far, and every span that has not finished.
func (t *Tracer) Problems() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	problems := append([]string(nil), t.problems...)
	for _, s := range t.spans {
		if !s.finished {
			problems = append(problems, s.Operation+neverFinished)
		}
	}
	return problems
}

// neverFinished ends the problem of a span that has not finished.
const neverFinished = ": never finished"

// Reset removes all spans and problems.
func (t *Tracer) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.spans, t.problems = nil, nil
}

func (s *Span) use(what string, f func()) {
	s.tracer.mu.Lock()
	defer s.tracer.mu.Unlock()
	if s.finished {
		s.tracer.problem("%s: %s after Finish", s.Operation, what)
		return
	}
	f()
}

// Finish implements opentracing.Span.
func (s *Span) Finish() { s.FinishWithOptions(opentracing.FinishOptions{}) }

// FinishWithOptions implements opentracing.Span.
func (s *Span) FinishWithOptions(o opentracing.FinishOptions) {
	s.use("Finish", func() {
		s.finished = true
		s.End = o.FinishTime
		if s.End.IsZero() {
			s.End = time.Now()
		}
		if s.End.Before(s.Start) {
			s.tracer.problem("%s: finished %v before it started", s.Operation, s.Start.Sub(s.End))
		}
		s.Logs = append(s.Logs, o.LogRecords...)
	})
}

// Duration is End - Start.
func (s *Span) Duration() time.Duration { return s.End.Sub(s.Start) }

// Context implements opentracing.Span.
func (s *Span) Context() opentracing.SpanContext {
	s.tracer.mu.Lock()
	defer s.tracer.mu.Unlock()
	return spanContext{s.TraceID, s.ID, s.baggage}
}

// SetOperationName implements opentracing.Span.
func (s *Span) SetOperationName(name string) opentracing.Span {
	s.use("SetOperationName", func() { s.Operation = name })
	return s
}

// SetTag implements opentracing.Span. A tag that is set twice is a problem: Jaeger sends both.
func (s *Span) SetTag(key string, value any) opentracing.Span {
	s.use("SetTag "+key, func() {
		if old, twice := s.Tags[key]; twice {
			s.tracer.problem("%s: tag %s set twice, to %v and %v", s.Operation, key, old, value)
		}
		s.Tags[key] = value
	})
	return s
}

// LogFields implements opentracing.Span.
func (s *Span) LogFields(fields ...log.Field) {
	s.use("LogFields", func() {
		s.Logs = append(s.Logs, opentracing.LogRecord{Timestamp: time.Now(), Fields: fields})
	})
}

// LogKV implements opentracing.Span.
func (s *Span) LogKV(keyValues ...any) {
	fields, err := log.InterleavedKVToFields(keyValues...)
	if err == nil {
		s.LogFields(fields...)
	}
}

// SetBaggageItem implements opentracing.Span.
func (s *Span) SetBaggageItem(key, value string) opentracing.Span {
	s.use("SetBaggageItem", func() { s.baggage[key] = value })
	return s
}

// BaggageItem implements opentracing.Span.
func (s *Span) BaggageItem(key string) string {
	s.tracer.mu.Lock()
	defer s.tracer.mu.Unlock()
	return s.baggage[key]
}

// Tracer implements opentracing.Span.
func (s *Span) Tracer() opentracing.Tracer { return s.tracer }

// LogEvent implements opentracing.Span.
func (s *Span) LogEvent(event string) { s.LogFields(log.Event(event)) }

// LogEventWithPayload implements opentracing.Span.
func (s *Span) LogEventWithPayload(event string, payload any) {
	s.LogFields(log.Event(event), log.Object("payload", payload))
}

// Log implements opentracing.Span.
func (s *Span) Log(data opentracing.LogData) {
	s.use("Log", func() { s.Logs = append(s.Logs, data.ToLogRecord()) })
}

// Only returns the finished span of that operation. If there is none, or more than one, the test
// ends.
func (t *Tracer) Only(tb testing.TB, operation string) *Span {
	tb.Helper()
	spans := t.Named(operation)
	if len(spans) != 1 {
		tb.Fatalf("%d spans %q, want 1:\n%s", len(spans), operation, t.Tree())
	}
	return spans[0]
}
