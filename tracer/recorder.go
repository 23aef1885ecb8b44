package tracer

import (
	"cmp"
	"container/list"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
	"unsafe"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/log"
	"github.com/uber/jaeger-client-go"
	j "github.com/uber/jaeger-client-go/thrift-gen/jaeger"
)

// The bounds of what a Recorder keeps. Spans are mostly small: these are for those that are not.
const (
	defaultCapacity  = 100
	maxSpansPerTrace = 10_000
	maxRecordedSpans = 100_000
	maxRecordedBytes = 64 << 20 // of names and values, and a guess at what holds them
	maxRecordedValue = 64 << 10 // bytes of a name, or of a tag's or log's value
	maxLogsPerSpan   = 1_000    // the first
	maxProcesses     = 64
)

// DroppedSpansTag is on the last span of a trace from which a [Recorder] had to drop spans. Its value is how many:
// where they were, the trace shows gaps that are not there.
const DroppedSpansTag = "recorder.dropped_spans"

// Recorder keeps the last traces that a tracer reported in memory. It is a jaeger.Reporter: give it to [WithRecorder],
// or to a jaeger.NewTracer of your own. It may be used from several goroutines. Closing the tracer leaves it as
// it is. The zero Recorder is that of NewRecorder(0).
type Recorder struct {
	capacity int // 0 or less: defaultCapacity

	mu        sync.Mutex
	traces    map[gap.TraceID]*list.Element // of *recorded
	byAge     list.List                     // the trace that was longest without a new span first
	spans     int                           // of all traces
	bytes     int
	processes map[opentracing.Tracer]*gap.Process
}

var _ jaeger.Reporter = (*Recorder)(nil)

type recorded struct {
	id      gap.TraceID
	spans   []gap.Span // a span in it never changes
	bytes   int
	dropped int
}

// NewRecorder returns a recorder that keeps the last capacity traces; 0 or less means 100. When one more begins, the
// trace that was longest without a new span goes, whole; and so it does when all together have more than 100,000 spans
// or 64 MiB. Of one trace the last 10,000 spans are kept, because the root comes last, or the last 64 MiB of them,
// but one span at least, however large; [DroppedSpansTag] tells when there were more. Of one span the first 1,000 logs are
// kept, and its operation and values of more than 64 KiB are cut.
func NewRecorder(capacity int) *Recorder {
	return &Recorder{capacity: capacity}
}

// Report implements jaeger.Reporter. It keeps a copy of the span: the tracer may use span again for another one.
func (r *Recorder) Report(span *jaeger.Span) {
	s := convert(span)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.traces == nil {
		r.traces = map[gap.TraceID]*list.Element{}
		r.processes = map[opentracing.Tracer]*gap.Process{}
	}
	s.Process = r.process(span)

	e, ok := r.traces[s.TraceID]
	if !ok {
		e = r.byAge.PushBack(&recorded{id: s.TraceID})
		r.traces[s.TraceID] = e
		if most := cmp.Or(max(r.capacity, 0), defaultCapacity); len(r.traces) > most {
			r.forget()
		}
	}
	r.byAge.MoveToBack(e)
	t := e.Value.(*recorded)
	t.spans = append(t.spans, s)
	n := size(&s)
	t.bytes += n
	r.bytes += n
	r.spans++
	for (r.spans > maxRecordedSpans || r.bytes > maxRecordedBytes) && r.byAge.Len() > 1 {
		r.forget()
	}
	for (len(t.spans) > maxSpansPerTrace || t.bytes > maxRecordedBytes) && len(t.spans) > 1 {
		n := size(&t.spans[0])
		t.spans[0] = gap.Span{} // what is in front of a slice is not collected
		t.spans = t.spans[1:]
		t.bytes -= n
		t.dropped++
		r.bytes -= n
		r.spans--
	}
}

// forget lets the trace go that was longest without a new span.
func (r *Recorder) forget() {
	t := r.byAge.Remove(r.byAge.Front()).(*recorded)
	delete(r.traces, t.id)
	r.spans -= len(t.spans)
	r.bytes -= t.bytes
}

// size is about what s takes in memory.
func size(s *gap.Span) int {
	n := int(unsafe.Sizeof(*s)) + len(s.Operation) + len(s.References)*int(unsafe.Sizeof(gap.Reference{})) + fieldsSize(s.Tags)
	for _, l := range s.Logs {
		n += int(unsafe.Sizeof(l)) + fieldsSize(l.Fields)
	}
	return n
}

func fieldsSize(fields []gap.Field) int {
	n := 0
	for _, f := range fields {
		n += int(unsafe.Sizeof(f)) + len(f.Key) + 16 // a value's own
		switch v := f.Value.(type) {
		case string:
			n += len(v)
		case []byte:
			n += len(v)
		}
	}
	return n
}

// Close implements jaeger.Reporter. The traces stay.
func (r *Recorder) Close() {}

// Traces returns the traces that are kept, the one with the newest span last. The spans of each are in the order in
// which they finished. What the spans point to is shared and must not be changed.
func (r *Recorder) Traces() [][]gap.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	traces := make([][]gap.Span, 0, r.byAge.Len())
	for e := r.byAge.Front(); e != nil; e = e.Next() {
		traces = append(traces, e.Value.(*recorded).copy())
	}
	return traces
}

// Trace returns the spans of the trace called id, as [Recorder.Traces] does; nil when it is not kept.
func (r *Recorder) Trace(id gap.TraceID) []gap.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e, ok := r.traces[id]; ok {
		return e.Value.(*recorded).copy()
	}
	return nil
}

func (t *recorded) copy() []gap.Span {
	spans := slices.Clone(t.spans)
	if t.dropped > 0 {
		last := &spans[len(spans)-1]
		last.Tags = append(slices.Clip(last.Tags), gap.Field{Key: DroppedSpansTag, Value: int64(t.dropped)})
	}
	return spans
}

// process is the one Process of all spans of a tracer: the pointer says that they share a clock.
func (r *Recorder) process(span *jaeger.Span) *gap.Process {
	if p, ok := r.processes[span.Tracer()]; ok {
		return p
	}
	if len(r.processes) == maxProcesses {
		clear(r.processes) // a program that goes on opening tracers must not have them all kept alive here
	}
	// There is no other way to the service's name.
	thrift := jaeger.BuildJaegerProcessThrift(span)
	p := &gap.Process{Service: thrift.ServiceName, Tags: fields(thrift.Tags)}
	r.processes[span.Tracer()] = p
	return p
}

// convert copies a span by its accessors, each of which takes the span's lock: a program may still write to a span
// that it has finished. jaeger.BuildJaegerThrift would do it in one go, but in microseconds, which is too coarse for
// gaps, and one field that panics would lose the whole span.
func convert(span *jaeger.Span) gap.Span {
	c := span.SpanContext()
	s := gap.Span{
		TraceID:   gap.TraceID(c.TraceID()),
		SpanID:    gap.SpanID(c.SpanID()),
		Operation: cut(span.OperationName()),
		Start:     span.StartTime().Round(0), // the wall's time: it is what other processes know, and spans given a start have no other
		Duration:  span.Duration(),
	}
	for _, ref := range span.References() {
		to, ok := ref.ReferencedContext.(jaeger.SpanContext)
		if !ok {
			continue
		}
		kind := gap.ChildOf
		if ref.Type == opentracing.FollowsFromRef {
			kind = gap.FollowsFrom
		}
		s.References = append(s.References, gap.Reference{Type: kind, TraceID: gap.TraceID(to.TraceID()), SpanID: gap.SpanID(to.SpanID())})
	}
	if len(s.References) == 0 && c.ParentID() != 0 { // a span made by jaeger.SelfRef
		s.References = []gap.Reference{{Type: gap.ChildOf, TraceID: s.TraceID, SpanID: gap.SpanID(c.ParentID())}}
	}
	// Jaeger sends a tag as often as it was set. Here the last one counts, as OpenTracing says.
	for key, v := range span.Tags() {
		s.Tags = append(s.Tags, gap.Field{Key: key, Value: value(v)})
	}
	slices.SortFunc(s.Tags, func(a, b gap.Field) int { return strings.Compare(a.Key, b.Key) })
	logs := span.Logs()
	for _, record := range logs[:min(len(logs), maxLogsPerSpan)] {
		l := gap.Log{Time: record.Timestamp.Round(0)}
		for _, f := range record.Fields {
			l.Fields = append(l.Fields, logFields(f)...)
		}
		s.Logs = append(s.Logs, l)
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
func value(v any) any {
	switch v := v.(type) {
	case string:
		return cut(v)
	case []byte:
		return slices.Clone(v[:min(len(v), maxRecordedValue)])
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
	return cut(text(v))
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

// logFields is what a field of a log says. An error's text, or a lazy field, is code of the program: it may panic.
func logFields(f log.Field) (result []gap.Field) {
	defer func() {
		if recover() != nil {
			result = []gap.Field{{Key: f.Key(), Value: "a field that panics when printed"}}
		}
	}()
	return fields(jaeger.ConvertLogsToJaegerTags([]log.Field{f}))
}

func fields(tags []*j.Tag) []gap.Field {
	var result []gap.Field
	for _, t := range tags {
		f := gap.Field{Key: t.Key}
		switch t.VType {
		case j.TagType_BOOL:
			f.Value = t.GetVBool()
		case j.TagType_LONG:
			f.Value = t.GetVLong()
		case j.TagType_DOUBLE:
			f.Value = t.GetVDouble()
		case j.TagType_BINARY:
			f.Value = value(t.GetVBinary())
		default:
			f.Value = cut(t.GetVStr())
		}
		result = append(result, f)
	}
	return result
}

// cut shortens s to maxRecordedValue bytes, on the boundary of a rune, and lets go of the rest.
func cut(s string) string {
	if len(s) <= maxRecordedValue {
		return s
	}
	end := maxRecordedValue
	for end > maxRecordedValue-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return strings.Clone(s[:end])
}
