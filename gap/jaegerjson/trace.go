package jaegerjson

import (
	"io"
	"slices"

	"github.com/gaptrace/gaptrace/gap"
)

// piece is how many spans are put away in one piece.
const piece = 1024

// maxTold bounds how many of the errors that Jaeger told are kept.
const maxTold = 100

// decoder knows what Jaeger means by its JSON.
type decoder struct {
	scanner
	*config
	yield  func([]gap.Span, error) bool
	trace  *trace // at hand
	texts  map[string]any
	told   []*QueryError
	traces int
	spans  int
}

// trace is what is known of a trace while it is read.
type trace struct {
	id         gap.TraceID
	full       [][]gap.Span            // the spans, in pieces: one slice that grows would be held twice, again and again
	spans      []gap.Span              // those that are in none of full yet
	processes  map[string]*gap.Process // by Jaeger's names for them; they may be told only behind the spans
	references slab[gap.Reference]
	fields     slab[gap.Field]
}

func (d *decoder) documents() {
	for n := 0; ; n++ {
		if d.peek() == 0xef { // a byte order mark: also between files that were put behind each other
			d.literal("\uFEFF")
		}
		d.peek()
		if _, more := d.at(0); !more && n > 0 && d.end == io.EOF {
			return
		}
		if d.document(); d.err != nil {
			return
		}
	}
}

// document reads a trace, several in an array, or an answer with traces in it.
func (d *decoder) document() {
	switch d.peek() {
	case '[':
		d.array(func() {
			if !d.null() { // a trace that Jaeger could not convert
				d.document()
			}
		})
	case '{':
		d.one()
	default:
		d.fail(0, "a trace in Jaeger's JSON, an array of them, or an answer of Jaeger's with data")
	}
}

func (d *decoder) one() {
	outer := d.trace
	d.trace = &trace{}
	known, expected := false, `an object with "data", "spans" or "errors"`
	d.object(func(key []byte) {
		switch string(key) {
		case "data":
			known = true
			if !d.null() {
				d.document()
			}
		case "errors":
			known = true
			d.array(d.complaint)
		case "traceID":
			d.trace.id = d.traceID()
		case "spans":
			known = true
			d.spans -= d.trace.len() // of a key that comes twice the last counts
			d.trace.full, d.trace.spans = nil, nil
			d.array(d.span)
		case "processes":
			d.object(func(key []byte) { d.process(d.trace.process(key)) })
		case "resourceSpans":
			expected += `, as OTLP is not read`
			d.skip()
		default:
			d.skip()
		}
	})
	if !known && d.err == nil {
		d.stop(&Error{Offset: d.offset(), Expected: expected, Found: "one without"})
	}
	d.complete()
	d.trace = outer
}

// complete yields the trace at hand.
func (d *decoder) complete() {
	t := d.trace
	if d.err != nil || t.len() == 0 {
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
			s.Process = nil // named, but nothing was said of it
		}
	}
	d.traces++
	if !d.yield(spans, nil) {
		d.stop(errStopped)
	}
}

func (t *trace) add(s gap.Span) {
	if len(t.spans) == piece {
		t.full = append(t.full, t.spans)
		t.spans = make([]gap.Span, 0, piece)
	}
	t.spans = append(t.spans, s)
}

func (t *trace) len() int { return piece*len(t.full) + len(t.spans) }

// complaint reads an error that Jaeger told.
func (d *decoder) complaint() {
	if d.null() {
		return
	}
	e := &QueryError{}
	if d.peek() == '"' {
		e.Message = d.string()
	} else {
		d.object(func(key []byte) {
			switch string(key) {
			case "code":
				e.Code = d.code()
			case "msg":
				e.Message = d.string()
			case "traceID":
				e.TraceID = d.traceID()
			default:
				d.skip()
			}
		})
	}
	if len(d.told) < maxTold {
		d.told = append(d.told, e)
	}
}

// process returns the process that is called name, of which nothing may be known yet.
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
	d.object(func(key []byte) {
		switch string(key) {
		case "serviceName":
			p.Service = d.string()
		case "tags":
			p.Tags = d.tags(true)
		default:
			d.skip()
		}
	})
}

func (d *decoder) span() {
	if d.null() {
		return
	}
	var s gap.Span
	var parent gap.SpanID
	at, started := d.offset(), false
	d.object(func(key []byte) {
		switch string(key) {
		case "traceID":
			s.TraceID = d.traceID()
		case "spanID":
			s.SpanID = d.spanID()
		case "parentSpanID": // as Jaeger did it before it had references
			parent = d.spanID()
		case "operationName":
			s.Operation = d.string()
		case "references":
			d.array(d.reference)
			s.References = d.trace.references.take()
		case "startTime":
			s.Start, started = d.time("startTime"), true
		case "duration":
			s.Duration = d.duration()
		case "tags":
			s.Tags = d.tags(d.everything)
		case "logs":
			if s.Logs = nil; d.everything {
				d.array(func() { s.Logs = append(s.Logs, d.log()) })
			} else {
				d.skip()
			}
		case "processID":
			if s.Process = nil; !d.null() {
				s.Process = d.trace.process(d.text())
			}
		case "process": // as it is stored in Elasticsearch
			s.Process = &gap.Process{}
			d.process(s.Process)
		case "warnings":
			s.Warnings = nil
			d.array(func() { s.Warnings = append(s.Warnings, d.string()) })
		default:
			d.skip()
		}
	})
	if d.err != nil {
		return
	}
	if !started {
		d.stop(&Error{Offset: at, Expected: "a span with its startTime", Found: "one without"})
		return
	}
	if len(s.References) == 0 && parent != 0 {
		d.trace.references.add(gap.Reference{SpanID: parent})
		s.References = d.trace.references.take()
	}
	d.trace.add(s)
	d.spans++
}

func (d *decoder) reference() {
	var ref gap.Reference
	d.object(func(key []byte) {
		switch string(key) {
		case "refType":
			if ref.Type = gap.ChildOf; d.string() == "FOLLOWS_FROM" {
				ref.Type = gap.FollowsFrom
			}
		case "traceID":
			ref.TraceID = d.traceID()
		case "spanID":
			ref.SpanID = d.spanID()
		default:
			d.skip()
		}
	})
	if ref.SpanID != 0 { // zero is none
		d.trace.references.add(ref)
	}
}

func (d *decoder) log() gap.Log {
	var l gap.Log
	d.object(func(key []byte) {
		switch string(key) {
		case "timestamp":
			l.Time = d.time("timestamp")
		case "fields":
			l.Fields = d.tags(true)
		default:
			d.skip()
		}
	})
	return l
}

// slab hands out short slices of few large arrays.
type slab[T any] struct {
	all  []T
	from int // where the slice begins that is being filled
}

func (s *slab[T]) add(v T) {
	if len(s.all) == cap(s.all) {
		part := s.all[s.from:]
		s.all, s.from = append(make([]T, 0, max(4, min(2*cap(s.all), 1024), 2*len(part))), part...), 0
	}
	s.all = append(s.all, v)
}

func (s *slab[T]) take() []T {
	if s.from == len(s.all) {
		return nil
	}
	slice := s.all[s.from:len(s.all):len(s.all)]
	s.from = len(s.all)
	return slice
}
