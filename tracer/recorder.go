package tracer

import (
	"cmp"
	"container/list"
	"slices"
	"sync"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

// The limits of a Recorder. Most spans are small; these are for the others.
const (
	defaultCapacity  = 100
	maxSpansPerTrace = 10_000
	maxRecordedSpans = 100_000
	maxRecordedBytes = 64 << 20 // of names and values, and an estimate of what contains them
	maxRecordedSpan  = 4 << 20  // the same for one span, or one process
	maxRecordedValue = 64 << 10 // bytes of a name, key or value
	maxLogsPerSpan   = 1_000    // the first ones
	maxProcesses     = 64
)

// DroppedSpansTag is a tag on the last span of a trace from which a [Recorder] dropped spans. Its
// value is how many. The trace shows gaps in their place.
const DroppedSpansTag = "recorder.dropped_spans"

// TruncatedTag is a tag on a span that a [Recorder] did not keep whole. Its value is how many of
// the span's names, tags, logs, log fields and references it truncated or left out.
const TruncatedTag = "recorder.cut"

// Recorder keeps the last traces of a tracer in memory. It is a jaeger.Reporter: give it to
// [WithRecorder], or to a jaeger.NewTracer of your own. Several goroutines may use it. Closing the
// tracer does not change it. The zero value is ready to use, and equals NewRecorder(0).
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
	spans   []recordedSpan
	bytes   int
	dropped int
}

type recordedSpan struct {
	gap.Span // never changes
	bytes    int
}

// NewRecorder returns a recorder that keeps the last capacity traces; 0 or less means 100. When it
// is full, it drops the trace that was longest without a new span. Of a long trace it drops the
// first spans, since the root finishes last. All that it keeps is a copy, within these limits:
//
//	all traces   100,000 spans, 64 MiB   drops whole traces
//	one trace    10,000 spans, 64 MiB    drops its first spans (DroppedSpansTag)
//	one span     1,000 logs, 4 MiB       drops large values before small ones (TruncatedTag)
//	one value    64 KiB                  truncates it (TruncatedTag)
func NewRecorder(capacity int) *Recorder {
	return &Recorder{capacity: capacity}
}

// Report implements jaeger.Reporter. It copies span, since the tracer may reuse it.
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
			r.dropTrace()
		}
	}
	r.byAge.MoveToBack(e)
	t := e.Value.(*recorded)
	t.spans = append(t.spans, s)
	t.bytes += s.bytes
	r.bytes += s.bytes
	r.spans++
	for (r.spans > maxRecordedSpans || r.bytes > maxRecordedBytes) && r.byAge.Len() > 1 {
		r.dropTrace()
	}
	for (len(t.spans) > maxSpansPerTrace || t.bytes > maxRecordedBytes) && len(t.spans) > 1 {
		t.bytes -= t.spans[0].bytes
		r.bytes -= t.spans[0].bytes
		r.spans--
		t.spans[0] = recordedSpan{} // what is before the start of a slice is not garbage
		t.spans = t.spans[1:]
		t.dropped++
	}
}

// dropTrace drops the trace that was longest without a new span.
func (r *Recorder) dropTrace() {
	t := r.byAge.Remove(r.byAge.Front()).(*recorded)
	delete(r.traces, t.id)
	r.spans -= len(t.spans)
	r.bytes -= t.bytes
}

// Close implements jaeger.Reporter. It keeps the traces.
func (r *Recorder) Close() {}

// Traces returns the traces that are kept, ordered by their newest span. The spans of each are in
// the order in which they finished. What the spans point to is shared and must not be changed.
func (r *Recorder) Traces() [][]gap.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	traces := make([][]gap.Span, 0, r.byAge.Len())
	for e := r.byAge.Front(); e != nil; e = e.Next() {
		traces = append(traces, e.Value.(*recorded).copy())
	}
	return traces
}

// Trace returns the spans of one trace, as [Recorder.Traces] does, or nil if it is not kept.
func (r *Recorder) Trace(id gap.TraceID) []gap.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e, ok := r.traces[id]; ok {
		return e.Value.(*recorded).copy()
	}
	return nil
}

func (t *recorded) copy() []gap.Span {
	spans := make([]gap.Span, len(t.spans))
	for i := range t.spans {
		spans[i] = t.spans[i].Span
	}
	if t.dropped > 0 {
		last := &spans[len(spans)-1]
		last.Tags = append(slices.Clip(last.Tags), gap.Field{Key: DroppedSpansTag, Value: int64(t.dropped)})
	}
	return spans
}

// process returns the Process of span's tracer. It is the same for all its spans, since the pointer
// says that they share a clock.
func (r *Recorder) process(span *jaeger.Span) *gap.Process {
	if p, ok := r.processes[span.Tracer()]; ok {
		return p
	}
	if len(r.processes) == maxProcesses {
		clear(r.processes) // or a program that keeps opening tracers would keep them all alive
	}
	thrift := jaeger.BuildJaegerProcessThrift(span) // the only way to the service's name
	b := newBudget()
	p := &gap.Process{Service: b.truncate(thrift.ServiceName), Tags: b.fields(nil, thrift.Tags)}
	compact(&p.Service, p.Tags, nil)
	r.processes[span.Tracer()] = p
	return p
}
