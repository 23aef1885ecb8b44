package tracer

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/log"
	"github.com/uber/jaeger-client-go"
	j "github.com/uber/jaeger-client-go/thrift-gen/jaeger"
)

// record copies a span for a Recorder.
func record(span *jaeger.Span) *recordedSpan {
	b := newBudget()
	s := b.convert(span)
	b.compact(&s.Operation, s.Tags, s.Logs)
	if b.lost > 0 {
		s.Tags = append(s.Tags, gap.Field{Key: TruncatedTag, Value: int64(b.lost)})
	}
	return &recordedSpan{s, int(unsafe.Sizeof(s)) + len(s.Operation) + maxRecordedSpan - b.left}
}

// convert converts a span. It uses accessors, which take the span's lock, since a program may still
// write to a span that it has finished. jaeger.BuildJaegerThrift would be shorter, but it rounds to
// microseconds, and one field that panics would lose the whole span.
func (b *budget) convert(span *jaeger.Span) gap.Span {
	c := span.SpanContext()
	s := gap.Span{
		TraceID:   gap.TraceID(c.TraceID()),
		SpanID:    gap.SpanID(c.SpanID()),
		Operation: b.truncate(span.OperationName()),
		Start:     span.StartTime().Round(0), // without the monotonic clock, which other processes do not share
		Duration:  span.Duration(),
	}
	s.References = b.references(span.References(), &c)
	s.Tags = b.tags(span.Tags())
	logs := span.Logs()
	kept := min(len(logs), b.maxLogs)
	b.lost += len(logs) - kept
	for _, record := range logs[:kept] {
		l := gap.Log{Time: record.Timestamp.Round(0)}
		if !b.spend(int(unsafe.Sizeof(l))) {
			continue
		}
		for _, f := range record.Fields {
			l.Fields = b.fields(l.Fields, logTags(f))
		}
		s.Logs = append(s.Logs, l)
	}
	return s
}

// process converts the process of a span's tracer.
func (b *budget) process(span *jaeger.Span) *gap.Process {
	thrift := jaeger.BuildJaegerProcessThrift(span) // the only way to the service's name
	return &gap.Process{Service: b.truncate(thrift.ServiceName), Tags: b.fields(nil, thrift.Tags)}
}

// references converts the references of the span with context c.
func (b *budget) references(given []opentracing.SpanReference, c *jaeger.SpanContext) []gap.Reference {
	var refs []gap.Reference
	for _, ref := range given {
		to, ok := ref.ReferencedContext.(jaeger.SpanContext)
		if ok && b.spend(int(unsafe.Sizeof(refs[0]))) {
			refs = append(refs, reference(ref.Type, &to))
		}
	}
	return withParent(refs, c)
}

// tags converts tags. It sorts them, so that it is not random which of them are left out. If a tag
// was set several times, they have its last value, as OpenTracing says; Jaeger sends all values.
func (b *budget) tags(tags opentracing.Tags) []gap.Field {
	fields := make([]gap.Field, 0, len(tags))
	for key, v := range tags {
		fields = append(fields, gap.Field{Key: key, Value: v})
	}
	slices.SortFunc(fields, func(a, b gap.Field) int { return strings.Compare(a.Key, b.Key) })
	kept := fields[:0]
	for _, f := range fields {
		if f, ok := b.field(f.Key, f.Value); ok {
			kept = append(kept, f)
		}
	}
	if len(kept) < len(tags) {
		kept = slices.Clone(kept)
	}
	return kept
}

// logTags converts a log field. An error and a lazy field run code of the program, which may panic.
func logTags(f log.Field) (tags []*j.Tag) {
	defer func() {
		if recover() != nil {
			tags = []*j.Tag{{Key: f.Key(), VType: j.TagType_STRING, VStr: new("a field that panics when printed")}}
		}
	}()
	return jaeger.ConvertLogsToJaegerTags([]log.Field{f})
}

// fields appends tags to kept.
func (b *budget) fields(kept []gap.Field, tags []*j.Tag) []gap.Field {
	for _, t := range tags {
		var v any
		switch t.VType {
		case j.TagType_BOOL:
			v = t.GetVBool()
		case j.TagType_LONG:
			v = t.GetVLong()
		case j.TagType_DOUBLE:
			v = t.GetVDouble()
		case j.TagType_BINARY:
			v = t.GetVBinary()
		default:
			v = t.GetVStr()
		}
		if f, ok := b.field(t.Key, v); ok {
			kept = append(kept, f)
		}
	}
	return kept
}

// plain converts v to one of the types of a gap.Field, as Jaeger does when it sends a tag.
func plain(v any) any {
	switch typed := v.(type) {
	case string, []byte, bool, int64, float64:
		return v
	case int, int8, int16, int32:
		return reflect.ValueOf(v).Int()
	case uint, uint8, uint16, uint32, uint64:
		n := reflect.ValueOf(v).Uint()
		if n > math.MaxInt64 {
			return strconv.FormatUint(n, 10) // Jaeger would make it negative
		}
		return int64(n)
	case float32:
		return float64(typed)
	}
	return formatted(v)
}

// formatted formats v. If a String method panics, fmt recovers, unless formatting the panic's value
// panics too.
func formatted(v any) (s string) {
	defer func() {
		if recover() != nil {
			s = fmt.Sprintf("%T that panics when printed", v)
		}
	}()
	return fmt.Sprintf("%+v", v)
}

// budget limits what is kept of a span, or of a process.
type budget struct {
	left      int // bytes that may still be kept
	maxValue  int // bytes of a name, key or value
	maxLogs   int
	textBytes int // of the strings that are kept
	lost      int // names, values and so on that were truncated or left out
}

func newBudget() *budget {
	return &budget{left: maxRecordedSpan, maxValue: maxRecordedValue, maxLogs: maxLogsPerSpan}
}

// unlimited returns a budget that keeps everything.
func unlimited() *budget {
	return &budget{left: math.MaxInt, maxValue: math.MaxInt, maxLogs: math.MaxInt}
}

// spend takes n bytes and returns true, unless they are more than half of what is left: a large
// value must leave space for the many small ones after it.
func (b *budget) spend(n int) bool {
	if n > b.left/2 {
		b.lost++
		return false
	}
	b.left -= n
	return true
}

// field returns a gap.Field, if the budget allows it. Its strings are not copied: see compact.
func (b *budget) field(key string, v any) (f gap.Field, ok bool) {
	before := *b
	f = gap.Field{Key: b.truncate(key), Value: plain(v)}
	const boxed = 16 // about the bytes of a value in an interface
	size := int(unsafe.Sizeof(f)) + len(f.Key) + boxed
	var raw []byte
	switch typed := f.Value.(type) {
	case string:
		s := b.truncate(typed)
		if len(s) < len(typed) { // otherwise, the assignment would only allocate
			f.Value = s
		}
		size += len(s)
	case []byte:
		raw = typed[:min(len(typed), b.maxValue)]
		if len(raw) < len(typed) {
			b.lost++
		}
		size += len(raw)
	}
	if !b.spend(size) {
		*b = before
		b.lost++ // the whole field, so not also its truncated parts
		return f, false
	}
	if raw != nil {
		f.Value = slices.Clone(raw) // since the program may change it
	}
	return f, true
}

// truncate truncates s to what a value may have.
func (b *budget) truncate(s string) string {
	if len(s) > b.maxValue {
		b.lost++
		s = truncate(s, b.maxValue)
	}
	b.textBytes += len(s)
	return s
}

// truncate truncates s to most bytes, between two runes.
func truncate(s string, most int) string {
	if len(s) <= most {
		return s
	}
	end := most
	for end > max(most-utf8.UTFMax, 0) && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

// compact copies all strings, with one allocation. Otherwise ten bytes of a large body would keep
// all of it in memory, which no limit counts.
func (b *budget) compact(name *string, fields []gap.Field, logs []gap.Log) {
	var c copier
	c.Grow(b.textBytes)
	*name = c.copy(*name)
	c.copyAll(fields)
	for _, l := range logs {
		c.copyAll(l.Fields)
	}
}

// copier copies strings into one buffer. Grow must have made it large enough for all of them.
type copier struct{ strings.Builder }

func (c *copier) copy(s string) string {
	start := c.Len()
	c.WriteString(s)
	return c.String()[start:]
}

func (c *copier) copyAll(fields []gap.Field) {
	for i := range fields {
		f := &fields[i]
		f.Key = c.copy(f.Key)
		if s, ok := f.Value.(string); ok {
			f.Value = c.copy(s)
		}
	}
}
