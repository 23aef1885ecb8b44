package spanutil

import (
	"slices"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
)

// The methods in this file need c.mu to be held. They contain panics of the tracer.

// openLocked opens the call's span, unless it is open or the call is dropped. It reports whether
// there is a span. If restart is true, the call's time begins after the hooks have run.
func (c *Call) openLocked(restart bool) bool {
	if c.served != nil && c.decided() == undecided { // the served call was lazy
		c.decide(dropped)
		if c.served.Sampled() {
			c.decide(sampled)
		}
	}
	if c.span != nil || c.decided() == dropped {
		return c.span != nil
	}
	known := c.decided() == sampled
	if known {
		c.hookTags = c.userTags()
		for key, value := range c.hookTags {
			c.startTag(key, truncated(value))
		}
	}
	operation := c.operation()
	if restart {
		c.start = time.Now()
	}
	c.findAppender()
	if c.option[0] == nil {
		c.option[0] = (*callStart)(c)
	}
	c.span = c.startSpan(operation, c.option[:]...)
	if c.span != nil {
		c.startedWith(c.tags, c.span)
	}
	c.tagCount, c.tags = int32(len(c.tags)), nil
	switch {
	case c.span == nil:
		c.decide(dropped)
	case known:
	case !isSampled(c.context()):
		c.decide(dropped)
	default:
		c.decide(sampled)
		tags := c.userTags()
		for key, value := range tags {
			c.tagLocked(key, truncated(value))
		}
		c.hookTags = tags
	}
	return c.span != nil
}

// findAppender sets c.appender, if it may append the tags of a span that is about to start.
func (c *Call) findAppender() {
	a := c.wrapper.appender.Load()
	if a == nil || a.span == nil || a.tracer != c.tracer || !c.remoteParent && !(c.final && a.knows(c.parent())) {
		return
	}
	if _, prioritized := c.hookTags[string(ext.SamplingPriority)]; !prioritized {
		c.appender = a
	}
}

// startedWith completes a span that has started. Without an appender the span has its tags, and the
// wrapper learns whether it can append those of the next call. With one, startedWith appends the
// tags, or sets them by SetTag if the decision to sample is not final, or the span not Jaeger's.
func (c *Call) startedWith(tags []opentracing.Tag, span opentracing.Span) {
	if c.appender == nil {
		c.wrapper.learn(c.tracer, span)
		return
	}
	if c.role == server {
		tags = tags[1:] // without serverTags
	}
	c.final = c.final || isFinal(c.parent()) // StartSpan makes a remote parent's decision final
	kept := c.decided() == sampled || isSampled(c.parent())
	if c.final && kept && c.appender.appendsTo(span) {
		c.appender.give(span, tags)
		return
	}
	c.appender = nil
	defer contain()
	for _, tag := range tags {
		span.SetTag(tag.Key, tag.Value)
	}
}

// context returns spanContext. It is made when it is needed, since it allocates.
func (c *Call) context() opentracing.SpanContext {
	if c.spanContext == nil {
		c.spanContext = contextOf(c.span)
	}
	return c.spanContext
}

// parentContext returns what c's spans are children of. It locks the served call while c is locked;
// nothing locks them in the other order.
func (c *Call) parentContext() opentracing.SpanContext {
	if c.parent() == nil && c.served != nil {
		c.served.mu.Lock()
		defer c.served.mu.Unlock()
		c.under[0] = reference(opentracing.ChildOfRef, c.served.context())
	}
	return c.parent()
}

// startSpan returns nil if the tracer panics.
func (c *Call) startSpan(operation string, start ...opentracing.StartSpanOption) (span opentracing.Span) {
	defer contain()
	return c.tracer.StartSpan(operation, start...)
}

// callStart and waitStart hold all options that a span starts with.
type (
	callStart Call
	waitStart struct {
		call *Call
		at   time.Duration
	}
)

func (s *callStart) Apply(o *opentracing.StartSpanOptions) {
	c := (*Call)(s)
	o.StartTime = c.start
	if len(c.waits.kept) > 0 {
		o.StartTime = c.start.Add(c.waits.kept[0].start)
	}
	if c.parentContext() != nil {
		o.References = c.under[:]
	}
	o.Tags = c.tagMap(c.startTags())
}

// linkedStart is callStart for a span that also follows from others.
type linkedStart struct {
	call  *Call
	links []opentracing.SpanReference
}

func (s linkedStart) Apply(o *opentracing.StartSpanOptions) {
	(*callStart)(s.call).Apply(o)
	o.References = append(slices.Clip(o.References), s.links...)
}

func (s waitStart) Apply(o *opentracing.StartSpanOptions) {
	c := s.call
	o.StartTime = c.start.Add(s.at)
	o.References = make([]opentracing.SpanReference, 0, 2)
	if parent := c.parentContext(); parent != nil {
		o.References = append(o.References, reference(opentracing.ChildOfRef, parent))
	}
	if call := c.context(); call != nil {
		o.References = append(o.References, reference(opentracing.FollowsFromRef, call))
	}
	o.Tags = c.tagMap(c.newTags(0))
}

func reference(t opentracing.SpanReferenceType, to opentracing.SpanContext) opentracing.SpanReference {
	return opentracing.SpanReference{Type: t, ReferencedContext: to}
}

// startTags returns the tags that the call's span starts with. There is space for as many as the
// last call had.
func (c *Call) startTags() []opentracing.Tag {
	if c.tags == nil {
		c.tags = c.newTags(int(c.wrapper.tagCount.Load()))
	}
	return c.tags
}

// startTag adds a tag to startTags, or replaces it.
func (c *Call) startTag(key string, value any) {
	tags := c.startTags()
	for i := range tags {
		if tags[i].Key == key {
			tags[i].Value = value
			return
		}
	}
	c.tags = append(tags, opentracing.Tag{Key: key, Value: value})
}

// newTags returns the tags that every span has, with space for size tags.
func (c *Call) newTags(size int) []opentracing.Tag {
	kind := clientKind
	switch c.role {
	case server:
		kind = serverKind
		size++ // for what startedWith leaves out
	case producer:
		kind = producerKind
	case consumer:
		kind = consumerKind
	}
	return append(make([]opentracing.Tag, 0, max(2, size)),
		opentracing.Tag{Key: string(ext.SpanKind), Value: kind},
		opentracing.Tag{Key: string(ext.Component), Value: c.wrapper.componentTag(c.what.Component)})
}

// serverTags are what a span starts with whose other tags are appended: Jaeger's tracer asks for
// the kind at the start. It does not change the map.
var serverTags = map[string]any{string(ext.SpanKind): serverKind}

// tagMap returns the tags to pass to StartSpan. If they will be appended, that is only a server's
// kind. Otherwise it is all of them, in a new map: OpenTelemetry's bridge reads the kind only at
// the start, and mocktracer keeps writing to the map.
func (c *Call) tagMap(tags []opentracing.Tag) map[string]any {
	if c.appender != nil {
		if c.role == server {
			return serverTags
		}
		return nil
	}
	m := make(map[string]any, len(tags))
	for _, tag := range tags {
		m[tag.Key] = tag.Value
	}
	return m
}

// report hands the call's spans to the tracer. The call's own span is opened here if it is not open
// yet. Every span is finished, even if a hook ends the goroutine.
func (c *Call) report() {
	if len(c.waits.kept) == 0 {
		if c.span == nil {
			return
		}
		c.waits.kept = append(c.waits.kept, interval{})
	}
	c.tagTotals()
	if !c.openLocked(false) {
		return
	}
	defer c.finishSpan(c.span, c.waits.kept[0].end)
	if c.decided() != sampled {
		return
	}
	c.logFailure()
	if n := c.tagCount; n != c.wrapper.tagCount.Load() {
		c.wrapper.tagCount.Store(n)
	}
	for _, wait := range c.waits.kept[1:] {
		if span := c.startSpan(c.operation()+" wait", waitStart{c, wait.start}); span != nil {
			if c.appender != nil {
				c.startedWith(c.newTags(0), span)
			}
			c.finishSpan(span, wait.end)
		}
	}
}

func (c *Call) finishSpan(span opentracing.Span, at time.Duration) {
	defer contain()
	span.FinishWithOptions(opentracing.FinishOptions{FinishTime: c.start.Add(at)})
}

func (c *Call) tagTotals() {
	if c.decided() == undecided {
		c.openLocked(false)
	}
	if c.decided() != sampled {
		return
	}
	if !c.role.serves() && c.waits.count > 1 { // a server's span is not a wait; a single wait is as long as the span
		c.tagLocked("wait.count", int(c.waits.count))
		c.tagLocked("wait.us", c.waits.blocked.Microseconds())
		c.tagLocked("wait.joined_us", c.waits.joined.Microseconds())
	}
	if c.unit != Uncounted {
		c.tagLocked(c.unit.String(), c.amount.Load())
	}
}
