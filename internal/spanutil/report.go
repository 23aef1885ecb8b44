package spanutil

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/gaptrace/gaptrace/internal/redact"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/opentracing/opentracing-go/log"
)

// What this file does is done under the call's lock, and contains whatever the tracer does.

func (c *Call) openLocked() bool {
	if c.span != nil || c.broken {
		return c.span != nil
	}
	if c.likely {
		c.extra = c.userTags()
		for key, value := range c.extra {
			c.startTags()[key] = clean(value)
		}
	}
	operation := c.operation()
	if c.anew { // behind the user's hooks
		c.start = time.Now()
	}
	c.span = c.startSpan(operation, (*callStart)(c))
	c.broken = c.span == nil
	c.sampled = c.span != nil && (c.likely || isSampled(c.context()))
	if c.sampled && !c.likely {
		extra := c.userTags()
		for key, value := range extra {
			c.tagLocked(key, value)
		}
		c.extra = extra
	}
	return c.span != nil
}

// context is the call's span's. It is made when it is needed, since making it allocates.
func (c *Call) context() opentracing.SpanContext {
	if c.self == nil {
		c.self = contextOf(c.span)
	}
	return c.self
}

// parentContext is what c's spans are children of. The call above is locked behind this one, and never the other way round.
func (c *Call) parentContext() opentracing.SpanContext {
	if c.parent == nil && c.above != nil {
		c.above.mu.Lock()
		defer c.above.mu.Unlock()
		c.parent = c.above.context()
	}
	return c.parent
}

// startSpan answers nil where the tracer panics.
func (c *Call) startSpan(operation string, start opentracing.StartSpanOption) (span opentracing.Span) {
	defer contain()
	return c.tracer.StartSpan(operation, start)
}

// isSampled asks a span's context whether its spans are kept, by the method that
// jaeger.SpanContext and others have: OpenTracing has no word for it.
func isSampled(sc opentracing.SpanContext) (yes bool) {
	yes = true
	defer contain()
	if s, ok := sc.(interface{ IsSampled() bool }); ok {
		yes = s.IsSampled()
	}
	return yes
}

// operation is the name of the call's span, the user's if they gave one.
func (c *Call) operation() (name string) {
	name = c.what.Operation + c.suffix
	if f := c.wrapper.Config.Operation; f != nil {
		defer contain()
		if answer := f(c.what); answer != "" {
			name = answer + c.suffix
		}
	}
	return name
}

// userTags are the user's, but for the two that say what the span is.
func (c *Call) userTags() (tags opentracing.Tags) {
	if c.wrapper.Tags == nil {
		return nil
	}
	defer contain()
	tags = maps.Clone(c.wrapper.Tags(c.what))
	delete(tags, string(ext.Component))
	delete(tags, string(ext.SpanKind))
	return tags
}

// callStart and waitStart are the ways a span starts, each all options in one. Each span has its own
// map of tags: mocktracer, for one, goes on writing to the map it is given.
type (
	callStart Call
	waitStart struct {
		call *Call
		at   time.Duration
	}
)

func (s *callStart) Apply(o *opentracing.StartSpanOptions) {
	c := (*Call)(s)
	if len(c.waits.kept) > 0 {
		o.StartTime = c.start.Add(c.waits.kept[0].start)
	} else {
		o.StartTime = c.start
	}
	if parent := c.parentContext(); parent != nil {
		o.References = []opentracing.SpanReference{{Type: opentracing.ChildOfRef, ReferencedContext: parent}}
	}
	o.Tags = c.startTags()
	c.wrapper.startedWith(len(o.Tags))
}

func (s waitStart) Apply(o *opentracing.StartSpanOptions) {
	c := s.call
	o.StartTime = c.start.Add(s.at)
	o.References = make([]opentracing.SpanReference, 0, 2)
	if parent := c.parentContext(); parent != nil {
		o.References = append(o.References, opentracing.SpanReference{Type: opentracing.ChildOfRef, ReferencedContext: parent})
	}
	if call := c.context(); call != nil {
		o.References = append(o.References, opentracing.SpanReference{Type: opentracing.FollowsFromRef, ReferencedContext: call})
	}
	o.Tags = c.described(0) // a map of its own
}

// startTags are the tags that a span starts with. These two are there always: OpenTelemetry's bridge
// fixes the span's kind then. The map is the span's own.
func (c *Call) startTags() map[string]any {
	if c.tags == nil {
		c.tags = c.described(int(c.wrapper.tags.Load())) // a map that has to grow costs two
	}
	return c.tags
}

func (c *Call) described(size int) map[string]any {
	tags := make(map[string]any, size)
	tags[string(ext.Component)] = c.wrapper.component(c.what.Component)
	tags[string(ext.SpanKind)] = clientKind
	if c.server {
		tags[string(ext.SpanKind)] = serverKind
	}
	return tags
}

// smallMap is how many a map holds that is made without a size.
const smallMap = 8

func (w *Wrapper) startedWith(tags int) {
	if n := int32(tags); n > smallMap && n != w.tags.Load() {
		w.tags.Store(n)
	}
}

// tagLocked sets a tag. One that is known before the span is opened goes with its start.
func (c *Call) tagLocked(key string, value any) {
	if c.span == nil && c.likely {
		c.startTags()[key] = clean(value)
		return
	}
	if !c.openLocked() || !c.sampled {
		return
	}
	if _, taken := c.extra[key]; taken {
		return
	}
	defer contain()
	c.span.SetTag(key, clean(value))
}

// clean is value, a string fit for a collector. It takes care not to make a new value of one that is fit.
func clean(value any) any {
	if s, ok := value.(string); ok {
		if kept := Cut(s); kept != s {
			return kept
		}
	}
	return value
}

// report hands the call's spans to the tracer: each is started and finished here or, if it had
// been started, finished here, whatever happens in between.
func (c *Call) report() {
	if len(c.waits.kept) == 0 {
		if c.span == nil {
			return
		}
		c.waits.kept = append(c.waits.kept, interval{})
	}
	if c.likely || c.openLocked() && c.sampled {
		c.total()
	}
	if !c.openLocked() {
		return
	}
	defer c.finishSpan(c.span, c.waits.kept[0].end)
	if !c.sampled {
		return
	}
	c.fail()
	for _, wait := range c.waits.kept[1:] {
		if span := c.startSpan(c.operation()+" wait", waitStart{c, wait.start}); span != nil {
			c.finishSpan(span, wait.end)
		}
	}
}

func (c *Call) finishSpan(span opentracing.Span, at time.Duration) {
	defer contain()
	span.FinishWithOptions(opentracing.FinishOptions{FinishTime: c.start.Add(at)})
}

func (c *Call) total() {
	if !c.server { // a server's span is no wait
		c.tagLocked("wait.count", int(c.waits.count))
		c.tagLocked("wait.us", c.waits.blocked.Microseconds())
		c.tagLocked("wait.joined_us", c.waits.joined.Microseconds())
	}
	if c.unit != "" {
		c.tagLocked(c.unit, c.amount.Load())
	}
}

// ErrUnwound is the failure of a call that a panic or runtime.Goexit left.
var ErrUnwound = errors.New("panic or runtime.Goexit in the wrapped call")

// Panicked is the failure of a server's call whose handler panicked. What it panicked with is told where it is text, or
// says so itself: it could be a request, headers and all.
func Panicked(with any) error {
	switch with := with.(type) {
	case error:
		return fmt.Errorf("panic: %w", with)
	case string:
		return errors.New("panic: " + with)
	}
	return fmt.Errorf("panic with a %T", with)
}

func (c *Call) fail() {
	if c.failure == nil {
		return
	}
	c.tagLocked(string(ext.Error), true)
	defer contain()
	c.span.LogFields(
		log.Event("error"),
		log.String("error.kind", fmt.Sprintf("%T", c.failure.error)),
		log.Message(c.failure.message),
		log.Error(c.failure),
	)
}

// told returns what a span may show of an error: its message, truncated and without secrets. It
// contains panics of the error's Error method, since this goroutine may be the library's.
func told(err error) (message string) {
	message = "an error that panics when it is asked for its text"
	defer contain()
	message = Cut(redact.Text(err.Error()))
	return message
}

// Reworded is err for Fail and Finish to record in other words, where its own may hold a secret. It
// is still recorded as of err's kind, and it is err that gaptrace.WithExpected is asked about.
func Reworded(err error, reword func(message string) string) error { return reworded{err, reword} }

type reworded struct {
	error
	reword func(string) string
}

func (e reworded) Error() string { return e.reword(e.error.Error()) }

// recordedError is an error as it read when it happened. A reporter renders it later, in a
// goroutine of its own, where a call to the real Error could race, or panic.
type recordedError struct {
	error
	message string
}

func record(err error) *recordedError {
	r := &recordedError{err, told(err)}
	if reworded, ok := err.(reworded); ok {
		r.error = reworded.error
	}
	return r
}

func (e *recordedError) Error() string { return e.message }
func (e *recordedError) Unwrap() error { return e.error }
