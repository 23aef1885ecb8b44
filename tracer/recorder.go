package tracer

import (
	"cmp"
	"container/list"
	"slices"
	"sync"
	"unsafe"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

// The bounds of what a Recorder keeps. Spans are mostly small: these are for those that are not.
const (
	defaultCapacity  = 100
	maxSpansPerTrace = 10_000
	maxRecordedSpans = 100_000
	maxRecordedBytes = 64 << 20 // of names and values, and a guess at what holds them
	maxRecordedSpan  = 4 << 20  // as above, of one span, or of one process
	maxRecordedValue = 64 << 10 // bytes of a name, or of a tag's or log's key or value
	maxLogsPerSpan   = 1_000    // the first
	maxProcesses     = 64
)

// DroppedSpansTag is on the last span of a trace from which a [Recorder] had to drop spans. Its value is how many:
// where they were, the trace shows gaps that are not there.
const DroppedSpansTag = "recorder.dropped_spans"

// CutTag is on a span that a [Recorder] did not keep whole. Its value is how many of the span's names, tags, logs and their
// fields, and references were cut or left out.
const CutTag = "recorder.cut"

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
// or 64 MiB. Of one trace the last 10,000 spans are kept, because the root comes last, or the last 64 MiB of them;
// [DroppedSpansTag] tells when there were more. Of one span the first 1,000 logs are kept, 64 KiB of each name, key and
// value, and of all together 4 MiB, where large ones are left out before small ones; [CutTag] tells how much was not kept. All of it is copied: what a value was
// cut from is not held.
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
	for i := range fields {
		n += fieldSize(&fields[i])
	}
	return n
}

func fieldSize(f *gap.Field) int {
	n := int(unsafe.Sizeof(*f)) + len(f.Key) + 16 // a value's own
	switch v := f.Value.(type) {
	case string:
		n += len(v)
	case []byte:
		n += len(v)
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
	b := newBudget()
	p := &gap.Process{Service: b.cut(thrift.ServiceName), Tags: b.fields(nil, thrift.Tags)}
	own(&p.Service, p.Tags, nil)
	r.processes[span.Tracer()] = p
	return p
}
