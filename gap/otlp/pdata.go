package otlp

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/read"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Spans returns the spans in traces, in their order and as [Read] returns them. It uses only the
// options [read.WithTags] and [read.WithEverything].
func Spans(traces ptrace.Traces, opts ...read.Option) []gap.Span {
	spans := make([]gap.Span, 0, traces.SpanCount())
	newConverter(opts).each(traces, func(m *mapper, s *span) bool {
		spans = append(spans, gap.Span{})
		m.finish(s, &spans[len(spans)-1])
		return true
	})
	return spans
}

// Converter returns a function that yields what [Spans] returns, one span after the other. Each
// overwrites the one before and its references, which saves memory if few fields are needed.
// Goroutines may share the function.
func Converter(opts ...read.Option) func(ptrace.Traces) iter.Seq[*gap.Span] {
	c := newConverter(opts)
	return func(traces ptrace.Traces) iter.Seq[*gap.Span] {
		return func(yield func(*gap.Span) bool) {
			var made gap.Span
			c.each(traces, func(m *mapper, s *span) bool {
				m.references.Reset()
				made = gap.Span{}
				m.finish(s, &made)
				return yield(&made)
			})
		}
	}
}

// converter converts spans of pdata.
type converter struct {
	all  bool // keep everything
	keep keys
}

func newConverter(opts []read.Option) *converter {
	c := read.NewConfig(opts, 0)
	return &converter{all: c.Everything, keep: newKeys(c.Keys)}
}

// each calls f for each span, until f returns false. The mapper has the attributes of the span.
func (c *converter) each(traces ptrace.Traces, f func(*mapper, *span) bool) {
	m := mapper{all: c.all}
	var current span
	for _, rs := range traces.ResourceSpans().All() {
		m.setResource(m.resource(rs.Resource().Attributes()))
		for _, ss := range rs.ScopeSpans().All() {
			if m.all {
				m.scope = scopeTags(ss.Scope().Name(), ss.Scope().Version())
			}
			for _, s := range ss.Spans().All() {
				m.read(s, &c.keep, &current)
				if !f(&m, &current) {
					return
				}
			}
		}
	}
}

// resource adds the attributes of a resource, and returns the name of its service.
func (m *mapper) resource(attributes pcommon.Map) (service string) {
	for key, value := range attributes.All() {
		if key == serviceKey && value.Type() == pcommon.ValueTypeStr {
			service = value.Str()
		} else {
			m.addField(key, value)
		}
	}
	return service
}

func (m *mapper) addField(key string, value pcommon.Value) {
	if v := fieldValue(value.AsRaw()); v != nil {
		m.fields.Add(gap.Field{Key: key, Value: v})
	}
}

// read adds the attributes and links of a span that are kept, and sets made to the rest of it.
func (m *mapper) read(s ptrace.Span, keep *keys, made *span) {
	made.traceID, made.id, made.parent, made.name = ids(s.TraceID()), id(s.SpanID()), id(s.ParentSpanID()), s.Name()
	made.start, made.end = int64(s.StartTimestamp()), int64(s.EndTimestamp())
	made.kind, made.status, made.message = int(s.Kind()), int(s.Status().Code()), s.Status().Message()
	made.logs, made.warnings = nil, nil
	for key, value := range s.Attributes().All() {
		if key == warningsKey {
			made.addWarnings(value.AsRaw())
		} else if m.all || has(keep, key) {
			if v := value.AsRaw(); v != nil {
				m.addTag(key, fieldValue(v))
			}
		}
	}
	for _, l := range s.Links().All() {
		link := gap.Reference{Type: gap.FollowsFrom, TraceID: ids(l.TraceID()), SpanID: id(l.SpanID())}
		if t, ok := l.Attributes().Get(refTypeKey); ok && t.Type() == pcommon.ValueTypeStr && t.Str() == childOf {
			link.Type = gap.ChildOf
		}
		m.addLink(link)
	}
	if !m.all {
		return
	}
	for _, e := range s.Events().All() {
		for key, value := range e.Attributes().All() {
			m.addField(key, value)
		}
		made.logs = append(made.logs, m.event(int64(e.Timestamp()), e.Name()))
	}
}

func ids(id pcommon.TraceID) gap.TraceID { return traceID(id[:]) }
func id(id pcommon.SpanID) gap.SpanID    { return spanID(id[:]) }

// Traces converts traces to pdata. Each element of traces has the spans of one trace, and each
// [gap.Process] becomes a resource.
//
//   - The parent is the first span of the trace that a span names by ChildOf or, if there is none,
//     the first that it names by FollowsFrom. Other references become links.
//   - The tag span.kind becomes the kind if it has one of its values. The tag error, if it is true,
//     and the tags otel.status_code and otel.status_description become the status.
//   - If a key comes twice in the tags of a span, the last one counts.
//   - Warnings become an attribute, as Jaeger stores them.
//   - A time before 1970 or after 2262 becomes zero, which means that it is unknown.
func Traces(traces ...[]gap.Span) ptrace.Traces {
	made := ptrace.NewTraces()
	groups := map[*gap.Process]ptrace.SpanSlice{}
	for _, spans := range traces {
		for i := range spans {
			s := &spans[i]
			group, ok := groups[s.Process]
			if !ok {
				rs := made.ResourceSpans().AppendEmpty()
				if p := s.Process; p != nil {
					if p.Service != "" {
						rs.Resource().Attributes().PutStr(serviceKey, p.Service)
					}
					putFields(rs.Resource().Attributes(), p.Tags)
				}
				group = rs.ScopeSpans().AppendEmpty().Spans()
				groups[s.Process] = group
			}
			put(group.AppendEmpty(), s)
		}
	}
	return made
}

// Write writes traces as an export request in OTLP's JSON, see [Traces].
func Write(w io.Writer, traces ...[]gap.Span) error {
	b, err := new(ptrace.JSONMarshaler).MarshalTraces(Traces(traces...))
	if err == nil {
		_, err = w.Write(append(b, '\n'))
	}
	return err
}

// put copies s to an empty span of pdata.
func put(to ptrace.Span, s *gap.Span) {
	to.SetTraceID(newTraceID(s.TraceID))
	to.SetSpanID(newSpanID(s.SpanID))
	to.SetName(s.Operation)
	start := nanos(s.Start)
	to.SetStartTimestamp(pcommon.Timestamp(start))
	to.SetEndTimestamp(pcommon.Timestamp(max(0, end(start, s.Duration))))
	putReferences(to, s)
	for _, tag := range s.Tags {
		kind := slices.Index(kinds[1:], fmt.Sprint(tag.Value)) + 1
		switch {
		case tag.Key == kindKey && kind > 0:
			to.SetKind(ptrace.SpanKind(kind))
		case tag.Key == errorKey && (tag.Value == true || tag.Value == "true"):
			to.Status().SetCode(ptrace.StatusCodeError)
		case tag.Key == statusKey && tag.Value == "ERROR":
			to.Status().SetCode(ptrace.StatusCodeError)
		case tag.Key == statusKey && tag.Value == "OK":
			if to.Status().Code() == ptrace.StatusCodeUnset {
				to.Status().SetCode(ptrace.StatusCodeOk)
			}
		case tag.Key == messageKey:
			to.Status().SetMessage(fmt.Sprint(tag.Value))
		default:
			putField(to.Attributes(), tag)
		}
	}
	if len(s.Warnings) > 0 {
		values := to.Attributes().PutEmptySlice(warningsKey)
		for _, text := range s.Warnings {
			values.AppendEmpty().SetStr(text)
		}
	}
	for _, log := range s.Logs {
		event := to.Events().AppendEmpty()
		event.SetTimestamp(pcommon.Timestamp(nanos(log.Time)))
		putFields(event.Attributes(), log.Fields)
		if name, ok := event.Attributes().Get(eventKey); ok && name.Type() == pcommon.ValueTypeStr && name.Str() != "" {
			event.SetName(name.Str())
			event.Attributes().Remove(eventKey)
		}
	}
}

func putReferences(to ptrace.Span, s *gap.Span) {
	parent := -1
	for i, ref := range s.References {
		switch {
		case ref.TraceID != s.TraceID && ref.TraceID != gap.TraceID{} || ref.SpanID == 0:
		case parent < 0 || ref.Type == gap.ChildOf && s.References[parent].Type != gap.ChildOf:
			parent = i
			to.SetParentSpanID(newSpanID(ref.SpanID))
		}
	}
	for _, ref := range s.References {
		trace := cmp.Or(ref.TraceID, s.TraceID)
		isParent := parent >= 0 && trace == s.TraceID && ref.SpanID == s.References[parent].SpanID
		if ref.SpanID == 0 || isParent && s.References[parent].Type == gap.ChildOf {
			continue
		}
		link := to.Links().AppendEmpty()
		link.SetTraceID(newTraceID(trace))
		link.SetSpanID(newSpanID(ref.SpanID))
		if ref.Type == gap.ChildOf {
			link.Attributes().PutStr(refTypeKey, childOf)
		} else {
			link.Attributes().PutStr(refTypeKey, "follows_from")
		}
	}
}

func putFields(to pcommon.Map, fields []gap.Field) {
	for _, f := range fields {
		putField(to, f)
	}
}

func putField(to pcommon.Map, f gap.Field) {
	switch v := f.Value.(type) {
	case string:
		to.PutStr(f.Key, v)
	case bool:
		to.PutBool(f.Key, v)
	case int64:
		to.PutInt(f.Key, v)
	case float64:
		to.PutDouble(f.Key, v)
	case []byte:
		to.PutEmptyBytes(f.Key).FromRaw(v)
	default:
		to.PutStr(f.Key, fmt.Sprint(v))
	}
}

// nanos returns the nanoseconds since 1970, or 0 if OTLP cannot express t.
func nanos(t time.Time) int64 {
	if s := t.Unix(); s < 0 || s >= math.MaxInt64/1_000_000_000 {
		return 0
	}
	return t.UnixNano()
}

// end returns when a span ends, or 0 if OTLP cannot express it.
func end(start int64, length time.Duration) int64 {
	if length > 0 && start > math.MaxInt64-int64(length) {
		return math.MaxInt64
	}
	return start + int64(length)
}

func newTraceID(id gap.TraceID) (b pcommon.TraceID) {
	binary.BigEndian.PutUint64(b[:], id.High)
	binary.BigEndian.PutUint64(b[8:], id.Low)
	return b
}

func newSpanID(id gap.SpanID) (b pcommon.SpanID) {
	binary.BigEndian.PutUint64(b[:], uint64(id))
	return b
}
