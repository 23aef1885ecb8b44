package tracer

import (
	"cmp"
	"container/list"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

// The limits of a Recorder.
const (
	defaultCapacity  = 100 // traces
	maxSpansPerTrace = 10_000
	maxRecordedSpans = 100_000
	maxRecordedBytes = 64 << 20 // of names and values, and about what the structs around them take
	maxRecordedSpan  = 4 << 20  // such bytes of one span, or of one process
	maxRecordedValue = 64 << 10 // bytes of a name, key or value
	maxLogsPerSpan   = 1_000    // the first ones are kept
	maxProcesses     = 64
)

// DroppedSpansTag is the key of a tag on the last span of a trace from which a [Recorder] dropped
// spans; for an observer, it is on the local root. Its value is their number. The trace shows gaps
// in their place.
const DroppedSpansTag = "recorder.dropped_spans"

// TruncatedTag is the key of a tag on a span that a [Recorder] did not keep whole. Its value is how
// many of the span's names, tags, logs, log fields and references were truncated or left out.
const TruncatedTag = "recorder.cut"

// Recorder keeps the last traces of a tracer in memory. Give it to [WithRecorder], or to
// jaeger.NewTracer as the reporter. Several tracers and goroutines may use it. It keeps its traces
// when the tracer is closed. The zero value is ready to use, and equals NewRecorder(0).
type Recorder struct {
	capacity int // 0 or less: defaultCapacity

	mu        sync.Mutex
	traces    map[gap.TraceID]*list.Element // of *recordedTrace
	byAge     list.List                     // ordered by each trace's newest span, the oldest first
	spans     int                           // of all traces
	bytes     int                           // of all traces
	processes map[opentracing.Tracer]*gap.Process

	observations atomic.Pointer[[]*observation] // changed under mu; the slice never changes
	unobserved   atomic.Int64
}

var _ jaeger.Reporter = (*Recorder)(nil)

type recordedTrace struct {
	id      gap.TraceID
	spans   []*recordedSpan
	bytes   int
	dropped int
}

// recordedSpan never changes once its process is set: traces and observations share it.
type recordedSpan struct {
	gap.Span
	bytes int
}

// NewRecorder returns a recorder that keeps the last capacity traces; 0 or less means 100. When it
// is full, it drops the trace that was longest without a new span. It keeps copies of spans, within
// these limits:
//
//	all traces   100,000 spans, 64 MiB   drops whole traces
//	one trace    10,000 spans, 64 MiB    drops its first spans, since the root
//	                                     finishes last (DroppedSpansTag)
//	one span     1,000 logs, 4 MiB       drops large values before small ones (TruncatedTag)
//	one value    64 KiB                  truncates it (TruncatedTag)
func NewRecorder(capacity int) *Recorder {
	return &Recorder{capacity: capacity}
}

// Report implements jaeger.Reporter. It copies span, since the tracer may reuse it.
func (r *Recorder) Report(span *jaeger.Span) {
	s := record(span)
	r.keep(span, s)
	if len(r.observing()) > 0 {
		r.finished(span.SpanContext(), s)
	}
}

// keep sets the process of s, which is span, and adds s to its trace.
func (r *Recorder) keep(span *jaeger.Span, s *recordedSpan) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.traces == nil {
		r.traces = map[gap.TraceID]*list.Element{}
		r.processes = map[opentracing.Tracer]*gap.Process{}
	}
	s.Process = r.process(span)

	e, ok := r.traces[s.TraceID]
	if !ok {
		e = r.byAge.PushBack(&recordedTrace{id: s.TraceID})
		r.traces[s.TraceID] = e
		if most := cmp.Or(max(r.capacity, 0), defaultCapacity); len(r.traces) > most {
			r.dropTrace()
		}
	}
	r.byAge.MoveToBack(e)
	t := e.Value.(*recordedTrace)
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
		t.spans[0] = nil // or the array of the slice would keep it alive
		t.spans = t.spans[1:]
		t.dropped++
	}
}

// dropTrace drops the trace that was longest without a new span.
func (r *Recorder) dropTrace() {
	t := r.byAge.Remove(r.byAge.Front()).(*recordedTrace)
	delete(r.traces, t.id)
	r.spans -= len(t.spans)
	r.bytes -= t.bytes
}

// Close implements jaeger.Reporter. It stops all observers, as the function that [Recorder.Observe]
// returns. It keeps the traces. The closer that [New] returns does not call it, since several
// tracers may use r.
func (r *Recorder) Close() {
	for _, o := range r.observing() {
		o.stop()
	}
}

// Traces returns the traces that are kept, ordered by each trace's newest span, the oldest first.
// The spans of each are in the order in which they finished. Do not change what they point to: it
// is shared.
func (r *Recorder) Traces() [][]gap.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	traces := make([][]gap.Span, 0, r.byAge.Len())
	for e := r.byAge.Front(); e != nil; e = e.Next() {
		traces = append(traces, e.Value.(*recordedTrace).copy())
	}
	return traces
}

// Trace returns the spans of one trace, as [Recorder.Traces] does. It returns nil if r does not
// have it. The ID of a span's trace is gap.TraceID(span.Context().(jaeger.SpanContext).TraceID()).
func (r *Recorder) Trace(id gap.TraceID) []gap.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e, ok := r.traces[id]; ok {
		return e.Value.(*recordedTrace).copy()
	}
	return nil
}

func (t *recordedTrace) copy() []gap.Span {
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

// process returns the Process of span's tracer. All spans of a tracer have the same pointer, which
// shows that they share a clock.
func (r *Recorder) process(span *jaeger.Span) *gap.Process {
	if p, ok := r.processes[span.Tracer()]; ok {
		return p
	}
	if len(r.processes) == maxProcesses {
		clear(r.processes) // or all tracers that a program ever opened would stay in memory
	}
	b := newBudget()
	p := b.process(span)
	b.compact(&p.Service, p.Tags, nil)
	r.processes[span.Tracer()] = p
	return p
}
