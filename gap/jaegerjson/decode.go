package jaegerjson

import (
	"errors"
	"io"
	"slices"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/jaegerjson/internal/jsonscan"
)

// chunk is the number of spans in a chunk of a trace.
const chunk = 1024

// maxQueryErrors bounds how many of the errors in an input are kept.
const maxQueryErrors = 100

// errStopped ends reading because the caller stopped iterating.
var errStopped = errors.New("stopped")

// decoder decodes Jaeger's JSON.
type decoder struct {
	jsonscan.Scanner
	*config
	yield       func([]gap.Span, error) bool
	trace       *trace         // the current one
	texts       map[string]any // the cache of intern
	queryErrors []*QueryError
	noTime      *jsonscan.Error // the first value that is not a time
	noTimes     int             // the number of such values
	traces      int
	spans       int
}

// trace is a trace that is being read.
type trace struct {
	id         gap.TraceID
	full       [][]gap.Span            // full chunks; a single slice would be copied whenever it grows
	spans      []gap.Span              // the last chunk
	processes  map[string]*gap.Process // by processID; their content may come after the spans
	references slab[gap.Reference]
	fields     slab[gap.Field]
}

// documents reads the whole input.
func (d *decoder) documents() {
	for n := 0; ; n++ {
		if d.Peek() == 0xef { // a byte order mark; it may also be between concatenated files
			d.Literal("\uFEFF")
		}
		d.Peek()
		if !d.More() && n > 0 && d.End == io.EOF {
			return
		}
		if d.document(); d.Err != nil {
			return
		}
	}
}

// document reads a trace, an array of traces, or an answer of a query service.
func (d *decoder) document() {
	switch d.Peek() {
	case '[':
		d.Array(func() {
			if !d.Null() { // in an answer: a trace that Jaeger could not convert
				d.document()
			}
		})
	case '{':
		d.traceOrAnswer()
	default:
		d.Fail(0, "a trace in Jaeger's JSON, an array of traces, or an answer with data")
	}
}

// traceOrAnswer reads an object. A trace in an answer's data is yielded before the answer ends.
func (d *decoder) traceOrAnswer() {
	outer := d.trace
	d.trace = &trace{}
	known, expected := false, `an object with "data", "spans" or "errors"`
	d.Object(func(key []byte) {
		switch string(key) {
		case "data":
			known = true
			if !d.Null() {
				d.document()
			}
		case "errors":
			known = true
			d.Array(d.queryError)
		case "traceID", "traceId", "trace_id":
			d.trace.id = d.traceID()
		case "spans":
			known = true
			d.spans -= d.trace.len() // if the key comes twice, the last one counts
			d.trace.full, d.trace.spans = nil, nil
			d.Array(d.span)
		case "processes":
			d.Object(func(key []byte) { d.process(d.trace.process(key)) })
		case "resourceSpans":
			expected += `, as OTLP is not read`
			d.Skip()
		default:
			d.Skip()
		}
	})
	if !known && d.Err == nil {
		d.Stop(&jsonscan.Error{Offset: d.Offset(), Expected: expected, Found: "one without"})
	}
	d.complete()
	d.trace = outer
}

// complete yields the current trace.
func (d *decoder) complete() {
	t := d.trace
	if d.Err != nil || t.len() == 0 {
		return
	}
	spans := t.spans
	if t.full != nil {
		spans = slices.Concat(append(t.full, t.spans)...)
		t.full, t.spans = nil, nil
	}
	for i := range spans {
		s := &spans[i]
		if s.TraceID == (gap.TraceID{}) {
			s.TraceID = t.id
		}
		if p := s.Process; p != nil && p.Service == "" && len(p.Tags) == 0 {
			s.Process = nil // the input has only its processID
		}
	}
	d.traces++
	if !d.yield(spans, nil) {
		d.Stop(errStopped)
	}
}

func (t *trace) add(s gap.Span) {
	if len(t.spans) == chunk {
		t.full = append(t.full, t.spans)
		t.spans = make([]gap.Span, 0, chunk)
	}
	t.spans = append(t.spans, s)
}

func (t *trace) len() int { return chunk*len(t.full) + len(t.spans) }

// queryError reads an error that a query service has reported.
func (d *decoder) queryError() {
	if d.Null() {
		return
	}
	e := &QueryError{}
	if d.Peek() == '"' {
		e.Message = d.string()
	} else {
		d.Object(func(key []byte) {
			switch string(key) {
			case "code":
				e.Code = d.code()
			case "msg":
				e.Message = d.string()
			case "traceID", "traceId", "trace_id":
				e.TraceID = d.traceID()
			default:
				d.Skip()
			}
		})
	}
	if len(d.queryErrors) < maxQueryErrors {
		d.queryErrors = append(d.queryErrors, e)
	}
}

// process returns the process with this processID. It is empty until "processes" has been read.
func (t *trace) process(name []byte) *gap.Process {
	p, ok := t.processes[string(name)]
	if !ok {
		if t.processes == nil {
			t.processes = map[string]*gap.Process{}
		}
		p = &gap.Process{}
		t.processes[string(name)] = p
	}
	return p
}

func (d *decoder) process(p *gap.Process) {
	tags, fields := p.Tags, []gap.Field(nil)
	d.Object(func(key []byte) {
		switch string(key) {
		case "serviceName":
			p.Service = d.string()
		case "tags":
			tags = d.tags(true)
		case "tag":
			fields = d.tagFields(true)
		default:
			d.Skip()
		}
	})
	p.Tags = joinFields(tags, fields)
}

// span reads a span. Other programs write the names of ids in other ways.
func (d *decoder) span() {
	if d.Null() {
		return
	}
	var s gap.Span
	var parent gap.SpanID
	var fields []gap.Field
	at, started, startOK, durationOK := d.Offset(), false, true, true
	d.Object(func(key []byte) {
		switch string(key) {
		case "traceID", "traceId", "trace_id":
			s.TraceID = d.traceID()
		case "spanID", "spanId", "span_id":
			s.SpanID = d.spanID()
		case "parentSpanID", "parentSpanId", "parent_span_id": // older than references
			parent = d.spanID()
		case "operationName":
			s.Operation = d.string()
		case "references":
			d.Array(d.reference)
			s.References = d.trace.references.take()
		case "startTime":
			started = true
			s.Start, startOK = d.time("startTime")
		case "duration":
			s.Duration, durationOK = d.duration()
		case "tags":
			s.Tags = d.tags(d.everything)
		case "tag": // as in Elasticsearch, if Jaeger stores tags as fields
			fields = d.tagFields(d.everything)
		case "logs":
			if s.Logs = nil; d.everything {
				d.Array(func() {
					if l, ok := d.log(); ok {
						s.Logs = append(s.Logs, l)
					}
				})
			} else {
				d.Skip()
			}
		case "processID", "processId", "process_id":
			if s.Process = nil; !d.Null() {
				s.Process = d.trace.process(d.Text())
			}
		case "process": // as in Elasticsearch
			s.Process = &gap.Process{}
			d.process(s.Process)
		case "warnings":
			s.Warnings = nil
			d.Array(func() { s.Warnings = append(s.Warnings, d.string()) })
		default:
			d.Skip()
		}
	})
	if d.Err != nil {
		return
	}
	if !started {
		d.Stop(&jsonscan.Error{Offset: at, Expected: "a span with its startTime", Found: "one without"})
		return
	}
	if !startOK || !durationOK {
		return // micros has kept the error
	}
	s.Tags = joinFields(s.Tags, fields)
	if len(s.References) == 0 && parent != 0 {
		d.trace.references.add(gap.Reference{SpanID: parent})
		s.References = d.trace.references.take()
	}
	d.trace.add(s)
	d.spans++
}

func (d *decoder) reference() {
	var ref gap.Reference
	d.Object(func(key []byte) {
		switch string(key) {
		case "refType":
			if ref.Type = gap.ChildOf; d.string() == "FOLLOWS_FROM" {
				ref.Type = gap.FollowsFrom
			}
		case "traceID", "traceId", "trace_id":
			ref.TraceID = d.traceID()
		case "spanID", "spanId", "span_id":
			ref.SpanID = d.spanID()
		default:
			d.Skip()
		}
	})
	if ref.SpanID != 0 {
		d.trace.references.add(ref)
	}
}

func (d *decoder) log() (l gap.Log, ok bool) {
	ok = true
	d.Object(func(key []byte) {
		switch string(key) {
		case "timestamp":
			l.Time, ok = d.time("timestamp")
		case "fields":
			l.Fields = d.tags(true)
		default:
			d.Skip()
		}
	})
	return l, ok
}

// slab allocates short slices in a few large arrays.
type slab[T any] struct {
	all  []T
	from int // start of the slice that is being filled
}

func (s *slab[T]) add(v T) {
	if len(s.all) == cap(s.all) {
		part := s.all[s.from:]
		s.all, s.from = append(make([]T, 0, max(4, min(2*cap(s.all), 1024), 2*len(part))), part...), 0
	}
	s.all = append(s.all, v)
}

// take returns the elements that were added since the last call.
func (s *slab[T]) take() []T {
	if s.from == len(s.all) {
		return nil
	}
	slice := s.all[s.from:len(s.all):len(s.all)]
	s.from = len(s.all)
	return slice
}
