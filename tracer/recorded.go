package tracer

import (
	"fmt"
	"math"
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

// convert copies a span by its accessors, each of which takes the span's lock: a program may still write to a span
// that it has finished. jaeger.BuildJaegerThrift would do it in one go, but in microseconds, which is too coarse for
// gaps, and one field that panics would lose the whole span.
func convert(span *jaeger.Span) gap.Span {
	b := newBudget()
	c := span.SpanContext()
	s := gap.Span{
		TraceID:   gap.TraceID(c.TraceID()),
		SpanID:    gap.SpanID(c.SpanID()),
		Operation: b.cut(span.OperationName()),
		Start:     span.StartTime().Round(0), // the wall's time: it is what other processes know, and spans given a start have no other
		Duration:  span.Duration(),
	}
	for _, ref := range span.References() {
		to, ok := ref.ReferencedContext.(jaeger.SpanContext)
		if !ok || !b.allows(int(unsafe.Sizeof(gap.Reference{}))) {
			continue
		}
		kind := gap.ChildOf
		if ref.Type == opentracing.FollowsFromRef {
			kind = gap.FollowsFrom
		}
		s.References = append(s.References, gap.Reference{Type: kind, TraceID: gap.TraceID(to.TraceID()), SpanID: gap.SpanID(to.SpanID())})
	}
	if c.ParentID() != 0 { // which no reference names where jaeger.SelfRef made the span: Jaeger's backend then puts one first
		parent := gap.Reference{Type: gap.ChildOf, TraceID: s.TraceID, SpanID: gap.SpanID(c.ParentID())}
		named := func(ref gap.Reference) bool { return ref.TraceID == parent.TraceID && ref.SpanID == parent.SpanID }
		if !slices.ContainsFunc(s.References, named) {
			s.References = slices.Insert(s.References, 0, parent)
		}
	}
	// Jaeger sends a tag as often as it was set. Here the last one counts, as OpenTracing says.
	tags := span.Tags()
	s.Tags = slices.Grow(s.Tags, len(tags))
	for key, v := range tags {
		s.Tags = append(s.Tags, gap.Field{Key: key, Value: v})
	}
	slices.SortFunc(s.Tags, func(a, b gap.Field) int { return strings.Compare(a.Key, b.Key) })
	kept := s.Tags[:0]
	for _, f := range s.Tags { // in their order, or it would be chance which of them are left out
		if f, ok := b.field(f.Key, f.Value); ok {
			kept = append(kept, f)
		}
	}
	if s.Tags = kept; len(kept) < len(tags) {
		s.Tags = slices.Clone(kept)
	}
	logs := span.Logs()
	most := min(len(logs), maxLogsPerSpan)
	b.lost += len(logs) - most
	for _, record := range logs[:most] {
		l := gap.Log{Time: record.Timestamp.Round(0)}
		if !b.allows(int(unsafe.Sizeof(l))) {
			continue
		}
		for _, f := range record.Fields {
			l.Fields = b.logField(l.Fields, f)
		}
		s.Logs = append(s.Logs, l)
	}
	own(&s.Operation, s.Tags, s.Logs)
	if b.lost > 0 {
		s.Tags = append(s.Tags, gap.Field{Key: CutTag, Value: int64(b.lost)})
	}
	return s
}

// plain is v, or its text where v is of a type that Jaeger would have to print, which may panic, each time.
func plain(v any) any {
	switch v.(type) {
	case string, bool, []byte, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, float32, float64:
		return v
	}
	return text(v)
}

// value makes v one of the types that a gap.Field holds, as Jaeger does when it sends a tag.
func (b *budget) value(v any) any {
	given := v
	switch v := v.(type) {
	case string:
		if len(v) <= maxRecordedValue {
			return given // v would be put on the heap once more
		}
		return b.cut(v)
	case []byte:
		if len(v) > maxRecordedValue {
			b.lost++
			v = v[:maxRecordedValue]
		}
		return v
	case bool:
		return v
	case int:
		return int64(v)
	case int8:
		return int64(v)
	case int16:
		return int64(v)
	case int32:
		return int64(v)
	case int64:
		return v
	case uint:
		return unsigned(uint64(v))
	case uint8:
		return int64(v)
	case uint16:
		return int64(v)
	case uint32:
		return int64(v)
	case uint64:
		return unsigned(v)
	case float32:
		return float64(v)
	case float64:
		return v
	}
	return b.cut(text(v))
}

// unsigned is better than Jaeger here, where a large number becomes negative.
func unsigned(v uint64) any {
	if v > math.MaxInt64 {
		return strconv.FormatUint(v, 10)
	}
	return int64(v)
}

// text prints v. fmt survives a String method that panics, but not one whose panic's value panics in turn.
func text(v any) (s string) {
	defer func() {
		if recover() != nil {
			s = fmt.Sprintf("%T that panics when printed", v)
		}
	}()
	return fmt.Sprintf("%+v", v)
}

// logField appends to kept what a field of a log says. An error's text, or a lazy field, is code of the program: it may
// panic.
func (b *budget) logField(kept []gap.Field, f log.Field) []gap.Field {
	return b.fields(kept, logTags(f))
}

func logTags(f log.Field) (tags []*j.Tag) {
	defer func() {
		if recover() != nil {
			tags = []*j.Tag{{Key: f.Key(), VType: j.TagType_STRING, VStr: new("a field that panics when printed")}}
		}
	}()
	return jaeger.ConvertLogsToJaegerTags([]log.Field{f})
}

// fields appends to kept what tags say.
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

// budget is what may still be kept of a span, or of a process.
type budget struct{ left, lost int }

func newBudget() *budget { return &budget{left: maxRecordedSpan} }

// allows takes n bytes, unless they are more than half of what is left: so there is room for the many small things that
// come behind a large one.
func (b *budget) allows(n int) bool {
	if n > b.left/2 {
		b.lost++
		return false
	}
	b.left -= n
	return true
}

// field makes a gap.Field, if there is room for it. Its words are the program's own still: see [own].
func (b *budget) field(key string, v any) (f gap.Field, ok bool) {
	before := b.lost
	f = gap.Field{Key: b.cut(key), Value: b.value(v)}
	cuts := b.lost
	if !b.allows(fieldSize(&f)) {
		b.lost -= cuts - before // it counts once
		return f, false
	}
	if raw, ok := f.Value.([]byte); ok {
		f.Value = slices.Clone(raw) // the program may go on writing to it
	}
	return f, true
}

// cut shortens s to maxRecordedValue bytes, on the boundary of a rune.
func (b *budget) cut(s string) string {
	if len(s) <= maxRecordedValue {
		return s
	}
	b.lost++
	end := maxRecordedValue
	for end > maxRecordedValue-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

// own copies all words into one piece of memory. What a word was cut from, ten bytes of a body of megabytes, would be kept
// with it, and no bound counts that; and a piece for each word would be eight allocations more for a span of three tags.
func own(name *string, fields []gap.Field, logs []gap.Log) {
	n := len(*name) + wordsIn(fields)
	for _, l := range logs {
		n += wordsIn(l.Fields)
	}
	var w words
	w.Grow(n)
	*name = w.own(*name)
	w.ownAll(fields)
	for _, l := range logs {
		w.ownAll(l.Fields)
	}
}

func wordsIn(fields []gap.Field) (n int) {
	for _, f := range fields {
		n += len(f.Key)
		if s, ok := f.Value.(string); ok {
			n += len(s)
		}
	}
	return n
}

// words are written into memory that was made large enough for them, so it never moves.
type words struct{ strings.Builder }

func (w *words) own(s string) string {
	start := w.Len()
	w.WriteString(s)
	return w.String()[start:]
}

func (w *words) ownAll(fields []gap.Field) {
	for i := range fields {
		f := &fields[i]
		f.Key = w.own(f.Key)
		if s, ok := f.Value.(string); ok {
			f.Value = w.own(s)
		}
	}
}
