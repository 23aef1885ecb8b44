package spanutil

import (
	"maps"
	"net/http/httptrace"
	"slices"
	"strings"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/redact"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/opentracing/opentracing-go/log"
)

// Tag sets a tag of the call's span. The value is a string, number or boolean; a string is
// truncated at 4 KiB. If WithTags' hook has set the same key, its value stays.
func (c *Call) Tag(key string, value any) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase < finished {
		c.tagLocked(key, truncated(value))
	}
}

// Text is a string as spans show it: truncated, and boxed once for the tags of many spans.
type Text struct{ value any }

// String returns the text.
func (t Text) String() string {
	s, _ := t.value.(string)
	return s
}

// NewText truncates s at 4 KiB.
func NewText(s string) Text { return Text{Truncate(s)} }

// TagText sets a tag, as Tag does, without a look at the value or an allocation. The zero Text sets
// none.
func (c *Call) TagText(key string, value Text) {
	if c == nil || value.value == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase < finished {
		c.tagLocked(key, value.value)
	}
}

// tagLocked sets a tag to a truncated value. If the span is not open yet, it will start with the
// tag, which costs less.
func (c *Call) tagLocked(key string, value any) {
	if c.span == nil && (c.decided() == sampled || c.lazy && c.decided() == undecided) {
		c.startTag(key, value)
		return
	}
	if !c.openLocked(false) || c.decided() != sampled {
		return
	}
	if _, taken := c.hookTags[key]; taken {
		return
	}
	c.tagCount++
	if c.appender != nil && key != string(ext.SamplingPriority) {
		c.appender.add(c.span, opentracing.Tag{Key: key, Value: value})
		return
	}
	defer contain()
	c.span.SetTag(key, value)
}

// truncated returns value, after [Truncate] if it is a string. A string that stays the same is not
// boxed again, which would allocate.
func truncated(value any) any {
	if s, ok := value.(string); ok {
		if kept := Truncate(s); kept != s {
			return kept
		}
	}
	return value
}

// Statement records s as db.statement, after WithStatement's hook, truncated at 4 KiB.
func (c *Call) Statement(s string) {
	if s == "" || !c.Sampled() {
		return
	}
	if f := c.wrapper.Options.Statement; f != nil {
		s = c.rewrite(f, s)
	}
	if s != "" {
		c.Tag(string(ext.DBStatement), s)
	}
}

// ShownStatement records what show returns for s as db.statement, as Statement does. Spans show the
// same for equal statements, so shown remembers it. WithStatement's hook gets the text before it is
// truncated.
func (c *Call) ShownStatement(s string, shown *Texts, show func(string) string) {
	switch {
	case s == "" || !c.Sampled():
	case c.wrapper.Options.Statement != nil:
		c.Statement(show(s))
	default:
		if text := shown.Show(s, show); text.value != "" {
			c.TagText(string(ext.DBStatement), text)
		}
	}
}

func (c *Call) rewrite(f func(gaptrace.Call, string) string, s string) (rewritten string) {
	c.runHook(func() { rewritten = f(c.what, s) })
	return rewritten
}

// Log logs an event inside the call on its span, and err unless it is nil. After the first wait it
// does nothing, since the span ends with that wait.
func (c *Call) Log(event string, err error, fields ...log.Field) {
	if c == nil {
		return
	}
	fields = append([]log.Field{log.Event(event)}, fields...)
	if err != nil {
		if !c.Sampled() {
			return
		}
		fields = append(fields, log.Message(errorText(err)))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	defer contain()
	if c.phase != begun || !c.openLocked(false) || c.decided() != sampled {
		return
	}
	c.span.LogFields(fields...)
}

// LogsPhases reports whether [gaptrace.WithPhases] is set and the call's spans will be kept.
func (c *Call) LogsPhases() bool { return c != nil && c.wrapper.Options.Phases && c.Sampled() }

// DialTrace returns httptrace hooks that log a dial on call, for [gaptrace.WithPhases]. They work
// for every net.Dialer whose context has them, not only for net/http's. The hooks may race, or run
// after the call is over, if an idle connection came before the dial had ended. Call.Log permits
// both.
func DialTrace(call *Call) *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSStart:     func(i httptrace.DNSStartInfo) { call.Log("dns_start", nil, log.String("host", i.Host)) },
		DNSDone:      func(i httptrace.DNSDoneInfo) { call.Log("dns_done", i.Err) },
		ConnectStart: func(_, addr string) { call.Log("connect_start", nil, log.String("addr", addr)) },
		ConnectDone: func(_, addr string, err error) {
			call.Log("connect_done", err, log.String("addr", addr))
		},
	}
}

// Rename replaces the operation of a call whose span is open, such as by the route of a request.
func (c *Call) Rename(operation string) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	defer contain()
	if c.phase < finished && c.span != nil && operation != c.what.Operation {
		c.what.Operation = operation
		c.span.SetOperationName(c.operation())
	}
}

// operation returns the name of the call's span, which WithOperation's hook may choose.
func (c *Call) operation() (name string) {
	suffix := c.role.suffix()
	name = c.what.Operation + suffix
	if f := c.wrapper.Options.Operation; f != nil {
		defer contain()
		if answer := f(c.what); answer != "" {
			name = answer + suffix
		}
	}
	return name
}

// userTags returns the tags that the program has chosen for this call, without the two that say
// what the span is. Those of the context override those of WithTags' hook, and these the baggage.
func (c *Call) userTags() opentracing.Tags {
	o := &c.wrapper.Options
	if o.Tags == nil && o.Baggage == nil && c.contextTags == nil {
		return nil
	}
	tags := c.baggageTags()
	maps.Copy(tags, c.hookedTags())
	maps.Copy(tags, c.contextTags)
	delete(tags, string(ext.Component))
	delete(tags, string(ext.SpanKind))
	return tags
}

// baggageTags returns the tags of WithBaggage.
func (c *Call) baggageTags() (tags opentracing.Tags) {
	tags = opentracing.Tags{}
	if c.wrapper.Options.Baggage == nil || c.parentContext() == nil {
		return tags
	}
	defer contain()
	c.parentContext().ForeachBaggageItem(func(key, value string) bool {
		// Jaeger's and other headers lose the case of keys.
		same := func(listed string) bool { return strings.EqualFold(listed, key) }
		if i := slices.IndexFunc(c.wrapper.Options.Baggage, same); i >= 0 {
			tags["baggage."+c.wrapper.Options.Baggage[i]] = redact.Value(key, value)
		}
		return true
	})
	return tags
}

func (c *Call) hookedTags() (tags opentracing.Tags) {
	if c.wrapper.Options.Tags == nil {
		return nil
	}
	defer contain()
	return c.wrapper.Options.Tags(c.what)
}
